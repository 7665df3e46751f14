"""Event streams and downloads that break off anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from collegium_client import errors
from collegium_client.outcome import exit_status, target_of
from collegium_client.sse import EventReader
from unit.client.conftest import Made, error

TEXT = "grün 🙂 text "
STREAM = (
    ": open\n\n"
    'id: 1:5\nevent: log\ndata: {"text": "one\\n", "offset": 0, "gap": 0}\n\n'
    'id: 1:9\r\nevent: log\r\ndata: {"text": "' + TEXT + '",\r\ndata: "offset": 5, "gap": 0}\r\n\r\n'
    ": still here\n\n"
    'id: 2:0\nevent: attempt\ndata: {"attempt": 2}\n\n'
    'id: 2:7\nevent: log\ndata: {"text": "two\\n", "offset": 3, "gap": 3}\n\n'
    'id: 2:7\nevent: end\ndata: {"state": "Failed", "reason": "ExitCode", "message": "no", "exit_code": 3}\n\n'
).encode()
EVENTS = {"Content-Type": "text/event-stream; charset=utf-8"}


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Bytes, and then the connection is gone."""

    def __init__(self, content: bytes, breaks: bool = True) -> None:
        self.content, self.breaks = content, breaks

    def __iter__(self) -> Iterator[bytes]:
        yield self.content
        if self.breaks:
            raise httpx.ReadError("cut")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content
        if self.breaks:
            raise httpx.ReadError("cut")


def test_events_come_whole_however_the_bytes_are_cut() -> None:
    whole = list(EventReader().feed(STREAM))
    assert [(e.name, e.id) for e in whole] == [
        ("log", "1:5"),
        ("log", "1:9"),
        ("attempt", "2:0"),
        ("log", "2:7"),
        ("end", "2:7"),
    ]
    assert whole[1].data["text"] == TEXT
    for cut in range(len(STREAM)):
        reader = EventReader()
        assert [*reader.feed(STREAM[:cut]), *reader.feed(STREAM[cut:])] == whole
    reader = EventReader()
    assert [e for n in range(len(STREAM)) for e in reader.feed(STREAM[n : n + 1])] == whole


def log_server(cut_at: int, asked: list[str]) -> Any:
    """Serves STREAM after the id that the client comes back with, and cuts the first connection."""
    places = {"": 0, "1:5": STREAM.index(b"id: 1:9"), "1:9": STREAM.index(b"id: 2:0"), "2:0": STREAM.index(b"id: 2:7")}
    places["2:7"] = STREAM.rindex(b"id: 2:7")

    def answer(request: httpx.Request) -> httpx.Response:
        last = request.headers.get("Last-Event-ID", "")
        asked.append(last)
        rest = STREAM[places[last] :]
        first = len(asked) == 1
        return httpx.Response(200, headers=EVENTS, stream=Broken(rest[:cut_at] if first else rest, breaks=first))

    return answer


def test_a_log_is_whole_wherever_the_connection_breaks(made: Made) -> None:
    for cut in range(0, len(STREAM), 3):
        asked: list[str] = []
        ends: list[Any] = []
        pieces = list(made.plain(log_server(cut, asked)).jobs.follow("job-1", on_end=ends.append))
        assert "".join(p.text for p in pieces) == f"one\n{TEXT}two\n", cut
        assert [(p.attempt, p.gap) for p in pieces] == [(1, 0), (1, 0), (2, 3)]
        assert (ends[0].state, ends[0].exit_code) == ("Failed", 3)
        assert len(asked) <= 2


async def test_the_async_client_does_the_same(made: Made) -> None:
    for cut in (0, 40, 150, 230):
        asked: list[str] = []
        client = made.awaitable(log_server(cut, asked))
        text = "".join([p.text async for p in client.jobs.follow("job-1")])
        assert text == f"one\n{TEXT}two\n"
        await client.aclose()


