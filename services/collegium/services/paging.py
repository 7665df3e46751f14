"""Cursors: where a page ended, as text that means nothing to anybody else."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import TypeVar

from collegium.domain.errors import InvalidInput
from collegium.domain.names import check_user_name

T = TypeVar("T")
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def split_page(found: list[T], limit: int, cursor: Callable[[T], str]) -> tuple[list[T], str | None]:
    """The page of a look for one more than ``limit``, and the cursor of its last item if there are more."""
    page = found[:limit]
    return page, cursor(page[-1]) if len(found) > limit else None


def number_cursor(kind: str, number: int) -> str:
    """For lists in the order of a number; ``kind`` keeps one list's cursor from another."""
    return _encode(f"{kind}{number}")


def read_number_cursor(kind: str, cursor: str) -> int:
    """The number; raises InvalidInput for what this list did not give out."""
    plain = _decode(cursor)
    if not plain.startswith(kind) or not _NUMBER.fullmatch(plain.removeprefix(kind)):
        raise _unknown(cursor)
    return int(plain.removeprefix(kind))


def name_cursor(kind: str, name: str) -> str:
    """For lists in the order of user names."""
    return _encode(f"{kind}{name}")


def read_name_cursor(kind: str, cursor: str) -> str:
    """The name; raises InvalidInput."""
    plain = _decode(cursor)
    if not plain.startswith(kind):
        raise _unknown(cursor)
    try:
        return check_user_name(plain.removeprefix(kind))
    except InvalidInput:
        raise _unknown(cursor) from None


def sort_cursor(kind: str, value: str | int, number: int) -> str:
    """For lists in the order of some value and, where that is the same, of a number."""
    return _encode(json.dumps([kind, value, number]))


def read_sort_cursor(kind: str, cursor: str, text: bool) -> tuple[str | int, int]:
    """The value, which is text or a whole number, and the number; raises InvalidInput."""
    try:
        found = json.loads(_decode(cursor))
    except (ValueError, RecursionError):
        raise _unknown(cursor) from None
    match found:
        case [str(known), str(value), int(number)] if known == kind and text and "\0" not in value:
            return value, _whole(number, cursor)
        case [str(known), int(value), int(number)] if known == kind and not text:
            return _whole(value, cursor), _whole(number, cursor)
    raise _unknown(cursor)


def _whole(number: int, cursor: str) -> int:
    if isinstance(number, bool) or not -(2**62) < number < 2**62:
        raise _unknown(cursor)
    return number


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""


def _unknown(cursor: str) -> InvalidInput:
    return InvalidInput("cursor", "is not one that this list gave out", cursor)
