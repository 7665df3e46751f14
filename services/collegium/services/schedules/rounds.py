"""Makes schedules happen: writes down what is due, has jobs submitted for it, and takes over how they ended.

First the row of a due time, which can exist once; then its job, which is made in the same transaction that says so in
the row. Kill the process anywhere: what is written is gone on with, and nothing is done twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from collegium.db import Database, UnitOfWork
from collegium.domain.errors import (
    Conflict,
    DomainError,
    InvalidInput,
    StorageFull,
    TooManyRequests,
    Unavailable,
    shorten,
)
from collegium.domain.groups import Actor
from collegium.domain.policy import Operation
from collegium.domain.schedules import (
    SET_BACK,
    Overlap,
    Plan,
    RunReason,
    RunState,
    Schedule,
    ScheduleReason,
    ScheduleRun,
    ScheduleState,
    plan,
)
from collegium.services.controller.errands import Errands
from collegium.services.controller.lease import Lease
from collegium.services.jobs.submit import Ask, Submitter, hash_of
from collegium.services.jobs.validate import read_submission
from collegium.services.metrics import Metrics
from collegium.services.schedules import steps
from collegium.services.schedules.template import body_of, person

#: Schedules that one transaction sees to, and jobs that are submitted at the same time.
BATCH, AT_ONCE = 50, 4
#: Seconds between looks for people who lost their right.
RIGHTS = 5.0
#: A run that could not be submitted so many times, which is about an hour, has failed.
GIVE_UP = 60
#: Seconds until a submit that failed is tried again: after the first failure, and at most.
_FIRST, _LAST = 1.0, 60.0
_MESSAGE = 500


@dataclass(frozen=True)
class _Look:
    """What there is to do."""

    due: list[tuple[str, str]]
    lost: list[tuple[str, str]]
    waiting: list[tuple[str, str, int]]
    settled: bool


class ScheduleRounds:
    """One round per call; jobs are submitted beside the rounds. What it remembers costs patience, not truth."""

    def __init__(
        self,
        database: Database,
        submitter: Submitter,
        wake: Callable[[], object],
        lease: Lease,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._submitter, self._wake = database, submitter, wake
        self._lease, self._clock = lease, clock
        #: A new controller looks at all of them: what the zones' clocks do may have changed with a new release.
        self._all = True
        self._rights_due = 0.0
        self._errands = Errands[int]("schedule", AT_ONCE, _FIRST, _LAST, metrics)

    async def round(self) -> None:
        """Look; write what is new; begin to submit. Returns without waiting for the submits."""
        moment = asyncio.get_running_loop().time()
        rights = moment >= self._rights_due
        look = await self._database.reading(lambda uow: self._look(uow, rights))
        if rights:
            self._rights_due = moment + RIGHTS
        if look.settled:
            await self._lease.write(lambda uow: steps.settle(uow, BATCH, self._clock()))
        if look.lost:
            await self._lease.write(partial(self._pause_without_right, found=look.lost))
        for start in range(0, len(look.due), BATCH):
            await self._fire(look.due[start : start + BATCH])
        self._all = False
        waiting = await self._database.reading(lambda uow: uow.schedule_runs.waiting()) if look.due else look.waiting
        self._begin(waiting)

    async def settle(self) -> None:
        """Wait for the submits that were begun."""
        await self._errands.settle()

    def stop(self) -> None:
        """Drop what is under way: another process sees to it now."""
        self._errands.stop()

    def _look(self, uow: UnitOfWork, rights: bool) -> _Look:
        due = uow.schedules.active() if self._all else uow.schedules.due(self._clock(), SET_BACK)
        lost = uow.schedules.without_right() if rights else []
        return _Look(due, lost, uow.schedule_runs.waiting(), bool(uow.schedule_runs.settled(1)))

    def _pause_without_right(self, uow: UnitOfWork, found: Sequence[tuple[str, str]]) -> None:
        for group in sorted({group for group, _ in found}):
            uow.groups.lock(group)
        for group, schedule_id in found:
            schedule = uow.schedules.get(group, schedule_id, lock=True)
            if schedule is None or schedule.state is not ScheduleState.ACTIVE:
                continue
            _, refusal = person(uow, schedule)
            if refusal:
                steps.pause(uow, schedule, ScheduleReason.NO_RIGHT, refusal, self._clock())

    async def _fire(self, found: Sequence[tuple[str, str]]) -> None:
        """Plan while only reading, for after an outage that is some work; then write all of it at once."""
        moment = self._clock()
        planned = await self._database.reading(lambda uow: [self._plan(uow, *f, moment) for f in sorted(found)])
        todo = [p for p in planned if p is not None and _is_news(*p, moment)]

        def write(uow: UnitOfWork) -> None:
            for schedule, made in todo:
                try:
                    with uow.savepoint():
                        if isinstance(made, Plan):
                            steps.write_plan(uow, schedule, made, moment)
                        else:
                            steps.pause(uow, schedule, ScheduleReason.INVALID, f"Paused: {made}", moment)
                except Conflict:
                    # A person was faster; the next round sees what they made of it.
                    continue

        if todo:
            await self._lease.write(write)

    def _plan(
        self, uow: UnitOfWork, group: str, schedule_id: str, moment: datetime
    ) -> tuple[Schedule, Plan | str] | None:
        schedule = uow.schedules.get(group, schedule_id)
        if schedule is None or schedule.state is not ScheduleState.ACTIVE:
            return None
        try:
            known = uow.schedule_runs.known(schedule.id, min(schedule.looked_until, moment))
            return schedule, plan(schedule.timing, schedule.looked_until, known, moment)
        except InvalidInput as error:
            return schedule, error.message

    def _begin(self, waiting: Sequence[tuple[str, str, int]]) -> None:
        """One task per schedule, so that its runs are submitted in order."""
        by_schedule: dict[tuple[str, str], list[int]] = {}
        for group, schedule_id, sequence in waiting:
            if self._errands.ready(sequence):
                by_schedule.setdefault((group, schedule_id), []).append(sequence)
        self._errands.keep(sequence for _, _, sequence in waiting)
        for (group, schedule_id), sequences in by_schedule.items():
            if not self._errands.under_way(schedule_id):
                self._errands.begin(schedule_id, self._submit_all(group, schedule_id, sequences))

    async def _submit_all(self, group: str, schedule_id: str, sequences: Sequence[int]) -> None:
        for sequence in sequences:
            work = partial(self._submit, group, schedule_id, sequence)
            if not await self._errands.attempt(sequence, f"run {sequence} of {schedule_id}", work):
                return

    async def _submit(self, group: str, schedule_id: str, sequence: int) -> None:
        found = await self._database.reading(lambda uow: _prepare(uow, group, schedule_id, sequence))
        if found is None:
            return
        schedule, run, actor, refusal = found
        if refusal:
            await self._lease.write(lambda uow: self._no_right(uow, schedule, run, refusal))
            return
        try:
            await self._submitter.create(_ask(schedule, run, actor))
            self._wake()
        # A conflict is a queue that takes no jobs now, or somebody who was faster, which the writing below finds out.
        except (Unavailable, StorageFull, TooManyRequests, Conflict) as error:
            if self._errands.failures(sequence) < GIVE_UP:
                text = shorten(f"It cannot be submitted now and is tried again: {error.message}", _MESSAGE) or ""
                if not await self._lease.write(lambda uow: uow.schedule_runs.explain(run, text)):
                    return
                raise
            await self._refuse(run, error)
        except DomainError as error:
            await self._refuse(run, error)

    async def _refuse(self, run: ScheduleRun, error: DomainError) -> None:
        text = shorten(f"No job was submitted: {error.message}", _MESSAGE) or ""

        def write(uow: UnitOfWork) -> None:
            current = uow.schedule_runs.get(run.schedule_id, run.sequence)
            # Somebody else, mostly another controller or a person who paused it, may have been faster.
            if current is not None and current.state is RunState.DUE:
                steps.refused(uow, current, RunState.FAILED, RunReason.NOT_SUBMITTED, text, self._clock())

        await self._lease.write(write)

    def _no_right(self, uow: UnitOfWork, schedule: Schedule, run: ScheduleRun, text: str) -> None:
        steps.refused(uow, run, RunState.SKIPPED, RunReason.NO_RIGHT, text, self._clock())
        current = uow.schedules.get(schedule.group, schedule.id, lock=True)
        if current is not None and current.state is ScheduleState.ACTIVE:
            steps.pause(uow, current, ScheduleReason.NO_RIGHT, text, self._clock())


def _ask(schedule: Schedule, run: ScheduleRun, actor: Actor) -> Ask:
    asked = read_submission(body_of(schedule, run))

    def link(uow: UnitOfWork, job_id: str) -> None:
        steps.submitted(uow, run, job_id)

    return Ask(actor, run.group, Operation.JOB_SUBMIT, asked, run.key, hash_of(asked.to_json()), link=link)


def _prepare(
    uow: UnitOfWork, group: str, schedule_id: str, sequence: int
) -> tuple[Schedule, ScheduleRun, Actor, str] | None:
    """What the run's job needs; None if it has one, or has to wait for an earlier run to end."""
    schedule, run = uow.schedules.get(group, schedule_id), uow.schedule_runs.get(schedule_id, sequence)
    if schedule is None or run is None or run.state is not RunState.DUE:
        return None
    if schedule.timing.overlap is Overlap.FORBID and uow.schedule_runs.open(schedule_id, before=sequence):
        return None
    return schedule, run, *person(uow, schedule)


def _is_news(schedule: Schedule, made: Plan | str, moment: datetime) -> bool:
    if isinstance(made, str):
        return True
    changed = made.next_due != schedule.next_due or made.next_due is None
    return bool(made.fire or made.missed or changed or moment < schedule.looked_until)
