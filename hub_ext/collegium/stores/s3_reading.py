"""Reading files in a bucket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from collegium.domain.errors import Conflict, NotFound
from collegium.domain.files import Entry, Order, Page, Root
from collegium.stores.port import OpenFile
from collegium.stores.s3_bucket import Bucket, Changed, Found
from collegium.stores.s3_copies import Copier, Work
from collegium.stores.s3_keys import Keys
from collegium.stores.s3_listing import Listing, entry_of, folder


@dataclass(frozen=True)
class Place:
    """What is at a path: at most one of a file and a folder, or neither."""

    key: str
    file: Found | None
    folder: bool
    work: Work

    @property
    def free(self) -> bool:
        """True if nothing is there."""
        return self.file is None and not self.folder


@dataclass
class S3File:
    """A file as it was when it was opened, or none any more: what was read until then was of one file in any case."""

    entry: Entry
    _bucket: Bucket
    _found: Found
    fileno: int | None = None

    async def read(self, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes [start, end)."""
        try:
            async for piece in self._bucket.read(self._found, start, end):
                yield piece
        except Changed:
            raise Conflict("The file was replaced while it was read: read it again") from None


class S3Reader:
    """What is in a bucket, or below a prefix in it."""

    kind = "s3"

    def __init__(self, bucket: Bucket, keys: Keys) -> None:
        self._bucket, self._keys = bucket, keys
        self._copier = Copier(bucket)

    async def ensure(self, root: Root) -> None:
        """Nothing to do: a prefix is there by what is in it."""

    async def _work(self, root: Root) -> Work:
        return await self._copier.work(self._keys.work(root.owner))

    async def _visible(self, root: Root) -> bool:
        """Is this no version, or one that is whole?"""
        return not root.frozen or await self._bucket.head(self._keys.ready(root)) is not None

    async def _look(self, root: Root, path: str, key: str | None = None) -> Place:
        """What a path leads to for those who read: nothing where it is hidden."""
        key = key or self._keys.path(root, path)
        head = self._bucket.head(key) if path else _nothing()
        file, below, work, visible = await asyncio.gather(
            head, self._bucket.any(key.rstrip("/") + "/"), self._work(root), self._visible(root)
        )
        if not visible or work.hides(key):
            return Place(key, None, False, work)
        return Place(key, file, below and file is None, work)

    async def _listing(self, root: Root, path: str) -> Listing:
        """Of a folder that is there. Raises NotFound."""
        place = await self._look(root, path)
        if path and not place.folder:
            raise NotFound(f"There is no folder {path}")
        if not await self._visible(root):
            return Listing(self._bucket, self._keys.root(root), lambda key: True)
        return Listing(self._bucket, self._keys.root(root), place.work.hides)

    async def stat(self, root: Root, path: str) -> Entry:
        """What is at a path."""
        if not path:
            return folder("")
        place = await self._look(root, path)
        if place.file is not None:
            return entry_of(place.file, self._keys.root(root))
        if place.folder:
            return folder(path)
        raise NotFound(f"There is no {path}")

    async def list(
        self,
        root: Root,
        path: str,
        order: Order = Order.NAME,
        descending: bool = False,
        after: str | None = None,
        limit: int = 200,
    ) -> Page:
        """A page of a folder."""
        return await (await self._listing(root, path)).page(path, order, descending, after, limit)

    async def search(self, root: Root, path: str, text: str, after: str | None = None, limit: int = 200) -> Page:
        """Entries below a folder whose name matches."""
        return await (await self._listing(root, path)).search(path, text, after, limit)

    @asynccontextmanager
    async def open(self, root: Root, path: str) -> AsyncIterator[OpenFile]:
        """Open a file for reading."""
        place = await self._look(root, path)
        if place.file is None:
            raise NotFound(f"There is no file {path}" if path else "A folder cannot be read")
        yield S3File(entry_of(place.file, self._keys.root(root)), self._bucket, place.file)

    async def walk(self, root: Root, path: str) -> AsyncIterator[Entry]:
        """Every entry below a folder."""
        async for entry in (await self._listing(root, path)).below(path):
            yield entry

    async def close(self) -> None:
        """Let go of connections."""
        await self._bucket.close()


async def _nothing() -> None:
    return None
