"""How uploads end: as a file, or as nothing. Each step is written before it is taken and may be taken again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from collegium.db import Database, UnitOfWork
from collegium.domain.errors import DomainError, NotFound, StorageFull, Unavailable
from collegium.domain.files import PLATFORM, EntryKind, Size
from collegium.domain.quota import WorkloadKind
from collegium.domain.uploads import Upload, UploadState
from collegium.quota.ledger import Ledger
from collegium.stores.port import FileStore, Transfer

#: The kind of the events that tell of uploads.
EVENT = "upload"
#: For how long it is known what became of an upload: whoever lost the last answer asks again.
KEPT = timedelta(days=1)
_log = logging.getLogger("collegium.services")


def transfer_of(upload: Upload) -> Transfer:
    """As the store knows it."""
    return Transfer(upload.id, upload.root, upload.inner, upload.size, upload.store_state or {}, bool(upload.sha256))


class Ends:
    """Finishing, failing and clearing away, for requests and for the controller alike."""

    def __init__(self, database: Database, store: FileStore, clock: Callable[[], datetime]) -> None:
        self._database, self._store, self._clock = database, store, clock
        self._under_way: dict[str, asyncio.Task[Upload]] = {}

    async def complete(self, upload: Upload) -> Upload:
        """All bytes are there: say so, then finish. Answers as ``finish``; one that is over is answered as it is."""
        size = await self.replaced_size(upload)

        def finishing(uow: UnitOfWork) -> Upload:
            row = uow.uploads.lock(upload.id)
            if row is None:
                raise NotFound("There is no such upload any more.")
            if row.state is not UploadState.OPEN:
                return row
            state = row.store_state if row.store_state is not None else upload.store_state
            after = replace(
                row, state=UploadState.FINISHING, offset=row.size or 0, sender="", replaced=size, store_state=state
            )
            uow.uploads.put(after)
            return after

        row = await self._database.writing(finishing)
        if row.state is not UploadState.FINISHING:
            return row
        return await self.finish(row, again=upload.state is UploadState.FINISHING)

    async def finish(self, upload: Upload, *, again: bool = True) -> Upload:
        """All bytes are there and the row says Finishing: make the file visible.

        Answers with the upload as it is then: Done, Failed with the reason, or Finishing still if the store does not
        answer now; the controller tries again. Two who ask at once wait for the same end.
        """
        task = self._under_way.get(upload.id)
        if task is None:
            task = asyncio.create_task(self._finish(upload, again))
            self._under_way[upload.id] = task
            task.add_done_callback(lambda _: self._under_way.pop(upload.id, None))
        # Whoever asked may leave; what was begun goes on.
        return await asyncio.shield(task)

    async def _finish(self, upload: Upload, again: bool) -> Upload:
        try:
            entry = await self._store.finish(transfer_of(upload), replace=upload.replace, sha256=upload.sha256)
        except (Unavailable, StorageFull) as error:
            _log.warning("an upload could not be finished and is tried again: %s", error)
            return replace(upload, message=error.message)
        except DomainError as error:
            return await self.fail(upload, error.message, tell=True)
        change = Size(0 if upload.replaced is not None else 1, entry.size - (upload.replaced or 0))
        moment = self._clock()

        def done(uow: UnitOfWork) -> Upload:
            _hold(uow, upload)
            row = uow.uploads.lock(upload.id)
            if row is None or row.state is not UploadState.FINISHING:
                return row or upload
            after = replace(
                row,
                state=UploadState.DONE,
                offset=entry.size,
                message="",
                sender="",
                cleared=True,
                finished_at=moment,
                expires_at=moment + KEPT,
            )
            uow.uploads.put(after)
            Ledger().settle(uow, WorkloadKind.UPLOAD, upload.id, upload.root.owner, change)
            if again:
                # The file may have been in sight, and measured, since the first try.
                uow.stored.look_again(upload.root.owner)
            self._tell(uow, after, "Uploaded", f"{upload.path} was uploaded.")
            uow.announce()
            return after

        return await self._database.writing(done)

    async def fail(self, upload: Upload, message: str, *, tell: bool = False) -> Upload:
        """It becomes nothing, and ``message`` says why. What the store has of it goes, then the room kept for it.

        Whoever was quicker counts: one that is in another state by now is answered as it is.
        """
        moment = self._clock()

        def failed(uow: UnitOfWork) -> Upload | None:
            if tell:
                uow.events.lock(upload.group)
            row = uow.uploads.lock(upload.id)
            if row is None or row.state is not upload.state:
                return row
            after = replace(
                row,
                state=UploadState.FAILED,
                message=message,
                sender="",
                finished_at=moment,
                expires_at=moment + KEPT,
            )
            uow.uploads.put(after)
            if tell:
                self._tell(uow, after, "Failed", message)
            return after

        row = await self._database.writing(failed)
        if row is None:
            return replace(upload, state=UploadState.FAILED, message=message)
        if row.state is UploadState.FAILED and not row.cleared:
            try:
                await self.clear(row)
            except DomainError as error:
                _log.warning("what came of an upload is cleared away later: %s", error)
        return row

    async def clear(self, upload: Upload, *, forget: bool = False) -> None:
        """Remove what the store has of a failed upload, and give the room back. ``forget``: the row goes, too."""
        await self._store.abort(transfer_of(upload))

        def cleared(uow: UnitOfWork) -> None:
            _hold(uow, upload)
            row = uow.uploads.lock(upload.id)
            if row is None or row.state is not UploadState.FAILED:
                return
            Ledger().release(uow, WorkloadKind.UPLOAD, upload.id)
            if forget:
                uow.uploads.delete(upload.id)
            else:
                uow.uploads.put(replace(row, cleared=True))

        await self._database.writing(cleared)

    async def replaced_size(self, upload: Upload) -> int | None:
        """Bytes of the file that an upload takes the place of, None if there is none."""
        if not upload.replace:
            return None
        try:
            entry = await self._store.stat(upload.root, upload.inner)
        except (NotFound, Unavailable):
            return None
        return entry.size if entry.kind is EntryKind.FILE else None

    def _tell(self, uow: UnitOfWork, upload: Upload, reason: str, text: str) -> None:
        told = (upload.state.value, reason, text)
        uow.events.append(upload.group, EVENT, upload.id, self._clock(), *told, name=upload.path, user=upload.user)


def _hold(uow: UnitOfWork, upload: Upload) -> None:
    """Groups' rows first, in one order, then the upload's: nobody waits for one who waits for them."""
    for group in sorted({upload.group, upload.root.owner} - {PLATFORM}):
        uow.groups.hold(group)
