"""Makes sweeps happen: their jobs, a few ahead of what runs; their end; and the end of their jobs if that is wanted.

A point's job has always the same id, and is written in the transaction that counts it. Kill the process anywhere: what
is written is gone on with, and no point has two jobs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from collegium.backends.ports import Backend
from collegium.db import Database, UnitOfWork
from collegium.db.sweeps import OpenSweep
from collegium.domain.errors import Conflict, DomainError, InvalidInput
from collegium.domain.groups import Actor
from collegium.domain.jobs import JobState
from collegium.domain.policy import Operation
from collegium.domain.sweeps import Sweep
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.jobs.submit import Ask, Submitter
from collegium.services.metrics import Metrics
from collegium.services.sweeps import steps
from collegium.services.sweeps.points import job_id_of, submission_of, template_of
from collegium.services.sweeps.steps import PASSING, Prepared

#: Jobs of one sweep that may stand in line without ever having started: the queue is for everybody.
AHEAD = 20
#: Sweeps that are seen to at the same time.
AT_ONCE = 4
#: Seconds until a refusal or a failure is looked at again: after the first, and at most.
_FIRST, _LAST = 0.5, 15.0
_log = logging.getLogger("collegium.controller")


class SweepRounds:
    """One round per call; jobs are made beside the rounds, for their files take time. What it remembers costs patience,
    not truth."""

    def __init__(
        self,
        database: Database,
        backend: Backend,
        submitter: Submitter,
        wake: Callable[[], object],
        lease: Lease,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._backend, self._submitter, self._wake = database, backend, submitter, wake
        self._lease, self._metrics, self._clock = lease, metrics, clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._backoff: dict[str, tuple[float, int]] = {}
        #: How many points each has; that never changes, and to read them all again would be the most of a round.
        self._totals: dict[str, int] = {}

    async def round(self) -> None:
        """Look, and begin what there is to do. Returns without waiting for it."""
        found = await self._database.reading(self._look)
        moment = asyncio.get_running_loop().time()
        for sweep in found:
            if sweep.id not in self._tasks and moment >= self._backoff.get(sweep.id, (0.0, 0))[0]:
                self._begin(sweep)

    async def settle(self) -> None:
        """Wait for what was begun."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            await asyncio.sleep(0)

    def stop(self) -> None:
        """Drop what is under way: another process sees to it now."""
        for task in self._tasks.values():
            task.cancel()

    def _look(self, uow: UnitOfWork) -> list[OpenSweep]:
        found = uow.sweeps.open()
        ids = {s.id for s in found}
        totals = {i: n for i, n in self._totals.items() if i in ids}
        for sweep in found:
            if sweep.id not in totals:
                whole = uow.sweeps.get(sweep.group, sweep.id)
                totals[sweep.id] = whole.space.total if whole else 0
        self._totals = totals
        self._backoff = {i: b for i, b in self._backoff.items() if i in ids}
        return found

    def _begin(self, sweep: OpenSweep) -> None:
        total = self._totals[sweep.id]
        work: Callable[[], Awaitable[None]]
        if sweep.cancel_requested and sweep.unasked:
            work = partial(self._cancel, sweep)
        elif not sweep.open and (sweep.cancel_requested or sweep.made >= total):
            work = partial(self._finish, sweep)
        elif not sweep.cancel_requested and (room := room_of(sweep, total)):
            work = partial(self._make, sweep, room)
        else:
            return
        task = asyncio.create_task(self._alone(sweep, work))
        self._tasks[sweep.id] = task
        task.add_done_callback(partial(self._ended, sweep.id))

    def _ended(self, sweep_id: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(sweep_id, None)
        if not task.cancelled():
            # Whatever there was to say of it was said; this only marks it as looked at.
            task.exception()

    async def _alone(self, sweep: OpenSweep, work: Callable[[], Awaitable[None]]) -> None:
        """One sweep's work, whose failure is only its own; after a failure it waits longer each time."""
        async with self._places:
            try:
                await work()
            except Conflict:
                # Somebody was faster; the next round sees what they made of it.
                return
            except LeaseLost:
                # The controller's next round finds it out too, and begins anew.
                return
            except Exception as error:
                self._wait(sweep)
                self._metrics.failure("sweep")
                trace = not isinstance(error, DomainError)
                _log.warning("sweep %s is tried again: %s", sweep.id, error, exc_info=trace)

    def _wait(self, sweep: OpenSweep) -> None:
        failures = self._backoff.get(sweep.id, (0.0, 0))[1]
        until = asyncio.get_running_loop().time() + min(_LAST, _FIRST * 2.0 ** min(failures, 10))
        self._backoff[sweep.id] = (until, failures + 1)

    async def _cancel(self, sweep: OpenSweep) -> None:
        await self._lease.write(lambda uow: steps.cancel_some(uow, sweep, self._clock()))
        self._wake()

    async def _finish(self, sweep: OpenSweep) -> None:
        over = await self._lease.write(lambda uow: steps.finish(uow, sweep, self._clock()))
        if over:
            # Each job has its own copy; if this fails, housekeeping finds it.
            await self._backend.volumes.discard(sweep.id)

    async def _make(self, sweep: OpenSweep, room: int) -> None:
        """The next points: files first, then all rows and their number at once."""
        found = await self._database.reading(lambda uow: uow.sweeps.get(sweep.group, sweep.id))
        if found is None or found.state is not JobState.RUNNING or found.cancel_requested_by is not None:
            return
        if found.made != sweep.made:
            # The look was from before the last points were written, and so was the room.
            return
        points = range(found.made, min(found.made + room, found.space.total))
        made, refusal = 0, None
        try:
            prepared = [await self._prepare(found, index) for index in points]
            made, refusal = await self._lease.write(
                lambda uow: steps.write(uow, self._submitter, found, prepared, self._clock())
            )
        except PASSING as error:
            refusal = error
        if made:
            self._backoff.pop(sweep.id, None)
            self._wake()
        if refusal is not None:
            self._wait(sweep)
            await self._lease.write(lambda uow: steps.refuse(uow, sweep, refusal, self._clock()))

    async def _prepare(self, sweep: Sweep, index: int) -> Prepared:
        """One point with its files. Raises what may pass; what is wrong with the point itself is a part of it."""
        job_id = job_id_of(sweep.id, index)
        try:
            asked = submission_of(sweep, template_of(sweep), index)
            ask = Ask(Actor(sweep.user), sweep.group, Operation.JOB_SUBMIT, asked, None, "", sweep=sweep, point=index)
            if asked.spec.working_directory is not None:
                await self._backend.volumes.reuse_snapshot(job_id, sweep.id)
            return Prepared(job_id, index, replace(ask, submission=await self._submitter.checked(job_id, ask)))
        except InvalidInput as error:
            return Prepared(job_id, index, None, error.message)


def room_of(sweep: OpenSweep, total: int) -> int:
    """How many more jobs may be made now."""
    room = min(AHEAD - sweep.fresh, total - sweep.made)
    if sweep.concurrency:
        room = min(room, sweep.concurrency - sweep.open)
    return max(0, room)
