"""Strict JSON: what one parser accepts and another does not has no place at the door."""

from __future__ import annotations

import json
import math
from typing import Any

from collegium.domain.errors import InvalidInput

#: Bytes of a request body.
MAX_BODY = 1 << 20
_MAX_DEPTH = 32
_MAX_DIGITS = 100


def parse_json(raw: bytes) -> Any:
    """Read a JSON text. Raises InvalidInput (field ``body``) for anything two programs could read differently.

    That is: bytes that are not UTF-8, a repeated key, NaN or infinities (also by overflow), lone surrogates, NUL
    characters, numbers of more than 100 digits, and nesting deeper than 32.
    """
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except UnicodeDecodeError:
        raise InvalidInput("body", "is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        raise InvalidInput("body", f"is not JSON: {what} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise InvalidInput("body", "is nested too deeply", limit=_MAX_DEPTH) from None
    _check(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidInput("body", "holds a key twice", key)
            seen.add(key)
    return result


def _constant(text: str) -> Any:
    raise InvalidInput("body", "holds a number that JSON does not know", text)


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise InvalidInput("body", "holds a number that is too large", text)
    return number


def _int(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise InvalidInput("body", "holds a number with too many digits", text, _MAX_DIGITS)
    return int(text)


def _check(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(_MAX_DEPTH + 1):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                deeper.extend(item)
                deeper.extend(item.values())
            elif isinstance(item, list):
                deeper.extend(item)
            elif isinstance(item, str):
                _check_text(item)
        if not deeper:
            return
        level = deeper
    raise InvalidInput("body", "is nested too deeply", limit=_MAX_DEPTH)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise InvalidInput("body", "must not hold NUL characters", text)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("body", "holds half of a surrogate pair", text) from None
