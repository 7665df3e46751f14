"""Requests for copies through files: what is asked, refused, lost, killed and asked again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from collegium.backends.kubernetes import mailbox
from collegium.backends.kubernetes.mailbox import MailboxCopier, MailboxServer
from collegium.backends.ports import Snapshot
from collegium.domain.errors import DomainError, Forbidden, InvalidInput, StorageFull, TooLarge, Unavailable
from collegium.domain.jobs import WorkingDirectory
from collegium.domain.names import new_id


class Desk:
    """A Copier that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.error: Exception | None = None
        self.wait = asyncio.Event()
        self.wait.set()

    async def home(self, user: str, group: str) -> str:
        self.asked.append((user, group))
        if self.error:
            raise self.error
        return f"home-{user}-{group}"

    async def snapshot(self, job_id: str, user: str, group: str, source: WorkingDirectory) -> Snapshot:
        self.asked.append((job_id, user, group, source))
        await self.wait.wait()
        if self.error:
            raise self.error
        return Snapshot(3, 4)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def server(tmp_path: Path, desk: Desk) -> AsyncIterator[MailboxServer]:
    made = MailboxServer(tmp_path / "mailbox", desk)
    await made.start()
    await made.start()
    yield made
    await made.stop()


async def until(question: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not question():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def left(folder: Path) -> list[str]:
    return [path.name for below in ("requests", "answers") for path in (folder / "mailbox" / below).iterdir()]


SOURCE = WorkingDirectory("data", ("a", "b"))


async def test_ask_and_answer(tmp_path: Path, desk: Desk, server: MailboxServer) -> None:
    asker = MailboxCopier(tmp_path / "mailbox")
    assert await asker.home("alice", "physics") == "home-alice-physics"
    assert await asker.snapshot("job-one", "alice", "physics", SOURCE) == Snapshot(3, 4)
    assert await asker.snapshot("job-two", "alice", "physics", WorkingDirectory()) == Snapshot(3, 4)
    assert desk.asked == [
        ("alice", "physics"),
        ("job-one", "alice", "physics", SOURCE),
        ("job-two", "alice", "physics", WorkingDirectory()),
    ]
    await until(lambda: left(tmp_path) == [])


async def test_many_at_once(tmp_path: Path, desk: Desk, server: MailboxServer) -> None:
    asker = MailboxCopier(tmp_path / "mailbox")
    ids = [new_id("job") for _ in range(50)]
    taken = await asyncio.gather(*(asker.snapshot(i, "alice", "physics", SOURCE) for i in ids))
    assert taken == [Snapshot(3, 4)] * 50
    assert sorted(asked[0] for asked in desk.asked) == sorted(ids)


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput("working_directory.files[1]", "is not in your home: there is no such file", "b"),
        TooLarge("the working directory holds more than 3 files", field="working_directory", limit=3),
        Forbidden("the volume claim is the home of somebody else", claim="home-x"),
        StorageFull("there is no room"),
        Unavailable("not now"),
    ],
)
async def test_errors_travel_whole(tmp_path: Path, desk: Desk, server: MailboxServer, error: DomainError) -> None:
    desk.error = error
    for asking in (
        MailboxCopier(tmp_path / "mailbox").snapshot("job-one", "alice", "physics", SOURCE),
        MailboxCopier(tmp_path / "mailbox").home("alice", "physics"),
    ):
        with pytest.raises(type(error)) as caught:
            await asking
        assert caught.value.message == error.message
        assert caught.value.details == error.details


async def test_a_defect_is_not_quoted(tmp_path: Path, desk: Desk, server: MailboxServer) -> None:
    desk.error = RuntimeError("canary")
    with pytest.raises(Unavailable) as caught:
        await MailboxCopier(tmp_path / "mailbox").snapshot("job-one", "alice", "physics", SOURCE)
    assert "canary" not in str(caught.value)


async def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="in time"):
        await MailboxCopier(tmp_path / "mailbox", patience=0.5).snapshot("job-one", "alice", "physics", SOURCE)
    assert left(tmp_path) == []


async def test_no_volume(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="files volume"):
        await MailboxCopier(tmp_path / "file" / "mailbox").home("alice", "physics")


