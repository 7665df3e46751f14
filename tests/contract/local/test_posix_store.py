"""What holds people's paths inside their group, whatever they and their programs put on the disk."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import socket
import threading
import tracemalloc
import unicodedata
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collegium.domain.errors import Conflict, DomainError, InvalidInput, NotFound, StorageFull
from collegium.domain.files import MAX_PATH, Order, Root, Size, check_path
from collegium.stores import posix_ground, posix_kernel
from collegium.stores.port import Transfer
from collegium.stores.posix import PosixStore
from support.plain_kernel import without_calls

HOSTILE = int(os.environ.get("COLLEGIUM_HOSTILE_PATHS", "5000"))
RACES = int(os.environ.get("COLLEGIUM_RACES", "150"))
ENTRIES = int(os.environ.get("COLLEGIUM_ENTRIES", "50000"))
FILES = Root("physics")
SECRET = b"nobody's but theirs"


@pytest.fixture(params=["openat2", "plain"])
def kernel(request: pytest.FixtureRequest) -> Iterator[str]:
    """Containment by one call, and by one folder after the other."""
    with without_calls() if request.param == "plain" else contextlib.nullcontext():
        yield request.param


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PosixStore]:
    made = PosixStore(tmp_path / "store", floor=0)
    await made.ensure(FILES)
    yield made
    await made.close()


@pytest.fixture
def tree(store: PosixStore) -> Path:
    return store.ground.base / "physics/files"


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for one in data:
        yield one


def nothing(fd: int) -> None:
    """In place of what only costs time here."""


async def get(store: PosixStore, path: str) -> bytes:
    async with store.open(FILES, path) as opened:
        return b"".join([piece async for piece in opened.read()])


def test_this_kernel_has_the_call_that_contains() -> None:
    assert posix_kernel.has_openat2()


# Hostile paths.


def plant(tree: Path, outside: Path) -> None:
    """Secrets in every place that a path could lead to, and links to them in every place it could lead through."""
    for place in (outside, outside / "sub", tree.parent, tree.parents[1], tree.parents[1] / "chemistry/files"):
        place.mkdir(parents=True, exist_ok=True)
        for name in ("secret", "a", "b.txt", "new", "canary"):
            if not (place / name).exists():
                (place / name).write_bytes(SECRET)
    for folder in (tree, tree / "dir", tree / "dir/deep"):
        folder.mkdir(exist_ok=True)
        (folder / "ours.txt").write_bytes(b"ours")
        (folder / "out").symlink_to(outside)
        (folder / "up").symlink_to("../..")
        (folder / "loop").symlink_to("loop")
        (folder / "root").symlink_to("/")
        (folder / "self").symlink_to("/proc/self/root")
        (folder / "file").symlink_to(outside / "secret")
        os.mkfifo(folder / "pipe")


def told_of(outside: Path, base: Path, tree: Path) -> dict[str, bytes | str | None]:
    """All that is not in the tree."""
    found: dict[str, bytes | str | None] = {}
    own = (tree, tree.parent / "uploads", tree.parent / "trash")
    for top in (outside, base):
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if Path(folder) / name not in own]
            for name in (*files, *folders):
                path = Path(folder) / name
                found[str(path)] = path.read_bytes() if path.is_file() else None
    return found


WORDS = (
    ".. . ... ~ out up loop root self file pipe dir deep a secret new ours.txt b.txt chemistry physics files uploads "
    "trash .work etc passwd proc ..\\ %2e%2e %2f ..%00 -rf $HOME `id` con a:b * ? [a] ..; .... \\\\host\\share "
    "\u2024\u2024 \uff0e\uff0e \uff0f \u2215 ..\u200b \u202e.. e\u0301 \ufeff \U0001f600"
)
PARTS = [
    *WORDS.split(" "),
    *("", " ", ".. ", "\x00", "a\x00b", "\n", "\x7f", "\x9b", "\udcff", "\ud800"),
    *("x" * 255, "x" * 256, "é" * 127, "é" * 128),
]


def hostile(count: int) -> Iterator[str]:
    chance = random.Random(7)
    yield from ("x" * n for n in (4095, 4096, 4097))
    yield from ("/".join(["x" * 63] * n) for n in (63, 64, 65))
    yield "/".join(["y" * 255] * 16)
    yield "/".join(["z" * 63] * 64)  # 4,095 bytes, all that a path may have.
    while count > 0:
        count -= 1
        parts = [chance.choice(PARTS) for _ in range(chance.randint(1, 8))]
        if chance.random() < 0.2:
            parts.append("".join(chr(chance.choice((46, 47, 92, 0, 0x2F, 0xFF0E, 0xD800))) for _ in range(4)))
        if chance.random() < 0.1:
            parts.insert(0, "")
        path = "/".join(parts)
        yield unicodedata.normalize(chance.choice(("NFC", "NFD", "NFKC")), path) if chance.random() < 0.2 else path


async def test_no_path_leads_out(kernel: str, store: PosixStore, tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    plant(tree, outside)
    before = told_of(outside, store.ground.base, tree)
    chance = random.Random(1)
    refused = absent = seen = written = 0
    with mock.patch.object(os, "fsync", nothing), mock.patch.object(os, "fdatasync", nothing):
        for number, path in enumerate(hostile(HOSTILE)):
            # The calls themselves, without their threads, for there are many.
            try:
                fd, entry = store._open_file(FILES, path)
            except InvalidInput:
                refused += 1
            except DomainError:
                absent += 1
            else:
                seen += 1
                assert entry.path == check_path(path)
                assert os.pread(fd, 100, 0) != SECRET, path
                os.close(fd)
            with contextlib.suppress(DomainError):
                store._stat(FILES, path)
            with contextlib.suppress(DomainError):
                assert b"canary" not in b"".join(
                    e.name.encode() for e in store._list(FILES, path, Order.NAME, False, None, 9).entries
                )
            if number % 16 == 0:
                target = path + chance.choice(("", "/new", "/a/b"))
                with contextlib.suppress(DomainError):
                    await store.write(FILES, target, pieces(b"written"), replace=True)
                    written += 1
                    assert await get(store, target) == b"written"
                with contextlib.suppress(DomainError):
                    await store.make_folder(FILES, path + "/folder")
                with contextlib.suppress(DomainError):
                    await store.move(FILES, path, FILES, f"moved/{number}")
                with contextlib.suppress(DomainError):
                    await store.copy(FILES, path, FILES, f"copied/{number}", progress=lambda done: None)
                with contextlib.suppress(DomainError):
                    await store.discard(FILES, path, f"t-{number}")
                    await store.purge("physics", f"t-{number}")
                if not (tree / "dir/deep/out").is_symlink():
                    await store.remove(FILES)
                    await store.ensure(FILES)
                    plant(tree, outside)
    assert told_of(outside, store.ground.base, tree) == before
    assert refused and absent and seen and written
    print(f"{kernel}: {refused} refused, {absent} led nowhere, {seen} were ours, {written} written")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("a\u0301/..\u2024")
@given(st.lists(st.text(max_size=40) | st.sampled_from(PARTS), max_size=70).map("/".join))
async def test_any_text_is_a_path_or_is_refused(store: PosixStore, path: str) -> None:
    try:
        clean = check_path(path)
    except InvalidInput:
        with pytest.raises(InvalidInput):
            store._open_file(FILES, path)
        return
    assert check_path(clean) == clean and len(clean.encode()) <= MAX_PATH
    assert not {"..", ".", ""} & set(clean.split("/")) or clean == ""
    with pytest.raises(DomainError):
        store._open_file(FILES, path)


async def test_the_longest_paths_work(kernel: str, store: PosixStore) -> None:
    path = "/".join(["x" * 63] * 64)
    assert len(path) == MAX_PATH - 1
    longest = "y" + path
    await store.write(FILES, longest, pieces(b"deep"), replace=False)
    assert await get(store, longest) == b"deep"
    assert (await store.search(FILES, "", "x" * 63, limit=100)).entries[-1].path == longest
    await store.move(FILES, longest, FILES, "up")
    assert await store.discard(FILES, longest.partition("/")[0], "t") == Size()
    assert await get(store, "up") == b"deep"


# What is no file.


async def test_links_pipes_and_names_that_cannot_be_told_are_nothing(
    kernel: str, store: PosixStore, tree: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    plant(tree, outside)
    (tree / os.fsdecode(b"not\xffutf8")).write_bytes(b"x")
    (tree / "new\nline").write_bytes(b"x")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(tree / "socket"))
    everything = ["dir", "dir/deep", "dir/deep/ours.txt", "dir/ours.txt", "ours.txt"]
    for order in Order:
        page = await store.list(FILES, "", order)
        assert sorted(entry.name for entry in page.entries) == ["dir", "ours.txt"]
    assert sorted([entry.path async for entry in store.walk(FILES, "")]) == everything
    assert [entry.path for entry in (await store.search(FILES, "", "")).entries] == everything
    assert await store.measure("physics") == Size(5, 14)  # With the two that have no name.
    for name in ("out", "up", "loop", "file", "pipe", "socket", "out/secret", "up/secret", "dir/deep/out/a"):
        for verb in (
            store.stat(FILES, name),
            get(store, name),
            store.list(FILES, name),
            store.discard(FILES, name, "t"),
        ):
            with pytest.raises(NotFound):
                await verb
        with pytest.raises(NotFound):
            await store.copy(FILES, name, FILES, "copy", progress=lambda done: None)
    for name in ("out/new", "up/new", "file/new"):
        with pytest.raises(Conflict):
            await store.write(FILES, name, pieces(b"x"), replace=True)
    with pytest.raises(Conflict):
        await store.write(FILES, "file", pieces(b"x"), replace=False)
    # In place of a link, not through it.
    await store.write(FILES, "file", pieces(b"a file now"), replace=True)
    assert await get(store, "file") == b"a file now" and (outside / "secret").read_bytes() == SECRET
    await store.copy(FILES, "dir", FILES, "copy", progress=lambda done: None)
    assert sorted(p.name for p in (tree / "copy").rglob("*")) == ["deep", "ours.txt", "ours.txt"]
    version = Root.version("physics", "digits", 1)
    assert (await store.snapshot(FILES, version, lambda done: None))[0].path == "copy/deep/ours.txt"
    await store.discard(FILES, "dir", "t1")
    await store.purge("physics", "t1")
    assert (outside / "sub" / "secret").read_bytes() == SECRET


async def test_a_link_put_in_place_at_any_moment_leads_nowhere(
    kernel: str, store: PosixStore, tree: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    for place, data in ((tree / "real", b"ours"), (outside, SECRET)):
        place.mkdir(exist_ok=True)
        (place / "file").write_bytes(data)
    (outside / "canary").touch()
    (tree / "link").symlink_to(outside)
    stop = threading.Event()

    def flip() -> None:
        """``dir`` is a folder and a link in turns."""
        while not stop.is_set():
            for name in ("real", "link"):
                os.rename(tree / name, tree / "dir")
                os.rename(tree / "dir", tree / name)

    flipping = threading.Thread(target=flip)
    flipping.start()
    done = {"read": 0, "missed": 0, "wrote": 0, "kept out": 0}
    try:
        with mock.patch.object(os, "fsync", nothing):
            rounds = 0
            while rounds < RACES or not all(done.values()):
                rounds += 1
                assert rounds < 100 * RACES, done
                try:
                    fd, _ = store._open_file(FILES, "dir/file")
                    assert os.pread(fd, 100, 0) == b"ours"
                    os.close(fd)
                    done["read"] += 1
                except NotFound:
                    done["missed"] += 1
                with contextlib.suppress(NotFound):
                    assert [e.name for e in store._list(FILES, "dir", Order.NAME, False, None, 9).entries].count(
                        "secret"
                    ) == 0
                if rounds % 10 == 0:
                    with contextlib.suppress(DomainError):
                        store._trees.copy(FILES, "dir", FILES, f"copy-{rounds}", False, lambda done: None)
                try:
                    with store.ground.work("physics") as (work, _):
                        os.close(store.ground.create(work, "new"))
                        # Only where it is there: else this would make the folder, and the flipping would end.
                        with store.ground.folder(FILES, ["dir"]) as folder:
                            posix_kernel.rename_new(work, "new", folder, f"new-{rounds}")
                    done["wrote"] += 1
                except OSError:
                    done["kept out"] += 1
    finally:
        stop.set()
        flipping.join()
    assert sorted(os.listdir(outside)) == ["canary", "file"] and (outside / "file").read_bytes() == SECRET
    for copied in tree.glob("copy-*/file"):
        assert copied.read_bytes() == b"ours"


# Folders of any size.


async def test_a_page_of_a_large_folder_takes_little_memory(store: PosixStore, tree: Path) -> None:
    folder = tree / "many"
    folder.mkdir()
    fd = os.open(folder, os.O_RDONLY)
    for number in range(ENTRIES):
        os.mknod(f"{number:07d}", dir_fd=fd)
    os.close(fd)
    tracemalloc.start()
    try:
        first = await store.list(FILES, "many", limit=200)
        last = await store.list(FILES, "many", Order.MODIFIED, True, limit=200)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [entry.name for entry in first.entries] == [f"{number:07d}" for number in range(200)]
    assert len(last.entries) == 200
    second = await store.list(FILES, "many", after=first.after, limit=200)
    assert second.entries[0].name == "0000200"
    assert peak < 2 << 20, peak
    found = await store.search(FILES, "", f"{ENTRIES - 1:07d}")
    calls = 1
    while not found.entries:
        assert found.after is not None
        found, calls = await store.search(FILES, "", f"{ENTRIES - 1:07d}", found.after), calls + 1
    assert found.entries[0].path == f"many/{ENTRIES - 1:07d}" and calls > ENTRIES // 20_001


# The ground.


async def test_what_people_see_is_handed_over(tmp_path: Path) -> None:
    given: list[tuple[int, int, int]] = []

    def fchown(fd: int, uid: int, gid: int) -> None:
        given.append((os.fstat(fd).st_ino, uid, gid))

    store = PosixStore(tmp_path / "store", uid=1234, gid=2345, floor=0)
    with mock.patch.object(os, "geteuid", return_value=0), mock.patch.object(os, "fchown", fchown):
        await store.write(FILES, "a/b", pieces(b"x"), replace=False)
        await store.copy(FILES, "a", Root.head("physics", "digits"), "a", progress=lambda done: None)
        transfer = Transfer("up-1", FILES, "c", 0)
        await store.begin(transfer)
        await store.finish(transfer, replace=False)
        await store.snapshot(FILES, Root.version("physics", "digits", 1), lambda done: None)
    owner = tmp_path / "store/physics"
    seen = {owner / "files", owner / "datasets/digits/head"}
    seen |= {path for top in seen for path in top.rglob("*")}
    assert {inode for inode, *_ in given} == {path.stat().st_ino for path in seen}
    assert {ids for _, *ids in map(list, given) for ids in [tuple(ids)]} == {(1234, 2345)}
    assert {oct(path.stat().st_mode & 0o777) for path in seen} == {"0o770", "0o660"}
    passed = [owner, owner / "datasets", owner / "datasets/digits", owner / "datasets/digits/versions"]
    assert {oct(path.stat().st_mode & 0o777) for path in passed} == {"0o711"}
    assert {oct(path.stat().st_mode & 0o777) for path in (owner / "uploads", owner / "datasets/digits/objects")} == {
        "0o700"
    }
    await store.close()


async def test_a_disk_keeps_some_room(tmp_path: Path) -> None:
    store = PosixStore(tmp_path / "store", floor=2**62)
    with pytest.raises(StorageFull) as refused:
        await store.write(FILES, "a", pieces(b"x"), replace=False)
    assert refused.value.details["kept"] == 2**62
    with pytest.raises(StorageFull):
        await store.begin(Transfer("up-1", FILES, "a", 1))
    await store.begin(transfer := Transfer("up-2", FILES, "a", None))
    with pytest.raises(StorageFull):
        await store.append(transfer, 0, pieces(b"x"))
    assert await store.received(transfer) == 0
    assert (await store.list(FILES, "")).entries == ()
    await store.close()


async def test_a_folder_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    store = PosixStore(tmp_path / "store")
    (tmp_path / "store").rmdir()
    with pytest.raises(DomainError, match="cannot be opened") as told:
        await store.list(FILES, "")
    assert told.value.code == "unavailable"
    await store.close()


async def test_what_a_crash_left_of_work_goes(store: PosixStore) -> None:
    left = store.ground.base / "physics/uploads/.work/dead"
    left.mkdir(parents=True)
    (left / "copy").write_bytes(b"x")
    await store.transfers("physics")
    assert left.exists()  # It may have begun this moment.
    with store.ground.work("physics") as (_, alive), mock.patch.object(posix_ground, "SECONDS_OF_GRACE", -60):
        await store.transfers("physics")
        assert alive.exists() and not left.exists()


async def test_errors_of_the_system_are_told(store: PosixStore) -> None:
    for code, kind in ((errno.EIO, "unavailable"), (errno.EDQUOT, "storage_full"), (errno.ENAMETOOLONG, "conflict")):
        with mock.patch.object(os, "rename", side_effect=OSError(code, "x")), pytest.raises(DomainError) as told:
            await store.write(FILES, "a", pieces(b"x"), replace=True)
        assert told.value.code == kind