def test_a_stream_that_brings_nothing_is_given_up_and_a_refusal_is_told(made: Made) -> None:
    def cut(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=EVENTS, stream=Broken(b""))

    with pytest.raises(errors.Unreachable, match="cut"):
        list(made.plain(cut, tries=3).jobs.follow("job-1"))
    assert len(made.script.asked) == 3
    quiet = httpx.Response(200, headers=EVENTS, content=b": open\n\n")
    with pytest.raises(errors.Forbidden):
        list(made.plain(quiet, error(403, "forbidden")).jobs.follow("job-1"))
    page = httpx.Response(200, headers={"Content-Type": "text/html"}, content=b"Log in")
    with pytest.raises(errors.Unreachable, match="Is the URL right"):
        list(made.plain(page).jobs.follow("job-1"))


def file_server(content: bytes, cuts: list[int], asked: list[str], ranges: bool = True) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        wanted = request.headers.get("Range", "")
        asked.append(wanted)
        start = int(wanted[6:-1]) if wanted and ranges else 0
        rest = content[start:]
        headers = {"Content-Length": str(len(rest))}
        if wanted and ranges:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        cut = cuts.pop(0) if cuts else None
        stream = Broken(rest if cut is None else rest[:cut], breaks=cut is not None)
        return httpx.Response(206 if wanted and ranges else 200, headers=headers, stream=stream)

    return answer


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_goes_on_where_it_broke(made: Made, tmp_path: Path, ranges: bool) -> None:
    content, asked, seen = bytes(range(256)) * 40, list[str](), list[tuple[int, int]]()
    client = made.plain(file_server(content, [1000, 2000], asked, ranges))
    path = client.jobs.download("job-1", "plots/a b.png", tmp_path, progress=lambda *at: seen.append(at))
    assert path == tmp_path / "plots" / "a b.png"
    assert path.read_bytes() == content
    assert asked == (["", "bytes=1000-", "bytes=3000-"] if ranges else ["", "bytes=1000-", "bytes=2000-"])
    assert seen[-1] == (len(content), len(content))
    assert [p.name for p in path.parent.iterdir()] == ["a b.png"]


async def test_the_async_client_downloads_as_well(made: Made, tmp_path: Path) -> None:
    content = b"x" * 5000
    client = made.awaitable(file_server(content, [10], []))
    path = await client.jobs.download("job-1", "x.bin", tmp_path)
    assert path.read_bytes() == content
    await client.aclose()


def test_what_is_not_complete_is_not_there(made: Made, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"before")
    client = made.plain(file_server(b"y" * 100, [0] * 9, []), tries=3)
    with pytest.raises(errors.Unreachable):
        client.jobs.download("job-1", "x.bin", tmp_path)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("x.bin", b"before")]


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "", "a\0b", "..\\x"])
def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(errors.CollegiumError, match="leads out"):
        target_of(tmp_path, name)


def test_nor_can_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "out").symlink_to(tmp_path)
    with pytest.raises(errors.CollegiumError, match="leads out"):
        target_of(tmp_path / "folder", "out/x")


@pytest.mark.parametrize(
    ("state", "reason", "code", "status"),
    [
        ("Succeeded", "Completed", 0, 0),
        ("Succeeded", "Completed", None, 0),
        ("Failed", "ExitCode", 3, 3),
        ("Failed", "ExitCode", 256, 1),
        ("Failed", "ExitCode", 0, 1),
        ("Failed", "Signal", -9, 137),
        ("Failed", "Signal", 137, 137),
        ("Failed", "Lost", None, 1),
        ("Failed", "Timeout", 143, 124),
        ("Cancelled", "Cancelled", 0, 130),
        ("Exploded", "Unheard", None, 1),
    ],
)
def test_the_status_is_the_jobs_own_and_never_0_without_success(
    state: str, reason: str, code: int | None, status: int
) -> None:
    assert exit_status(state, reason, code) == status
