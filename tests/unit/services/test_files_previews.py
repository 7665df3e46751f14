"""What is shown of hostile files: text, tables, notebooks."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import random
from collections.abc import AsyncIterator

import pyarrow
import pyarrow.parquet
import pytest

from collegium.domain.files import Entry, EntryKind
from collegium.services.files import parquet
from collegium.services.files.heads import HEAD, NotShown, decoded, plain, separated
from collegium.services.files.models import FilePreviewOut, PreviewKind
from collegium.services.files.notebook import CELLS, OUTPUTS, cells_of
from collegium.services.files.preview import preview_of
from collegium.services.files.types import preview_kind, shown_inline

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


class Bytes:
    """An open file."""

    fileno = None

    def __init__(self, path: str, data: bytes) -> None:
        self.entry = Entry(path, EntryKind.FILE, len(data), etag="e")
        self._data = data
        self.read_bytes = 0

    async def read(self, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        end = len(self._data) if end is None else end
        for at in range(start, end, 1 << 16):
            self.read_bytes += min(1 << 16, end - at)
            yield self._data[at : min(end, at + (1 << 16))]


def shown(path: str, data: bytes, rows: int = 10) -> FilePreviewOut:
    return asyncio.run(preview_of(Bytes(path, data), rows))


def parquet_bytes(**columns: list[object]) -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        ("été ☃".encode(), "été ☃"),
        ("\ufeffmarked".encode(), "marked"),
        ("wide é".encode("utf-16"), "wide é"),
        ("wider".encode("utf-32"), "wider"),
        ("caf\u00e9 \u20ac".encode("cp1252"), "caf\u00e9 \u20ac"),
    ],
)
def test_text_in_any_common_encoding(data: bytes, text: str) -> None:
    assert decoded(data, cut=False) == text


@pytest.mark.parametrize("data", [b"a\0b", bytes(range(1, 32)) * 9, b"\xff\xfe\x00", b"\xef\xbb\xbf\xff"])
def test_what_is_no_text_is_not_shown(data: bytes) -> None:
    with pytest.raises(NotShown):
        decoded(data, cut=False)


def test_text_that_is_cut_in_the_middle_of_a_letter() -> None:
    data = ("x" + "é" * HEAD).encode()
    found = shown("a.txt", data)
    assert found.truncated and found.text is not None and set(found.text) == {"x", "é"}


def test_tables_and_the_types_of_their_columns() -> None:
    text = "id;name;when;ratio;ok;code\n1;Ann;2024-05-01;0.5;true;007\n2;;2024-05-02;;False;010\n"
    found = separated(text, ".csv", 10, cut=False)
    assert found.columns == (
        ("id", "integer"),
        ("name", "text"),
        ("when", "date"),
        ("ratio", "number"),
        ("ok", "boolean"),
        ("code", "text"),
    )
    assert found.rows == ((1, "Ann", "2024-05-01", 0.5, True, "007"), (2, "", "2024-05-02", None, False, "010"))
    assert not found.truncated
    headless = separated("1\t2\n3\t4\n5\n", ".tsv", 2, cut=False)
    assert headless.columns == (("column 1", "integer"), ("column 2", "integer"))
    assert headless.rows == ((1, 2), (3, 4)) and headless.truncated
    # The last line is only half there.
    assert separated("a,b\n1,2\n3", ".csv", 10, cut=True).rows == ((1, 2),)


def test_hostile_tables_have_bounds() -> None:
    wide = shown("a.csv", (",".join("x" * 3 for _ in range(20000)) + "\n").encode() * 2)
    assert wide.columns is not None and len(wide.columns) == 500 and wide.truncated
    long = shown("a.csv", b"a,b\n" + b"x" * 100_000 + b",1\n")
    assert long.rows is not None and len(str(long.rows[0][0])) == 1000
    assert shown("a.csv", b'"' + b"x" * 200_000).kind is PreviewKind.NONE
    assert shown("a.csv", b"\0\0").kind is PreviewKind.NONE
    assert shown("a.csv", b"").reason == "This table is empty."
    numbers = random.Random(7)
    for _ in range(200):
        found = shown("a.csv", numbers.randbytes(numbers.randrange(200)))
        assert found.kind is PreviewKind.TABLE or found.reason


def test_values_that_json_does_not_know() -> None:
    values = [float("nan"), float("inf"), 2**60, b"\x00\x01", "x" * 5000, [1, 2], None, True]
    assert [plain(v) for v in values] == [
        None,
        None,
        str(2**60),
        "2 bytes: 0001",
        "x" * 1000,
        "[1, 2]",
        None,
        True,
    ]


def test_the_head_of_a_parquet_file() -> None:
    data = parquet_bytes(id=list(range(1000)), name=[f"n{i}" for i in range(1000)], ratio=[float("nan")] * 1000)
    found = shown("a.parquet", data, rows=3)
    assert [(c.name, c.type) for c in found.columns or ()] == [("id", "int64"), ("name", "string"), ("ratio", "double")]
    assert found.rows == [[0, "n0", None], [1, "n1", None], [2, "n2", None]] and found.truncated


def test_a_broken_parquet_file_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    data = parquet_bytes(id=list(range(1000)))
    for broken in (b"", b"PAR1", data[:-8], data[: len(data) // 2] + os.urandom(len(data) // 2)):
        found = shown("a.parquet", broken)
        assert (found.kind, bool(found.reason)) == (PreviewKind.NONE, True)
    monkeypatch.setattr(parquet, "MOST", 10)
    assert "would have to be read" in shown("a.parquet", data).reason
    monkeypatch.setattr(parquet, "installed", lambda: False)
    assert "extra 'tables'" in shown("a.parquet", data).reason


def notebook(*cells: object) -> bytes:
    return json.dumps({"nbformat": 4, "cells": cells}).encode()


def test_of_a_notebook_text_and_pictures_only() -> None:
    outputs = [
        {"output_type": "stream", "text": ["one\n", "two"]},
        {"output_type": "display_data", "data": {"image/png": base64.b64encode(PNG).decode(), "text/html": "<b>"}},
        {"output_type": "display_data", "data": {"text/html": "<script>", "text/plain": "plain"}},
        {"output_type": "display_data", "data": {"image/svg+xml": "<svg onload=alert(1)>"}},
        {"output_type": "display_data", "data": {"image/png": base64.b64encode(b"<svg>").decode()}},
        {"output_type": "error", "traceback": ["\x1b[0;31mValueError\x1b[0m", "here"]},
        {"output_type": "strange"},
        "no output",
    ]
    cells, cut = cells_of(
        notebook(
            {"cell_type": "markdown", "source": ["# Title"]},
            {"cell_type": "code", "source": "1 + 1", "outputs": outputs},
            {"cell_type": "other", "source": 7, "outputs": outputs},
            "no cell",
        )
    )
    assert [(c.type.value, c.source) for c in cells] == [("markdown", "# Title"), ("code", "1 + 1"), ("raw", "")]
    picture = "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert [(o.text, o.image) for o in cells[1].outputs] == [
        ("one\ntwo", None),
        (None, picture),
        ("plain", None),
        ("ValueError\nhere", None),
    ]
    assert cells[2].outputs == [] and not cut


def test_hostile_notebooks_have_bounds() -> None:
    cell = {"cell_type": "code", "source": "x" * 100_000, "outputs": [{"output_type": "stream", "text": "y"}] * 99}
    cells, cut = cells_of(notebook(*[cell] * (CELLS + 1)))
    assert (len(cells), len(cells[0].outputs), len(cells[0].source), cut) == (CELLS, OUTPUTS, 64 << 10, True)
    large = base64.b64encode(PNG + b"0" * (3 << 20)).decode()
    pictured = {"output_type": "display_data", "data": {"image/png": large, "text/plain": "a figure"}}
    cells, cut = cells_of(notebook({"cell_type": "code", "source": "", "outputs": [pictured]}))
    assert cells[0].outputs[0].text == "a figure" and cut
    half = cells_of(b'{"cells": [{"cell_type": "raw", "source": "\\ud800"}]}')[0][0].source
    assert half.encode()
    for bad in (b"", b"[]", b"{", b'{"cells": 1}', b'{"worksheets": []}', b"[" * 100_000, b"\xff"):
        with pytest.raises(NotShown):
            cells_of(bad)
    assert shown("a.ipynb", b"{").kind is PreviewKind.NONE


def test_pictures_are_what_their_names_say() -> None:
    assert shown("a.png", PNG).kind is PreviewKind.IMAGE
    assert shown("a.PDF", b"%PDF-1.7").kind is PreviewKind.PDF
    assert "not what the name says" in shown("a.png", b"<html>").reason
    assert shown("a.bin", b"x").reason


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.svg", PreviewKind.TEXT),
        ("a.html", PreviewKind.TEXT),
        ("a.JPG", PreviewKind.IMAGE),
        ("x/.png", PreviewKind.TEXT),
        ("a.tar.gz", PreviewKind.NONE),
        ("Makefile", PreviewKind.TEXT),
    ],
)
def test_kinds_by_name(path: str, kind: PreviewKind) -> None:
    assert preview_kind(path) is kind


def test_nothing_that_runs_is_shown_by_the_browser() -> None:
    for kind in (
        "text/html",
        "image/svg+xml",
        "application/xhtml+xml",
        "text/xml",
        "text/javascript",
        "application/xml",
    ):
        assert not shown_inline(kind)
    with contextlib.suppress(NotShown):
        assert decoded(b"<script>", cut=False) == "<script>"
