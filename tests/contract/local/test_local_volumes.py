"""Hostile files, names, moments and disks."""

from __future__ import annotations

import errno
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collegium.backends.local import tree
from collegium.backends.ports import PYTHON, RunPhase, Snapshot, literal
from collegium.domain.errors import DomainError, InvalidInput, NotFound, StorageFull, TooLarge
from collegium.domain.jobs import WorkingDirectory

SECRET = b"canary: outside of the home"


@pytest.fixture
async def home(place: Any) -> Path:
    """Alice's home beside a secret."""
    made = Path(await place.open().volumes.home("alice", "physics"))
    (place.folder / "secret").write_bytes(SECRET)
    (place.folder / "outside").mkdir()
    (place.folder / "outside" / "file").write_bytes(SECRET)
    return made


def left(place: Any) -> list[Path]:
    """What is on disk of snapshots, finished or half."""
    return [*(place.state / "runs").iterdir(), *(place.state / "tmp").iterdir()]


async def test_links_and_special_files_are_left_out(place: Any, home: Path) -> None:
    (home / "real").write_text("x")
    (home / "link").symlink_to("/etc/passwd")
    (home / "inner").symlink_to("real")
    (home / "folder").symlink_to(place.folder / "outside")
    (home / "dangling").symlink_to("nowhere")
    os.mkfifo(home / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(home)
        listener.bind("socket")
        os.chdir(here)
    (home / "dev").symlink_to("/dev/zero")
    snapshot = await place.open().volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())
    assert snapshot == Snapshot(1, 1)
    assert [p.name for p in (place.state / "runs" / "job-one" / "source").iterdir()] == ["real"]


@pytest.mark.parametrize("name", ["link", "folder/file", "pipe", "real/x", "dev", "folder", "nul\0", "up/../real"])
async def test_hostile_listed_files(place: Any, home: Path, name: str) -> None:
    (home / "real").write_text("x")
    (home / "link").symlink_to("/etc/passwd")
    (home / "folder").symlink_to(place.folder / "outside")
    (home / "dev").symlink_to("/dev/zero")
    os.mkfifo(home / "pipe")
    with pytest.raises(InvalidInput) as caught:
        await place.open().volumes.snapshot("job-one", "alice", "physics", WorkingDirectory("", ("real", name)))
    assert caught.value.details["field"] == "working_directory.files.1"
    assert caught.value.details["value"]
    assert left(place) == []


@pytest.mark.parametrize("path", ["folder", "pipe", "folder/deep", "real"])
async def test_hostile_working_directories(place: Any, home: Path, path: str) -> None:
    (home / "real").write_text("x")
    (home / "folder").symlink_to(place.folder / "outside")
    os.mkfifo(home / "pipe")
    with pytest.raises(InvalidInput) as caught:
        await place.open().volumes.snapshot("job-one", "alice", "physics", WorkingDirectory(path))
    assert caught.value.details["field"] == "working_directory.path"
    assert left(place) == []


PIECES = st.sampled_from(
    ["..", ".", "/", "//", "a", "sub", "link", "up", "\0", "\\", "%2e%2e", "etc", "~", "\n", "\ud800", "secret"]
)
WORDS = st.lists(PIECES, max_size=8)
PATHS = st.one_of(st.text(max_size=30), WORDS.map("".join), WORDS.map("/".join))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("../../secret", "../../secret")
@example("up/secret", "link/file")
@example("/etc", "/etc/passwd")
@given(path=PATHS, name=PATHS)
async def test_no_path_reaches_outside(place: Any, home: Path, path: str, name: str) -> None:
    if not (home / "up").is_symlink():
        (home / "up").symlink_to("../../..")
        (home / "link").symlink_to(place.folder / "outside")
        (home / "sub").mkdir()
        (home / "sub" / "a").write_text("inside")
        (home / "a").write_text("inside")
    if not place.backends:
        place.open()
    volumes = place.backends[0].volumes
    for source in (WorkingDirectory(path), WorkingDirectory("", (name,)), WorkingDirectory(path, (name,))):
        try:
            await volumes.snapshot("job-one", "alice", "physics", source)
        except DomainError:
            assert left(place) == []
            continue
        for file in (place.state / "runs" / "job-one" / "source").rglob("*"):
            assert not file.is_symlink()
            assert not file.is_file() or file.read_bytes() == b"inside"
        await volumes.discard("job-one")
    with pytest.raises(NotFound):
        await anext(aiter(volumes.open_artifact("job-one.1", name)))


