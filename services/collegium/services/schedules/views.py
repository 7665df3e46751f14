"""Schedules as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import median
from zoneinfo import ZoneInfo

from collegium.db import UnitOfWork
from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import JobKind
from collegium.domain.recurrence import describe, note, to_json
from collegium.domain.schedules import RunState, Schedule, ScheduleRun, ScheduleState, Timing
from collegium.services.jobs.views import event_out
from collegium.services.schedules.models import (
    SHOWN,
    WINDOW,
    DueOut,
    ScheduleDetail,
    ScheduleOut,
    ScheduleRunOut,
    Trend,
    TrendPoint,
)


def due_times(timing: Timing, after: datetime, count: int = SHOWN) -> list[DueOut]:
    """The next due times; none for a zone that is not known here any more."""
    try:
        zone = ZoneInfo(timing.recurrence.zone)
        return [
            DueOut(at=due, local=due.astimezone(zone).isoformat(), note=note(timing.recurrence, due))
            for due in timing.upcoming(after, count)
        ]
    except (InvalidInput, OSError, ValueError, KeyError):
        return []


def schedule_out(schedule: Schedule, last_run: ScheduleRun | None) -> ScheduleOut:
    """One schedule of a list."""
    timing = schedule.timing
    return ScheduleOut(
        id=schedule.id,
        group=schedule.group,
        name=schedule.name,
        state=schedule.state,
        reason=schedule.reason,
        message=schedule.message,
        recurrence=to_json(timing.recurrence),
        description=describe(timing.recurrence),
        start_at=timing.start_at,
        end_at=timing.end_at,
        max_runs=timing.max_runs,
        overlap=timing.overlap,
        missed=timing.missed,
        missed_limit=timing.missed_limit,
        missed_horizon=int(timing.missed_horizon.total_seconds()),
        max_failures=schedule.max_failures,
        kind=JobKind.NOTEBOOK if schedule.template.get("notebook") else JobKind.COMMAND,
        image=schedule.template["image"],
        instance_type=schedule.template["instance_type"],
        run_as=schedule.run_as,
        created_by=schedule.created_by,
        created_at=schedule.created_at,
        updated_by=schedule.updated_by,
        updated_at=schedule.updated_at,
        runs=schedule.runs,
        failures=schedule.failures,
        next_at=schedule.next_due if schedule.state is ScheduleState.ACTIVE else None,
        last_run=None if last_run is None else run_out(last_run),
        version=schedule.version,
    )


def schedule_detail(uow: UnitOfWork, schedule: Schedule) -> ScheduleDetail:
    """One schedule with everything."""
    upcoming: list[DueOut] = []
    if schedule.state is ScheduleState.ACTIVE:
        count = SHOWN if schedule.left is None else min(SHOWN, schedule.left)
        upcoming = due_times(schedule.timing, schedule.looked_until, count)
    return ScheduleDetail(
        **schedule_out(schedule, uow.schedule_runs.last([schedule.id]).get(schedule.id)).model_dump(),
        template=dict(schedule.template),
        upcoming=upcoming,
        trend=trend(uow.schedule_runs.ended(schedule.id, WINDOW)),
        history=[event_out(e) for e in uow.schedules.history(schedule.id, WINDOW)],
    )


def run_out(run: ScheduleRun) -> ScheduleRunOut:
    """One run."""
    return ScheduleRunOut(
        sequence=run.sequence,
        due_at=run.due_at,
        trigger=run.trigger,
        state=run.state,
        reason=run.reason,
        message=run.message,
        requested_by=run.requested_by,
        run_as=run.run_as,
        job=run.job_id,
        fired_at=run.fired_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        seconds=run.seconds,
    )


def trend(newest: Sequence[ScheduleRun]) -> Trend:
    """How it went; cancelled runs say nothing about success."""
    runs = list(reversed(newest))
    counts = {state: sum(r.state is state for r in runs) for state in RunState}
    judged = counts[RunState.SUCCEEDED] + counts[RunState.FAILED]
    times = [r.seconds for r in runs if r.state is RunState.SUCCEEDED and r.seconds is not None]
    older, newer = times[: len(times) // 2], times[len(times) // 2 :]
    before = median(older) if older else 0.0
    return Trend(
        succeeded=counts[RunState.SUCCEEDED],
        failed=counts[RunState.FAILED],
        cancelled=counts[RunState.CANCELLED],
        success_rate=counts[RunState.SUCCEEDED] / judged if judged else None,
        median_seconds=median(times) if times else None,
        change=median(newer) / before - 1 if before > 0 else None,
        points=[TrendPoint(due_at=r.due_at, state=r.state, seconds=r.seconds) for r in runs],
    )
