"""``python -m collegium.authenticator USER``: give a user a new random password and print it."""

from __future__ import annotations

import sys

from collegium.authenticator import passwords
from collegium.db.shared import shared_database
from collegium.domain.errors import DomainError


def main(arguments: list[str]) -> int:
    """Print the new password; 1 if the user is unknown, 2 for wrong usage."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m collegium.authenticator USER  (reads COLLEGIUM_STATE_DIR)", file=sys.stderr)
        return 2
    password = passwords.generate()
    try:
        passwords.set_password(shared_database(), arguments[0], password)
    except DomainError as error:
        print(error.message, file=sys.stderr)
        return 1
    print(password)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