async def test_swapping_links_while_copying(place: Any, home: Path) -> None:
    """Another process of the user turns files and folders into links and back, as fast as it can."""
    for name in ("f", "d"):
        (home / name).mkdir()
    for number in range(20):
        (home / "d" / str(number)).mkdir()
        (home / "d" / str(number) / "file").write_bytes(b"inside")
        (home / "f" / str(number)).write_bytes(b"inside")
    over = threading.Event()

    def swap() -> None:
        number = 0
        while not over.is_set():
            number = (number + 1) % 20
            for name, target in ((f"f/{number}", "secret"), (f"d/{number}", "outside")):
                os.rename(home / name, home / "aside")
                os.symlink(place.folder / target, home / name)
                os.unlink(home / name)
                os.rename(home / "aside", home / name)

    swapper = threading.Thread(target=swap)
    swapper.start()
    volumes = place.open().volumes
    files = tuple(f"d/{n}/file" for n in range(0, 20, 5))
    try:
        for turn in range(40):
            source = WorkingDirectory("", files) if turn % 2 else WorkingDirectory()
            try:
                await volumes.snapshot("job-one", "alice", "physics", source)
            except InvalidInput:
                continue
            copied = [p for p in (place.state / "runs" / "job-one" / "source").rglob("*") if not p.is_dir()]
            assert all(not p.is_symlink() and p.read_bytes() == b"inside" for p in copied)
            await volumes.discard("job-one")
    finally:
        over.set()
        swapper.join()


async def test_skipped_folders(place: Any, home: Path) -> None:
    for name in (".git", ".venv", "node_modules", "sub/__pycache__", ".cache", ".local", ".jupyter", "job-artifacts"):
        (home / name).mkdir(parents=True)
        (home / name / "x").touch()
    (home / ".env").touch()
    volumes = place.open().volumes
    assert (await volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())).files == 1
    named = WorkingDirectory("", (".git/x",))
    assert (await volumes.snapshot("job-two", "alice", "physics", named)).files == 1


async def test_depth_is_limited(place: Any, home: Path) -> None:
    deep = home.joinpath(*["d"] * 70)
    deep.mkdir(parents=True)
    with pytest.raises(TooLarge, match="64"):
        await place.open().volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())
    assert left(place) == []


async def test_caps_are_named(place: Any, home: Path) -> None:
    for number in range(4):
        (home / str(number)).write_bytes(bytes(100))
    with pytest.raises(TooLarge, match="more than 3 files") as caught:
        await place.open(snapshot_files=3).volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())
    assert caught.value.details["limit"] == 3
    with (home / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TooLarge, match="512 MiB"):
        await place.open().volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())
    assert left(place) == []


async def test_full_disk(place: Any, home: Path, monkeypatch: Any) -> None:
    for number in range(5):
        (home / str(number)).write_bytes(bytes(1000))
    backend = place.open()
    written = 0
    real = os.write

    def write(fd: int, data: bytes) -> int:
        nonlocal written
        written += len(data)
        if written > 3500:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr(tree.os, "write", write)
        with pytest.raises(StorageFull):
            await backend.volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())
    assert left(place) == []
    assert (await backend.volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())).files == 5


async def test_crash_while_copying_leaves_nothing(place: Any, home: Path) -> None:
    (home / "a").touch()
    (place.state / "tmp" / "build-crashed").mkdir()
    (place.state / "tmp" / "build-crashed" / "half").touch()
    place.open()
    assert left(place) == []


