"""Zip archives that are made while they are sent: nothing of them is ever on a disk of ours."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from collegium.domain.errors import Conflict, TooLarge, shorten
from collegium.domain.files import Entry, EntryKind, check_path, name_of, parent_of
from collegium.services.files.busy import Busy
from collegium.services.files.places import Place, Places
from collegium.services.files.steps import need, outermost
from collegium.stores.port import OpenFile

#: Archives that one person may have made at the same time, and entries of one.
AT_ONCE, MAX_ENTRIES = 2, 100_000
_FOLDER, _FILE = 0o40755 << 16, 0o100644 << 16


class _Outlet(io.RawIOBase):
    """Where zipfile writes to: what came is taken away again at once. It cannot go back in it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


@dataclass(frozen=True)
class Archive:
    """A selection, checked. ``name`` is what it is saved as."""

    name: str
    tops: Sequence[tuple[Place, Entry, str]]

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes of the archive. Raises what reading raises, and Conflict for a file that changes meanwhile."""
        outlet = _Outlet()
        with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for place, top, base in self.tops:
                async for entry in _below(place, top):
                    name = _inside(place.show(entry.path), base)
                    if entry.kind is EntryKind.FOLDER:
                        archive.writestr(_info(name + "/", entry, _FOLDER), b"")
                        yield outlet.taken()
                        continue
                    async with place.store.open(place.root, entry.path) as file:
                        async for piece in _packed(archive, _info(name, file.entry, _FILE), file):
                            yield outlet.taken() if piece else b""
                    yield outlet.taken()
        yield outlet.taken()


class ArchiveService:
    """Expects that the policy was asked already."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._busy = Busy("archives", AT_ONCE)

    @contextlib.asynccontextmanager
    async def open(self, user: str, group: str, paths: Sequence[str]) -> AsyncIterator[Archive]:
        """Check the selection. Raises NotFound, Conflict, TooLarge, TooManyRequests."""
        clean = outermost([check_path(p) for p in paths])
        with self._busy.of(user):
            tops = []
            # Names begin where the paths part; a whole tree is called like its group.
            base = os.path.commonpath([parent_of(p) for p in clean]) if all(clean) else ""
            for path in clean:
                place = await self._places.find(group, path)
                tops.append((place, await need(place), base))
            await _count(tops)
            name = clean[0] if len(clean) == 1 else base
            yield Archive(f"{name_of(name) or group}.zip", tops)


async def _count(tops: Sequence[tuple[Place, Entry, str]]) -> None:
    """Its list is in memory until the end, so it has a bound; better known before it is half sent."""
    count = 0
    for place, top, _ in tops:
        async for _entry in _below(place, top):
            count += 1
            if count > MAX_ENTRIES:
                text = f"More than {MAX_ENTRIES} files and folders are too many for one archive; take parts of it."
                raise TooLarge(text, limit=MAX_ENTRIES)


async def _below(place: Place, top: Entry) -> AsyncIterator[Entry]:
    if top.path:
        yield top
    if top.kind is EntryKind.FOLDER:
        async for entry in place.store.walk(place.root, top.path):
            yield entry


def _inside(shown: str, base: str) -> str:
    """The name in the archive: relative, and nothing that some program takes for a way out of where it unpacks."""
    name = check_path(shown).removeprefix(f"{base}/" if base else "")
    return name.replace("\\", "_")


def _info(name: str, entry: Entry, mode: int) -> zipfile.ZipInfo:
    at = (entry.modified_at or datetime(1980, 1, 1, tzinfo=UTC)).astimezone(UTC)
    moment = (min(max(at.year, 1980), 2107), at.month, at.day, at.hour, at.minute, at.second)
    info = zipfile.ZipInfo(name, moment)
    info.external_attr, info.compress_type = mode, zipfile.ZIP_STORED
    return info


async def _packed(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: OpenFile) -> AsyncIterator[bytes]:
    """Add a file piece by piece; what it yields only says that there is something to send."""
    before, size = _state(file), 0
    with archive.open(info, "w", force_zip64=file.entry.size >= 1 << 31) as target:
        async for piece in file.read():
            size += len(piece)
            target.write(piece)
            yield piece
    if size != file.entry.size or _state(file) != before:
        raise Conflict(f"{shorten(file.entry.path)} changed while it was read.", path=shorten(file.entry.path))


def _state(file: OpenFile) -> tuple[int, int] | None:
    """What changes when somebody writes into the very file that is open; other stores know no such thing."""
    if file.fileno is None:
        return None
    found = os.fstat(file.fileno)
    return found.st_size, found.st_mtime_ns
