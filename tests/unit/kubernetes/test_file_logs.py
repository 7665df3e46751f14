"""Logs as files that runs append to: what is kept, what a gap is, and what hostile runs cannot do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from collegium.backends.kubernetes import logs
from collegium.backends.kubernetes.logs import FileLogs, LogCaps, log_size, make_log, settle_log, trim_log
from collegium.backends.kubernetes.masks import Masks
from collegium.backends.local.layout import Layout
from collegium.cipher import Cipher

KEY = "job-a.1"
MIB = 1 << 20
CAPS = LogCaps(64 << 10, 256 << 10)
MASKS = Masks(Cipher.without())


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    layout = Layout(tmp_path)
    layout.prepare()
    found = layout.attempt(KEY)
    (found / "log").mkdir(parents=True)
    make_log(found)
    return found


def source(tmp_path: Path, caps: LogCaps = CAPS) -> FileLogs:
    return FileLogs(Layout(tmp_path), caps, MASKS)


def content(size: int) -> bytes:
    return b"".join(b"%07d\n" % n for n in range(size // 8))


def append(attempt: Path, data: bytes) -> None:
    with open(attempt / "log" / "output", "ab") as file:
        file.write(data)


def end(attempt: Path, size: int) -> None:
    (attempt / "exit.json").write_text(json.dumps({"log_size": size}))


async def everything(found: FileLogs, text: bytes) -> int:
    """Read it all in pieces; every byte must be right. Bytes that are kept."""
    position, kept = 0, 0
    while True:
        chunk = await found.read(KEY, position, 50_000)
        assert chunk.data == text[chunk.offset : chunk.next_offset]
        assert chunk.offset == position + chunk.gap
        kept, position = kept + len(chunk.data), chunk.next_offset
        if not chunk.data or chunk.complete:
            return kept


async def test_below_the_cap_all_is_kept(tmp_path: Path, attempt: Path) -> None:
    text = content(320 << 10)
    append(attempt, text)
    trim_log(attempt, CAPS)
    assert await everything(source(tmp_path), text) == len(text)
    assert settle_log(attempt, CAPS, MASKS) == len(text)
    end(attempt, len(text))
    assert await everything(source(tmp_path), text) == len(text)


@pytest.mark.parametrize("holes", [True, False])
async def test_over_the_cap(tmp_path: Path, attempt: Path, holes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not holes:
        monkeypatch.setattr(logs, "_punch", lambda *_: False)
    text = content(8 * MIB)
    append(attempt, text[: 4 * MIB])
    trim_log(attempt, CAPS)
    assert await everything(source(tmp_path), text) == CAPS.head + CAPS.tail
    append(attempt, text[4 * MIB :])
    trim_log(attempt, CAPS)
    assert (attempt / "log" / "output").stat().st_blocks * 512 < (MIB if holes else 9 * MIB)
    assert settle_log(attempt, CAPS, MASKS) == len(text)
    end(attempt, len(text))
    assert (attempt / "log" / "output").stat().st_blocks * 512 < MIB
    assert await everything(source(tmp_path), text) == CAPS.head + CAPS.tail
    assert await source(tmp_path).size(KEY) == len(text)


async def test_other_caps_later_show_no_zeros(tmp_path: Path, attempt: Path) -> None:
    text = content(8 * MIB)
    append(attempt, text)
    trim_log(attempt, CAPS)
    for caps in (LogCaps(MIB, 4 * MIB), LogCaps(4096, 8192), LogCaps(20 * MIB, 20 * MIB)):
        kept = await everything(source(tmp_path, caps), text)
        assert kept <= CAPS.head + CAPS.tail
        trim_log(attempt, caps)
    assert settle_log(attempt, LogCaps(20 * MIB, 20 * MIB), MASKS) == len(text)


@pytest.mark.parametrize("what", ["link", "pipe", "folder", "nothing", "log-is-a-link"])
async def test_what_is_no_regular_file_is_empty(tmp_path: Path, attempt: Path, what: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (attempt / "log" / "output").unlink()
    if what == "link":
        (attempt / "log" / "output").symlink_to(secret)
    elif what == "pipe":
        os.mkfifo(attempt / "log" / "output")
    elif what == "folder":
        (attempt / "log" / "output").mkdir()
    elif what == "log-is-a-link":
        (attempt / "log").rmdir()
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "output").write_text("secret")
        (attempt / "log").symlink_to(tmp_path / "elsewhere")
    chunk = await source(tmp_path).read(KEY)
    assert (chunk.data, chunk.complete) == (b"", False)
    trim_log(attempt, CAPS)
    assert settle_log(attempt, CAPS, MASKS) == log_size(attempt) == 0
    assert secret.read_text() == "secret"


async def test_cut_short_by_the_run_itself(tmp_path: Path, attempt: Path) -> None:
    append(attempt, b"0123456789")
    end(attempt, 10)
    os.truncate(attempt / "log" / "output", 4)
    first = await source(tmp_path).read(KEY)
    assert (first.data, first.next_offset, first.complete) == (b"0123", 4, False)
    rest = await source(tmp_path).read(KEY, 4)
    assert (rest.data, rest.gap, rest.next_offset, rest.complete) == (b"", 6, 10, True)


async def test_what_comes_after_the_end_is_not_shown(tmp_path: Path, attempt: Path) -> None:
    append(attempt, b"told\n")
    end(attempt, 5)
    append(attempt, b"from a node that was thought dead\n")
    chunk = await source(tmp_path).read(KEY)
    assert (chunk.data, chunk.complete) == (b"told\n", True)
    assert await source(tmp_path).size(KEY) == 5


async def test_a_damaged_record_is_an_end(tmp_path: Path, attempt: Path) -> None:
    append(attempt, b"told\n")
    (attempt / "exit.json").write_text("{")
    chunk = await source(tmp_path).read(KEY)
    assert (chunk.data, chunk.complete) == (b"told\n", True)
