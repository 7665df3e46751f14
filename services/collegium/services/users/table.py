"""Users as CSV: read strictly, written so that no spreadsheet takes a cell for a formula. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from collegium.domain.addresses import check_address
from collegium.domain.errors import InvalidInput, TooLarge
from collegium.domain.groups import Role
from collegium.domain.names import check_group_name, check_label, check_user_name

COLUMNS = ("username", "email", "first_name", "last_name", "enabled", "groups")
#: Lines with a person.
MAX_LINES = 2000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


@dataclass(frozen=True)
class Row:
    """One line. None: the cell was empty, so nothing is asked. ``problem`` is why it cannot be used at all."""

    line: int
    username: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    enabled: bool | None = None
    groups: Mapping[str, Role] = field(default_factory=dict)
    problem: str = ""


def write(rows: Iterable[Mapping[str, str]]) -> str:
    """CSV with the first line of names. Cells that a spreadsheet would run begin with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_safe(row.get(c, "")) for c in COLUMNS])
    return out.getvalue()


def groups_text(roles: Mapping[str, Role]) -> str:
    """``chemistry:member;physics:admin``."""
    return ";".join(f"{group}:{role.value}" for group, role in sorted(roles.items()))


def read(text: str) -> list[Row]:
    """Every line. Raises InvalidInput for a table that cannot be read at all, TooLarge for one with too many lines."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        names = _header(next(reader, []))
        rows: list[Row] = []
        seen: dict[str, int] = {}
        for cells in reader:
            if not any(c.strip() for c in cells):
                continue
            if len(rows) >= MAX_LINES:
                raise TooLarge(f"csv: more than {MAX_LINES} lines; send them in parts.", field="csv", limit=MAX_LINES)
            row = _row(reader.line_num, names, cells)
            before = seen.setdefault(row.username, row.line)
            if before != row.line and not row.problem:
                row = Row(row.line, row.username, problem=f"username: is in line {before} already")
            rows.append(row)
    except csv.Error as error:
        raise InvalidInput("csv", f"cannot be read at line {reader.line_num}: {error}") from None
    return rows


def _header(cells: list[str]) -> list[str]:
    names = [_plain(c).lower() for c in cells]
    if "username" not in names:
        raise InvalidInput("csv", f"must begin with a line of names, of {', '.join(COLUMNS)}", ",".join(names)[:80])
    for name in names:
        if name not in COLUMNS or names.count(name) > 1:
            raise InvalidInput("csv", f"has a column that is not one of {', '.join(COLUMNS)}, or is there twice", name)
    return names


def _row(line: int, names: list[str], cells: list[str]) -> Row:
    values = {n: _plain(c) for n, c in zip(names, cells, strict=False)}
    username = values.get("username", "").casefold()
    try:
        if len(cells) != len(names):
            raise InvalidInput("csv", f"has {len(cells)} cells, {len(names)} are named in the first line")
        check_user_name(username, "username")
        return Row(
            line,
            username,
            check_address(values["email"]) if values.get("email") else None,
            check_label(values["first_name"], "first_name") if values.get("first_name") else None,
            check_label(values["last_name"], "last_name") if values.get("last_name") else None,
            _enabled(values.get("enabled", "")),
            _groups(values.get("groups", "")),
        )
    except InvalidInput as error:
        return Row(line, username[:128], problem=error.message)


def _enabled(text: str) -> bool | None:
    word = text.lower()
    if word not in _TRUE | _FALSE | {""}:
        raise InvalidInput("enabled", "must be true or false, or empty", text)
    return None if not word else word in _TRUE


def _groups(text: str) -> dict[str, Role]:
    found: dict[str, Role] = {}
    for part in filter(None, (p.strip() for p in text.split(";"))):
        group, colon, word = (p.strip() for p in part.partition(":"))
        check_group_name(group, "groups")
        if group in found:
            raise InvalidInput("groups", "has a group twice", group)
        try:
            found[group] = Role(word) if colon else Role.MEMBER
        except ValueError:
            raise InvalidInput("groups", f"roles are {', '.join(r.value for r in Role)}", word) from None
    return found


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _plain(cell: str) -> str:
    """Without blanks, and without the apostrophe that ``_safe`` put there."""
    text = cell.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text
