"""What every LogSource promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Harness

TEXT = bytes(range(256)) * 8
ALL = b"up\n" + TEXT


@pytest.mark.parametrize(
    ("offset", "limit"),
    [(0, 65536), (0, 1), (5, 10), (2047, 3), (len(ALL), 10), (len(ALL) - 1, 1), (-10, 4), (-1, 100)],
)
async def test_any_piece(harness: Harness, offset: int, limit: int) -> None:
    request = harness.request(log=TEXT)
    await harness.run(request)
    chunk = await harness.backend.logs.read(request.key, offset, limit)
    begin = offset if offset >= 0 else len(ALL) + offset
    assert chunk.data == ALL[begin : begin + limit]
    assert (chunk.offset, chunk.next_offset, chunk.gap) == (begin, begin + len(chunk.data), 0)
    assert chunk.complete == (chunk.next_offset == len(ALL))
    assert await harness.backend.logs.size(request.key) == len(ALL)


async def test_from_the_end_of_a_shorter_log_is_all_of_it(harness: Harness) -> None:
    request = harness.request()
    await harness.run(request)
    assert (await harness.backend.logs.read(request.key, -1000)).data == b"up\n"


async def test_beyond_the_end_is_empty(harness: Harness) -> None:
    request = harness.request()
    await harness.run(request)
    chunk = await harness.backend.logs.read(request.key, 1000)
    assert chunk.data == b""
    assert chunk.complete


async def test_beyond_the_end_of_a_live_log_waits_there(harness: Harness) -> None:
    request = harness.request(hold=True)
    await harness.backend.jobs.start(request)
    await harness.running(request.key)
    chunk = await harness.backend.logs.read(request.key, 1000)
    assert (chunk.data, chunk.offset, chunk.next_offset, chunk.complete) == (b"", 1000, 1000, False)
    await harness.release(request.key)
    await harness.finished(request.key)


async def test_followed_while_it_runs(harness: Harness) -> None:
    request = harness.request(hold=True)
    await harness.backend.jobs.start(request)
    await harness.running(request.key)
    chunk = await harness.backend.logs.read(request.key)
    assert (chunk.data, chunk.complete) == (b"up\n", False)
    chunk = await harness.backend.logs.read(request.key, chunk.next_offset)
    assert (chunk.data, chunk.complete) == (b"", False)
    await harness.release(request.key)
    await harness.finished(request.key)
    chunk = await harness.backend.logs.read(request.key, chunk.next_offset)
    assert (chunk.data, chunk.complete) == (b"", True)


async def test_unknown_keys_give_an_empty_chunk(harness: Harness) -> None:
    for key in ("job-nobody.1", "../x", ""):
        chunk = await harness.backend.logs.read(key, 10)
        assert (chunk.data, chunk.offset, chunk.next_offset, chunk.complete) == (b"", 0, 0, False)
        assert await harness.backend.logs.size(key) == 0


async def test_over_the_cap_the_newest_is_kept_and_gaps_are_told(harness: Harness) -> None:
    numbered = b"".join(b"%07d\n" % n for n in range(20_000))
    request = harness.request(log=numbered)
    await harness.run(request)
    everything = b"up\n" + numbered
    assert await harness.backend.logs.size(request.key) == len(everything)
    position, kept, gaps = 0, 0, 0
    while True:
        chunk = await harness.backend.logs.read(request.key, position, 1000)
        assert chunk.data == everything[chunk.offset : chunk.next_offset]
        assert chunk.offset == position + chunk.gap
        gaps += chunk.gap
        kept += len(chunk.data)
        position = chunk.next_offset
        if chunk.complete:
            break
        assert chunk.data
    assert position == len(everything) == kept + gaps
    assert gaps > 0
    assert kept <= harness.log_cap
    tail = await harness.backend.logs.read(request.key, -100)
    assert (tail.data, tail.gap, tail.complete) == (everything[-100:], 0, True)
    middle = (len(everything) - kept) // 2 + 8192
    chunk = await harness.backend.logs.read(request.key, middle)
    assert chunk.gap == chunk.offset - middle > 0


async def test_a_run_that_never_started_has_a_complete_empty_log(harness: Harness) -> None:
    request = harness.request()
    await harness.backend.jobs.stop(request.key)
    await harness.backend.jobs.start(request)
    await harness.finished(request.key)
    chunk = await harness.backend.logs.read(request.key)
    assert (chunk.data, chunk.complete) == (b"", True)
