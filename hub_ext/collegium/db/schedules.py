"""Schedules, and what became of their due times."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from collegium.db import tables as t
from collegium.db.schedule_tables import schedule_runs, schedules
from collegium.domain import recurrence
from collegium.domain.errors import Conflict
from collegium.domain.identity import Standing
from collegium.domain.jobs import Event, JobState
from collegium.domain.schedules import (
    Missed,
    Overlap,
    RunReason,
    RunState,
    Schedule,
    ScheduleFilter,
    ScheduleReason,
    ScheduleRun,
    ScheduleState,
    Timing,
    Trigger,
)

_s, _r, _j = schedules.c, schedule_runs.c, t.jobs.c
# Literal text: with bound values neither database would use the partial indexes.
_ACTIVE = sa.text("schedules.state = 'Active'")
_UNSETTLED = sa.text("schedule_runs.state IN ('Due', 'Submitted')")
_JOB_GOES_ON = sa.text("jobs.state IN ('Pending', 'Preparing', 'Running')")
_JOB_ENDED = sa.text("jobs.state IN ('Succeeded', 'Failed', 'Cancelled')")


class Schedules:
    """Rows of ``schedules``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def insert(self, schedule: Schedule) -> None:
        """Add one. Raises Conflict if the group has one of this name."""
        self._refuse_name(schedule)
        self._c.execute(sa.insert(schedules).values(id=schedule.id, **_values(schedule)))

    def get(self, group: str, schedule_id: str, *, lock: bool = False) -> Schedule | None:
        """One schedule of a group; ``lock`` holds it until the transaction ends."""
        statement = sa.select(schedules).where(_s.id == schedule_id, _s.group_name == group)
        row = self._c.execute(statement.with_for_update() if lock else statement).one_or_none()
        return None if row is None else _schedule(row)

    def page(self, group: str, filter: ScheduleFilter, limit: int, after: str = "") -> list[Schedule]:
        """Up to ``limit`` of a group by age, whose id is above ``after``."""
        statement = sa.select(schedules).where(_s.group_name == group, _s.id > after)
        if filter.states:
            statement = statement.where(_s.state.in_([s.value for s in filter.states]))
        if filter.user is not None:
            statement = statement.where((_s.created_by == filter.user) | (_s.run_as == filter.user))
        if filter.text:
            statement = statement.where(_s.name.icontains(filter.text, autoescape=True))
        return [_schedule(r) for r in self._c.execute(statement.order_by(_s.id).limit(limit))]

    def count(self, group: str) -> int:
        """How many a group has."""
        return int(self._c.execute(sa.select(sa.func.count()).where(_s.group_name == group)).scalar_one())

    def due(self, now: datetime, set_back: timedelta, limit: int = 200) -> list[tuple[str, str]]:
        """Group and id of active ones that are to be looked at: due, or looked at by a clock that was ahead of ours."""
        ahead = _s.looked_until > now + set_back
        statement = sa.select(_s.group_name, _s.id).where(_ACTIVE, (_s.next_due <= now) | _s.next_due.is_(None) | ahead)
        return [(r[0], r[1]) for r in self._c.execute(statement.order_by(_s.next_due).limit(limit))]

    def active(self) -> list[tuple[str, str]]:
        """Group and id of all active ones."""
        return [(r[0], r[1]) for r in self._c.execute(sa.select(_s.group_name, _s.id).where(_ACTIVE).order_by(_s.id))]

    def without_right(self) -> list[tuple[str, str]]:
        """Group and id of active ones whose jobs are of somebody who may not run jobs there any more."""
        m, i = t.memberships.c, t.identities.c
        statement = (
            sa.select(_s.group_name, _s.id)
            .join_from(
                schedules,
                t.memberships,
                (m.group_name == _s.group_name) & (m.user_name == _s.run_as) & (m.role != "viewer"),
                isouter=True,
            )
            .join(t.identities, i.user_name == _s.run_as, isouter=True)
            .where(_ACTIVE, m.role.is_(None) | (i.standing != Standing.ACTIVE.value))
        )
        return [(r[0], r[1]) for r in self._c.execute(statement.order_by(_s.id))]

    def history(self, schedule_id: str, limit: int) -> list[Event]:
        """What happened to it of late, in order."""
        e = t.events.c
        statement = sa.select(t.events).where(e.object_id == schedule_id).order_by(e.sequence.desc()).limit(limit)
        rows = self._c.execute(statement).all()
        return [
            Event(r.sequence, r.group_name, r.kind, r.object_id, r.at, r.state, r.reason, r.message) for r in rows[::-1]
        ]

    def change(self, before: Schedule, after: Schedule) -> None:
        """Write all of it if nobody changed it since ``before`` was read; raises Conflict otherwise."""
        if after.name != before.name:
            self._refuse_name(after)
        where = (_s.id == before.id) & (_s.version == before.version) & (_s.looked_until == before.looked_until)
        where &= (_s.state == before.state.value) & (_s.failures == before.failures) & (_s.runs == before.runs)
        if not self._c.execute(sa.update(schedules).where(where).values(_values(after))).rowcount:
            raise Conflict(f"Schedule {before.name} was changed by somebody else meanwhile; look at it again.")

    def delete(self, schedule: Schedule) -> None:
        """Remove it and its history; its jobs stay."""
        self._c.execute(sa.delete(schedule_runs).where(_r.schedule_id == schedule.id))
        self._c.execute(sa.delete(schedules).where(_s.id == schedule.id))

    def _refuse_name(self, schedule: Schedule) -> None:
        where = (_s.group_name == schedule.group) & (_s.name == schedule.name) & (_s.id != schedule.id)
        if self._c.execute(sa.select(_s.id).where(where)).first() is not None:
            text = f"name: group {schedule.group} has a schedule {schedule.name} already."
            raise Conflict(text, field="name", value=schedule.name)