async def test_skeleton_is_copied_once_and_whole(place: Any) -> None:
    skeleton = place.folder / "skeleton"
    (skeleton / "examples").mkdir(parents=True)
    (skeleton / "examples" / "hello.ipynb").write_text("{}")
    # What a crash in the middle of an earlier copy leaves:
    half = place.homes / "alice" / ".new-0011223344556677"
    half.mkdir(parents=True)
    (half / "examples").mkdir()
    backend = place.open(skeleton=skeleton)
    home = Path(await backend.volumes.home("alice", "physics"))
    assert (home / "examples" / "hello.ipynb").read_text() == "{}"
    assert home.stat().st_mode & 0o777 == 0o700
    (home / "examples" / "hello.ipynb").unlink()
    await backend.volumes.home("alice", "physics")
    assert not (home / "examples" / "hello.ipynb").exists()
    assert [p.name for p in (place.homes / "alice").iterdir()] == ["physics"]


async def test_home_that_cannot_be_made_whole_is_not_made(place: Any, monkeypatch: Any) -> None:
    (place.folder / "skeleton").mkdir()
    backend = place.open(skeleton=place.folder / "skeleton")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("collegium.backends.local.tree.sync", full)
        with pytest.raises(StorageFull):
            await backend.volumes.home("alice", "physics")
    assert list((place.homes / "alice").iterdir()) == []


async def test_hostile_artifacts(place: Any) -> None:
    (place.folder / "secret").write_bytes(SECRET)
    script = f"""
import os
os.chdir('artifacts')
open('good', 'w').write('x')
os.symlink('{place.folder}/secret', 'link')
os.symlink('{place.folder}', 'up')
os.mkfifo('pipe')
open(b'bad-\\xff', 'w').close()
for i in range(300):
    os.mkdir('d'); os.chdir('d')
open('too-deep', 'w').close()
"""
    backend = place.open()
    status, log = await place.run(backend, place.request(PYTHON, "-c", literal(script)))
    assert status.phase is RunPhase.SUCCEEDED, log
    assert [a.path for a in await backend.volumes.artifacts("job-one.1")] == ["good"]
    for path in ("link", "up/secret", "pipe", "../launch", "../../../../../secret"):
        with pytest.raises(NotFound):
            await anext(aiter(backend.volumes.open_artifact("job-one.1", path)))
    await backend.volumes.discard("job-one")
    assert left(place) == []


async def test_artifacts_folder_replaced_by_a_link(place: Any) -> None:
    outside = place.folder / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(SECRET)
    backend = place.open()
    await place.run(
        backend, place.request("sh", "-c", f'rmdir "$COLLEGIUM_ARTIFACTS" && ln -s {outside} "$COLLEGIUM_ARTIFACTS"')
    )
    assert list(await backend.volumes.artifacts("job-one.1")) == []
    with pytest.raises(NotFound):
        await anext(aiter(backend.volumes.open_artifact("job-one.1", "file")))
    await backend.volumes.discard("job-one")
    assert (outside / "file").exists()


async def test_artifacts_are_capped(place: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("collegium.backends.local.volumes.MAX_ARTIFACTS", 7)
    backend = place.open()
    await place.run(backend, place.request("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo > artifacts/$i; done"))
    assert [a.path for a in await backend.volumes.artifacts("job-one.1")] == list("1234567")


async def test_discard_ends_what_runs(place: Any, hands: Any) -> None:
    backend = place.open()
    pids = place.folder / "pids"
    await backend.jobs.start(place.request("sh", "-c", f"echo $$ > {pids}; sleep 600"))
    await place.until(lambda: bool(hands.lines(pids)), "the process")
    await backend.volumes.discard("job-one")
    assert not hands.alive(int(hands.lines(pids)[0]))
    assert await backend.jobs.observe() == {}
    assert left(place) == []


def test_removal_of_anything(tmp_path: Path) -> None:
    """Deeper than recursion and path lengths allow, locked folders, and links that must not be followed."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    target = tmp_path / "target"
    target.mkdir()
    here = os.open(".", os.O_RDONLY)
    os.chdir(target)
    for _ in range(1200):
        os.mkdir("a-long-name-for-a-folder")
        os.symlink(outside, "link")
        os.chdir("a-long-name-for-a-folder")
    os.fchdir(here)
    os.close(here)
    (target / "locked").mkdir()
    (target / "locked" / "inner").mkdir()
    (target / "locked" / "inner").chmod(0)
    (target / "locked").chmod(0)
    tree.remove(target)
    assert not target.exists()
    assert (outside / "file").exists()
    tree.remove(target)
