"""The table of first passwords, for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def password_table(made: Mapping[str, str], admins: Collection[str], url: str) -> str:
    """A box of plain ASCII with one line per user, and where to log in."""
    width = max(len(n) for n in made)
    rows = [f"{name:<{width}}   {made[name]}{'   platform admin' if name in admins else ''}" for name in sorted(made)]
    head = ["First passwords, shown this once and stored only as hashes.", f"Log in at {url}", ""]
    foot = ["", "A lost one is replaced by: python -m collegium.authenticator USER"]
    inner = max(len(line) for line in (*head, *rows, *foot))
    rule = "+" + "-" * (inner + 4) + "+"
    return "\n".join(["", rule, *(f"|  {line:<{inner}}  |" for line in (*head, *rows, *foot)), rule, ""])
