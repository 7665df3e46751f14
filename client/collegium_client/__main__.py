"""``collegium`` and ``python -m collegium_client``."""

from __future__ import annotations

import sys


def main() -> None:
    """The command; says what to install where only the library is."""
    try:
        import click  # noqa: F401
        import yaml  # noqa: F401
    except ImportError:
        sys.exit("The command needs a little more than the library: pip install 'collegium-client[cli]'")
    from collegium_client.cli.root import collegium

    collegium(prog_name="collegium")


if __name__ == "__main__":
    main()