@pytest.mark.parametrize(
    ("user", "group", "job_id", "source"),
    [
        ("../x", "physics", "job-one", SOURCE),
        ("alice", "../x", "job-one", SOURCE),
        ("alice", "physics", "../x", SOURCE),
        ("alice", "physics", "job-one", WorkingDirectory("../x")),
        ("alice", "physics", "job-one", WorkingDirectory("", ("/etc/passwd",))),
        ("alice", "physics", "job-one", WorkingDirectory("", ("x" * 1000,) * 5000)),
    ],
)
async def test_the_asker_checks(tmp_path: Path, user: str, group: str, job_id: str, source: WorkingDirectory) -> None:
    with pytest.raises(InvalidInput):
        await MailboxCopier(tmp_path / "mailbox", patience=5).snapshot(job_id, user, group, source)
    assert not (tmp_path / "mailbox" / "requests").exists() or left(tmp_path) == []


GOOD: dict[str, Any] = {
    "verb": "snapshot",
    "job_id": "job-one",
    "user": "alice",
    "group": "physics",
    "working_directory": {"path": "", "files": None},
}


@pytest.mark.parametrize(
    "change",
    [
        {"verb": "remove"},
        {"verb": None},
        {"user": "../x"},
        {"user": 3},
        {"user": None},
        {"group": "kube-system/x"},
        {"group": ["physics"]},
        {"job_id": "../../x"},
        {"job_id": {}},
        {"working_directory": None},
        {"working_directory": {"path": 3}},
        {"working_directory": {"path": "../x"}},
        {"working_directory": {"path": "", "files": "a"}},
        {"working_directory": {"path": "", "files": [1]}},
        {"working_directory": {"path": "", "files": ["/etc/passwd"]}},
        {"verb": "home", "user": "../x"},
    ],
)
async def test_the_server_checks_again(
    tmp_path: Path, desk: Desk, server: MailboxServer, change: dict[str, Any]
) -> None:
    answer = await put(tmp_path, json.dumps({**GOOD, "until": time.time() + 60, **change}))
    assert answer["error"]["code"] == "invalid"
    assert desk.asked == []


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000])
async def test_requests_that_are_none(tmp_path: Path, desk: Desk, server: MailboxServer, text: str) -> None:
    assert (await put(tmp_path, text))["error"]["code"] == "invalid"
    assert desk.asked == []


async def put(tmp_path: Path, text: str, name: str = "0" * 32 + ".json") -> dict[str, Any]:
    folder = tmp_path / "mailbox"
    await until((folder / "answers").is_dir)
    (folder / "new").write_text(text)
    (folder / "new").rename(folder / "requests" / name)
    await until((folder / "answers" / name).exists)
    found: dict[str, Any] = json.loads((folder / "answers" / name).read_text())
    await until(lambda: not (folder / "requests" / name).exists())
    return found


async def test_files_that_are_no_requests(tmp_path: Path, desk: Desk, server: MailboxServer) -> None:
    folder = tmp_path / "mailbox"
    await until((folder / "answers").is_dir)
    request = json.dumps({**GOOD, "until": time.time() + 60})
    (folder / "requests" / "other.json").write_text(request)
    (folder / "requests" / ("1" * 32)).mkdir()
    (tmp_path / "outside").write_text(request)
    (folder / "requests" / ("2" * 32 + ".json")).symlink_to(tmp_path / "outside")
    os.mkfifo(folder / "requests" / ("3" * 32 + ".json"))
    (folder / "requests" / ("4" * 32 + ".json")).mkdir()
    assert "snapshot" in await put(tmp_path, request)
    assert len(desk.asked) == 1
    assert (tmp_path / "outside").exists()


async def test_old_requests_and_answers_go(tmp_path: Path, desk: Desk) -> None:
    folder = tmp_path / "mailbox"
    mailbox._prepare(folder)
    old = folder / "answers" / ("5" * 32 + ".json")
    old.write_text("{}")
    os.utime(old, (1, 1))
    late = folder / "requests" / ("6" * 32 + ".json")
    late.write_text(json.dumps({**GOOD, "until": time.time() - 3600}))
    server = MailboxServer(folder, desk)
    await server.start()
    await until(lambda: left(tmp_path) == [])
    await server.stop()
    assert desk.asked == []


