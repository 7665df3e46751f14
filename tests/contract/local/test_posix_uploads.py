"""Uploads into folders while everything goes wrong: connections, senders, disks and the service itself."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import multiprocessing
import os
import random
import time
from collections.abc import AsyncIterator, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from collegium.domain.errors import Conflict, DomainError, NotFound, StorageFull, Unavailable
from collegium.domain.files import Root, Size
from collegium.stores import posix_sending, posix_uploads
from collegium.stores.port import Transfer
from collegium.stores.posix import PosixStore
from support import store_worker
from support.store_worker import content

KILLS = int(os.environ.get("COLLEGIUM_KILLS", "20"))
BROKEN = int(os.environ.get("COLLEGIUM_BROKEN_UPLOADS", "60"))
FILES, HEAD = store_worker.FILES, store_worker.HEAD
SIZE = 3_000_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PosixStore]:
    made = PosixStore(tmp_path / "store", floor=0)
    yield made
    await made.close()


async def pieces(data: bytes, size: int = 5000, error: BaseException | None = None) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
        await asyncio.sleep(0)
    if error is not None:
        raise error


async def begun(store: PosixStore, name: str, size: int | None, path: str = "a") -> Transfer:
    transfer = Transfer(name, FILES, path, size)
    return Transfer(name, FILES, path, size, await store.begin(transfer), checked=True)


async def get(store: PosixStore, path: str, root: Root = FILES) -> bytes:
    async with store.open(root, path) as opened:
        return b"".join([piece async for piece in opened.read()])


def on_disk(store: PosixStore, transfer: Transfer) -> Path:
    return store.ground.base / "physics/uploads" / transfer.id / "data"


# Faults.


async def broken(folder: Path, store: PosixStore, number: int) -> None:
    """One upload with every kind of mishap, by chance; nothing is lost and nothing is seen before the end."""
    chance = random.Random(number)
    size = chance.choice((1, 4095, 50_000, 200_000))
    data = content(number, size)
    transfer = await begun(store, f"up-{number}", chance.choice((size, None)), f"dir/{number}")
    at = 0
    while at < size:
        rest = data[at : at + chance.randint(1, size)]
        match chance.randint(0, 7):
            case 0:  # The connection is reset.
                cut = chance.randint(0, len(rest))
                with pytest.raises(ConnectionResetError):
                    await store.append(transfer, at, pieces(rest[:cut], 3000, ConnectionResetError()))
                assert await store.received(transfer) == at + cut
            case 1:  # A timeout cancels it.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(chance.random() / 500):
                        await store.append(transfer, at, pieces(rest, 100))
                assert at <= await store.received(transfer) <= at + len(rest)
            case 2:  # The offset is wrong.
                for wrong in (at + 1, at - 1, 0 if at else size):
                    with pytest.raises(Conflict):
                        await store.append(transfer, wrong, pieces(rest))
                assert await store.received(transfer) == at
            case 3:  # The checksum of a chunk is.
                await store.append(transfer, at, pieces(bytes(byte ^ 1 for byte in rest)))
                await store.truncate(transfer, at)
                assert await store.received(transfer) == at
            case 4 if transfer.size is not None:  # More comes than was declared.
                with pytest.raises(Conflict):
                    await store.append(transfer, at, pieces(data[at:] + b"more"))
            case 5:  # Two write; the earlier one may only have added what is true.
                both = [store.append(transfer, at, pieces(rest, size)) for size in (1000, 700)]
                for answer in await asyncio.gather(*both, return_exceptions=True):
                    assert isinstance(answer, Conflict | int), answer
            case 6:  # The disk is full.
                full = mock.patch.object(os, "pwritev", side_effect=OSError(errno.ENOSPC, "full"))
                with full, pytest.raises(StorageFull):
                    await store.append(transfer, at, pieces(rest))
                assert await store.received(transfer) == at
            case 7:  # The service starts anew, and finds bytes that nobody has acknowledged.
                with on_disk(store, transfer).open("ab") as file:
                    file.write(b"never told")
                store = PosixStore(folder, floor=0)
        at = await store.received(transfer)
        if at < size and chance.random() < 0.5:
            at = await store.append(transfer, at, pieces(data[at : at + 1 + size // 3]))
        with pytest.raises(NotFound):
            await store.stat(FILES, transfer.path)
        assert data.startswith(on_disk(store, transfer).read_bytes()[:at])
    with pytest.raises(Conflict):
        await store.finish(transfer, replace=False, sha256="0" * 64)
    await store.finish(transfer, replace=False, sha256=hashlib.sha256(data).hexdigest())
    assert await get(store, transfer.path) == data


async def test_broken_uploads_lose_nothing(tmp_path: Path, store: PosixStore) -> None:
    # One after the other, since the faults of one would be those of its neighbours.
    for number in range(BROKEN):
        await broken(tmp_path / "store", store, number)
    assert (await store.measure("physics")).files == BROKEN
    assert dict(await store.transfers("physics")) == {}


async def test_a_sync_that_failed_is_never_believed(store: PosixStore) -> None:
    transfer = await begun(store, "up-1", 100)
    await store.append(transfer, 0, pieces(b"a" * 10))
    real, calls = os.fdatasync, [OSError(errno.EIO, "worn out")]

    def fdatasync(fd: int) -> None:
        # As Linux does: told once, and the next time all seems well.
        if calls and os.readlink(f"/proc/self/fd/{fd}").endswith("data"):
            raise calls.pop()
        real(fd)

    often = mock.patch.multiple(posix_sending, SYNC_BYTES=1, BATCH=10)
    with often, mock.patch.object(os, "fdatasync", fdatasync), pytest.raises(Unavailable):
        await store.append(transfer, 10, pieces(b"b" * 90, 10))
    assert calls == [] and await store.received(transfer) == 10
    await store.append(transfer, 10, pieces(b"c" * 90))
    await store.finish(transfer, replace=False)
    assert await get(store, "a") == b"a" * 10 + b"c" * 90


async def test_after_a_full_disk_nothing_is_put_behind_the_gap(store: PosixStore) -> None:
    transfer = await begun(store, "up-1", 1000)
    real, left = os.pwritev, [350]

    def pwritev(fd: int, buffers: Any, offset: int) -> int:
        if os.readlink(f"/proc/self/fd/{fd}").endswith("mark"):
            return real(fd, buffers, offset)
        if left[0] <= 0:
            left[0] = 10**9  # Somebody has tidied up a moment later.
            raise OSError(errno.ENOSPC, "full")
        piece = bytes(buffers[0])[: left[0]]
        left[0] -= len(piece)
        return real(fd, [piece], offset)

    data = content(1, 1000)
    often = mock.patch.object(posix_sending, "BATCH", 100)
    with often, mock.patch.object(os, "pwritev", pwritev), pytest.raises(StorageFull):
        await store.append(transfer, 0, pieces(data, 50))
    assert await store.received(transfer) == 350
    await store.append(transfer, 350, pieces(data[350:]))
    await store.finish(transfer, replace=False, sha256=hashlib.sha256(data).hexdigest())


async def test_bytes_count_while_their_sender_is_silent(store: PosixStore) -> None:
    transfer = await begun(store, "up-1", 1000)
    silent = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield b"x" * 600
        await silent.wait()
        yield b"x" * 400

    with mock.patch.object(posix_sending, "SYNC_SECONDS", 0.01):
        sending = asyncio.create_task(store.append(transfer, 0, stalling()))
        while await store.received(transfer) < 600:
            assert not sending.done()
            await asyncio.sleep(0.005)
        silent.set()
        assert await sending == 1000


async def test_the_checksum_of_the_whole_is_known_without_reading_it(store: PosixStore) -> None:
    data = content(1, 100_000)
    digest = hashlib.sha256(data).hexdigest()
    with mock.patch.object(os, "pread", wraps=os.pread) as pread:
        transfer = await begun(store, "up-1", len(data))
        for at in range(0, len(data), 25_000):
            await store.append(transfer, at, pieces(data[at : at + 25_000]))
        await store.finish(transfer, replace=False, sha256=digest)
        assert {call.args[1] for call in pread.mock_calls} == {2 * posix_uploads._SLOT}
        # Another process cannot know what came before; forgotten bytes make it unknown as well.
        transfer = await begun(store, "up-2", len(data), "b")
        await store.append(transfer, 0, pieces(data[:30_000] + b"wrong"))
        await store.truncate(transfer, 30_000)
        await store.append(transfer, 30_000, pieces(data[30_000:]))
        await store.finish(transfer, replace=False, sha256=digest)
        assert len({call.args[1] for call in pread.mock_calls}) == 2


async def test_a_finish_that_was_cut_off_is_finished_again(store: PosixStore) -> None:
    data = content(1, 1000)
    for cut in ("rename_new", "remove"):
        transfer = await begun(store, f"up-{cut}", len(data), cut)
        await store.append(transfer, 0, pieces(data))
        target = "collegium.stores.posix_kernel." + cut
        with mock.patch(target, side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
            store._uploads.finish(transfer, False, "")
        again = PosixStore(store.ground.base, floor=0)
        assert (await again.finish(transfer, replace=False)).size == len(data)
        assert (await again.finish(transfer, replace=False)).size == len(data)
        assert await get(again, cut) == data
    # Another file at the path is not this upload's.
    await store.discard(FILES, "remove", "t")
    await store.write(FILES, "remove", pieces(data), replace=False)
    with pytest.raises(NotFound):
        await store.finish(transfer, replace=False)


# Killed. The processes come from a fork server that has everything loaded.


@pytest.fixture(scope="module")
def workers() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["support.store_worker"])
    return context


@contextlib.contextmanager
def worker(context: Any, call: Any, *args: Any) -> Iterator[tuple[Any, Connection]]:
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=call, args=(*args, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield process, ours
    finally:
        process.kill()
        process.join()
        ours.close()


def told(pipe: Connection) -> Iterator[Any]:
    """All that a worker says until it ends."""
    with contextlib.suppress(EOFError):
        while True:
            yield pipe.recv()


async def test_an_upload_outlives_every_kill(workers: Any, tmp_path: Path, store: PosixStore) -> None:
    transfer, data = await begun(store, "up-1", SIZE), content(5, SIZE)
    chance, most = random.Random(3), 0
    acknowledged = kills = 0
    while acknowledged < SIZE:
        with worker(workers, store_worker.send, tmp_path / "store", transfer, 5) as (process, pipe):
            word, at = pipe.recv()
            assert word == "received" and at >= acknowledged
            if kills < KILLS:
                # Some time in the middle of what it does.
                pipe.poll(chance.random() / 50)
                time.sleep(chance.random() / 200)
                process.kill()
                kills += 1
            for word, at in told(pipe):
                assert at >= acknowledged, word
                acknowledged = at
        at = await store.received(transfer)
        assert acknowledged <= at <= on_disk(store, transfer).stat().st_size
        assert on_disk(store, transfer).read_bytes()[:at] == data[:at]
        assert (await store.list(FILES, "")).entries == ()
        most = max(most, at - acknowledged)
        if kills < KILLS and at > SIZE // 2:
            await store.truncate(transfer, 0)
            acknowledged = 0
    await store.finish(transfer, replace=False, sha256=hashlib.sha256(data).hexdigest())
    assert await get(store, "a") == data and kills == KILLS


async def test_finished_is_whole_whenever_it_is_killed(workers: Any, tmp_path: Path, store: PosixStore) -> None:
    chance, first = random.Random(4), 0
    for _ in range(KILLS // 2):
        states: dict[int, dict[str, str]] = {}
        finished: set[int] = set()
        with worker(workers, store_worker.send_many, tmp_path / "store", first) as (process, pipe):
            for word, number, state in told(pipe):
                (states.__setitem__(number, state) if word == "begun" else finished.add(number))
                if word == "begun" and number >= first + 1 and process.is_alive():
                    time.sleep(chance.random() / 50)
                    process.kill()
        seen = {int(entry.name) for entry in (await store.list(FILES, "many", limit=1000)).entries}
        assert finished <= seen
        for number in seen:
            assert await get(store, f"many/{number}") == content(number, 5000)
        for number, state in states.items():
            transfer = Transfer(f"up-{number}", FILES, f"many/{number}", 5000, state)
            if number in seen:
                assert (await store.finish(transfer, replace=False)).size == 5000
            else:
                await store.abort(transfer)
        first = max(states) + 1
    # Of the very last there may be a folder that nobody was told of, which is what this is for.
    assert len(await store.transfers("physics")) <= KILLS


async def test_a_version_is_whole_or_not_there(workers: Any, tmp_path: Path, store: PosixStore) -> None:
    files = {f"f/{number % 3}/{number}": content(number % 40, 10_000) for number in range(60)}
    for path, data in files.items():
        await store.write(HEAD, path, pieces(data), replace=False)
    chance, made = random.Random(5), 0
    for number in range(1, max(3, KILLS // 4) + 1):
        version = Root.version("physics", "digits", number)
        with worker(workers, store_worker.snapshot, tmp_path / "store", number) as (process, pipe):
            for count, (word, _) in enumerate(told(pipe)):
                if count == number * 7 or word == "made":
                    time.sleep(chance.random() / 100)
                    process.kill()
        with contextlib.suppress(NotFound):
            assert {e.path for e in [e async for e in store.walk(version, "")] if e.size} in (set(), set(files))
        lines = await store.snapshot(HEAD, version, lambda done: None)
        assert {line.path: line.digest for line in lines} == {
            path: f"sha256:{hashlib.sha256(data).hexdigest()}" for path, data in files.items()
        }
        for line in lines[:: len(lines) // 5]:
            assert await get(store, line.path, version) == files[line.path]
        made += 1
    # 60 files in the head, and each content once for all versions.
    assert await store.measure("physics") == Size(100, 1_000_000)
    for number in range(1, made + 1):
        await store.remove(Root.version("physics", "digits", number))
    assert await store.measure("physics") == Size(60, 600_000)


async def test_a_full_disk_keeps_what_came(workers: Any, tmp_path: Path, store: PosixStore) -> None:
    transfer, limit = await begun(store, "up-1", SIZE), 1_234_567
    with worker(workers, store_worker.fill, tmp_path / "store", transfer, 5, limit) as (_, pipe):
        assert list(told(pipe)) == [("storage_full", limit)]
    assert await store.received(transfer) == limit
    data = content(5, SIZE)
    await store.append(transfer, limit, pieces(data[limit:], 65536))
    await store.finish(transfer, replace=False, sha256=hashlib.sha256(data).hexdigest())


async def test_copies_and_versions_on_a_full_disk_leave_nothing(store: PosixStore) -> None:
    for number in range(3):
        await store.write(HEAD, f"{number}", pieces(content(number, 1000)), replace=False)
    full = mock.Mock(side_effect=OSError(errno.ENOSPC, "full"))
    with mock.patch("collegium.stores.posix_kernel.write_all", full):
        with mock.patch("collegium.stores.posix_kernel._copy_range", full), pytest.raises(StorageFull):
            await store.copy(HEAD, "", FILES, "copy", progress=lambda done: None)
        with pytest.raises(StorageFull):
            await store.snapshot(HEAD, Root.version("physics", "digits", 1), lambda done: None)
        with pytest.raises(DomainError):
            await store.write(FILES, "new", pieces(b"x"), replace=False)
    assert (await store.list(FILES, "")).entries == ()
    assert await store.measure("physics") == Size(3, 3000)


# Versions.


async def test_files_are_read_once_and_kept_once(store: PosixStore) -> None:
    for path, data in (("a", b"same"), ("b", b"same"), ("c", b"other"), ("deep/empty", b"")):
        await store.write(HEAD, path, pieces(data), replace=False)
    first, second, third = (Root.version("physics", "digits", number) for number in (1, 2, 3))
    place = store.ground.base / "physics/datasets/digits"
    with mock.patch("collegium.stores.posix_versions._SETTLED_NS", -(10**9)):
        await store.snapshot(HEAD, first, lambda done: None)
        with mock.patch("collegium.stores.posix_versions._Shelf._store", side_effect=AssertionError):
            await store.snapshot(HEAD, second, lambda done: None)
        inodes = {name: (place / "versions/2" / name).stat().st_ino for name in "abc"}
        assert inodes["a"] == inodes["b"] == (place / "versions/1/a").stat().st_ino != inodes["c"]
        assert not inodes.keys() & {name for name in "abc" if (place / "head" / name).stat().st_ino in inodes.values()}
        assert {oct(p.stat().st_mode & 0o777) for p in place.glob("versions/2/**/*")} == {"0o444", "0o555"}
        assert oct((place / "versions/2").stat().st_mode & 0o777) == "0o555"
        # A program that writes into a file, and sets back its time.
        before = (place / "head/a").stat()
        with (place / "head/a").open("r+b") as file:
            file.write(b"SAME")
        os.utime(place / "head/a", ns=(before.st_atime_ns, before.st_mtime_ns))
        lines = await store.snapshot(HEAD, third, lambda done: None)
        assert lines[0].digest == f"sha256:{hashlib.sha256(b'SAME').hexdigest()}"
    assert await get(store, "a", first) == await get(store, "a", second) == b"same"
    assert await get(store, "a", third) == b"SAME"
    await store.remove(first)
    await store.remove(second)
    digests = {p.name for p in place.glob("objects/*/*")}
    assert digests == {hashlib.sha256(data).hexdigest() for data in (b"same", b"SAME", b"other", b"")}
    await store.write(HEAD, "b", pieces(b"new"), replace=True)
    await store.snapshot(HEAD, second, lambda done: None)
    await store.remove(third)
    digests = {p.name for p in place.glob("objects/*/*")}
    assert digests == {hashlib.sha256(data).hexdigest() for data in (b"new", b"SAME", b"other", b"")}


async def test_a_content_may_have_any_number_of_names(store: PosixStore) -> None:
    for number in range(10):
        await store.write(HEAD, f"{number}", pieces(b"same"), replace=False)
    real = os.link

    def link(source: str, target: str, **places: Any) -> None:
        if os.stat(source, dir_fd=places["src_dir_fd"]).st_nlink >= 4:
            raise OSError(errno.EMLINK, "full")
        real(source, target, **places)

    version = Root.version("physics", "digits", 1)
    with mock.patch.object(os, "link", link):
        await store.snapshot(HEAD, version, lambda done: None)
    assert [await get(store, str(number), version) for number in range(10)] == [b"same"] * 10
    # Counted as what they take.
    assert await store.measure("physics") == Size(14, 56)
    await store.remove(version)
    assert await store.measure("physics") == Size(10, 40)


async def test_versions_are_made_one_at_a_time(store: PosixStore) -> None:
    await store.write(HEAD, "a", pieces(b"x"), replace=False)
    first, second = (Root.version("physics", "digits", number) for number in (1, 2))
    refused: list[DomainError] = []

    def meanwhile(_: Size) -> None:
        with pytest.raises(Unavailable) as told:
            store._versions.snapshot(HEAD, second, lambda done: None)
        refused.append(told.value)
        # Removing one does not wait; what only it had goes when this is done.
        store._versions.remove(second)

    await store.snapshot(HEAD, first, meanwhile)
    assert len(refused) == 1
    assert not (store.ground.base / "physics/datasets/digits/.unswept").exists()
    # An index that was lost is made again.
    (store.ground.base / "physics/datasets/digits/indexes/1").unlink()
    lines = await store.snapshot(HEAD, first, lambda done: None)
    assert [(line.path, line.digest) for line in lines] == [("a", f"sha256:{hashlib.sha256(b'x').hexdigest()}")]
