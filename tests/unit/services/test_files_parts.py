"""Parts of shared files by themselves: bodies that are handed on, paths of groups, archives, tasks."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from collegium.domain.datasets import DatasetChoice
from collegium.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge, TooManyRequests
from collegium.domain.files import PLATFORM, Root, Size
from collegium.services.files import archive as archive_module
from collegium.services.files.archive import ArchiveService
from collegium.services.files.busy import Busy
from collegium.services.files.places import DatasetPlace, Place, Places
from collegium.services.files.steps import check_apart, copy_across, outermost
from collegium.services.incoming import BUFFER, CutOff, Incoming
from collegium.stores.port import FileStore
from collegium.stores.posix import PosixStore


class Datasets:
    """digits (rw here), words (ro), and another store's."""

    def __init__(self, store: FileStore, other: FileStore) -> None:
        self.store, self.other = store, other

    async def names(self, group: str) -> Sequence[str]:
        return ["words", "digits"]

    async def locate(self, group: str, choice: DatasetChoice) -> DatasetPlace:
        if choice.name == "far":
            return DatasetPlace(self.other, Root.head("physics", "far"))
        if choice.version is not None:
            return DatasetPlace(self.store, Root.version("physics", choice.name, choice.version or 9), True)
        if choice.name == "digits":
            return DatasetPlace(self.store, Root.head("physics", "digits"), True)
        if choice.name == "words":
            return DatasetPlace(self.store, Root.head(PLATFORM, "words"), False, "Only to read.")
        raise NotFound("no such dataset")


@pytest.fixture
async def places(tmp_path: Path) -> AsyncIterator[Places]:
    store, other = PosixStore(tmp_path / "a", floor=0), PosixStore(tmp_path / "b", floor=0)
    yield Places(store, Datasets(store, other))
    await store.close()
    await other.close()


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for one in data:
        yield one


async def put(place: Place, data: bytes = b"x") -> None:
    await place.store.write(place.root, place.path, pieces(data), replace=True)


async def get(place: Place) -> bytes:
    async with place.store.open(place.root, place.path) as file:
        return b"".join([piece async for piece in file.read()])


# Paths.