class ScheduleRuns:
    """Rows of ``schedule_runs``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def insert(self, run: ScheduleRun) -> ScheduleRun:
        """Add one; returns it with its number. Raises Conflict if the due time has a row."""
        try:
            with self._c.begin_nested():
                result = self._c.execute(
                    sa.insert(schedule_runs).values(
                        schedule_id=run.schedule_id,
                        group_name=run.group,
                        due_at=run.due_at,
                        trigger=run.trigger.value,
                        state=run.state.value,
                        reason=run.reason.value,
                        message=run.message,
                        requested_by=run.requested_by,
                        run_as=run.run_as,
                        job_id=run.job_id,
                        fired_at=run.fired_at,
                        started_at=run.started_at,
                        finished_at=run.finished_at,
                    )
                )
        except IntegrityError:
            raise Conflict(f"The due time {run.due_at.isoformat()} was seen to already.") from None
        assert result.inserted_primary_key is not None
        return replace(run, sequence=result.inserted_primary_key[0])

    def get(self, schedule_id: str, sequence: int, *, lock: bool = False) -> ScheduleRun | None:
        """One run."""
        statement = sa.select(schedule_runs).where(_r.schedule_id == schedule_id, _r.sequence == sequence)
        row = self._c.execute(statement.with_for_update() if lock else statement).one_or_none()
        return None if row is None else _run(row)

    def of_job(self, job_id: str) -> ScheduleRun | None:
        """The run that a job came of, None for a job that a person submitted."""
        row = self._c.execute(sa.select(schedule_runs).where(_r.job_id == job_id)).one_or_none()
        return None if row is None else _run(row)

    def page(self, schedule_id: str, limit: int, before: int | None = None) -> list[ScheduleRun]:
        """Newest first, with a number below ``before``."""
        statement = sa.select(schedule_runs).where(_r.schedule_id == schedule_id)
        if before is not None:
            statement = statement.where(_r.sequence < before)
        return [_run(r) for r in self._c.execute(statement.order_by(_r.sequence.desc()).limit(limit))]

    def last(self, schedule_ids: Sequence[str]) -> dict[str, ScheduleRun]:
        """The newest run of each that has any."""
        newest = sa.select(sa.func.max(_r.sequence)).where(_r.schedule_id.in_(schedule_ids)).group_by(_r.schedule_id)
        rows = self._c.execute(sa.select(schedule_runs).where(_r.sequence.in_(newest)))
        return {run.schedule_id: run for run in map(_run, rows)}

    def ended(self, schedule_id: str, limit: int) -> list[ScheduleRun]:
        """The newest whose job has ended."""
        states = [RunState.SUCCEEDED.value, RunState.FAILED.value, RunState.CANCELLED.value]
        statement = sa.select(schedule_runs).where(_r.schedule_id == schedule_id, _r.state.in_(states))
        return [_run(r) for r in self._c.execute(statement.order_by(_r.sequence.desc()).limit(limit))]

    def known(self, schedule_id: str, after: datetime) -> set[datetime]:
        """Which due times later than ``after`` have a row."""
        statement = sa.select(_r.due_at).where(_r.schedule_id == schedule_id, _r.due_at > after)
        return set(self._c.execute(statement).scalars())

    def waiting(self, limit: int = 500) -> list[tuple[str, str, int]]:
        """Group, schedule and number of those without a job yet, oldest first."""
        statement = sa.select(_r.group_name, _r.schedule_id, _r.sequence)
        statement = statement.where(_UNSETTLED, _r.state == RunState.DUE.value).order_by(_r.sequence)
        return [(r[0], r[1], r[2]) for r in self._c.execute(statement.limit(limit))]

    def settled(self, limit: int = 200) -> list[tuple[ScheduleRun, JobState | None, datetime | None, datetime | None]]:
        """Runs whose job has ended since: how (None: nobody knows any more), when it started, when it finished."""
        job = (_j.state.label("job_state"), _j.started_at.label("begun"), _j.finished_at.label("over"))
        statement = (
            sa.select(schedule_runs, *job)
            .join_from(schedule_runs, t.jobs, _j.id == _r.job_id, isouter=True)
            .where(_UNSETTLED, _r.state == RunState.SUBMITTED.value, _j.id.is_(None) | _JOB_ENDED)
            .order_by(_r.sequence)
            .limit(limit)
        )
        rows = self._c.execute(statement)
        return [(_run(r), JobState(r.job_state) if r.job_state else None, r.begun, r.over) for r in rows]

    def open(self, schedule_id: str, before: int | None = None) -> list[ScheduleRun]:
        """Those of a schedule without a job yet, or whose job goes on, oldest first; with a number below ``before``."""
        statement = (
            sa.select(schedule_runs)
            .join_from(schedule_runs, t.jobs, _j.id == _r.job_id, isouter=True)
            .where(_UNSETTLED, _r.schedule_id == schedule_id)
            .where((_r.state == RunState.DUE.value) | _JOB_GOES_ON)
            .order_by(_r.sequence)
        )
        if before is not None:
            statement = statement.where(_r.sequence < before)
        return [_run(r) for r in self._c.execute(statement)]

    def move(self, run: ScheduleRun, state: RunState, reason: RunReason, **changes: Any) -> ScheduleRun:
        """Change the state if nobody else did since ``run`` was read; raises Conflict otherwise.

        This condition is what keeps two controllers, or one that slept, from submitting a run twice.
        """
        moved = replace(run, state=state, reason=reason, **changes)
        result = self._c.execute(
            sa.update(schedule_runs)
            .where(_r.sequence == run.sequence, _r.state == run.state.value)
            .values(
                state=moved.state.value,
                reason=moved.reason.value,
                message=moved.message,
                job_id=moved.job_id,
                started_at=moved.started_at,
                finished_at=moved.finished_at,
            )
        )
        if not result.rowcount:
            raise Conflict("This run was seen to by somebody else meanwhile.")
        return moved

    def explain(self, run: ScheduleRun, message: str) -> bool:
        """Say why a run waits; False if it is in another state by now."""
        where = (_r.sequence == run.sequence) & (_r.state == run.state.value)
        return bool(self._c.execute(sa.update(schedule_runs).where(where).values(message=message)).rowcount)

    def delete_before(self, moment: datetime) -> None:
        """Forget runs of before that are over."""
        over: Collection[str] = [s.value for s in RunState if s.final]
        self._c.execute(sa.delete(schedule_runs).where(_r.due_at < moment, _r.state.in_(over)))


def _values(schedule: Schedule) -> dict[str, Any]:
    timing = schedule.timing
    return {
        "group_name": schedule.group,
        "name": schedule.name,
        "state": schedule.state.value,
        "reason": schedule.reason.value,
        "message": schedule.message,
        "recurrence": recurrence.to_json(timing.recurrence),
        "template": dict(schedule.template),
        "start_at": timing.start_at,
        "end_at": timing.end_at,
        "max_runs": timing.max_runs,
        "overlap": timing.overlap.value,
        "missed": timing.missed.value,
        "missed_limit": timing.missed_limit,
        "missed_horizon": int(timing.missed_horizon.total_seconds()),
        "max_failures": schedule.max_failures,
        "run_as": schedule.run_as,
        "created_by": schedule.created_by,
        "created_at": schedule.created_at,
        "updated_by": schedule.updated_by,
        "updated_at": schedule.updated_at,
        "looked_until": schedule.looked_until,
        "next_due": schedule.next_due,
        "runs": schedule.runs,
        "failures": schedule.failures,
        "version": schedule.version,
    }


def _schedule(row: Any) -> Schedule:
    return Schedule(
        id=row.id,
        group=row.group_name,
        name=row.name,
        timing=Timing(
            recurrence.from_json(row.recurrence),
            row.start_at,
            row.end_at,
            row.max_runs,
            Overlap(row.overlap),
            Missed(row.missed),
            row.missed_limit,
            timedelta(seconds=row.missed_horizon),
        ),
        template=row.template,
        run_as=row.run_as,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_by=row.updated_by,
        updated_at=row.updated_at,
        looked_until=row.looked_until,
        next_due=row.next_due,
        state=ScheduleState(row.state),
        reason=ScheduleReason(row.reason),
        message=row.message,
        max_failures=row.max_failures,
        runs=row.runs,
        failures=row.failures,
        version=row.version,
    )


def _run(row: Any) -> ScheduleRun:
    return ScheduleRun(
        schedule_id=row.schedule_id,
        group=row.group_name,
        due_at=row.due_at,
        trigger=Trigger(row.trigger),
        state=RunState(row.state),
        reason=RunReason(row.reason),
        fired_at=row.fired_at,
        message=row.message,
        requested_by=row.requested_by,
        run_as=row.run_as,
        job_id=row.job_id,
        started_at=row.started_at,
        finished_at=row.finished_at,
        sequence=row.sequence,
    )
