"""Uploads: begun, gone on with, looked at and given up. Knows the store, the ledger and the rows; knows no HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from collegium.db import Database, UnitOfWork
from collegium.domain.errors import Conflict, DomainError, Forbidden, InvalidInput, NotFound, shorten
from collegium.domain.files import PLATFORM
from collegium.domain.groups import Actor
from collegium.domain.policy import Operation, explain
from collegium.domain.uploads import Upload, UploadOptions, UploadState
from collegium.services.by import By
from collegium.services.files.places import Places
from collegium.services.paging import number_cursor, read_number_cursor
from collegium.services.refusals import Gone
from collegium.services.uploads.beginning import Beginnings, require_size, reserve, reserve_ahead
from collegium.services.uploads.ends import Ends, transfer_of
from collegium.services.uploads.models import StoreOut, UploadOut, UploadPage
from collegium.services.uploads.protocol import Asked, Checksum
from collegium.services.uploads.reception import Displaced, Reception, displaced, too_much
from collegium.services.uploads.taking import Taking
from collegium.services.uploads.views import upload_out
from collegium.services.uploads.whole import SMALL, Whole, visible
from collegium.stores.port import Transfer

#: How often is looked at an upload that others go on with at the same moment.
TRIES = 5


class UploadService:
    """Expects that the policy was asked whether the caller may upload to the group; whose upload it is, is asked here.

    Of several requests for one upload the newest counts: within this process the others are stopped, elsewhere the
    store itself keeps a former sender from adding another byte.
    """

    def __init__(
        self,
        database: Database,
        places: Places,
        ends: Ends,
        clock: Callable[[], datetime],
        options: UploadOptions,
    ) -> None:
        self._database, self._ends, self._clock = database, ends, clock
        self._beginnings = Beginnings(database, places, clock, options)
        self.store, self.options = places.store, options
        self._receptions: dict[str, Taking] = {}

    def store_out(self) -> StoreOut:
        """What senders should know."""
        options = self.options
        return StoreOut(
            kind=self.store.kind,
            direct=self.store.direct,
            chunk_size=options.chunk_size,
            max_size=options.max_size or None,
        )

    async def create(self, by: By, group: str, asked: Asked) -> Upload:
        """Begin one without any bytes. Raises InvalidInput, NotFound, Forbidden, Conflict, TooLarge, QuotaExceeded."""
        if asked.size == 0 and not asked.direct:
            return await self._whole(await self._beginnings.plan(by, group, asked), None).keep([])
        return await self._beginnings.make(by, group, asked)

    async def begin(self, by: By, group: str, asked: Asked, length: int | None, checksum: Checksum | None) -> Taking:
        """Begin one whose first bytes follow at once; ``length`` of them, if that is known."""
        if asked.size is not None and (length or 0) > asked.size:
            raise too_much(asked.size, length or 0)
        if asked.size == length and length is not None and length <= SMALL and not asked.direct:
            return self._whole(await self._beginnings.plan(by, group, asked), checksum)
        upload = await self._beginnings.make(
            by, group, asked, length or 0, 0 if checksum else None, secrets.token_hex(16)
        )
        try:
            return self._receive(await self._begun(upload), length, checksum, fresh=True)
        except DomainError:
            with contextlib.suppress(DomainError):
                await self.abandon(upload)
            raise

    async def go_on(
        self,
        by: By,
        group: str,
        upload_id: str,
        offset: int | None,
        size: int | None,
        length: int | None,
        checksum: Checksum | None,
    ) -> Reception:
        """Let more bytes come: ``length`` of them, if that is known, from ``offset``; ``size`` is declared with them.

        Raises NotFound, Forbidden, Gone; Conflict, which says the offset, for another one; TooLarge; QuotaExceeded.
        """
        if offset is None:
            raise InvalidInput("Upload-Offset", "is needed")
        upload = await self._alone(by.actor, group, upload_id)
        self._require_open(upload)
        upload = await self._begun(await self._sound(upload))
        there = await self._there(upload)
        if there != offset:
            raise Conflict(f"The upload has {there} bytes, so it goes on at {there} and not at {offset}.", offset=there)
        ready = await self._database.writing(lambda uow: self._take(uow, upload, offset, size, length, bool(checksum)))
        return self._receive(ready, length, checksum)

    async def look(self, actor: Actor, group: str, upload_id: str) -> Upload:
        """Where to go on. A request that still sends is stopped: who asks has given it up."""
        for _ in range(TRIES):
            with contextlib.suppress(Displaced):
                return await self._look(actor, group, upload_id)
        raise displaced()

    async def _look(self, actor: Actor, group: str, upload_id: str) -> Upload:
        row = await self._alone(actor, group, upload_id)
        if row.state is UploadState.FAILED:
            raise _gone(row)
        if row.state is UploadState.FINISHING:
            return await self.complete(row)
        if row.state is not UploadState.OPEN or row.direct:
            return row
        row = await self._sound(row)
        upload = await self._begun(row)
        there = await self._there(upload)
        if there != row.offset or row.sender or row.store_state is None:
            # The store knows better than the row.
            upload = await self.settle(replace(upload, offset=there))
        return await self.complete(upload) if upload.size == there else upload

    async def get(self, actor: Actor, group: str, upload_id: str) -> UploadOut:
        """One as it is known; nobody who sends is disturbed."""
        return await self.out(await self.find(actor, group, upload_id))

    async def out(self, upload: Upload) -> UploadOut:
        """As it is shown, with the parts that the store has."""
        if not upload.direct or upload.state.over:
            return upload_out(upload, [] if upload.direct else None)
        parts = await self.store.parts(transfer_of(upload)) if upload.store_state is not None else ()
        upload = replace(upload, offset=sum(p.size for p in parts))
        return upload_out(upload, sorted(p.number for p in parts))

    async def page(self, actor: Actor, group: str, limit: int, cursor: str | None) -> UploadPage:
        """One's own, the newest first; those of all for who may touch them."""
        before = read_number_cursor("u", cursor) if cursor else None
        everybody = explain(actor, Operation.FILE_UPLOAD, group, owner="").allowed
        user = None if everybody else actor.user
        found = await self._database.reading(lambda uow: uow.uploads.page(group, user, before, limit + 1))
        more = number_cursor("u", found[limit - 1].number) if len(found) > limit else None
        return UploadPage(items=[upload_out(u) for u in found[:limit]], next_cursor=more)

    async def terminate(self, by: By, group: str, upload_id: str) -> None:
        """Give it up: what came is forgotten, and so is that there was one. Raises Conflict for one that is done."""
        upload = await self._alone(by.actor, group, upload_id)
        if upload.state is UploadState.OPEN:
            upload = await self._ends.fail(upload, f"{by.actor.user} gave it up.")
        if upload.state is not UploadState.FAILED:
            raise Conflict("All bytes of the upload have come; delete the file instead.", state=upload.state.value)
        await self._ends.clear(upload, forget=True)

    async def complete(self, upload: Upload) -> Upload:
        """All bytes are there: make the file visible. Raises Conflict with the reason if that cannot be."""
        return visible(await self._ends.complete(upload))

    async def _begun(self, upload: Upload) -> Upload:
        """The store knows of it. Its word is kept with the next change of the row; asked twice, it says the same."""
        if upload.store_state is not None:
            return upload
        return replace(upload, store_state=dict(await self.store.begin(transfer_of(upload))))

    def _receive(
        self, upload: Upload, length: int | None, checksum: Checksum | None, *, fresh: bool = False
    ) -> Reception:
        reception = Reception(upload, length, checksum, self, fresh=fresh)
        self._receptions[upload.id] = reception
        return reception

    def _whole(self, upload: Upload, checksum: Checksum | None) -> Whole:
        whole = Whole(upload, checksum, self.store, self._beginnings, self._ends, self.over)
        self._receptions[upload.id] = whole
        return whole

    async def check(self, reception: Taking) -> None:
        """Stop a request whose upload another process has gone on with."""
        if not reception.displaceable:
            return
        upload = reception.upload
        row = await self._database.reading(lambda uow: uow.uploads.get(upload.group, upload.id))
        if row is None or row.sender != upload.sender:
            reception.stop(displaced())

    def over(self, reception: Taking) -> None:
        """It is known what became of a request."""
        if self._receptions.get(reception.upload.id) is reception:
            del self._receptions[reception.upload.id]

    async def settle(self, after: Upload) -> Upload:
        """Write where the upload stands after its sender's request, and answer with it. Raises Displaced if there is
        another sender by now, and Gone: then nothing of the request may be acknowledged."""
        moment = self._clock()

        def settle(uow: UnitOfWork) -> Upload:
            row = uow.uploads.lock(after.id)
            if row is None:
                raise Gone("The upload was given up.")
            if row.sender != after.sender or row.state is not UploadState.OPEN:
                raise displaced()
            settled = replace(
                row,
                offset=after.offset,
                unverified=after.unverified,
                store_state=after.store_state,
                sender="",
                expires_at=moment + self.options.age,
            )
            uow.uploads.put(settled)
            return settled

        return await self._database.writing(settle)

    async def cut(self, upload: Upload, offset: int) -> None:
        """Forget what a sender sent after an offset; nothing happens if there is another sender by now.

        The row is held meanwhile: nobody else can have been told of these bytes, or add some, before they are gone.
        """
        loop, transfer = asyncio.get_running_loop(), transfer_of(upload)

        def cut(uow: UnitOfWork) -> None:
            row = uow.uploads.lock(upload.id)
            if row is None or row.sender != upload.sender or row.state is not UploadState.OPEN:
                return
            if row.unverified != upload.unverified:
                return
            asyncio.run_coroutine_threadsafe(self._truncate(transfer, offset), loop).result()
            after = replace(row, offset=offset, unverified=None, sender="", store_state=upload.store_state)
            uow.uploads.put(after)

        await self._database.writing(cut)

    async def _truncate(self, transfer: Transfer, offset: int) -> None:
        if await self.store.received(transfer) > offset:
            await self.store.truncate(transfer, offset)

    async def abandon(self, upload: Upload) -> None:
        """Nobody will go on with it."""
        await self._ends.clear(await self._ends.fail(upload, "Its first request failed."), forget=True)

    async def grow(self, upload: Upload, needed: int) -> int:
        """Room for an upload of unknown length: a step ahead, or as much as is needed; raises QuotaExceeded."""
        require_size(self.options, needed)
        return await self._database.writing(lambda uow: reserve_ahead(uow, upload, needed))

    def _take(
        self, uow: UnitOfWork, upload: Upload, offset: int, size: int | None, length: int | None, checked: bool
    ) -> Upload:
        """Become the sender of an upload, and have room for what comes."""
        if upload.root.owner != PLATFORM:
            uow.groups.lock(upload.root.owner)
        row = uow.uploads.lock(upload.id)
        if row is None:
            raise NotFound("There is no such upload any more.")
        self._require_open(row)
        if (row.sender, row.unverified, row.offset) != (upload.sender, upload.unverified, upload.offset):
            # Others have come and gone since the store was asked for the offset.
            raise displaced()
        if size is not None and row.size not in (None, size):
            raise InvalidInput("Upload-Length", f"was declared before as {row.size}", size, row.size)
        total = row.size if row.size is not None else size
        if size is not None and size < offset:
            raise InvalidInput("Upload-Length", f"is less than the {offset} bytes that have come", size)
        if total is not None and offset + (length or 0) > total:
            raise too_much(total, offset + (length or 0))
        if row.size is None:
            asked = total if total is not None else offset + (length or 0)
            require_size(self.options, asked)
            reserve(uow, upload, asked)
        taken = replace(
            row,
            size=total,
            offset=offset,
            store_state=upload.store_state,
            unverified=offset if checked else None,
            sender=secrets.token_hex(16),
            expires_at=self._clock() + self.options.age,
        )
        uow.uploads.put(taken)
        return taken

    async def _alone(self, actor: Actor, group: str, upload_id: str) -> Upload:
        """One as it is when nobody sends through this process any more, and it is known what came."""
        upload = await self.find(actor, group, upload_id)
        reception = self._receptions.get(upload_id)
        if reception is None:
            return upload
        reception.stop(displaced())
        await reception.settled.wait()
        return await self.find(actor, group, upload_id)

    async def _sound(self, upload: Upload) -> Upload:
        """Forget bytes of a request that was killed, or sends elsewhere, whose checksum was not seen to be right."""
        if upload.unverified is None:
            return upload
        await self.cut(await self._begun(upload), upload.unverified)
        found = await self._database.reading(lambda uow: uow.uploads.get(upload.group, upload.id))
        if found is None or found.unverified is not None:
            raise displaced()
        return found

    async def _there(self, upload: Upload) -> int:
        """Bytes that are safe. Raises Displaced if another request has ended the upload meanwhile, and Gone for one
        that the store knows nothing of."""
        try:
            return await self.store.received(transfer_of(upload))
        except NotFound:
            row = await self._database.reading(lambda uow: uow.uploads.get(upload.group, upload.id))
            if row is None or row.state is not UploadState.OPEN or row.sender != upload.sender:
                raise displaced() from None
            raise _gone(await self._ends.fail(row, "The store has lost what came of it.", tell=True)) from None

    async def find(self, actor: Actor, group: str, upload_id: str) -> Upload:
        """One that the actor may touch: their own, or any for an admin. Raises NotFound and Forbidden."""
        known = len(upload_id) <= 40
        upload = await self._database.reading(lambda uow: uow.uploads.get(group, upload_id)) if known else None
        if upload is None:
            raise NotFound(f"Group {group} has no upload {shorten(upload_id)}.")
        verdict = explain(actor, Operation.FILE_UPLOAD, group, owner=upload.user)
        if not verdict.allowed:
            raise Forbidden(verdict.reason, operation=Operation.FILE_UPLOAD.value, group=group)
        return upload

    def _require_open(self, upload: Upload) -> None:
        """Raise Gone or Conflict unless bytes may come."""
        if upload.state is UploadState.FAILED:
            raise _gone(upload)
        if upload.direct:
            raise Conflict("The parts of this upload go straight to the store.", id=upload.id)
        if upload.state is not UploadState.OPEN:
            raise Conflict("All bytes of this upload have come.", offset=upload.offset, state=upload.state.value)


def _gone(upload: Upload) -> Gone:
    return Gone(f"The upload became no file: {upload.message}", state=upload.state.value)
