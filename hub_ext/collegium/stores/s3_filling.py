"""Many new objects at once, hidden by a record until all are there, as folders that are copied are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

from collegium.domain.files import Root, Size, joined
from collegium.stores.port import NewEntry, Progress
from collegium.stores.s3_bucket import Bucket
from collegium.stores.s3_copies import AT_ONCE, bounded
from collegium.stores.s3_keys import Keys
from collegium.stores.s3_sending import Sending

#: Files up to this are read whole, and written several at a time; larger ones one after the other, in parts.
SMALL = 1 << 20


@dataclass
class Filling:
    """One folder that is filled. Its entries are asked for in a thread of their own, one at a time."""

    bucket: Bucket
    keys: Keys
    sending: Sending
    root: Root
    path: str
    entries: Iterator[NewEntry]
    progress: Progress
    done: Size = field(default_factory=Size)

    async def run(self) -> Size:
        """Write them all; how much there is."""
        await self.bucket.put(self.keys.new(self.root, self.path) + "/")
        pool = ThreadPoolExecutor(1, "collegium-filling")
        try:
            await bounded(self._jobs(pool), AT_ONCE)
        finally:
            pool.shutdown(wait=False)
        return self.done

    async def _jobs(self, pool: ThreadPoolExecutor) -> AsyncIterator[Any]:
        while (entry := await _whole(pool, lambda: next(self.entries, None))) is not None:
            key = self.keys.new(self.root, joined(self.path, entry.path))
            if entry.pieces is None:
                yield self._put(key + "/", b"")
                continue
            first, whole = await _whole(pool, partial(_begun, entry.pieces))
            if whole:
                yield self._put(key, first)
                continue
            # Its pieces must have been read before the next entry is asked for.
            await self.sending.write(key, self._pieces(pool, first, entry.pieces), uuid4().hex, {})
            self._tell(Size(1, 0))

    async def _put(self, key: str, data: bytes) -> None:
        await self.bucket.put(key, data)
        if not key.endswith("/"):
            self._tell(Size(1, len(data)))

    async def _pieces(self, pool: ThreadPoolExecutor, first: bytes, rest: Iterator[bytes]) -> AsyncIterator[bytes]:
        yield first
        self._tell(Size(0, len(first)))
        while (piece := await _whole(pool, lambda: next(rest, None))) is not None:
            yield piece
            self._tell(Size(0, len(piece)))

    def _tell(self, more: Size) -> None:
        self.done += more
        self.progress(more)


def _begun(pieces: Iterator[bytes]) -> tuple[bytes, bool]:
    """What a file begins with, and whether that is all of it."""
    found = bytearray()
    for piece in pieces:
        found += piece
        if len(found) > SMALL:
            return bytes(found), False
    return bytes(found), True


async def _whole(pool: ThreadPoolExecutor, call: Callable[[], Any]) -> Any:
    """In the thread, to its end: who gives up may close what it reads only then."""
    running = asyncio.get_running_loop().run_in_executor(pool, call)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