async def test_where_paths_lead(places: Places) -> None:
    own = await places.find("physics", "/a/b/")
    assert (own.root, own.path, own.writable, own.shown, own.own) == (Root("physics"), "a/b", True, "a/b", True)
    head = await places.find("physics", ".datasets/digits/x/y")
    assert (head.root, head.path, head.writable) == (Root.head("physics", "digits"), "x/y", True)
    assert (head.shown, head.show("z")) == (".datasets/digits/x/y", ".datasets/digits/z")
    version = await places.find("physics", ".datasets/digits@3/x")
    assert (version.root, version.writable) == (Root.version("physics", "digits", 3), False)
    latest = await places.find("physics", ".datasets/digits@latest")
    assert (latest.root.area, latest.path) == ("datasets/digits/versions/9", "")
    assert [e.path for e in await places.list_datasets("physics")] == [".datasets/digits", ".datasets/words"]


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("", InvalidInput),
        (".datasets", Conflict),
        (".datasets/digits", InvalidInput),
        (".datasets/digits@3/x", Forbidden),
        (".datasets/words/x", Forbidden),
        (".datasets/none/x", NotFound),
        (".datasets/digits@0/x", InvalidInput),
        (".datasets/../x", InvalidInput),
        (".datasets/digits/../../x", InvalidInput),
        ("a//b", InvalidInput),
        ("a/./b", InvalidInput),
        ("a\0b", InvalidInput),
        ("a\nb", InvalidInput),
        ("\ud800", InvalidInput),
        ("x" * 256, InvalidInput),
        ("x/" * 65 + "x", InvalidInput),
    ],
)
async def test_where_nothing_may_be_made(places: Places, path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await places.find_new("physics", path)


async def test_names_that_look_alike_are_one(places: Places) -> None:
    assert (await places.find_new("physics", "e\u0301")).path == "\u00e9"


async def test_sources_and_targets_that_hold_one_another(places: Places) -> None:
    async def apart(source: str, target: str) -> None:
        check_apart(await places.find("physics", source), await places.find("physics", target))

    await apart("a/b", "a/bc")
    await apart("a", ".datasets/digits/a")
    for source, target in (("a", "a"), ("a", "a/b"), ("a/b", "a"), (".datasets/digits", ".datasets/digits/x")):
        with pytest.raises(InvalidInput):
            await apart(source, target)
    assert outermost(["a/b", "c", "a", "c", "cd/e", "a/b/c"]) == ["c", "a", "cd/e"]
    assert outermost(["a", "", "b"]) == [""]


async def test_copies_from_another_store(places: Places) -> None:
    for path in ("f/one", "f/deep/two"):
        await put(await places.find("physics", f".datasets/far/{path}"), path.encode())
    done = Size()

    def progress(more: Size) -> None:
        nonlocal done
        done += more

    source, target = await places.find("physics", ".datasets/far/f"), await places.find("physics", "here/f")
    for _ in range(2):
        # Begun anew, it comes to the same.
        assert await copy_across(source, target, progress) == Size(2, 15)
    assert done == Size(4, 30)
    assert await get(await places.find("physics", "here/f/deep/two")) == b"f/deep/two"
    assert dict(await target.store.transfers("physics")) == {}


# Archives.


async def zipped(service: ArchiveService, *paths: str) -> zipfile.ZipFile:
    async with service.open("mia", "physics", paths) as archive:
        return zipfile.ZipFile(io.BytesIO(b"".join([piece async for piece in archive.pieces()])))


async def test_names_in_archives_lead_nowhere_else(places: Places, tmp_path: Path) -> None:
    await put(await places.find("physics", "a/..\\..\\evil"), b"1")
    await put(await places.find("physics", "b/plain"), b"2")
    await put(await places.find("physics", ".datasets/digits/c"), b"3")
    (tmp_path / "a/physics/files/a/link").symlink_to("/etc/passwd")
    service = ArchiveService(places)
    found = await zipped(service, "a", "b/plain")
    assert sorted(found.namelist()) == ["a/", "a/.._.._evil", "b/plain"]
    both = await zipped(service, "b", ".datasets/digits")
    assert sorted(both.namelist()) == [".datasets/digits/c", "b/", "b/plain"]
    assert sorted((await zipped(service, "")).namelist()) == ["a/", "a/.._.._evil", "b/", "b/plain"]


async def test_archives_have_bounds(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        await put(await places.find("physics", f"many/{number}"))
    service = ArchiveService(places)
    monkeypatch.setattr(archive_module, "MAX_ENTRIES", 4)
    with pytest.raises(TooLarge):
        await zipped(service, "many")
    async with service.open("mia", "physics", ["many/1"]), service.open("mia", "physics", ["many/2"]):
        with pytest.raises(TooManyRequests):
            await zipped(service, "many/3")
        async with service.open("max", "physics", ["many/3"]):
            pass
    assert (await zipped(service, "many/3")).namelist() == ["3"]


async def test_a_file_that_is_written_to_while_it_is_read(places: Places, tmp_path: Path) -> None:
    await put(await places.find("physics", "log"), b"x" * (3 << 20))
    with pytest.raises(Conflict, match="changed"):
        async with ArchiveService(places).open("mia", "physics", ["log"]) as archive:
            found = archive.pieces()
            await anext(found)
            with (tmp_path / "a/physics/files/log").open("r+b") as file:
                file.write(b"y")
            async for _ in found:
                pass


def test_a_bound_is_each_persons_own() -> None:
    busy = Busy("things", 1)
    with busy.of("a"):
        with busy.of("b"):
            pass
        with pytest.raises(TooManyRequests, match="1 things under way"), busy.of("a"):
            pass
    with busy.of("a"):
        pass


# Bodies.


async def test_a_slow_taker_slows_the_sender() -> None:
    incoming, sent = Incoming(), 0

    async def send() -> None:
        nonlocal sent
        for _ in range(100):
            await incoming.put(b"x" * (BUFFER // 4))
            sent += 1
        incoming.end()

    sending = asyncio.create_task(send())
    while sent < 4:
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    assert sent == 4 and not sending.done()
    size = 0
    async for piece in incoming:
        assert len(piece) <= BUFFER + BUFFER // 4
        size += len(piece)
    assert size == incoming.received == 25 * BUFFER


async def test_a_body_that_is_cut_off_or_not_wanted() -> None:
    cut = Incoming()
    await cut.put(b"some")
    cut.cut_off()
    taken = aiter(cut)
    assert await anext(taken) == b"some"
    with pytest.raises(CutOff):
        await anext(taken)
    unwanted = Incoming()
    await unwanted.put(b"x" * BUFFER)
    waiting = asyncio.create_task(unwanted.put(b"x"))
    await asyncio.sleep(0)
    unwanted.refuse()
    await waiting
    await unwanted.put(b"x" * BUFFER * 2)
