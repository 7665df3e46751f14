"""Small files that come whole, in the request that begins them: two transactions, and nobody was told of half of one.

The body is awaited first, in memory. Then the store makes a hidden place for it; one transaction keeps room for it and
says that it is being finished; its bytes are written and come into sight; another transaction says so. Whatever a kill
leaves of that ends as every upload that was being finished does: as a file if all bytes had come, as nothing if not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from collegium.domain.errors import Conflict, DomainError
from collegium.domain.uploads import Upload, UploadState
from collegium.services.incoming import BUFFER, CutOff, Incoming
from collegium.services.uploads.beginning import Beginnings
from collegium.services.uploads.ends import Ends, transfer_of
from collegium.services.uploads.protocol import Checksum
from collegium.services.uploads.reception import PATIENCE, mismatch
from collegium.services.uploads.taking import Taking
from collegium.stores.port import FileStore

#: Bytes of a file that is awaited in memory: no more than of any other body that waits there.
SMALL = BUFFER


class Whole(Taking):
    """One of them. ``upload`` is as it was planned; it has no row before its body has come."""

    #: Nobody goes on with what nobody was told of.
    displaceable = False

    def __init__(
        self,
        upload: Upload,
        checksum: Checksum | None,
        store: FileStore,
        beginnings: Beginnings,
        ends: Ends,
        over: Callable[[Taking], None],
    ) -> None:
        super().__init__(upload)
        self._checksum = checksum
        self._store, self._beginnings, self._ends, self._over = store, beginnings, ends, over

    async def run(self, incoming: Incoming) -> Upload:
        """Take the body. Answers with the upload after it; raises what was wrong, and then nothing is left of it."""
        self._take(incoming)
        try:
            pieces = await self._await(incoming)
        except BaseException:
            self._settle()
            raise
        return await self.keep(pieces)

    async def keep(self, pieces: Sequence[bytes]) -> Upload:
        """Make a file of them."""
        # Whoever sent them may leave; what was begun goes on.
        return await asyncio.shield(asyncio.create_task(self._keep(pieces)))

    async def _await(self, incoming: Incoming) -> list[bytes]:
        pieces: list[bytes] = []
        with contextlib.suppress(CutOff):
            async for piece in incoming:
                pieces.append(piece)
        # The connection may end as soon as the last byte was sent: then nothing is missing.
        if sum(map(len, pieces)) != self.upload.size:
            raise CutOff("The connection ended before the body did.")
        if self._checksum is not None:
            digest = self._checksum.begin()
            for piece in pieces:
                digest.update(piece)
            if digest.digest() != self._checksum.expected:
                raise mismatch(self._checksum, 0)
        return pieces

    async def _keep(self, pieces: Sequence[bytes]) -> Upload:
        try:
            upload = await self._note()
            try:
                await self._store.append(transfer_of(upload), 0, _each(pieces))
            except BaseException:
                with contextlib.suppress(DomainError):
                    await self._ends.clear(await self._ends.fail(upload, "Its bytes could not be kept."), forget=True)
                raise
        finally:
            self._settle()
        end = asyncio.ensure_future(self._ends.finish(upload, again=False))
        finished, _ = await asyncio.wait([end], timeout=PATIENCE)
        return visible(end.result()) if finished else upload

    async def _note(self) -> Upload:
        """A place in the store, then room and row: what has no row is swept away."""
        size, replaced = self.upload.size or 0, await self._ends.replaced_size(self.upload)
        state = dict(await self._store.begin(transfer_of(self.upload)))
        finishing = replace(self.upload, offset=size, state=UploadState.FINISHING, store_state=state, replaced=replaced)
        upload = self._beginnings.renew(finishing)
        try:
            await self._beginnings.insert(upload, size)
        except BaseException:
            with contextlib.suppress(DomainError):
                await self._store.abort(transfer_of(upload))
            raise
        return upload

    def _settle(self) -> None:
        self._over(self)
        self.settled.set()


async def _each(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def visible(upload: Upload) -> Upload:
    """The upload, unless it became no file. Raises Conflict with the reason."""
    if upload.state is UploadState.FAILED:
        raise Conflict(f"The upload became no file: {upload.message}", state=upload.state.value)
    return upload
