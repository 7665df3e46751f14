"""One request's bytes on their way into the store. What counts is what the store calls durable, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Protocol

from collegium.domain.errors import Conflict, DomainError, NotFound, TooLarge
from collegium.domain.uploads import Upload
from collegium.services.incoming import CutOff, Incoming
from collegium.services.refusals import ChecksumMismatch
from collegium.services.uploads.ends import transfer_of
from collegium.services.uploads.protocol import Checksum
from collegium.services.uploads.taking import Taking
from collegium.stores.port import FileStore

#: Seconds that a request waits for its file to become visible; then it is answered, and the rest goes on.
PATIENCE = 25.0


class Keeper(Protocol):
    """Where a request's bytes and the row of its upload are kept."""

    store: FileStore

    async def settle(self, after: Upload) -> Upload:
        """Write where the upload stands after its sender's request, and answer with it. Raises Displaced if there is
        another sender by now: then nothing of the request may be acknowledged."""

    async def cut(self, upload: Upload, offset: int) -> None:
        """Forget what this sender sent after an offset; nothing happens if there is another sender by now."""

    async def grow(self, upload: Upload, needed: int) -> int:
        """Ask for room where nobody said how much would come; answers with how much there is. Raises QuotaExceeded."""

    async def complete(self, upload: Upload) -> Upload:
        """All bytes are there: make the file visible."""

    async def abandon(self, upload: Upload) -> None:
        """Nobody will go on with it."""

    def over(self, reception: Reception) -> None:
        """It is known what became of a request."""


class Reception(Taking):
    """From the decision that these bytes may come to the row that says what became of them.

    ``length`` is of the body, None where nobody said it. ``fresh``: nobody was told of the upload yet, so that it goes
    where this request fails.
    """

    def __init__(
        self, upload: Upload, length: int | None, checksum: Checksum | None, keeper: Keeper, *, fresh: bool = False
    ) -> None:
        super().__init__(upload)
        self._length, self._checksum, self._keeper = length, checksum, keeper
        self._fresh = fresh
        self._start = self._at = upload.offset
        self._room = upload.offset + (length or 0)
        self._digest = checksum.begin() if checksum else None
        self._excess = False

    async def run(self, incoming: Incoming) -> Upload:
        """Take the body. Answers with the upload after it; raises what was wrong, after that was dealt with."""
        self._take(incoming)
        # Whatever becomes of the request, its bytes are accounted for.
        task = asyncio.create_task(self._run(incoming))
        return await asyncio.shield(task)

    async def _run(self, incoming: Incoming) -> Upload:
        keeper = self._keeper
        try:
            try:
                offset = await keeper.store.append(transfer_of(self.upload), self._start, self._pieces(incoming))
                self._verify()
                done = await keeper.settle(replace(self.upload, offset=offset, unverified=None))
            except BaseException as error:
                with contextlib.suppress(DomainError):
                    await self._after_failure()
                if isinstance(error, NotFound) and self._stopped is None:
                    # Somebody else has ended the upload; this is no wrong address.
                    raise displaced() from error
                raise
        finally:
            keeper.over(self)
            self.settled.set()
        return await self._end(done)

    async def _end(self, upload: Upload) -> Upload:
        if upload.size is None or upload.offset < upload.size:
            return upload
        end = asyncio.ensure_future(self._keeper.complete(upload))
        finished, _ = await asyncio.wait([end], timeout=PATIENCE)
        return end.result() if finished else upload

    async def _pieces(self, incoming: Incoming) -> AsyncIterator[bytes]:
        try:
            async for piece in incoming:
                end = self._at + len(piece)
                if self.upload.size is not None and end > self.upload.size:
                    self._excess = True
                    raise too_much(self.upload.size, end)
                if end > self._room and self.upload.size is None:
                    self._room = await self._keeper.grow(self.upload, end)
                if self._digest is not None:
                    self._digest.update(piece)
                self._at = end
                yield piece
        except CutOff:
            # The connection may end as soon as the last byte was sent: then nothing is missing.
            if self._length is None or self._at < self._start + self._length:
                raise

    def _verify(self) -> None:
        if self._digest is not None and self._checksum is not None and self._digest.digest() != self._checksum.expected:
            raise mismatch(self._checksum, self._start)

    async def _after_failure(self) -> None:
        """Keep what is sound: all that came, or nothing of it where only the whole of it could be checked."""
        keeper, transfer = self._keeper, transfer_of(self.upload)
        if self._fresh:
            await keeper.abandon(self.upload)
        elif self.upload.unverified is not None or self._excess:
            await keeper.cut(self.upload, self._start)
        else:
            done = await keeper.settle(replace(self.upload, offset=await keeper.store.received(transfer)))
            if done.size == done.offset and not isinstance(self._stopped, Displaced):
                await keeper.complete(done)


class Displaced(Conflict):
    """A newer request goes on with the same upload."""


def displaced() -> Displaced:
    """For whoever was too late."""
    return Displaced("Another request has gone on with this upload; ask for its offset.")


def mismatch(checksum: Checksum, offset: int) -> ChecksumMismatch:
    """A body that is not what its sender says."""
    return ChecksumMismatch(
        f"The {checksum.algorithm} of what came is not the one that was announced; nothing was kept.", offset=offset
    )


def too_much(size: int, came: int) -> TooLarge:
    """More bytes than were declared."""
    return TooLarge(f"The upload was declared to have {size} bytes, and {came} came.", limit=size)
