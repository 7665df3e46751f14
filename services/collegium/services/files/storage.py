"""How much is stored, and room for more: everything that makes files asks here first.

What is stored changes at once with what is done through Collegium, and is measured anew by the controller, since
servers and jobs write to the same files. Over the limit nothing new is let in; reading goes on.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

from collegium.db import Database, UnitOfWork
from collegium.domain.files import PLATFORM, Size
from collegium.domain.names import new_id
from collegium.domain.quota import WorkloadKind
from collegium.domain.resources import STORAGE, Resources
from collegium.quota.ledger import Claim, Ledger, usage
from collegium.services.files.models import StorageOut, StorageShare

#: How long room is kept for a request; a task keeps its room as long as it goes on.
HOLD = timedelta(minutes=15)


class Charge:
    """Room that is kept while something is written, and what came of it."""

    def __init__(self) -> None:
        self.change = Size()

    def add(self, size: int, files: int = 0) -> None:
        """So much more is stored, or less."""
        self.change += Size(files, size)


class StorageService:
    """Room for files. The platform's own datasets have no group and no limit."""

    def __init__(self, database: Database) -> None:
        self._database, self._ledger = database, Ledger()

    async def of_group(self, group: str) -> StorageOut:
        """All that is known."""

        def look(uow: UnitOfWork) -> StorageOut:
            now, stored = usage(uow, group), uow.stored.get(group)
            coming = sum(r.resources[STORAGE] for r in now.live if r.kind is WorkloadKind.UPLOAD)
            return StorageOut(
                used=stored.size.bytes,
                files=stored.size.files,
                limit=now.limits.get(STORAGE),
                uploads=coming,
                trash=uow.trash.size(group).bytes,
                measured_at=stored.measured_at,
            )

        return await self._database.reading(look)

    async def share(self, group: str) -> StorageShare:
        """Used and limit; room that is kept counts as used."""

        def look(uow: UnitOfWork) -> StorageShare:
            now = usage(uow, group)
            return StorageShare(used=now.used[STORAGE], limit=now.limits.get(STORAGE))

        return await self._database.reading(look)

    async def reserve(self, owner: str, user: str, workload_id: str, label: str, size: int) -> None:
        """Keep room for a write. Raises QuotaExceeded with the whole decision."""
        if owner == PLATFORM:
            return
        # Nothing that is made fits into a group that is full, not even an empty file.
        claim = Claim(
            owner, user, WorkloadKind.WRITE, workload_id, Resources({STORAGE: max(1, size)}), label[:120], hold=HOLD
        )
        decision = await self._database.writing(lambda uow: self._ledger.reserve(uow, claim))
        if not decision.granted:
            raise decision.error()

    async def settle(self, owner: str, workload_id: str, change: Size) -> None:
        """The write is over, with this result."""
        await self._database.writing(lambda uow: self.settle_in(uow, owner, workload_id, change))

    def settle_in(self, uow: UnitOfWork, owner: str, workload_id: str, change: Size) -> None:
        """The same in the transaction that says what came of it."""
        self._ledger.settle(uow, WorkloadKind.WRITE, workload_id, owner, change)

    def give_back(self, uow: UnitOfWork, workload_id: str) -> None:
        """The write failed somewhere on its way: what there is of it is measured soon."""
        present = uow.reservations.live_of(WorkloadKind.WRITE, workload_id)
        if present is not None:
            self._ledger.release(uow, WorkloadKind.WRITE, workload_id)
            uow.stored.look_again(present.group)

    @contextlib.asynccontextmanager
    async def charging(self, owner: str, user: str, label: str, size: int) -> AsyncIterator[Charge]:
        """Room for a request that writes; what it wrote is counted when it is over, however that was."""
        workload_id, charge = new_id("wrt"), Charge()
        if size > 0:
            await self.reserve(owner, user, workload_id, label, size)
        try:
            yield charge
        finally:
            if size > 0 or charge.change != Size():
                await self.settle(owner, workload_id, charge.change)
