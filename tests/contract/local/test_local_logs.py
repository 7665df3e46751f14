"""Segments: floods, full disks, and reading while writing."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collegium.backends.local import logwriter
from collegium.backends.local.logs import _chunk
from collegium.backends.local.logwriter import LogWriter
from collegium.backends.ports import RunPhase


def kept(folder: Path) -> int:
    """Bytes on disk."""
    return sum(p.stat().st_size for p in (folder / "log").iterdir())


def read_all(attempt: Path, limit: int) -> tuple[list[tuple[int, bytes]], int]:
    """All chunks of a finished log as (offset, data), and the bytes in gaps."""
    position, chunks, gaps = 0, [], 0
    while True:
        chunk = _chunk(attempt, position, limit, True)
        assert chunk.offset == position + chunk.gap
        chunks.append((chunk.offset, chunk.data))
        gaps += chunk.gap
        position = chunk.next_offset
        if chunk.complete:
            return chunks, gaps
        assert chunk.data


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(st.integers(0, 300), max_size=40),
    segment=st.integers(1, 64),
    head=st.integers(0, 200),
    tail=st.integers(0, 400),
    broken=st.sets(st.integers(0, 60)),
    limit=st.integers(1, 500),
)
def test_any_writes_on_any_disk(
    tmp_path_factory: Any, pieces: list[int], segment: int, head: int, tail: int, broken: set[int], limit: int
) -> None:
    attempt = tmp_path_factory.mktemp("a")
    (attempt / "log").mkdir()
    calls = iter(range(10**9))
    real = os.write

    def write(fd: int, data: bytes) -> int:
        if next(calls) in broken:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data[: max(1, len(data) // 2)])

    everything = b""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logwriter.os, "write", write)
        patch.setattr(logwriter, "PAUSE", 0.0)
        writer = LogWriter(str(attempt / "log"), segment, head, tail)
        for number, length in enumerate(pieces):
            data = bytes((number + i) % 251 for i in range(length))
            everything += data
            writer.write(data)
        writer.close()
    assert writer.offset == len(everything)
    assert kept(attempt) <= head + segment + max(tail, segment)
    (attempt / "exit.json").write_text(f'{{"log_size": {writer.offset}}}')
    chunks, gaps = read_all(attempt, limit)
    for offset, data in chunks:
        assert data == everything[offset : offset + len(data)]
    assert sum(len(data) for _, data in chunks) == kept(attempt)
    assert gaps + kept(attempt) == len(everything)


async def test_flood_is_bounded_and_the_ends_are_kept(place: Any) -> None:
    backend = place.open()
    script = "echo first; head -c 200000000 /dev/zero; echo last"
    status, log = await place.run(backend, place.request("sh", "-c", script))
    assert status.phase is RunPhase.SUCCEEDED
    assert log.startswith(b"first\n\0")
    assert kept(place.attempt("job-one.1")) <= 64 << 20
    assert kept(place.attempt("job-one.1")) >= 60 << 20
    size = await backend.logs.size("job-one.1")
    assert size == 200000000 + len("first\nlast\n")
    tail = await backend.logs.read("job-one.1", -6)
    assert (tail.data, tail.gap, tail.complete) == (b"\0last\n", 0, True)
    middle = await backend.logs.read("job-one.1", 50 << 20)
    assert middle.gap > 0
    assert middle.offset >= size - (48 << 20)


async def test_full_disk_makes_a_gap_and_never_ends_the_run(place: Any) -> None:
    """A limit on the size of files is the one way to make writes fail that needs no privilege."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    backend = place.open()
    script = "head -c 3000000 /dev/zero; sleep 0.5; echo after"
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
    try:
        await backend.jobs.start(place.request("sh", "-c", script))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    status = await place.finished(backend)
    assert status.phase is RunPhase.SUCCEEDED
    assert await backend.logs.size("job-one.1") == 3000006
    assert kept(place.attempt("job-one.1")) < 3000000
    chunk = await backend.logs.read("job-one.1", -6)
    assert (chunk.data, chunk.complete) == (b"after\n", True)
    position, gaps = 0, 0
    while position < 3000006:
        chunk = await backend.logs.read("job-one.1", position)
        position, gaps = chunk.next_offset, gaps + chunk.gap
    assert gaps > 0


async def test_writing_resumes_when_there_is_room(tmp_path: Path, monkeypatch: Any) -> None:
    folder = tmp_path / "log"
    writer = LogWriter(str(folder))
    monkeypatch.setattr(logwriter, "PAUSE", 0.0)
    writer.write(b"lost")  # the folder is not there
    folder.mkdir()
    writer.write(b"kept")
    writer.close()
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {f"{4:020d}": b"kept"}


def test_a_chatty_run_resumes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that comes faster than the pause between tries must not put the next try off for ever."""
    clock, full = [0.0], [True]
    write = os.write

    def full_disk(fd: int, data: Any) -> int:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr(logwriter.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(logwriter.os, "write", full_disk)
    writer = LogWriter(str(tmp_path))
    for number in range(40):
        full[0] = number < 20
        clock[0] += logwriter.PAUSE / 2
        writer.write(b"%2d\n" % number)
    writer.close()
    kept = b"".join(p.read_bytes() for p in sorted(tmp_path.iterdir()))
    assert kept.endswith(b"38\n39\n")
    assert kept.startswith((b"20\n", b"21\n", b"22\n"))


async def test_reading_while_writing(place: Any) -> None:
    backend = place.open(log_head=8192, log_tail=16384, log_segment=1024)
    await backend.jobs.start(place.request("sh", "-c", "seq -f %09.0f 0 60000"))
    position, seen = 0, b""
    while True:
        chunk = await backend.logs.read("job-one.1", position, 3000)
        assert chunk.offset == position + chunk.gap
        for at in range(-chunk.offset % 10, len(chunk.data) - 9, 10):
            assert int(chunk.data[at : at + 10]) == (chunk.offset + at) // 10
        seen += chunk.data
        position = chunk.next_offset
        if chunk.complete:
            break
        await asyncio.sleep(0)
    assert position == 600010
    assert seen.endswith(b"000060000\n")
