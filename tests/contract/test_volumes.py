"""What every VolumeProvider promises."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from collegium.backends.ports import Snapshot
from collegium.domain.errors import Conflict, InvalidInput, NotFound, TooLarge
from collegium.domain.jobs import WorkingDirectory
from collegium.domain.names import new_id
from collegium.domain.volumes import VolumeKind

if TYPE_CHECKING:
    from conftest import Harness

FILES = {"a.py": b"print(1)\n", "data/x.bin": b"\0\1\2", "data/deep/er/y": b"", "other/z": b"zz"}


async def furnished(harness: Harness) -> str:
    for path, data in FILES.items():
        await harness.write_home("alice", "physics", path, data)
    return new_id("job")


async def test_home_is_made_once_per_user_and_group(harness: Harness) -> None:
    volumes = harness.backend.volumes
    homes = [
        await volumes.home(user, group)
        for user, group in [("alice", "physics"), ("alice", "physics"), ("alice", "maths"), ("bob@x.org", "physics")]
    ]
    assert homes[0] == homes[1]
    assert len(set(homes)) == 3


@pytest.mark.parametrize(
    ("user", "group"), [("../alice", "physics"), ("alice", ".."), ("", "physics"), ("a/b", "physics")]
)
async def test_home_of_a_name_that_is_none(harness: Harness, user: str, group: str) -> None:
    with pytest.raises(InvalidInput):
        await harness.backend.volumes.home(user, group)


async def test_snapshot_of_the_whole_home(harness: Harness) -> None:
    job_id = await furnished(harness)
    snapshot = await harness.backend.volumes.snapshot(job_id, "alice", "physics", WorkingDirectory())
    assert snapshot == Snapshot(len(FILES), sum(map(len, FILES.values())))
    assert await harness.source(job_id) == FILES


async def test_snapshot_of_a_folder(harness: Harness) -> None:
    job_id = await furnished(harness)
    assert (await harness.backend.volumes.snapshot(job_id, "alice", "physics", WorkingDirectory("data"))).files == 2
    assert await harness.source(job_id) == {"x.bin": b"\0\1\2", "deep/er/y": b""}


async def test_snapshot_of_listed_files(harness: Harness) -> None:
    job_id = await furnished(harness)
    wanted = WorkingDirectory("data", ("deep/er/y", "x.bin", "./x.bin"))
    assert await harness.backend.volumes.snapshot(job_id, "alice", "physics", wanted) == Snapshot(2, 3)
    assert await harness.source(job_id) == {"x.bin": b"\0\1\2", "deep/er/y": b""}


async def test_snapshot_is_a_copy_and_is_kept(harness: Harness) -> None:
    job_id = await furnished(harness)
    first = await harness.backend.volumes.snapshot(job_id, "alice", "physics", WorkingDirectory("other"))
    await harness.write_home("alice", "physics", "other/z", b"changed")
    assert await harness.backend.volumes.snapshot(job_id, "alice", "physics", WorkingDirectory("other")) == first
    assert await harness.source(job_id) == {"z": b"zz"}


@pytest.mark.parametrize(
    ("source", "field"),
    [
        (WorkingDirectory("nowhere"), "working_directory.path"),
        (WorkingDirectory("../bob"), "working_directory.path"),
        (WorkingDirectory("/etc"), "working_directory.path"),
        (WorkingDirectory("a.py"), "working_directory.path"),
        (WorkingDirectory("", ("a.py", "gone")), "working_directory.files.1"),
        (WorkingDirectory("", ("../alice/a.py",)), "working_directory.files.0"),
        (WorkingDirectory("", ("/etc/passwd",)), "working_directory.files.0"),
        (WorkingDirectory("", ("a.py\0",)), "working_directory.files.0"),
        (WorkingDirectory("", ("",)), "working_directory.files.0"),
        (WorkingDirectory("data", ("deep",)), "working_directory.files.0"),
    ],
)
async def test_snapshot_of_what_is_not_there(harness: Harness, source: WorkingDirectory, field: str) -> None:
    job_id = await furnished(harness)
    with pytest.raises(InvalidInput) as caught:
        await harness.backend.volumes.snapshot(job_id, "alice", "physics", source)
    assert caught.value.details["field"] == field
    assert job_id not in await harness.backend.volumes.snapshots()


@pytest.mark.parametrize("what", ["files", "bytes"])
async def test_snapshot_too_large(harness: Harness, what: str) -> None:
    for number in range(41 if what == "files" else 1):
        await harness.write_home("alice", "physics", f"n/{number}", b"" if what == "files" else bytes((1 << 20) + 1))
    job_id = new_id("job")
    with pytest.raises(TooLarge, match="list the files"):
        await harness.backend.volumes.snapshot(job_id, "alice", "physics", WorkingDirectory("n"))
    assert job_id not in await harness.backend.volumes.snapshots()


async def test_snapshot_at_the_limit(harness: Harness) -> None:
    for number in range(40):
        await harness.write_home("alice", "physics", f"n/{number}", b"" if number else bytes(1 << 20))
    snapshot = await harness.backend.volumes.snapshot(new_id("job"), "alice", "physics", WorkingDirectory("n"))
    assert snapshot == Snapshot(40, 1 << 20)


async def test_reuse(harness: Harness) -> None:
    job_id, again = await furnished(harness), new_id("job")
    volumes = harness.backend.volumes
    await volumes.snapshot(job_id, "alice", "physics", WorkingDirectory("data"))
    await volumes.reuse_snapshot(again, job_id)
    await volumes.reuse_snapshot(again, job_id)
    await volumes.discard(job_id)
    assert await harness.source(again) == {"x.bin": b"\0\1\2", "deep/er/y": b""}


async def test_reuse_of_none_is_empty(harness: Harness) -> None:
    job_id = new_id("job")
    await harness.backend.volumes.reuse_snapshot(job_id, "job-nobody")
    assert await harness.source(job_id) == {}


async def test_runs_do_not_change_the_source(harness: Harness) -> None:
    job_id = await furnished(harness)
    await harness.backend.volumes.snapshot(job_id, "alice", "physics", WorkingDirectory())
    await harness.run(harness.request(f"{job_id}.1"))
    assert await harness.source(job_id) == FILES


async def test_discard(harness: Harness) -> None:
    job_id = await furnished(harness)
    volumes = harness.backend.volumes
    await volumes.snapshot(job_id, "alice", "physics", WorkingDirectory())
    request = harness.request(f"{job_id}.1", log=b"x", artifacts={"a": b"1"})
    await harness.run(request)
    await harness.backend.jobs.forget(request.key)
    for _ in range(2):
        await volumes.discard(job_id)
        assert job_id not in await volumes.snapshots()
        assert await volumes.artifacts(request.key) == []
        assert await harness.backend.logs.size(request.key) == 0
    assert request.key not in await harness.backend.jobs.observe()


async def test_snapshots_are_dated(harness: Harness) -> None:
    job_id = await furnished(harness)
    before = datetime.now(UTC) - timedelta(seconds=2)
    await harness.backend.volumes.snapshot(job_id, "alice", "physics", WorkingDirectory())
    since = (await harness.backend.volumes.snapshots())[job_id]
    assert before <= since <= datetime.now(UTC) + timedelta(seconds=2)


async def test_artifacts_are_sorted_with_size_and_time(harness: Harness) -> None:
    left = {"b/2.txt": b"22", "b/1.txt": b"1", "b.txt": b"", "a": b"aaa", "b-x/y": b""}
    before = datetime.now(UTC) - timedelta(seconds=2)
    request = harness.request(artifacts=left)
    await harness.run(request)
    found = await harness.backend.volumes.artifacts(request.key)
    assert [(a.path, a.size) for a in found] == [(path, len(left[path])) for path in sorted(left)]
    assert all(before <= a.modified_at <= datetime.now(UTC) + timedelta(seconds=2) for a in found)


async def test_no_artifacts(harness: Harness) -> None:
    request = harness.request()
    await harness.run(request)
    assert list(await harness.backend.volumes.artifacts(request.key)) == []
    assert list(await harness.backend.volumes.artifacts("job-nobody.1")) == []


@pytest.mark.parametrize(("start", "end"), [(0, None), (0, 10), (5, 5), (3, 1 << 21), (1 << 20, None), (1 << 30, None)])
async def test_open_artifact(harness: Harness, start: int, end: int | None) -> None:
    data = bytes(range(256)) * 6000
    request = harness.request(artifacts={"m/model.bin": data})
    await harness.run(request)
    pieces = [p async for p in harness.backend.volumes.open_artifact(request.key, "m/model.bin", start, end)]
    assert b"".join(pieces) == data[start:end]
    assert all(0 < len(piece) <= 1 << 20 for piece in pieces)


@pytest.mark.parametrize("path", ["gone", "m", "../request.json", "/etc/passwd", "", "m/../m/x", "m/x\0", "m//x", "."])
async def test_open_artifact_that_is_none(harness: Harness, path: str) -> None:
    request = harness.request(artifacts={"m/x": b"x"})
    await harness.run(request)
    with pytest.raises(NotFound):
        await anext(aiter(harness.backend.volumes.open_artifact(request.key, path)))
    with pytest.raises(NotFound):
        await anext(aiter(harness.backend.volumes.open_artifact("job-nobody.1", "m/x")))


async def test_one_file_of_a_source_is_read(harness: Harness) -> None:
    volumes, job_id = harness.backend.volumes, await furnished(harness)
    await volumes.snapshot(job_id, "alice", "physics", WorkingDirectory())
    assert await volumes.read_source(job_id, "data/x.bin", 3) == FILES["data/x.bin"]
    assert await volumes.read_source(job_id, "data/x.bin", 2) is None
    for path in ("data", "gone", "../a.py", "/etc/passwd", ""):
        assert await volumes.read_source(job_id, path, 100) is None, path
    assert await volumes.read_source(new_id("job"), "a.py", 100) is None


async def test_artifacts_go_alone(harness: Harness) -> None:
    volumes, job_id = harness.backend.volumes, await furnished(harness)
    await volumes.snapshot(job_id, "alice", "physics", WorkingDirectory())
    await harness.run(harness.request(f"{job_id}.1", log=b"told", artifacts={"a.txt": b"1", "deep/b": b"2"}))
    assert len(await volumes.artifacts(f"{job_id}.1")) == 2
    for _ in range(2):
        await volumes.discard_artifacts(job_id)
        assert list(await volumes.artifacts(f"{job_id}.1")) == []
    assert b"told" in (await harness.backend.logs.read(f"{job_id}.1")).data
    assert await volumes.read_source(job_id, "a.py", 100) == FILES["a.py"]
    await volumes.discard_artifacts(new_id("job"))


async def test_volumes_are_listed_and_grow_or_say_why_not(harness: Harness) -> None:
    volumes = harness.backend.volumes
    await volumes.home("alice", "physics")
    await volumes.home("alice", "maths")
    found = {(v.group, v.name): v for v in await volumes.volumes(["physics"])}
    assert len(found) == len(await volumes.volumes(["physics"]))
    assert next(v.group for v in found.values() if v.kind is VolumeKind.FILES) == ""
    with pytest.raises(NotFound):
        await volumes.resize("physics", "nosuch", 1 << 40)
    homes = [v for v in found.values() if v.kind is VolumeKind.HOME]
    assert [(v.group, v.user) for v in homes] == [("physics", "alice")] * harness.lists_homes
    if not homes:
        return
    home = homes[0]
    # Folders never grow, and claims where their provisioner can.
    with contextlib.suppress(Conflict) if home.resizable else pytest.raises(Conflict):
        await volumes.resize("physics", home.name, 2 * (home.capacity or 1 << 30))