async def test_one_server_at_a_time(tmp_path: Path, desk: Desk, server: MailboxServer) -> None:
    second_desk = Desk()
    second = MailboxServer(tmp_path / "mailbox", second_desk)
    asker = MailboxCopier(tmp_path / "mailbox")
    await asker.home("alice", "physics")
    await second.start()
    for _ in range(3):
        await asker.home("alice", "physics")
    assert second_desk.asked == []
    await server.stop()
    await asker.home("alice", "physics")
    assert len(second_desk.asked) == 1
    await second.stop()


async def test_a_server_that_stops_leaves_its_work_to_the_next(tmp_path: Path, desk: Desk) -> None:
    desk.wait.clear()
    first = MailboxServer(tmp_path / "mailbox", desk)
    await first.start()
    asking = asyncio.create_task(MailboxCopier(tmp_path / "mailbox").snapshot("job-one", "alice", "physics", SOURCE))
    await until(lambda: len(desk.asked) == 1)
    await first.stop()
    desk.wait.set()
    second = MailboxServer(tmp_path / "mailbox", desk)
    await second.start()
    assert await asking == Snapshot(3, 4)
    await second.stop()
    assert len(desk.asked) == 2


async def test_a_server_survives_its_folder(tmp_path: Path, desk: Desk, server: MailboxServer) -> None:
    asker = MailboxCopier(tmp_path / "mailbox")
    await asker.home("alice", "physics")
    (tmp_path / "mailbox" / "requests").rename(tmp_path / "aside")
    await asyncio.sleep(0.6)
    assert await asker.home("alice", "physics") == "home-alice-physics"


SERVER = """
import asyncio, pathlib, sys, time
from collegium.backends.kubernetes.mailbox import MailboxServer
from collegium.backends.ports import Snapshot
place = pathlib.Path(sys.argv[1])
class Desk:
    async def home(self, user, group):
        return "x"
    async def snapshot(self, job_id, user, group, source):
        # As the real one: idempotent by job id, slow, and whole or not at all.
        done = place / job_id
        if not done.exists():
            await asyncio.sleep(0.2)
            with done.open("x"):
                pass
        return Snapshot(1, len(job_id))
async def main():
    server = MailboxServer(place / "mailbox", Desk())
    await server.start()
    await asyncio.sleep(600)
asyncio.run(main())
"""
ASKER = """
import asyncio, pathlib, sys
from collegium.backends.kubernetes.mailbox import MailboxCopier
from collegium.domain.jobs import WorkingDirectory
asyncio.run(MailboxCopier(pathlib.Path(sys.argv[1]) / "mailbox").snapshot(sys.argv[2], "a", "g", WorkingDirectory()))
"""


async def test_kill_9_of_the_server(tmp_path: Path) -> None:
    """However often it dies, every request is answered once it lives, and answered right."""
    asker = MailboxCopier(tmp_path / "mailbox", patience=120)
    ids = [f"job-{'x' * (number + 1)}" for number in range(20)]
    asking = asyncio.gather(*(asker.snapshot(i, "alice", "physics", WorkingDirectory()) for i in ids))
    for pause in (0.5, 0.7, 0.9):
        killed = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path)])
        await asyncio.sleep(pause)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    last = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path)])
    try:
        assert await asking == [Snapshot(1, len(i)) for i in ids]
        await until(lambda: left(tmp_path) == [])
    finally:
        last.kill()
        last.wait()


async def test_kill_9_of_the_asker(tmp_path: Path, desk: Desk) -> None:
    killed = subprocess.Popen([sys.executable, "-c", ASKER, str(tmp_path), "job-one"])
    requests = tmp_path / "mailbox" / "requests"
    await until(
        lambda: requests.is_dir() and any(p.name.endswith(".json") and p.name[0] != "." for p in requests.iterdir())
    )
    killed.kill()
    killed.wait()
    server = MailboxServer(tmp_path / "mailbox", desk)
    await server.start()
    # Asked again under the same job id by the next one.
    assert await MailboxCopier(tmp_path / "mailbox").snapshot("job-one", "a", "g", SOURCE) == Snapshot(3, 4)
    await until(lambda: not list(requests.iterdir()))
    await server.stop()
    assert [asked[0] for asked in desk.asked] == ["job-one", "job-one"]
