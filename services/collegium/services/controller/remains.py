"""What is to go: all of the jobs that people deleted, and artifacts that were kept as long as their group keeps them.

It works beside the rounds, one job after the other: to remove large files takes long, and must keep nobody from
starting. Files go first and the word of it is written second; killed in between, the same files are removed once more,
which changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

from collegium.backends.ports import VolumeProvider
from collegium.db import Database, UnitOfWork
from collegium.domain.errors import DomainError
from collegium.domain.queues import JobBounds
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.metrics import Metrics

#: Jobs whose end is written in one transaction.
PART = 50
#: Seconds between looks for artifacts whose time is over.
INTERVAL = 300.0
#: Jobs of one group whose artifacts may fail to go before the group's turn is over for now.
PATIENCE = 100
_log = logging.getLogger("collegium.controller")


class Remains:
    """Remembers only when it looked last."""

    def __init__(
        self,
        database: Database,
        volumes: VolumeProvider,
        lease: Lease,
        metrics: Metrics,
        clock: Callable[[], datetime],
        bounds: JobBounds,
    ) -> None:
        self._database, self._volumes, self._lease, self._metrics = database, volumes, lease, metrics
        self._clock, self._bounds = clock, bounds
        self._task: asyncio.Task[None] | None = None
        self._due = 0.0

    async def round(self) -> None:
        """Go on with whatever is to go; returns without waiting for it."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def settle(self) -> None:
        """Wait for what was begun."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def stop(self) -> None:
        """Drop what is under way: another process sees to it now."""
        if self._task is not None:
            self._task.cancel()

    def look_again(self) -> None:
        """Look for artifacts at the next round, and not when it is time to."""
        self._due = 0.0

    async def _work(self) -> None:
        try:
            await self._remove_deleted()
            moment = asyncio.get_running_loop().time()
            if moment >= self._due:
                self._due = moment + INTERVAL
                for group in await self._database.reading(lambda uow: list(uow.job_files.groups())):
                    await self._remove_artifacts(group)
        except LeaseLost:
            return
        except Exception as error:
            self._failed("what is to go could not be looked for", error)

    async def _remove_deleted(self) -> None:
        after = 0
        while found := await self._database.reading(partial(_deleted, after=after)):
            gone = await self._each(self._volumes.discard, [job for _, job in found])
            if gone:
                await self._lease.write(partial(_purge, ids=gone))
            after = found[-1][0]

    async def _remove_artifacts(self, group: str) -> None:
        """Those of jobs that ended before the group's days; of no job that may still write some."""
        days = self._bounds.days(await self._database.reading(lambda uow: uow.group_settings.get(group)))
        if not days:
            return
        before, failing = self._clock() - timedelta(days=days), set[str]()
        while len(failing) < PATIENCE:
            look = partial(_expired, group=group, before=before, skip=frozenset(failing))
            found = await self._database.reading(look)
            if not found:
                return
            gone = await self._each(self._volumes.discard_artifacts, found)
            if gone:
                await self._lease.write(partial(_note_gone, ids=gone, at=self._clock()))
            failing.update(set(found) - set(gone))

    async def _each(self, remove: Callable[[str], Awaitable[None]], ids: Iterable[str]) -> list[str]:
        """Those that are gone. A job whose files do not go keeps no other's."""
        gone = []
        for job in ids:
            try:
                await remove(job)
            except Exception as error:
                self._failed(f"files of {job} are still there, and are removed later", error)
            else:
                gone.append(job)
        return gone

    def _failed(self, text: str, error: Exception) -> None:
        self._metrics.failure("remains")
        _log.warning("%s: %s", text, error, exc_info=not isinstance(error, DomainError | OSError))


def _deleted(uow: UnitOfWork, after: int) -> list[tuple[int, str]]:
    return uow.job_files.deleted(after, PART)


def _purge(uow: UnitOfWork, ids: list[str]) -> None:
    uow.job_files.purge(ids)


def _expired(uow: UnitOfWork, group: str, before: datetime, skip: frozenset[str]) -> list[str]:
    return uow.job_files.expired(group, before, PART, skip)


def _note_gone(uow: UnitOfWork, ids: list[str], at: datetime) -> None:
    uow.job_files.note_gone(ids, at)
