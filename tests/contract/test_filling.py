"""Folders of many new files at once, in every store: whole or not there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest

from collegium.domain.errors import Conflict, DomainError, InvalidInput, NotFound
from collegium.domain.files import Entry, EntryKind, Root, Size
from collegium.stores.port import FileStore, NewEntry

FILES = Root("physics")
HEAD = Root.head("physics", "digits")
LARGE = os.urandom(9 << 20)


def entries(error: Exception | None = None) -> Iterator[NewEntry]:
    yield NewEntry("deep")
    yield NewEntry("deep/er")
    yield NewEntry("deep/er/two", iter([b"2" * 20]))
    yield NewEntry("empty")
    yield NewEntry("large", (LARGE[at : at + (1 << 20)] for at in range(0, len(LARGE), 1 << 20)))
    yield NewEntry("nothing", iter([]))
    for number in range(30):
        yield NewEntry(f"deep/{number}", iter([b"x", b"y" * number]))
    if error is not None:
        raise error
    yield NewEntry("été", iter([b"1"]))


async def _here() -> AsyncIterator[bytes]:
    yield b"here"


async def tree(store: FileStore, path: str, root: Root = FILES) -> dict[str, Entry]:
    return {entry.path.removeprefix(path + "/"): entry async for entry in store.walk(root, path)}


async def content(store: FileStore, path: str, root: Root = FILES) -> bytes:
    async with store.open(root, path) as file:
        return b"".join([piece async for piece in file.read()])


@pytest.mark.parametrize("root", [FILES, HEAD])
async def test_a_folder_is_filled(store: FileStore, root: Root) -> None:
    told: list[Size] = []
    size = await store.fill(root, "new/one", entries(), "tsk-1", told.append)
    found = await tree(store, "new/one", root)
    files = {path: entry for path, entry in found.items() if entry.kind is EntryKind.FILE}
    assert sorted(set(found) - set(files)) == ["deep", "deep/er", "empty"] and len(files) == 34
    assert size == sum(told, Size()) == Size(34, sum(entry.size for entry in files.values()))
    assert await content(store, "new/one/large", root) == LARGE
    assert await content(store, "new/one/deep/7", root) == b"x" + b"y" * 7
    assert await content(store, "new/one/nothing", root) == b""
    assert await store.measure("physics") == size
    # It is as any other folder.
    await store.discard(root, "new/one", "t1")
    assert await tree(store, "new", root) == {}


async def test_what_fails_leaves_nothing(store: FileStore) -> None:
    await store.ensure(FILES)
    await store.write(FILES, "file", _here(), replace=False)
    await store.make_folder(FILES, "folder")
    for path in ("file", "folder", "file/below"):
        with pytest.raises(Conflict):
            await store.fill(FILES, path, entries(), "tsk-1", lambda more: None)
    for root, path in ((Root.version("physics", "digits", 1), "a"), (FILES, "")):
        with pytest.raises((Conflict, InvalidInput)):
            await store.fill(root, path, entries(), "tsk-1", lambda more: None)
    with pytest.raises(Conflict, match="no more"):
        await store.fill(FILES, "new", entries(Conflict("no more")), "tsk-1", lambda more: None)

    def enough(more: Size) -> None:
        raise Conflict("enough")

    with pytest.raises(Conflict, match="enough"):
        await store.fill(FILES, "new", entries(), "tsk-1", enough)
    assert sorted(await tree(store, "")) == ["file", "folder"]
    await store.fill(FILES, "new", entries(), "tsk-2", lambda more: None)


async def test_nobody_sees_it_before_it_is_whole(store: FileStore) -> None:
    """Who is cut off begins anew; somebody else is refused, or later."""
    loop = asyncio.get_running_loop()

    async def looked() -> None:
        for path in ("new", "new/deep/0"):
            with pytest.raises(NotFound):
                await store.stat(FILES, path)
        assert await tree(store, "") == {}

    def watched() -> Iterator[NewEntry]:
        yield from entries()
        asyncio.run_coroutine_threadsafe(looked(), loop).result()
        # As a process that ends leaves it.
        raise RuntimeError("cut off")

    with pytest.raises(RuntimeError):
        await store.fill(FILES, "new", watched(), "tsk-1", lambda more: None)
    await looked()
    assert (await store.fill(FILES, "new", entries(), "tsk-1", lambda more: None)).files == 34
    assert len(await tree(store, "new")) == 37
    with pytest.raises(DomainError):
        await store.fill(FILES, "new", entries(), "tsk-1", lambda more: None)
    assert len(await tree(store, "new")) == 37
