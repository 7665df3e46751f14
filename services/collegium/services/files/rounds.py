"""What the controller sees to: tasks whose process is gone, the trash, and how much is stored.

It works beside the rounds of jobs: nothing here may keep anybody from starting.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from collegium.db import Database, UnitOfWork
from collegium.domain.audit import SYSTEM, AuditEntry
from collegium.domain.errors import DomainError
from collegium.domain.file_tasks import TrashEntry, TrashState
from collegium.domain.files import PLATFORM, EntryKind, Size
from collegium.domain.quota import WorkloadKind
from collegium.domain.shares import FileBounds
from collegium.quota.ledger import Ledger
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.files.parts import FileParts
from collegium.services.files.trash import forget
from collegium.services.metrics import Metrics

#: Seconds between looks for tasks to take up, for what is to leave the trash, and for what the trash and its list
#: disagree on.
TASKS, EXPIRED, TICKETS = 5.0, 60.0, 900.0
#: An owner's storage is measured again after this long, and after so many times what it took.
MEASURED, PATIENCE = timedelta(minutes=10), 20
#: What disagrees is left alone so long: somebody may be about to make it right.
YOUNG = timedelta(hours=1)
#: Days for which it is known which tasks there were, and checksums that nobody asked for anew.
TASK_DAYS, CHECKSUM_DAYS = 30, 180
PART = 100
_log = logging.getLogger("collegium.controller")


class FileRounds:
    """Remembers only when it looked last."""

    def __init__(
        self,
        database: Database,
        parts: FileParts,
        lease: Lease,
        metrics: Metrics,
        clock: Callable[[], datetime],
        bounds: FileBounds,
    ) -> None:
        self._database, self._store, self._runner, self._trash = database, parts.store, parts.runner, parts.trash
        self._lease, self._metrics, self._clock, self._bounds = lease, metrics, clock, bounds
        self._work: dict[str, tuple[float, Callable[[], Awaitable[None]]]] = {
            "tasks": (TASKS, self.take_up),
            "expired trash": (EXPIRED, self.expire),
            "tickets": (TICKETS, self.reconcile),
            "storage": (EXPIRED, self.measure),
            "old file rows": (TICKETS, self.forget_old),
        }
        self._due = dict.fromkeys(self._work, 0.0)
        self._looked: dict[str, float] = {}
        self._tasks: dict[bool, asyncio.Task[None]] = {}

    async def round(self) -> None:
        """Go on with whatever is due; returns without waiting for it."""
        # Counting millions of files takes minutes, for which nothing else may wait.
        for slow in (False, True):
            task = self._tasks.get(slow)
            if task is None or task.done():
                self._tasks[slow] = asyncio.create_task(self._go(slow))

    def stop(self) -> None:
        """Drop what is under way: another process sees to it now."""
        for task in self._tasks.values():
            task.cancel()

    async def settle(self) -> None:
        """Wait for what was begun."""
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    def look_again(self) -> None:
        """Look for everything at the next round."""
        self._due = dict.fromkeys(self._work, 0.0)

    async def _go(self, slow: bool) -> None:
        for name, (interval, work) in self._work.items():
            moment = asyncio.get_running_loop().time()
            if (name == "storage") is not slow or moment < self._due[name]:
                continue
            self._due[name] = moment + interval
            try:
                await work()
            except LeaseLost:
                return
            except Exception as error:
                self._metrics.failure("files")
                trace = not isinstance(error, DomainError | OSError)
                _log.warning("%s of files is seen to later: %s", name, error, exc_info=trace)

    async def take_up(self) -> None:
        """Tasks whose process is gone, and what is to be purged; room that nobody writes into."""
        await self._runner.take_up()
        if await self._database.reading(lambda uow: uow.trash.in_state(TrashState.PURGING, 1)):
            self._trash.purge_soon()

        def sweep(uow: UnitOfWork) -> int:
            alive = {t.id for t in uow.file_tasks.running()} | {v.label for v in uow.dataset_versions.unsettled()}
            return len(Ledger().sweep(uow, WorkloadKind.WRITE, alive, timedelta(minutes=1)))

        if await self._database.reading(lambda uow: uow.reservations.live(kinds=[WorkloadKind.WRITE])):
            await self._lease.write(sweep)

    async def expire(self) -> None:
        """What was in the trash as long as its group keeps things there."""
        for group in await self._database.reading(self._with_expired):
            while await self._lease.write(partial(self._expire_some, group=group)):
                self._trash.purge_soon()

    def _with_expired(self, uow: UnitOfWork) -> list[str]:
        # A look costs little; a transaction for each group, each minute, would keep others from writing.
        return [group for group in uow.trash.groups() if self._expired(uow, group, 1)[0]]

    def _expired(self, uow: UnitOfWork, group: str, limit: int) -> tuple[list[TrashEntry], int]:
        days = self._bounds.days(uow.group_settings.get(group).trash_days)
        return uow.trash.expired(group, self._clock() - timedelta(days=days), limit), days

    def _expire_some(self, uow: UnitOfWork, group: str) -> int:
        (found, days), moment = self._expired(uow, group, PART), self._clock()
        for entry in found:
            uow.trash.change(entry.id, TrashState.KEPT, TrashState.PURGING)
        if found:
            about = {"count": len(found), "days": days, "bytes": sum(e.size.bytes for e in found)}
            names = ", ".join(e.shown for e in found[:5])
            uow.audit.append(AuditEntry(moment, SYSTEM, "trash.purge", names, group, reason="expired", details=about))
        return len(found)

    async def reconcile(self) -> None:
        """Rows without tickets and tickets without rows, of every owner."""
        owners = await self._database.reading(
            lambda uow: {*(g.name for g in uow.groups.all()), *uow.stored.sizes(), *uow.trash.owners()}
        )
        for owner in sorted(owners):
            await self._reconcile(owner)

    async def _reconcile(self, owner: str) -> None:
        border = self._clock() - YOUNG
        tickets = await self._store.tickets(owner)
        rows = {e.id: e for e in await self._database.reading(lambda uow: uow.trash.of_owner(owner))}
        for ticket, since in tickets.items():
            if ticket not in rows and since < border:
                await self._adopt(owner, ticket, since)
        for entry in rows.values():
            if entry.deleted_at < border and entry.state is not TrashState.PURGING:
                await self._make_right(entry, entry.id in tickets)

    async def _adopt(self, owner: str, ticket: str, since: datetime) -> None:
        """Nobody knows what it was; an admin may look, and it goes when its time is over."""
        name = f"unknown-{ticket}"
        entry = TrashEntry(
            ticket, owner, owner, "files", name, name, EntryKind.FOLDER, SYSTEM, since, state=TrashState.KEPT
        )
        await self._lease.write(lambda uow: uow.trash.insert(entry))
        _log.warning("trash of %s: %s has no row, it got one", owner, ticket)

    async def _make_right(self, entry: TrashEntry, there: bool) -> None:
        if entry.state is not TrashState.KEPT:
            busy = await self._database.reading(lambda uow: uow.file_tasks.running(entry.group))
            if busy:
                return
        if there and entry.state is TrashState.MOVING:
            # Done already: it only tells the size.
            size = await self._store.discard(entry.root, entry.path, entry.id)
            await self._lease.write(lambda uow: uow.trash.keep(entry.id, size))
        elif there:
            await self._lease.write(lambda uow: uow.trash.change(entry.id, TrashState.RESTORING, TrashState.KEPT))
        else:
            await self._lease.write(lambda uow: self._gone(uow, entry))

    def _gone(self, uow: UnitOfWork, entry: TrashEntry) -> None:
        if uow.trash.delete(entry.id) and entry.state is TrashState.KEPT:
            forget(uow, entry)
            _log.warning("trash of %s: %s is not there any more", entry.owner, entry.id)

    async def measure(self) -> None:
        """How much owners store who were not measured lately, one after the other and with long pauses."""
        before = self._clock() - MEASURED

        def due(uow: UnitOfWork) -> list[str]:
            known = uow.stored.sizes()
            new = [name for name in (*(g.name for g in uow.groups.all()), PLATFORM) if name not in known]
            return [*new, *uow.stored.due(before)]

        # One after the other, or those that change all the time would always come first.
        owners = sorted(await self._database.reading(due), key=lambda owner: self._looked.get(owner, 0.0))
        began = time.monotonic()
        for owner in owners:
            self._looked[owner] = time.monotonic()
            await self.measure_one(owner)
            # Trees with millions of files must not keep their disk busy for ever, nor must many small ones.
            pause = (time.monotonic() - began) * PATIENCE
            if pause > EXPIRED:
                self._due["storage"] = asyncio.get_running_loop().time() + pause
                return

    async def measure_one(self, owner: str) -> None:
        """What changed while it was counted may be in the sum or not: it is added, and counted again soon."""
        at_first = await self._database.reading(lambda uow: uow.stored.plain(owner))
        size = await self._store.measure(owner)

        def write(uow: UnitOfWork) -> None:
            uow.groups.lock(owner)
            now = uow.stored.plain(owner)
            change = Size(now.files - at_first.files, now.bytes - at_first.bytes)
            still = change == Size() and not _unsettled(uow, owner)
            uow.stored.measured(owner, size + change, self._clock() if still else None)

        await self._lease.write(write)

    async def forget_old(self) -> None:
        """Tasks that are long over, and checksums of long ago."""
        moment = self._clock()
        tasks, sums = moment - timedelta(days=TASK_DAYS), moment - timedelta(days=CHECKSUM_DAYS)
        await self._lease.write(lambda uow: (uow.file_tasks.delete_before(tasks), uow.checksums.delete_before(sums)))


def _unsettled(uow: UnitOfWork, owner: str) -> bool:
    """Is there anything that may have been seen on the disk and is going to be added, or taken away, once more?"""
    return bool(
        uow.reservations.live(owner, [WorkloadKind.WRITE])
        or uow.file_tasks.running(owner)
        or uow.uploads.finishing(owner)
        or uow.trash.purging(owner)
    )
