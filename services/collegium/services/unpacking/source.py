"""An archive in a store, read at any place from a thread."""

from __future__ import annotations

import asyncio
import io
import os
from concurrent.futures import CancelledError, Future

from collegium.domain.errors import InvalidInput, Unavailable, shorten
from collegium.stores.port import OpenFile

#: What is fetched at once, and how many of those are kept.
BLOCK, KEPT = 1 << 20, 4
#: Longest piece of content that goes on from here.
PIECE = 1 << 20


class Stopped(Exception):
    """Nobody waits for it any more."""


def broken(what: str) -> InvalidInput:
    """The refusal of an archive."""
    return InvalidInput("source", f"cannot be unpacked: {what}")


def refused(name: str, why: str) -> InvalidInput:
    """The refusal of an archive for one of its entries."""
    return broken(f"its entry {shorten(name)} {why}")


class Source:
    """The bytes of an archive. Belongs to one thread at a time; ``stop`` may be called from any."""

    def __init__(self, file: OpenFile, loop: asyncio.AbstractEventLoop) -> None:
        self.size = file.entry.size
        self._file, self._loop = file, loop
        self._kept: dict[int, Future[bytes]] = {}
        self._stopped = False

    def stop(self) -> None:
        """Whoever reads gets Stopped, at once if it waits."""
        self._stopped = True
        for block in list(self._kept.values()):
            block.cancel()

    def read(self, start: int, count: int) -> bytes:
        """So many bytes from a place on, fewer at the end."""
        if start < 0 or count < 0:
            raise broken("it leads outside itself")
        end = min(start + count, self.size)
        found = []
        while start < end:
            block, offset = divmod(start, BLOCK)
            piece = self._block(block)[offset : offset + end - start]
            found.append(piece)
            start += len(piece)
        return found[0] if len(found) == 1 else b"".join(found)

    def _block(self, number: int) -> bytes:
        if self._stopped:
            raise Stopped
        # The latest is last.
        self._kept[number] = self._kept.pop(number) if number in self._kept else self._fetch(number)
        # What comes next is on its way meanwhile, where the store is far away.
        ahead = number + 1
        far = self._file.fileno is None and ahead * BLOCK < self.size
        if far and number - 1 in self._kept and ahead not in self._kept:
            self._kept[ahead] = self._fetch(ahead)
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        try:
            return self._kept[number].result()
        except CancelledError:
            raise Stopped from None

    def _fetch(self, number: int) -> Future[bytes]:
        start, end = number * BLOCK, min((number + 1) * BLOCK, self.size)
        if self._file.fileno is None:
            return asyncio.run_coroutine_threadsafe(self._collected(start, end), self._loop)
        future: Future[bytes] = Future()
        future.set_result(self._looked(self._file.fileno, start, end))
        return future

    async def _collected(self, start: int, end: int) -> bytes:
        found = b"".join([piece async for piece in self._file.read(start, end)])
        if len(found) != end - start:
            raise Unavailable("The archive was changed while it was read.")
        return found

    def _looked(self, fd: int, start: int, end: int) -> bytes:
        try:
            found = os.pread(fd, end - start, start)
        except OSError as error:
            raise Unavailable(f"The archive cannot be read now: {error.strerror}.") from error
        if len(found) != end - start:
            raise Unavailable("The archive was changed while it was read.")
        return found


class Stream(io.RawIOBase):
    """The same as a file."""

    def __init__(self, source: Source) -> None:
        self._source, self._at = source, 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go elsewhere."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._source.size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        """So many bytes, a piece at the most if it is not said."""
        found = self._source.read(self._at, PIECE if size < 0 else size)
        self._at += len(found)
        return found
