"""The trash: what was deleted stays as long as the group's settings say, and can be put back meanwhile.

The row comes first, then the store moves the files under the row's id, its ticket. Wherever that is cut off, the ticket
says which of the two happened.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from collegium.db import Database, UnitOfWork
from collegium.domain.audit import AuditEntry
from collegium.domain.errors import Conflict, DomainError, Forbidden, NotFound, shorten
from collegium.domain.file_tasks import TrashEntry, TrashState
from collegium.domain.files import Size
from collegium.domain.policy import Operation, explain
from collegium.domain.shares import FileBounds
from collegium.services.by import By
from collegium.services.files.models import PurgedOut, TrashPage
from collegium.services.files.places import Places
from collegium.services.files.runner import EVENT, PATIENCE
from collegium.services.files.views import trash_out
from collegium.services.paging import number_cursor, read_number_cursor

_KIND = "trash-"
#: Entries that are looked at together.
PART = 100
_log = logging.getLogger("collegium.services")


class TrashService:
    """List and purge; what a task needs to move in and out."""

    def __init__(self, database: Database, places: Places, clock: Callable[[], datetime], bounds: FileBounds) -> None:
        self._database, self._store, self._clock, self._bounds = database, places.store, clock, bounds
        self._purging: asyncio.Task[None] | None = None

    async def page(self, group: str, limit: int, cursor: str | None) -> TrashPage:
        """What can be restored, latest first."""
        before = read_number_cursor(_KIND, cursor) if cursor else None

        def look(uow: UnitOfWork) -> tuple[list[TrashEntry], int]:
            return uow.trash.page(group, limit + 1, before), self._bounds.days(uow.group_settings.get(group).trash_days)

        found, days = await self._database.reading(look)
        more = number_cursor(_KIND, found[limit - 1].sequence) if len(found) > limit else None
        return TrashPage(items=[trash_out(e, days) for e in found[:limit]], next_cursor=more)

    async def find(self, group: str, trash_id: str) -> TrashEntry:
        """One that can be restored. Raises NotFound."""
        entry = await self._database.reading(lambda uow: uow.trash.get(trash_id))
        if entry is None or entry.group != group or entry.state is not TrashState.KEPT:
            raise NotFound(f"There is no {shorten(trash_id)} in the trash of group {group}.")
        return entry

    async def purge(self, by: By, group: str, trash_id: str) -> PurgedOut:
        """Remove one for good. Raises NotFound; Forbidden for what somebody else deleted, unless one is an admin."""
        entry = await self.find(group, trash_id)
        verdict = explain(by.actor, Operation.TRASH_PURGE, group, entry.deleted_by)
        if not verdict.allowed:
            raise Forbidden(verdict.reason, operation=Operation.TRASH_PURGE.value, group=group)

        def write(uow: UnitOfWork) -> None:
            uow.groups.lock(group)
            if not uow.trash.change(entry.id, TrashState.KEPT, TrashState.PURGING):
                raise Conflict(f"{shorten(entry.shown)} is being restored or removed already.")
            self._tell(uow, by.actor.user, group, entry.shown, 1, entry.size.bytes, by.request_id)

        await self._database.writing(write)
        await self._wait_for_purge()
        return PurgedOut(count=1, size=entry.size.bytes)

    async def empty(self, by: By, group: str) -> PurgedOut:
        """Remove all that the caller may remove for good."""
        everybodys = explain(by.actor, Operation.TRASH_PURGE, group, "").allowed
        user = None if everybodys else by.actor.user

        def write(uow: UnitOfWork) -> tuple[int, int]:
            uow.groups.lock(group)
            count, size = uow.trash.purge_all(group, user)
            if count:
                self._tell(
                    uow, by.actor.user, group, "the whole trash" if everybodys else "own", count, size, by.request_id
                )
            return count, size

        count, size = await self._database.writing(write)
        await self._wait_for_purge()
        return PurgedOut(count=count, size=size)

    async def discard(self, entry: TrashEntry) -> Size:
        """Move into the trash what has its row already; again is fine. Raises NotFound, and then the row is gone."""
        try:
            size = await self._store.discard(entry.root, entry.path, entry.id)
        except NotFound:
            await self._database.writing(lambda uow: uow.trash.delete(entry.id))
            raise
        await self._database.writing(lambda uow: uow.trash.keep(entry.id, size))
        return size

    def purge_soon(self) -> asyncio.Task[None]:
        """Go on removing for good whatever is to go; beside everything else."""
        if self._purging is None or self._purging.done():
            self._purging = asyncio.create_task(self._purge_all())
        return self._purging

    async def purge_one(self, entry: TrashEntry) -> None:
        """Remove for good; again is fine. Whoever deletes the row counts it."""
        await self._store.purge(entry.owner, entry.id)

        def write(uow: UnitOfWork) -> None:
            if uow.trash.delete(entry.id):
                forget(uow, entry)

        await self._database.writing(write)

    async def close(self) -> None:
        """Stop; what is left goes on later."""
        if self._purging is not None:
            self._purging.cancel()
            await asyncio.gather(self._purging, return_exceptions=True)

    async def _wait_for_purge(self) -> None:
        task = self.purge_soon()
        await asyncio.wait([task], timeout=PATIENCE)

    async def _purge_all(self) -> None:
        after = 0
        while found := await self._database.reading(partial(_to_purge, after=after)):
            for entry in found:
                after = entry.sequence
                try:
                    await self.purge_one(entry)
                except DomainError as error:
                    _log.warning("%s is removed from the trash later: %s", entry.id, error)

    def _tell(
        self, uow: UnitOfWork, user: str, group: str, what: str, count: int, size: int, request_id: str = ""
    ) -> None:
        moment, text = self._clock(), f"{what} was removed from the trash for good."
        entries = "1 entry" if count == 1 else f"{count} entries"
        uow.events.append(group, EVENT, "trash", moment, "Purged", "Purge", text, name=entries, user=user)
        details = {"count": count, "bytes": size}
        uow.audit.append(AuditEntry(moment, user, "trash.purge", what, group, details=details, request_id=request_id))


def _to_purge(uow: UnitOfWork, after: int) -> list[TrashEntry]:
    return uow.trash.in_state(TrashState.PURGING, PART, after)


def forget(uow: UnitOfWork, entry: TrashEntry) -> None:
    """It takes no storage any more."""
    uow.groups.lock(entry.owner)
    uow.stored.add(entry.owner, Size(-entry.size.files, -entry.size.bytes))
