"""The bytes of files: opened for reading, written where they are few, and their checksums."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Callable
from datetime import datetime

from collegium.db import Database
from collegium.domain.errors import Conflict, NotFound, TooLarge, shorten
from collegium.domain.files import Entry, EntryKind
from collegium.services.by import By
from collegium.services.files.busy import Busy
from collegium.services.files.conditions import SMALL, Conditions
from collegium.services.files.models import ChecksumOut, EntryOut
from collegium.services.files.places import Place, Places
from collegium.services.files.storage import StorageService
from collegium.services.files.views import entry_out
from collegium.stores.port import OpenFile

#: Checksums that one person may have worked out at the same time.
AT_ONCE = 2


class ContentService:
    """Reads and writes. Expects that the policy was asked already."""

    def __init__(
        self, database: Database, places: Places, storage: StorageService, clock: Callable[[], datetime]
    ) -> None:
        self._database, self._places, self._storage, self._clock = database, places, storage, clock
        self._busy = Busy("checksums", AT_ONCE)

    @contextlib.asynccontextmanager
    async def open(self, group: str, path: str) -> AsyncIterator[OpenFile]:
        """A file as it is now, however it changes meanwhile. Raises NotFound; Conflict for a folder."""
        place = await self._places.find(group, path)
        async with place.store.open(place.root, place.path) as file:
            yield file

    async def put(
        self, by: By, group: str, path: str, incoming: AsyncIterable[bytes], length: int | None, given: Conditions
    ) -> EntryOut:
        """A small file, visible only whole; it replaces what is there unless the conditions say otherwise.

        Raises TooLarge, QuotaExceeded, Conflict, Forbidden.
        """
        replace, etag = given.for_writing()
        place = await self._places.find_new(group, path)
        if length is not None and length > SMALL:
            raise _too_large(path)
        before = await self._before(place)
        if before is not None and not replace:
            raise Conflict(f"{shorten(place.shown)} is there already.", path=shorten(place.shown))
        old, user = before.size if before else 0, by.actor.user
        # Who saves a file that does not grow needs no room.
        more = max(0 if before else 1, (SMALL if length is None else length) - old)
        async with self._storage.charging(place.root.owner, user, place.shown, more) as charge:
            pieces = _bounded(incoming, path)
            entry = await place.store.write(place.root, place.path, pieces, replace=replace, if_etag=etag)
            charge.add(entry.size - old, 0 if before else 1)
        return entry_out(entry, place)

    async def checksum(self, user: str, group: str, path: str) -> ChecksumOut:
        """The SHA-256 of a file: known, or the whole file is read now."""
        place = await self._places.find(group, path)
        with self._busy.of(user):
            async with place.store.open(place.root, place.path) as file:
                etag = file.entry.etag
                known = await self.known_checksum(place, etag)
                if known is None:
                    known = await _sha256(file)
                    await self._remember(place, etag, known)
        return ChecksumOut(path=place.shown, etag=etag, sha256=known)

    async def known_checksum(self, place: Place, etag: str) -> str | None:
        """The SHA-256 if somebody asked before, of the file as it is now."""
        return await self._database.reading(lambda uow: uow.checksums.get(place.root, place.path, etag))

    async def _remember(self, place: Place, etag: str, sha256: str) -> None:
        moment = self._clock()
        await self._database.writing(lambda uow: uow.checksums.put(place.root, place.path, etag, sha256, moment))

    async def _before(self, place: Place) -> Entry | None:
        try:
            found = await place.store.stat(place.root, place.path)
        except NotFound:
            return None
        if found.kind is not EntryKind.FILE:
            raise Conflict(f"{shorten(place.shown)} is a folder.", path=shorten(place.shown))
        return found


async def _sha256(file: OpenFile) -> str:
    digest = hashlib.sha256()
    async for piece in file.read():
        # It lets go of the interpreter meanwhile, but not of this thread.
        await asyncio.to_thread(digest.update, piece)
    return digest.hexdigest()


async def _bounded(incoming: AsyncIterable[bytes], path: str) -> AsyncIterator[bytes]:
    size = 0
    async for piece in incoming:
        size += len(piece)
        if size > SMALL:
            raise _too_large(path)
        yield piece


def _too_large(path: str) -> TooLarge:
    text = f"{shorten(path)} is larger than {SMALL >> 20} MiB; send it as an upload."
    return TooLarge(text, limit=SMALL)
