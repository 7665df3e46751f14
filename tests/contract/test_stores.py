"""What every store of files promises, whatever is behind it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from collegium.domain.errors import Conflict, DomainError, InvalidInput, NotFound
from collegium.domain.files import PLATFORM, Entry, EntryKind, Order, Root, Size
from collegium.stores.port import FileStore, Transfer

FILES = Root("physics")
HEAD = Root.head("physics", "digits")
#: More than one part of S3, and more than one piece of a read.
LARGE = os.urandom(6 << 20)


async def pieces(*data: bytes, error: BaseException | None = None) -> AsyncIterator[bytes]:
    for one in data:
        yield one
        await asyncio.sleep(0)
    if error is not None:
        raise error


async def put(store: FileStore, path: str, data: bytes = b"x", root: Root = FILES, *, replace: bool = True) -> Entry:
    return await store.write(root, path, pieces(data), replace=replace)


async def get(store: FileStore, path: str, root: Root = FILES, start: int = 0, end: int | None = None) -> bytes:
    async with store.open(root, path) as opened:
        return b"".join([piece async for piece in opened.read(start, end)])


async def names(store: FileStore, path: str = "", root: Root = FILES) -> list[str]:
    return [entry.name for entry in (await store.list(root, path)).entries]


async def below(store: FileStore, root: Root = FILES, path: str = "") -> list[str]:
    return sorted([entry.path async for entry in store.walk(root, path)])


class Counted:
    """A progress that adds up, or gives up."""

    def __init__(self, most: int | None = None) -> None:
        self.most, self.sum = most, Size()

    def __call__(self, done: Size) -> None:
        self.sum += done
        if self.most is not None and self.sum.bytes > self.most:
            raise Conflict("given up")


class Held:
    """A progress that stays where it is until its gate is open; where it must not wait, it gives its work up."""

    def __init__(self) -> None:
        self.begun, self.gate = False, threading.Event()
        self.work: asyncio.Task[Any] | None = None

    def __call__(self, done: Size) -> None:
        self.begun = True
        if threading.current_thread() is not threading.main_thread():
            self.gate.wait(30)
        elif self.work is not None:
            self.work.cancel()
            self.work = None


# Files and folders.


async def test_a_file_is_read_as_it_was_written(store: FileStore) -> None:
    await store.ensure(FILES)
    written = await put(store, "data/été/large.bin", LARGE)
    assert written == await store.stat(FILES, "data/été/large.bin")
    assert (written.path, written.name, written.kind, written.size) == (
        "data/été/large.bin",
        "large.bin",
        EntryKind.FILE,
        len(LARGE),
    )
    assert written.etag and '"' not in written.etag and written.modified_at is not None
    assert written.modified_at.tzinfo is not None
    assert await get(store, "data/été/large.bin") == LARGE
    assert (
        await get(store, "data/été/large.bin", start=(1 << 20) - 3, end=(2 << 20) + 5)
        == LARGE[(1 << 20) - 3 : (2 << 20) + 5]
    )
    assert await get(store, "data/été/large.bin", start=len(LARGE) - 1) == LARGE[-1:]
    assert await get(store, "data/été/large.bin", start=7, end=7) == b""
    async with store.open(FILES, "data/été/large.bin") as opened:
        assert opened.entry == written
        assert all(len(piece) <= 1 << 20 for piece in [piece async for piece in opened.read()])
    folder = await store.stat(FILES, "data")
    assert (folder.kind, folder.size, folder.etag) == (EntryKind.FOLDER, 0, "")
    await put(store, "empty", b"")
    assert await get(store, "empty") == b""


async def test_the_root_is_a_folder_before_anything_is_in_it(store: FileStore) -> None:
    for root in (FILES, HEAD, Root(PLATFORM, "datasets/shared/head")):
        assert (await store.stat(root, "")).kind is EntryKind.FOLDER
        assert (await store.list(root, "")).entries == ()
        await store.ensure(root)
        await store.ensure(root)
        assert await below(store, root) == []


async def test_owners_and_trees_are_apart(store: FileStore) -> None:
    await put(store, "same", b"files")
    await put(store, "same", b"head", HEAD)
    await put(store, "same", b"other", Root("physics-2"))
    assert [await get(store, "same", root) for root in (FILES, HEAD, Root("physics-2"))] == [
        b"files",
        b"head",
        b"other",
    ]
    assert await names(store) == ["same"]


async def test_what_is_not_there_is_not_found(store: FileStore) -> None:
    await put(store, "file")
    await store.make_folder(FILES, "folder")
    for path in ("none", "none/deeper", "file/below", "folder/none"):
        with pytest.raises(NotFound):
            await store.stat(FILES, path)
        with pytest.raises(NotFound):
            await store.list(FILES, path)
        with pytest.raises(NotFound):
            await get(store, path)
    with pytest.raises(NotFound):
        await get(store, "folder")
    with pytest.raises(NotFound):
        await get(store, "")
    with pytest.raises(NotFound):
        await store.list(FILES, "file")


async def test_a_write_replaces_only_what_it_was_told_to(store: FileStore) -> None:
    first = await put(store, "a", b"one")
    with pytest.raises(Conflict):
        await put(store, "a", b"two", replace=False)
    second = await store.write(FILES, "a", pieces(b"two"), replace=True, if_etag=first.etag)
    assert second.etag != first.etag
    with pytest.raises(Conflict):
        await store.write(FILES, "a", pieces(b"three"), replace=True, if_etag=first.etag)
    with pytest.raises(Conflict):
        await store.write(FILES, "not-there", pieces(b"x"), replace=True, if_etag=first.etag)
    assert await get(store, "a") == b"two"
    assert await names(store) == ["a"]
    await store.make_folder(FILES, "folder")
    with pytest.raises(Conflict):
        await put(store, "folder", b"over a folder")
    with pytest.raises(Conflict):
        await put(store, "a/below", b"below a file")


async def test_of_writers_with_one_etag_one_wins(store: FileStore) -> None:
    first = await put(store, "a", b"start")
    answers = await asyncio.gather(
        *(store.write(FILES, "a", pieces(b"%d" % n), replace=True, if_etag=first.etag) for n in range(6)),
        return_exceptions=True,
    )
    won = [n for n, answer in enumerate(answers) if isinstance(answer, Entry)]
    assert len(won) == 1 and all(isinstance(a, Conflict) for n, a in enumerate(answers) if n not in won)
    assert await get(store, "a") == b"%d" % won[0]


async def test_a_write_that_breaks_off_leaves_nothing(store: FileStore) -> None:
    with pytest.raises(ConnectionError):
        await store.write(FILES, "a", pieces(LARGE, error=ConnectionError()), replace=True)
    assert await names(store) == []
    assert await store.measure("physics") == Size()


async def test_an_open_file_stays_what_it_was(store: FileStore) -> None:
    await put(store, "a", LARGE)
    async with store.open(FILES, "a") as opened:
        reading = opened.read()
        got = await anext(reading)
        await put(store, "a", b"other")
        got += b"".join([piece async for piece in reading])
    assert got == LARGE


async def test_folders_are_made_with_those_above(store: FileStore) -> None:
    made = await store.make_folder(FILES, "a/b/c")
    assert (made.path, made.kind) == ("a/b/c", EntryKind.FOLDER)
    assert (await store.make_folder(FILES, "a/b")).path == "a/b"
    assert await below(store) == ["a", "a/b", "a/b/c"]
    await put(store, "file")
    for path in ("file", "file/deeper"):
        with pytest.raises(Conflict):
            await store.make_folder(FILES, path)


# Listing.


async def paged(store: FileStore, order: Order, descending: bool, limit: int, path: str = "many") -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = await store.list(FILES, path, order, descending, after, limit)
        assert len(page.entries) <= limit
        found += [entry.name for entry in page.entries]
        after = page.after
        if after is None:
            return found


@pytest.mark.parametrize("descending", [False, True])
async def test_pages_of_a_folder(store: FileStore, descending: bool) -> None:
    sizes = {"b": 5, "a": 3, "Z": 9, "é": 3, "z 1": 0, "\U0001f600": 4, "\uffee": 1, ".hidden": 2}
    for name, size in sizes.items():
        await put(store, f"many/{name}", b"x" * size)
    await put(store, "many/folder/below", b"not listed")
    everything = [*sizes, "folder"]
    by_name = sorted(everything, key=str.encode, reverse=descending)
    by_size = sorted(everything, key=lambda name: (sizes.get(name, 0), name.encode()), reverse=descending)
    for limit in (2, 3, 200):
        assert await paged(store, Order.NAME, descending, limit) == by_name
        assert await paged(store, Order.SIZE, descending, limit) == by_size
        assert sorted(await paged(store, Order.MODIFIED, descending, limit)) == sorted(everything)
    page = await store.list(FILES, "many", limit=200)
    assert {entry.path: entry.size for entry in page.entries} == {
        f"many/{name}": sizes.get(name, 0) for name in everything
    }


async def test_a_cursor_is_checked(store: FileStore) -> None:
    for name in "abc":
        await put(store, name)
    after = (await store.list(FILES, "", limit=1)).after
    assert after is not None
    for other in ("", "x", after + "x", after[:-2], "e30", "bnVsbA"):
        with pytest.raises(InvalidInput) as refused:
            await store.list(FILES, "", after=other)
        assert refused.value.details["field"] == "cursor"
    with pytest.raises(InvalidInput):
        await store.list(FILES, "", descending=True, after=after)
    with pytest.raises(InvalidInput):
        await store.search(FILES, "", "a", after=after)


async def test_pages_while_the_folder_changes(store: FileStore) -> None:
    for name in "abcdef":
        await put(store, name)
    page = await store.list(FILES, "", limit=3)
    await store.discard(FILES, "c", "t1")
    await put(store, "bb")
    rest = await store.list(FILES, "", after=page.after, limit=3)
    assert [e.name for e in rest.entries] == ["d", "e", "f"]


async def test_search_goes_deep_and_on(store: FileStore) -> None:
    for path in ("Report.csv", "data/report-2.CSV", "data/deep/er/old report", "data/reporting/other", "x[1].txt"):
        await put(store, path)

    async def found(text: str, path: str = "", limit: int = 200) -> list[str]:
        paths: list[str] = []
        after = None
        while True:
            page = await store.search(FILES, path, text, after, limit)
            assert len(page.entries) <= limit
            paths += [entry.path for entry in page.entries]
            after = page.after
            if after is None:
                return paths

    reports = ["Report.csv", "data/deep/er/old report", "data/report-2.CSV", "data/reporting"]
    assert await found("rePort") == await found("report", limit=1) == reports
    assert await found("report", "data") == reports[1:]
    assert await found("*.csv") == ["Report.csv", "data/report-2.CSV"]
    assert await found("report-?.csv") == ["data/report-2.CSV"]
    assert await found("x[1]*") == ["x[1].txt"]
    assert await found("nothing like it") == []
    with pytest.raises(NotFound):
        await store.search(FILES, "none", "x")


async def test_walk_tells_folders_first(store: FileStore) -> None:
    for path in ("b/2", "b/1", "a/x/y", "c"):
        await put(store, path)
    await store.make_folder(FILES, "empty")
    told = [entry.path async for entry in store.walk(FILES, "")]
    assert sorted(told) == ["a", "a/x", "a/x/y", "b", "b/1", "b/2", "c", "empty"]
    assert all("/" not in path or told.index(path.rpartition("/")[0]) < told.index(path) for path in told)
    assert await below(store, FILES, "b") == ["b/1", "b/2"]
    with pytest.raises(NotFound):
        await below(store, FILES, "none")


# Moving and copying.


async def test_moves(store: FileStore) -> None:
    await put(store, "a/one", b"1")
    await put(store, "a/two/deep", b"2")
    await store.move(FILES, "a/one", FILES, "new/place/uno")
    await store.move(FILES, "a", FILES, "b")
    await store.move(FILES, "b/two", HEAD, "two")
    assert await below(store) == ["b", "new", "new/place", "new/place/uno"]
    assert await get(store, "two/deep", HEAD) == b"2"
    # Again, as after a crash.
    await store.move(FILES, "b/two", HEAD, "two")
    with pytest.raises(NotFound):
        await store.move(FILES, "none", FILES, "nowhere")
    await put(store, "c", b"3")
    with pytest.raises(Conflict):
        await store.move(FILES, "c", FILES, "new/place/uno")
    with pytest.raises(Conflict):
        await store.move(FILES, "c", FILES, "b", replace=True)
    with pytest.raises(Conflict):
        await store.move(FILES, "b", FILES, "new", replace=True)
    with pytest.raises(Conflict):
        await store.move(FILES, "new", FILES, "new/place/below")
    await store.move(FILES, "c", FILES, "new/place/uno", replace=True)
    assert await get(store, "new/place/uno") == b"3"
    assert "c" not in await names(store)


async def test_copies(store: FileStore) -> None:
    await put(store, "a/one", b"1" * 10)
    await put(store, "a/two/deep", LARGE)
    await store.make_folder(FILES, "a/empty")
    counted = Counted()
    size = await store.copy(FILES, "a", HEAD, "copies/a", progress=counted)
    assert size == counted.sum == Size(2, len(LARGE) + 10)
    assert await below(store, HEAD, "copies") == [
        f"copies/{path}" for path in ("a", "a/empty", "a/one", "a/two", "a/two/deep")
    ]
    assert await get(store, "copies/a/two/deep", HEAD) == LARGE
    await put(store, "a/one", b"changed")
    assert await get(store, "copies/a/one", HEAD) == b"1" * 10
    assert await store.copy(FILES, "a/one", FILES, "uno", progress=Counted()) == Size(1, 7)
    with pytest.raises(Conflict):
        await store.copy(FILES, "a/two/deep", FILES, "uno", progress=Counted())
    with pytest.raises(Conflict):
        await store.copy(FILES, "a", FILES, "a/two/inside", progress=Counted())
    with pytest.raises(NotFound):
        await store.copy(FILES, "none", FILES, "nowhere", progress=Counted())
    await store.copy(FILES, "a/two/deep", FILES, "uno", replace=True, progress=Counted())
    assert await get(store, "uno") == LARGE


async def test_a_copy_that_was_given_up_is_not_there(store: FileStore) -> None:
    for number in range(4):
        await put(store, f"a/{number}", b"x" * 100)
    with pytest.raises(Conflict, match="given up"):
        await store.copy(FILES, "a", FILES, "b", progress=Counted(150))
    assert await names(store) == ["a"]
    assert (await store.copy(FILES, "a", FILES, "b", progress=Counted())).files == 4


# Trash.


async def test_trash_and_back(store: FileStore) -> None:
    await put(store, "a/one", b"12345")
    await put(store, "a/two", b"67")
    await put(store, "b", b"x")
    assert await store.discard(FILES, "a", "ticket-1") == Size(2, 7)
    assert await store.discard(FILES, "a", "ticket-1") == Size(2, 7)
    assert await store.discard(FILES, "b", "ticket-2") == Size(1, 1)
    assert await names(store) == []
    assert set(await store.tickets("physics")) == {"ticket-1", "ticket-2"}
    assert all(at.tzinfo is not None for at in (await store.tickets("physics")).values())
    assert await store.measure("physics") == Size(3, 8)
    with pytest.raises(NotFound):
        await store.discard(FILES, "none", "ticket-3")
    await put(store, "in the way")
    with pytest.raises(Conflict):
        await store.restore("physics", "ticket-1", FILES, "in the way")
    await store.restore("physics", "ticket-1", FILES, "back/again")
    assert await get(store, "back/again/one") == b"12345"
    # Done already is done.
    await store.restore("physics", "ticket-1", FILES, "back/again")
    with pytest.raises(NotFound):
        await store.restore("physics", "ticket-9", FILES, "nowhere")
    await store.purge("physics", "ticket-2")
    await store.purge("physics", "ticket-2")
    assert dict(await store.tickets("physics")) == {}
    assert await store.measure("physics") == Size(3, 8)
    assert dict(await store.tickets("nobody")) == {}


async def test_trees_are_removed_and_measured(store: FileStore) -> None:
    await put(store, "a", b"123", HEAD)
    await put(store, "b", b"45")
    assert await store.measure("physics") == Size(2, 5)
    assert await store.measure("nobody") == Size()
    await store.remove(HEAD)
    await store.remove(HEAD)
    assert await below(store, HEAD) == []
    assert await store.measure("physics") == Size(1, 2)


# Snapshots.


async def test_versions_never_change(store: FileStore) -> None:
    for path, data in (("b", b"b" * 10), ("a/deep", LARGE), ("a/also", b"")):
        await put(store, path, data, HEAD)
    await store.make_folder(HEAD, "empty")
    first, second = Root.version("physics", "digits", 1), Root.version("physics", "digits", 2)
    counted = Counted()
    manifest = await store.snapshot(HEAD, first, counted)
    assert [line.path for line in manifest] == ["a/also", "a/deep", "b"]
    assert [line.size for line in manifest] == [0, len(LARGE), 10]
    assert counted.sum == Size(3, len(LARGE) + 10)
    for line in manifest:
        kind, _, digest = line.digest.partition(":")
        if kind == "sha256":
            assert digest == hashlib.sha256(await get(store, line.path, HEAD)).hexdigest()
    assert list(await store.snapshot(HEAD, first, Counted())) == list(manifest)

    await put(store, "b", b"changed", HEAD)
    await put(store, "c", b"new", HEAD)
    await store.discard(HEAD, "a/also", "t")
    later = await store.snapshot(HEAD, second, Counted())
    assert [line.path for line in later] == ["a/deep", "b", "c"]
    assert later[0] == manifest[1]
    assert await get(store, "b", first) == b"b" * 10
    assert await get(store, "b", second) == b"changed"
    assert await get(store, "a/also", first) == b""
    # Asked for again, a version is what it was.
    assert list(await store.snapshot(HEAD, first, Counted())) == list(manifest)

    await store.remove(first)
    assert await below(store, first) == []
    assert await get(store, "a/deep", second) == LARGE
    await store.remove(HEAD)
    assert await get(store, "a/deep", second) == LARGE
    await store.remove(second)
    await store.purge("physics", "t")
    assert await store.measure("physics") == Size()


async def test_a_snapshot_that_was_given_up_is_not_there(store: FileStore) -> None:
    version = Root.version("physics", "digits", 1)
    for number in range(4):
        await put(store, f"{number}", b"%d" % number * 100, HEAD)
    with pytest.raises(Conflict, match="given up"):
        await store.snapshot(HEAD, version, Counted(150))
    assert await below(store, version) == []
    assert len(await store.snapshot(HEAD, version, Counted())) == 4
    await store.remove(HEAD)
    await store.remove(version)
    assert await store.measure("physics") == Size()


async def test_versions_that_are_asked_for_at_once_are_all_made(store: FileStore) -> None:
    for number in range(6):
        await put(store, f"{number % 2}/{number}", b"%d" % number * 100, HEAD)
    first, second = Root.version("physics", "digits", 1), Root.version("physics", "digits", 2)
    # Two of one dataset, and the same one twice, as two controllers may that both believe to be the one.
    made = await asyncio.gather(*(store.snapshot(HEAD, version, Counted()) for version in (first, second, second)))
    assert [[line.path for line in lines] for lines in made] == [["0/0", "0/2", "0/4", "1/1", "1/3", "1/5"]] * 3
    for version in (first, second):
        assert await get(store, "1/3", version) == b"3" * 100
    # One that is given up while another waits for it.
    held, third, fourth = Held(), Root.version("physics", "digits", 3), Root.version("physics", "digits", 4)
    held.work = making = asyncio.create_task(store.snapshot(HEAD, third, held))
    async with asyncio.timeout(30):
        while not held.begun:
            await asyncio.sleep(0.01)
    if not making.cancelling():
        making.cancel()
    (given_up,) = await asyncio.gather(making, return_exceptions=True)
    assert store.kind == "s3" or isinstance(given_up, asyncio.CancelledError)
    waiting = asyncio.create_task(store.snapshot(HEAD, fourth, Counted()))
    await asyncio.sleep(0)
    held.gate.set()
    assert list(await waiting) == list(made[0])
    assert len(await below(store, third)) == (0 if isinstance(given_up, asyncio.CancelledError) else 8)
    assert len(await below(store, fourth)) == 8
    for root in (HEAD, first, second, third, fourth):
        await store.remove(root)
    assert await store.measure("physics") == Size()


async def test_nobody_writes_to_a_version(store: FileStore) -> None:
    version = Root.version("physics", "digits", 1)
    await put(store, "a", b"1", HEAD)
    await store.snapshot(HEAD, version, Counted())
    await store.begin(transfer := Transfer("up-1", version, "new", 1))
    await store.append(transfer, 0, pieces(b"x"))
    tries = (
        lambda: put(store, "a", b"2", version),
        lambda: store.make_folder(version, "folder"),
        lambda: store.move(version, "a", FILES, "a"),
        lambda: store.move(HEAD, "a", version, "b"),
        lambda: store.copy(HEAD, "a", version, "b", progress=Counted()),
        lambda: store.discard(version, "a", "t"),
        lambda: store.finish(transfer, replace=True),
    )
    for attempt in tries:
        with pytest.raises(Conflict):
            await attempt()
    assert await below(store, version) == ["a"]
    await store.copy(version, "a", FILES, "out", progress=Counted())
    assert await get(store, "out") == b"1"


# Uploads.


async def upload(store: FileStore, path: str, size: int | None, name: str = "up-1", root: Root = FILES) -> Transfer:
    transfer = Transfer(name, root, path, size)
    return Transfer(name, root, path, size, await store.begin(transfer))


async def test_an_upload_in_pieces(store: FileStore) -> None:
    digest = hashlib.sha256(LARGE).hexdigest()
    transfer = await upload(store, "new/large.bin", len(LARGE))
    assert await store.received(transfer) == 0
    assert set(await store.transfers("physics")) == {"up-1"}
    cuts = [0, 10, 10, 1 << 20, (5 << 20) + 1, len(LARGE)]
    for start, end in itertools.pairwise(cuts):
        data = [LARGE[at : min(at + 65536, end)] for at in range(start, end, 65536)]
        assert await store.append(transfer, start, pieces(*data)) == end
        assert await store.received(transfer) == end
        assert await names(store) == []
    # The ledger keeps room for all of it.
    assert await store.measure("physics") == Size()
    entry = await store.finish(transfer, replace=False, sha256=digest)
    assert (entry.path, entry.size) == ("new/large.bin", len(LARGE))
    assert entry == await store.stat(FILES, "new/large.bin")
    assert await get(store, "new/large.bin") == LARGE
    assert await store.finish(transfer, replace=False, sha256=digest) == entry
    assert dict(await store.transfers("physics")) == {}
    assert await store.measure("physics") == Size(1, len(LARGE))


async def test_an_upload_of_nothing(store: FileStore) -> None:
    transfer = await upload(store, "empty", 0)
    assert (await store.finish(transfer, replace=False, sha256=hashlib.sha256().hexdigest())).size == 0
    assert await get(store, "empty") == b""


async def test_an_upload_that_breaks_off_goes_on_where_it_was(store: FileStore) -> None:
    transfer = await upload(store, "a", None)
    at = 0
    for number in range(1, 5):
        with pytest.raises(ConnectionError):
            await store.append(
                transfer,
                at,
                pieces(LARGE[at : at + 1000 * number], LARGE[at + 1000 * number :][:500], error=ConnectionError()),
            )
        # What came is kept.
        assert await store.received(transfer) == at + 1000 * number + 500
        at = await store.received(transfer)
    assert await store.append(transfer, at, pieces(LARGE[at:])) == len(LARGE)
    await store.finish(transfer, replace=False, sha256=hashlib.sha256(LARGE).hexdigest())
    assert await get(store, "a") == LARGE


async def test_an_upload_that_is_cancelled_keeps_what_came(store: FileStore) -> None:
    transfer = await upload(store, "a", 100)
    waiting = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield b"x" * 60
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(store.append(transfer, 0, stuck()))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    at = await store.received(transfer)
    assert at == 60
    await store.append(transfer, at, pieces(b"y" * 40))
    await store.finish(transfer, replace=False)
    assert await get(store, "a") == b"x" * 60 + b"y" * 40


async def test_wrong_offsets_change_nothing(store: FileStore) -> None:
    transfer = await upload(store, "a", 20)
    await store.append(transfer, 0, pieces(b"0123456789"))
    for offset in (0, 9, 11, 20):
        with pytest.raises(Conflict):
            await store.append(transfer, offset, pieces(b"x"))
    assert await store.received(transfer) == 10
    with pytest.raises(Conflict):
        await store.finish(transfer, replace=False)
    with pytest.raises(Conflict):
        await store.append(transfer, 10, pieces(b"x" * 6, b"x" * 6))
    at = await store.received(transfer)
    assert 10 <= at <= 20
    await store.truncate(transfer, 10)
    assert await store.received(transfer) == 10
    await store.append(transfer, 10, pieces(b"abcdefghij"))
    await store.finish(transfer, replace=False)
    assert await get(store, "a") == b"0123456789abcdefghij"


async def test_truncated_bytes_are_forgotten(store: FileStore) -> None:
    transfer = await upload(store, "a", len(LARGE))
    await store.append(transfer, 0, pieces(LARGE[: 5 << 20]))
    await store.append(transfer, 5 << 20, pieces(b"wrong" * 100))
    await store.truncate(transfer, 5 << 20)
    assert await store.received(transfer) == 5 << 20
    # Further back than the last append began, more may have to go.
    await store.truncate(transfer, 1000)
    at = await store.received(transfer)
    assert at <= 1000
    await store.append(transfer, at, pieces(LARGE[at:]))
    await store.finish(transfer, replace=False, sha256=hashlib.sha256(LARGE).hexdigest())


async def test_a_wrong_checksum_of_the_whole(store: FileStore) -> None:
    transfer = await upload(store, "a", 3)
    await store.append(transfer, 0, pieces(b"abc"))
    with pytest.raises(Conflict):
        await store.finish(transfer, replace=False, sha256=hashlib.sha256(b"abd").hexdigest())
    assert await names(store) == []
    await store.abort(transfer)
    await store.abort(transfer)
    assert await store.measure("physics") == Size()
    for verb in (
        store.received(transfer),
        store.append(transfer, 0, pieces(b"x")),
        store.finish(transfer, replace=True),
    ):
        with pytest.raises(NotFound):
            await verb


async def test_an_upload_replaces_only_if_it_was_told_to(store: FileStore) -> None:
    await put(store, "a", b"old")
    await store.make_folder(FILES, "folder")
    transfer = await upload(store, "a", 3)
    await store.append(transfer, 0, pieces(b"new"))
    with pytest.raises(Conflict):
        await store.finish(transfer, replace=False)
    assert await get(store, "a") == b"old"
    await store.finish(transfer, replace=True)
    assert await get(store, "a") == b"new"
    for path in ("folder", "a/below"):
        other = await upload(store, path, 1, "up-2")
        await store.append(other, 0, pieces(b"x"))
        with pytest.raises(Conflict):
            await store.finish(other, replace=True)
        await store.abort(other)
    assert await below(store) == ["a", "folder"]


async def test_two_writers_of_one_upload(store: FileStore) -> None:
    transfer = await upload(store, "a", 2000)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def sender(data: Sequence[bytes]) -> AsyncIterator[bytes]:
        yield data[0]
        begun.set()
        await go_on.wait()
        for one in data[1:]:
            yield one

    # A sender whose connection is dead without anybody having noticed, and its successor.
    first = asyncio.create_task(store.append(transfer, 0, sender([b"a" * 700, b"a" * 1300])))
    await begun.wait()
    at = await store.received(transfer)
    assert at in (0, 700)
    end = await store.append(transfer, at, pieces(b"b" * 1000))
    assert end == at + 1000
    go_on.set()
    with pytest.raises(Conflict):
        await first
    assert await store.received(transfer) == end
    await store.append(transfer, end, pieces(b"c" * (2000 - end)))
    await store.finish(transfer, replace=False)
    assert await get(store, "a") == b"a" * at + b"b" * 1000 + b"c" * (2000 - end)


async def test_uploads_at_once(store: FileStore) -> None:
    async def one(number: int) -> None:
        transfer = await upload(store, f"dir/{number}", 100_000, f"up-{number}")
        await store.append(transfer, 0, pieces(*[bytes([number]) * 1000] * 100))
        await store.finish(transfer, replace=False, sha256=hashlib.sha256(bytes([number]) * 100_000).hexdigest())

    await asyncio.gather(*(one(number) for number in range(24)))
    assert len(await names(store, "dir")) == 24


async def test_of_uploads_to_one_path_one_wins(store: FileStore) -> None:
    async def one(number: int) -> Entry:
        transfer = await upload(store, "a", 1, f"up-{number}")
        await store.append(transfer, 0, pieces(b"%d" % number))
        return await store.finish(transfer, replace=False)

    answers = await asyncio.gather(*(one(number) for number in range(6)), return_exceptions=True)
    won = [number for number, answer in enumerate(answers) if isinstance(answer, Entry)]
    assert len(won) == 1
    assert all(isinstance(answer, DomainError) for number, answer in enumerate(answers) if number not in won)
    assert await get(store, "a") == b"%d" % won[0]


async def test_a_store_without_direct_parts_says_so(store: FileStore) -> None:
    transfer = await upload(store, "a", 10)
    if not store.direct:
        with pytest.raises(Conflict):
            await store.sign_parts(transfer, [1], 60)
        assert list(await store.parts(transfer)) == []
    await store.abort(transfer)
