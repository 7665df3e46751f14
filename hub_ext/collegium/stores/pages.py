"""What listings of every store share: cursors that are checked, and what a search matches."""

from __future__ import annotations

import base64
import fnmatch
import json
import re
from collections.abc import Callable

from collegium.domain.errors import InvalidInput
from collegium.domain.files import Order


def after_for(order: Order, descending: bool, name: str, value: int = 0) -> str:
    """A cursor behind the entry with this name, and its size or time where these are what is sorted by."""
    return _packed(["list", order.value, descending, value, name])


def read_after(order: Order, descending: bool, after: str) -> tuple[int, str]:
    """Value and name of a cursor made for the same order. Raises InvalidInput."""
    match _unpacked(after):
        case ["list", by, down, int(value), str(name)] if (by, down) == (order.value, descending):
            return value, name
    raise InvalidInput("cursor", "belongs to another listing", after)


def after_path(text: str, path: str) -> str:
    """A cursor of a search, behind a path."""
    return _packed(["search", text, path])


def read_after_path(text: str, after: str) -> str:
    """The path of a cursor made for the same search. Raises InvalidInput."""
    match _unpacked(after):
        case ["search", str(asked), str(path)] if asked == text:
            return path
    raise InvalidInput("cursor", "belongs to another search", after)


def matcher(text: str) -> Callable[[str], bool]:
    """Does a name match? With ``*`` or ``?`` the whole name must fit the pattern, else it must hold the text."""
    wanted = text.casefold()
    if "*" in wanted or "?" in wanted:
        # Brackets stand for themselves. The expression takes linear time: fnmatch makes its stars atomic.
        fits = re.compile(fnmatch.translate(wanted.replace("[", "[[]"))).match
        return lambda name: fits(name.casefold()) is not None
    return lambda name: wanted in name.casefold()


def _packed(facts: list[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(facts, ensure_ascii=False).encode()).decode().rstrip("=")


def _unpacked(after: str) -> object:
    try:
        return json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except (ValueError, RecursionError) as error:
        raise InvalidInput("cursor", "was not made by this listing", after) from error
