"""What is written about a schedule and its runs; each function is a part of one transaction.

Whoever takes locks takes the group's first, so that nobody waits for one who waits for them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from collegium.db import UnitOfWork
from collegium.domain.audit import SYSTEM, AuditEntry
from collegium.domain.errors import Conflict
from collegium.domain.jobs import JobReason, JobState
from collegium.domain.schedules import (
    OUTCOME,
    Overlap,
    Plan,
    RunReason,
    RunState,
    Schedule,
    ScheduleReason,
    ScheduleRun,
    ScheduleState,
    Trigger,
)

KIND = "schedule"
_TICK = timedelta(microseconds=1)


def write_plan(uow: UnitOfWork, schedule: Schedule, plan: Plan, moment: datetime) -> list[ScheduleRun]:
    """Write down what is due, and that it was looked at. Raises Conflict if somebody changed the schedule meanwhile."""
    uow.groups.lock(schedule.group)
    known = uow.schedule_runs.known(schedule.id, min((due for due, _ in plan.fire), default=moment) - _TICK)
    fire = [(due, trigger) for due, trigger in plan.fire if due not in known]
    rows, begun = _rows(uow, schedule, fire, moment)
    changed = replace(schedule, looked_until=plan.looked_until, next_due=plan.next_due, runs=schedule.runs + begun)
    changed = ended(changed)
    uow.schedules.change(schedule, changed)
    if schedule.timing.overlap is Overlap.REPLACE and begun:
        replace_open(uow, schedule, moment)
    written = [uow.schedule_runs.insert(row) for row in rows]
    for run in written:
        tell(uow, schedule, moment, run.state.value, run.reason.value, run.message)
    if plan.missed:
        text = f"{plan.missed} due times were missed and are left out ({schedule.timing.missed.value})."
        tell(uow, schedule, moment, "Missed", schedule.timing.missed.value.title(), text)
    if changed.state is not schedule.state:
        tell(uow, schedule, moment, changed.state.value, changed.reason.value, changed.message)
    return written


def _rows(
    uow: UnitOfWork, schedule: Schedule, fire: list[tuple[datetime, Trigger]], moment: datetime
) -> tuple[list[ScheduleRun], int]:
    """The rows of these due times, and how many of them are to have a job."""
    before = uow.schedule_runs.open(schedule.id) if fire else []
    busy, left = bool(before), schedule.left
    rows: list[ScheduleRun] = []
    begun = 0
    for number, (due, trigger) in enumerate(fire):
        if left is not None and begun >= left:
            break
        row = ScheduleRun(
            schedule.id, schedule.group, due, trigger, RunState.DUE, RunReason.FIRED, moment, run_as=schedule.run_as
        )
        if schedule.timing.overlap is Overlap.FORBID and trigger is Trigger.TIME and busy:
            text = "Left out: an earlier run goes on."
            row = replace(row, state=RunState.SKIPPED, reason=RunReason.OVERLAP, message=text, finished_at=moment)
        elif schedule.timing.overlap is Overlap.REPLACE and number < len(fire) - 1:
            text = "Left out: the next run was due before it could begin."
            row = replace(row, state=RunState.SKIPPED, reason=RunReason.REPLACED, message=text, finished_at=moment)
        else:
            begun, busy = begun + 1, True
        rows.append(row)
    return rows, begun


def replace_open(uow: UnitOfWork, schedule: Schedule, moment: datetime) -> None:
    """End what goes on of earlier runs, to make room for the next."""
    for run in uow.schedule_runs.open(schedule.id):
        if run.state is RunState.DUE:
            text = "Left out: the next run was due before it could begin."
            uow.schedule_runs.move(run, RunState.SKIPPED, RunReason.REPLACED, message=text, finished_at=moment)
            continue
        job = uow.jobs.get(run.group, run.job_id or "")
        if job is None or job.state.final:
            continue
        job = uow.jobs.request_cancel(job, SYSTEM)
        if job.state is JobState.PENDING:
            text = f"Cancelled by {SYSTEM}: the next run of schedule {schedule.name} takes its place."
            uow.jobs.move(job, JobState.CANCELLED, JobReason.CANCELLED, text, moment)


def ended(schedule: Schedule) -> Schedule:
    """The schedule, ended if nothing is left for it to do."""
    if schedule.state is not ScheduleState.ACTIVE:
        return schedule
    if schedule.left == 0:
        text = f"All of its {schedule.timing.max_runs} runs were started."
        return replace(schedule, state=ScheduleState.ENDED, reason=ScheduleReason.MAX_RUNS, message=text, next_due=None)
    if schedule.next_due is None:
        text = "Its last due time is over."
        return replace(schedule, state=ScheduleState.ENDED, reason=ScheduleReason.NO_MORE_DUE, message=text)
    return schedule


def pause(
    uow: UnitOfWork, schedule: Schedule, reason: ScheduleReason, text: str, moment: datetime, by: str = SYSTEM
) -> Schedule:
    """Nothing is due any more until somebody resumes it; runs that have no job yet are dropped."""
    paused = replace(schedule, state=ScheduleState.PAUSED, reason=reason, message=text, version=schedule.version + 1)
    uow.schedules.change(schedule, paused)
    for run in uow.schedule_runs.open(schedule.id):
        if run.state is RunState.DUE and run.trigger is not Trigger.PERSON:
            why = "Left out: the schedule was paused."
            uow.schedule_runs.move(run, RunState.SKIPPED, RunReason.PAUSED, message=why, finished_at=moment)
    tell(uow, schedule, moment, ScheduleState.PAUSED.value, reason.value, text)
    if by == SYSTEM:
        entry = AuditEntry(moment, SYSTEM, "schedule.pause", schedule.id, schedule.group, reason=text)
        uow.audit.append(entry)
    return paused


def settle(uow: UnitOfWork, limit: int, moment: datetime) -> int:
    """Take over how jobs ended into the runs that they came of; how many there were."""
    found = uow.schedule_runs.settled(limit)
    for group in sorted({run.group for run, *_ in found}):
        uow.groups.lock(group)
    for run, job_state, started_at, finished_at in found:
        state = RunState.CANCELLED if job_state is None else OUTCOME[job_state]
        text = "Its job is not there any more." if job_state is None else run.message
        times = {"started_at": started_at, "finished_at": finished_at or moment}
        uow.schedule_runs.move(run, state, RunReason.JOB_ENDED, message=text, **times)
        count(uow, run.group, run.schedule_id, state, moment)
    return len(found)


def count(uow: UnitOfWork, group: str, schedule_id: str, state: RunState, moment: datetime) -> None:
    """Keep the streak of failures, and pause the schedule where it got too long."""
    schedule = uow.schedules.get(group, schedule_id, lock=True)
    failures = {RunState.SUCCEEDED: 0, RunState.FAILED: (schedule.failures if schedule else 0) + 1}.get(state)
    if schedule is None or failures is None or failures == schedule.failures:
        return
    changed = replace(schedule, failures=failures)
    uow.schedules.change(schedule, changed)
    if changed.state is ScheduleState.ACTIVE and 0 < schedule.max_failures <= failures:
        text = f"Paused: {failures} runs failed one after another. Resume it when what was wrong is mended."
        pause(uow, changed, ScheduleReason.FAILURE_STREAK, text, moment)


def submitted(uow: UnitOfWork, run: ScheduleRun, job_id: str) -> None:
    """The run has its job. Raises Conflict if somebody else saw to it, which undoes the job."""
    current = uow.schedule_runs.get(run.schedule_id, run.sequence)
    if current is None:
        raise Conflict("The schedule of this run was deleted meanwhile.")
    uow.schedule_runs.move(run, RunState.SUBMITTED, RunReason.SUBMITTED, message="", job_id=job_id)


def refused(uow: UnitOfWork, run: ScheduleRun, state: RunState, reason: RunReason, text: str, moment: datetime) -> None:
    """The run comes to no job."""
    uow.groups.lock(run.group)
    uow.schedule_runs.move(run, state, reason, message=text, finished_at=moment)
    schedule = uow.schedules.get(run.group, run.schedule_id)
    about, name = (state.value, reason.value, text), schedule.name if schedule else ""
    uow.events.append(run.group, KIND, run.schedule_id, moment, *about, name=name, user=run.run_as)
    count(uow, run.group, run.schedule_id, state, moment)


def tell(uow: UnitOfWork, schedule: Schedule, moment: datetime, state: str, reason: str, text: str) -> None:
    """Add to the schedule's history and to the group's feed."""
    about = (moment, state, reason, text)
    uow.events.append(schedule.group, KIND, schedule.id, *about, name=schedule.name, user=schedule.run_as)
