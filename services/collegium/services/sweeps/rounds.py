"""Makes sweeps happen: their jobs, a few ahead of what runs; their end; and the end of their jobs if that is wanted.

A point's job has always the same id, and is written in the transaction that counts it. Kill the process anywhere: what
is written is gone on with, and no point has two jobs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from collegium.backends.ports import Backend
from collegium.db import Database, UnitOfWork
from collegium.db.sweeps import OpenSweep
from collegium.domain.errors import InvalidInput
from collegium.domain.groups import Actor
from collegium.domain.jobs import JobState
from collegium.domain.policy import Operation
from collegium.domain.sweeps import Sweep
from collegium.services.controller.errands import Errands
from collegium.services.controller.lease import Lease
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
        self._lease, self._clock = lease, clock
        self._errands = Errands[str]("sweep", AT_ONCE, _FIRST, _LAST, metrics)
        #: How many points each has; that never changes, and to read them all again would be the most of a round.
        self._totals: dict[str, int] = {}

    async def round(self) -> None:
        """Look, and begin what there is to do. Returns without waiting for it."""
        found = await self._database.reading(self._look)
        for sweep in found:
            if not self._errands.under_way(sweep.id) and self._errands.ready(sweep.id):
                self._begin(sweep)

    async def settle(self) -> None:
        """Wait for what was begun."""
        await self._errands.settle()

    def stop(self) -> None:
        """Drop what is under way: another process sees to it now."""
        self._errands.stop()

    def _look(self, uow: UnitOfWork) -> list[OpenSweep]:
        found = uow.sweeps.open()
        ids = {s.id for s in found}
        totals = {i: n for i, n in self._totals.items() if i in ids}
        for sweep in found:
            if sweep.id not in totals:
                whole = uow.sweeps.get(sweep.group, sweep.id)
                totals[sweep.id] = whole.space.total if whole else 0
        self._totals = totals
        self._errands.keep(ids)
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
        self._errands.begin(sweep.id, self._attempt(sweep, work))

    async def _attempt(self, sweep: OpenSweep, work: Callable[[], Awaitable[None]]) -> None:
        await self._errands.attempt(sweep.id, f"sweep {sweep.id}", work)

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
            self._errands.succeeded(sweep.id)
            self._wake()
        if refusal is not None:
            self._errands.wait(sweep.id)
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
