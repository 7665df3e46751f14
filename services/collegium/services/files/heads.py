"""What can be shown of text and of comma-separated tables from their first bytes. Pure functions over hostile input."""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import JsonValue

#: Bytes that are looked at.
HEAD = 256 << 10
#: Columns, and characters of a cell.
MAX_COLUMNS, MAX_CELL = 500, 1000
# Controls that text has no use for, and what an encoding does not know. Logs are full of escapes to a terminal.
_ODD = re.compile("[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f\x7f-\x9f\ufffd]")
#: JavaScript knows no larger whole number exactly.
_EXACT = 2**53
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class NotShown(Exception):
    """It cannot be shown; the message says why, for people."""


@dataclass(frozen=True)
class TableHead:
    """The first rows of a table. ``count`` is how many there are, where that is known."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[JsonValue, ...], ...]
    truncated: bool = False
    count: int | None = None


def decoded(data: bytes, cut: bool) -> str:
    """The text of a file's first bytes; ``cut`` if more follow. Raises NotShown for what is no text."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decode(data, encoding, cut)
    if b"\0" in data:
        raise NotShown("This is no text.")
    try:
        text = _decode(data, "utf-8", cut)
    except NotShown:
        # Nobody says what it is: the most common of the old ones.
        text = data.decode("cp1252", "replace")
    if len(_ODD.findall(text)) * 50 > len(text):
        raise NotShown("This is no text in an encoding that is known here.")
    return text


def _decode(data: bytes, encoding: str, cut: bool) -> str:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data, final=not cut)
    except (UnicodeDecodeError, ValueError):
        raise NotShown(f"This is no {encoding} text.") from None


def separated(text: str, suffix: str, rows: int, cut: bool) -> TableHead:
    """The head of a CSV or TSV file. Raises NotShown."""
    if cut:
        # The last line is not whole.
        text = text[: text.rfind("\n") + 1] or text
    sample = text[:16384]
    try:
        dialect = _dialect(sample, suffix)
        read = [row for row, _ in zip(csv.reader(io.StringIO(text), dialect), range(rows + 2), strict=False)]
    except csv.Error as error:
        raise NotShown(f"This cannot be read as a table: {error}.") from None
    found = [[cell[:MAX_CELL] for cell in row[:MAX_COLUMNS]] for row in read if row]
    if not found:
        raise NotShown("This table is empty.")
    width = max(len(row) for row in found)
    header = _has_header(found)
    names = found[0] if header else []
    body = found[1:] if header else found
    more = cut or len(body) > rows or any(len(row) > MAX_COLUMNS for row in read)
    body = [row + [""] * (width - len(row)) for row in body[:rows]]
    kinds = [_kind_of([row[i] for row in body]) for i in range(width)]
    columns = [(_name(names, i), kinds[i]) for i in range(width)]
    values = tuple(tuple(_value(cell, kind) for cell, kind in zip(row, kinds, strict=True)) for row in body)
    return TableHead(tuple(columns), values, more)


def _dialect(sample: str, suffix: str) -> Any:
    if suffix == ".tsv":
        return csv.excel_tab
    try:
        return csv.Sniffer().sniff(sample, ",;\t|")
    except csv.Error:
        return csv.excel


def _has_header(rows: list[list[str]]) -> bool:
    """Is the first row unlike those below it? Names are text, all different, and most tables have them."""
    first = rows[0]
    return len(set(first)) == len(first) and all(_kind_of([cell]) == "text" for cell in first)


def _name(names: list[str], index: int) -> str:
    return (names[index] if index < len(names) else "") or f"column {index + 1}"


def _kind_of(cells: list[str]) -> str:
    """The narrowest type that all of a column have, empty cells aside."""
    given = [c.strip() for c in cells if c.strip()]
    if not given:
        return "text"
    for kind, reads in _KINDS:
        if all(reads(c) for c in given):
            return kind
    return "text"


def _is_integer(text: str) -> bool:
    digits = text.removeprefix("-").removeprefix("+")
    # What begins with a 0 is a code and no number.
    return digits.isascii() and digits.isdecimal() and len(digits) < 16 and (digits == "0" or digits[0] != "0")


def _is_number(text: str) -> bool:
    try:
        return len(text) < 40 and "_" not in text and math.isfinite(float(text)) and not _is_code(text)
    except ValueError:
        return False


def _is_code(text: str) -> bool:
    digits = text.removeprefix("-").removeprefix("+")
    return len(digits) > 1 and digits[0] == "0" and digits[1].isdecimal()


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return "-" in text


_KINDS = (
    ("integer", _is_integer),
    ("number", _is_number),
    ("boolean", lambda text: text.lower() in ("true", "false")),
    ("date", lambda text: len(text) == 10 and _is_moment(text)),
    ("time", _is_moment),
)


def _value(cell: str, kind: str) -> JsonValue:
    text = cell.strip()
    if kind == "text":
        return cell
    if not text:
        return None
    match kind:
        case "integer":
            return int(text)
        case "number":
            return float(text)
        case "boolean":
            return text.lower() == "true"
    return text


def plain(value: object) -> JsonValue:
    """Any value of a table as JSON has it: what it does not know is text, cut off where it is long."""
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) <= _EXACT else str(value)[:MAX_CELL]
        case float():
            return value if math.isfinite(value) else None
        case str():
            return value[:MAX_CELL]
        case bytes():
            return f"{len(value)} bytes: {value[:32].hex()}"
        case datetime() | date():
            return value.isoformat()
    return str(value)[:MAX_CELL]
