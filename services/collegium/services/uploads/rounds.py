"""The controller's part: ends what a kill left half done, what nobody goes on with, and what nobody knows of.

It goes on beside the rounds: looking through a large file takes longer than one of them may.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from collegium.db import Database, UnitOfWork
from collegium.domain.errors import DomainError
from collegium.domain.files import PLATFORM, Root
from collegium.domain.quota import WorkloadKind
from collegium.domain.uploads import Upload, UploadOptions, UploadState
from collegium.quota.ledger import Ledger
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.uploads.ends import Ends, transfer_of
from collegium.stores.port import FileStore, Transfer

#: Seconds between looks at uploads, and at what the store has without a row.
OFTEN, SELDOM = 5.0, 600.0
#: Whoever works on an upload has so long before somebody else does.
QUIET = timedelta(seconds=15)
#: Bytes and places without a row are left alone for so long: their row may be about to come.
ORPHAN_AGE, GRACE = timedelta(hours=1), timedelta(seconds=60)
#: Rows that are looked at in one question.
AT_ONCE = 200
_log = logging.getLogger("collegium.controller")


class UploadRounds:
    """What it remembers spares work and nothing else."""

    def __init__(
        self,
        database: Database,
        store: FileStore,
        ends: Ends,
        lease: Lease,
        clock: Callable[[], datetime],
        options: UploadOptions,
    ) -> None:
        self._database, self._store, self._ends, self._lease = database, store, ends, lease
        self._clock, self._options = clock, options
        self._passing: asyncio.Task[None] | None = None
        self._due: dict[Callable[[], Awaitable[None]], tuple[float, float]] = {
            self.look: (0.0, OFTEN),
            self.sweep: (0.0, SELDOM),
        }

    def keep_going(self) -> None:
        """Begin another pass unless one goes on."""
        if self._passing is None or self._passing.done():
            self._passing = asyncio.create_task(self._pass())

    def stop(self) -> None:
        """Another process sees to it now."""
        if self._passing is not None:
            self._passing.cancel()

    async def _pass(self) -> None:
        for work, (due, interval) in self._due.items():
            if time.monotonic() < due:
                continue
            self._due[work] = (time.monotonic() + interval, interval)
            try:
                await work()
            except LeaseLost:
                # The controller's next round finds it out too.
                return
            except DomainError as error:
                _log.warning("uploads are looked after again later: %s", error)
            except Exception:
                _log.exception("uploads could not be looked after")

    async def look(self) -> None:
        """Each upload of which something is left."""
        after = 0
        while found := await self._database.reading(lambda uow, after=after: uow.uploads.left(after, AT_ONCE)):  # type: ignore[misc]
            for upload in found:
                try:
                    await self._look_at(upload)
                except DomainError as error:
                    _log.warning("an upload is looked after again later: %s", error)
            after = found[-1].number

    async def _look_at(self, upload: Upload) -> None:
        moment = self._clock()
        # Each change of the row by its sender moves its end.
        quiet = upload.expires_at - self._options.age <= moment - QUIET
        match upload.state:
            case UploadState.FAILED:
                await self._ends.clear(upload)
            case UploadState.FINISHING if quiet:
                await self._ends.finish(upload)
            case UploadState.OPEN if upload.expires_at <= moment:
                days = max(1, round(self._options.age.total_seconds() / 86400))
                await self._ends.fail(upload, f"Nothing came for {days} days.", tell=True)
            case UploadState.OPEN if quiet and await self._is_whole(upload):
                await self._ends.complete(upload)

    async def _is_whole(self, upload: Upload) -> bool:
        """Did its last bytes come through a request that was killed before it could say so?"""
        if not upload.sender or upload.direct or upload.unverified is not None or upload.store_state is None:
            return False
        return upload.size is not None and await self._store.received(transfer_of(upload)) == upload.size

    async def sweep(self) -> None:
        """What the store or the ledger has of uploads without a row, and rows that nobody asks for any more."""
        owners = await self._database.reading(
            lambda uow: sorted({PLATFORM, *(g.name for g in uow.groups.all()), *uow.uploads.owners()})
        )
        border = self._clock() - ORPHAN_AGE
        for owner in owners:
            old = [i for i, since in (await self._store.transfers(owner)).items() if since < border]
            known = await self._database.reading(lambda uow, old=old: uow.uploads.known(old))  # type: ignore[misc]
            for upload_id in old:
                if upload_id not in known:
                    _log.warning("forgetting bytes of the upload %s, which has no row", upload_id)
                    await self._store.abort(Transfer(upload_id, Root(owner), "", None))
        await self._lease.write(self._sweep_rows)

    def _sweep_rows(self, uow: UnitOfWork) -> None:
        held = [r.workload_id for r in uow.reservations.live(kinds=[WorkloadKind.UPLOAD])]
        alive = uow.uploads.known(held)
        for r in Ledger().sweep(uow, WorkloadKind.UPLOAD, alive, GRACE):
            _log.warning("released the place of the upload %s, which has no row", r.workload_id)
        uow.uploads.forget(self._clock())
