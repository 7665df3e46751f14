"""What single steps on files have in common: how large something is, what is there, and copies between stores."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from collegium.domain.errors import Conflict, InvalidInput, NotFound, shorten
from collegium.domain.files import Entry, EntryKind, Size, joined, parent_of
from collegium.domain.names import new_id
from collegium.services.files.places import Place
from collegium.stores.port import Progress, Transfer


async def look(place: Place) -> Entry | None:
    """What is there, None if nothing is."""
    try:
        return await place.store.stat(place.root, place.path)
    except NotFound:
        return None


async def need(place: Place) -> Entry:
    """What is there. Raises NotFound."""
    entry = await look(place)
    if entry is None:
        raise NotFound(f"There is no {shorten(place.shown)}.", path=shorten(place.shown))
    return entry


async def size_of(place: Place, entry: Entry) -> Size:
    """How much it holds."""
    if entry.kind is EntryKind.FILE:
        return Size(1, entry.size)
    total = Size()
    async for found in place.store.walk(place.root, place.path):
        if found.kind is EntryKind.FILE:
            total += Size(1, found.size)
    return total


def check_apart(source: Place, target: Place) -> None:
    """Raise InvalidInput for a target that is the source, or inside it, or above it."""
    if source.root != target.root or source.store is not target.store:
        return
    if source.path == target.path:
        raise InvalidInput("target", "is the same as source", target.shown)
    if not source.path or target.path.startswith(f"{source.path}/"):
        raise InvalidInput("target", "is inside source", target.shown)
    if source.path.startswith(f"{target.path}/"):
        raise InvalidInput("target", "holds source", target.shown)


def in_the_way(place: Place) -> Conflict:
    """The refusal for a target that is there."""
    return Conflict(f"{shorten(place.shown)} is there already.", path=shorten(place.shown))


def outermost(paths: Sequence[str]) -> list[str]:
    """Paths without those below others, each once, in order."""
    found: list[str] = []
    wanted = set(paths)
    if "" in wanted:
        return [""]
    for path in dict.fromkeys(paths):
        above = parent_of(path)
        while above and above not in wanted:
            above = parent_of(above)
        if not above:
            found.append(path)
    return found


async def copy_across(source: Place, target: Place, progress: Progress) -> Size:
    """Copy from one store into another, file by file: each is visible only whole, a folder while it fills. Begun anew,
    what is there already is written once more."""
    entry = await need(source)
    if entry.kind is EntryKind.FILE:
        return await _copy_file(source, target, source.path, target.path, progress)
    total = Size()
    await target.store.make_folder(target.root, target.path)
    async for found in source.store.walk(source.root, source.path):
        inner = found.path[len(source.path) :].strip("/")
        if found.kind is EntryKind.FOLDER:
            await target.store.make_folder(target.root, joined(target.path, inner))
        else:
            total += await _copy_file(source, target, found.path, joined(target.path, inner), progress)
    return total


async def _copy_file(source: Place, target: Place, path: str, to: str, progress: Progress) -> Size:
    async with source.store.open(source.root, path) as file:
        # What an earlier try left is removed with other uploads that nobody knows of.
        transfer = Transfer(new_id("upl"), target.root, to, file.entry.size)
        transfer = replace(transfer, state=await target.store.begin(transfer))
        try:
            await target.store.append(transfer, 0, _told(file.read(), progress))
            await target.store.finish(transfer, replace=True)
        except BaseException:
            await target.store.abort(transfer)
            raise
        progress(Size(1, 0))
        return Size(1, file.entry.size)


async def _told(pieces: AsyncIterator[bytes], progress: Progress) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield piece
        progress(Size(0, len(piece)))
