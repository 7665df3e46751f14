"""``python -m collegium.hub.ready [--hub] PROGRAM …``: wait for the database, then become PROGRAM.

A pod that starts before its database, or while that is away, waits and says so once a minute; ending instead would be
restarted ever more slowly, with an error each time. ``--hub`` also makes the schema for JupyterHub's own tables.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from collegium.db.schema import wait_for_database
from collegium.domain.errors import DomainError
from collegium.hub.kubernetes import HUB_DATABASE_VARIABLE
from collegium.settings import Settings


def main(arguments: list[str]) -> int:
    """Does not return if all is well; 1 if the database can never be used, 2 for wrong usage."""
    hub = arguments[:1] == ["--hub"]
    program = arguments[1:] if hub else arguments
    if not program or program[0].startswith("-"):
        print("usage: python -m collegium.hub.ready [--hub] PROGRAM [ARGUMENT …]", file=sys.stderr)
        return 2
    # The first process of a container ignores what it has no handler for.
    signal.signal(signal.SIGTERM, _stop)
    hub_url = os.environ.get(HUB_DATABASE_VARIABLE, "") if hub else None
    try:
        wait_for_database(Settings.from_environment(), _say, hub_url)
    except DomainError as error:
        print(error.message, file=sys.stderr)
        return 1
    os.execvp(program[0], program)


def _say(line: str) -> None:
    print(f"collegium: {line}", file=sys.stderr, flush=True)


def _stop(*_: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
