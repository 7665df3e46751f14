"""Users as CSV."""

from __future__ import annotations

import csv
import io

import pytest

from collegium.domain.errors import DomainError, InvalidInput, TooLarge
from collegium.domain.groups import Role
from collegium.services.users.table import COLUMNS, MAX_LINES, groups_text, read, write

HEADER = ",".join(COLUMNS)


def test_what_is_written_is_read() -> None:
    rows = [
        {
            "username": "ada",
            "email": "ada@example.org",
            "first_name": "Ada",
            "last_name": 'Love,"lace"',
            "enabled": "true",
            "groups": groups_text({"physics": Role.ADMIN, "chemistry": Role.MEMBER}),
        },
        {"username": "bob", "enabled": "false"},
    ]
    text = write(rows)
    assert "chemistry:member;physics:admin" in text
    ada, bob = read(text)
    assert (ada.email, ada.first_name, ada.last_name, ada.enabled) == ("ada@example.org", "Ada", 'Love,"lace"', True)
    assert ada.groups == {"physics": Role.ADMIN, "chemistry": Role.MEMBER}
    assert (bob.email, bob.enabled, bob.groups, bob.problem) == (None, False, {}, "")


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-2", "@sum", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    text = write([{"username": "ada", "first_name": cell}])
    (_, row) = csv.reader(io.StringIO(text, newline=""))
    assert row[COLUMNS.index("first_name")] == f"'{cell}"


def test_the_apostrophe_is_taken_off_again() -> None:
    (row,) = read(f"{HEADER}\nada,,'=Ada,'Quoted,,\n")
    assert (row.first_name, row.last_name) == ("=Ada", "'Quoted")


def test_a_byte_order_mark_blank_lines_and_any_order_of_columns() -> None:
    rows = read("\ufeffEmail, Username\r\n\r\nada@example.org,ADA\r\n , \r\n")
    assert [(r.line, r.username, r.email) for r in rows] == [(3, "ada", "ada@example.org")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line of names"),
        ("email\na@b", "line of names"),
        ("username,shoe_size\n", "shoe_size"),
        ("username,username\n", "twice"),
        ('username\n"ada', "line 2"),
        ("username\n" + "x" * 200_000, "line 2"),
    ],
)
def test_tables_that_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read(text)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a b,,,,,", "username"),
        (",,,,,", None),
        ("ada,nobody,,,,", "email"),
        ("ada,,\x07,,,", "first_name"),
        ("ada,,,,perhaps,", "enabled"),
        ("ada,,,,,Physics!", "groups"),
        ("ada,,,,,physics:boss", "roles are"),
        ("ada,,,,,physics;physics:admin", "twice"),
        ("ada", "cells"),
    ],
)
def test_lines_that_cannot_be_used_are_told(line: str, said: str | None) -> None:
    rows = read(f"{HEADER}\n{line}\nbob,,,,,\n")
    assert rows[-1].username == "bob"
    assert not rows[-1].problem
    if said is not None:
        assert said in rows[0].problem


def test_the_second_of_two_lines_about_one_person_is_told() -> None:
    rows = read("username\nada\nADA\n")
    assert [bool(r.problem) for r in rows] == [False, True]
    assert "line 2" in rows[1].problem


def test_too_many_lines() -> None:
    lines = "\n".join(f"u{i}" for i in range(MAX_LINES))
    assert len(read(f"username\n{lines}\n")) == MAX_LINES
    with pytest.raises(TooLarge, match=str(MAX_LINES)) as caught:
        read(f"username\n{lines}\nmore\n")
    assert isinstance(caught.value, DomainError)
    assert caught.value.details["limit"] == MAX_LINES
