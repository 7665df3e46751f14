"""Sweeps, and what became of their points."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.db.events import Events
from collegium.db.job_tables import metrics, sweeps
from collegium.db.jobs import OPEN, in_parts, job_of
from collegium.db.specs import objective_from_json, objective_to_json, space_from_json, space_to_json
from collegium.domain.errors import Conflict
from collegium.domain.jobs import Job, JobState
from collegium.domain.resources import Resources
from collegium.domain.sweeps import Goal, Sweep, SweepFilter

#: What the feed calls a sweep.
KIND = "sweep"
_s, _j, _m = sweeps.c, t.jobs.c, metrics.c
# Literal text: with bound values neither database would use the partial index.
_RUNNING = sa.text("sweeps.state = 'Running'")
_VISIBLE = _s.deleted_at.is_(None)


@dataclass(frozen=True)
class OpenSweep:
    """What the controller has to know of a sweep that is not over; ``open`` counts its jobs that are not, ``fresh``
    those of them that never started, ``unasked`` those that nobody asked to end."""

    id: str
    group: str
    made: int
    concurrency: int
    cancel_requested: bool
    open: int = 0
    fresh: int = 0
    unasked: int = 0


@dataclass(frozen=True)
class PointRow:
    """The job of a point: how it is, and the latest figure of the sweep's metric."""

    point: int
    job: str
    state: JobState
    value: float | None


class Sweeps:
    """Rows of ``sweeps``. A change of state and its event are always written together."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection
        self._events = Events(connection)

    def insert(self, sweep: Sweep) -> Sweep:
        """Add a sweep and its first event; returns it with its number."""
        result = self._c.execute(
            sa.insert(sweeps).values(
                id=sweep.id,
                group_name=sweep.group,
                user_name=sweep.user,
                name=sweep.name,
                state=sweep.state.value,
                message=sweep.message,
                spec=dict(sweep.job),
                space=space_to_json(sweep.space),
                launch=dict(sweep.launch),
                resources=dict(sweep.resources),
                made=sweep.made,
                concurrency=sweep.concurrency,
                objective=objective_to_json(sweep.objective),
                priority=sweep.priority,
                tags=list(sweep.tags),
                notes=sweep.notes,
                created_at=sweep.created_at,
                rerun_of=sweep.rerun_of,
            )
        )
        assert result.inserted_primary_key is not None
        self._record(sweep, sweep.created_at, "Submitted")
        return replace(sweep, sequence=result.inserted_primary_key[0])

    def get(self, group: str, sweep_id: str, *, lock: bool = False) -> Sweep | None:
        """One sweep of a group; ``lock`` holds it until the transaction ends."""
        statement = sa.select(sweeps).where(_s.id == sweep_id, _s.group_name == group, _VISIBLE)
        row = self._c.execute(statement.with_for_update() if lock else statement).one_or_none()
        return None if row is None else _sweep(row)

    def page(self, group: str, filter: SweepFilter, limit: int, before: int | None = None) -> list[Sweep]:
        """Up to ``limit`` of a group, the newest first, with a number below ``before``."""
        statement = sa.select(sweeps).where(_s.group_name == group, _VISIBLE)
        if before is not None:
            statement = statement.where(_s.sequence < before)
        if filter.states:
            statement = statement.where(_s.state.in_([s.value for s in filter.states]))
        if filter.user is not None:
            statement = statement.where(_s.user_name == filter.user)
        if filter.text:
            statement = statement.where(_s.name.icontains(filter.text, autoescape=True))
        return [_sweep(r) for r in self._c.execute(statement.order_by(_s.sequence.desc()).limit(limit))]

    def open(self) -> list[OpenSweep]:
        """All that are not over, oldest first."""
        fresh = sa.func.sum(sa.case((sa.and_(_j.state == JobState.PENDING.value, _j.attempt == 0), 1), else_=0))
        unasked = sa.func.sum(sa.case((_j.cancel_requested_by.is_(None), 1), else_=0))
        jobs = sa.select(_j.sweep_id, sa.func.count(), fresh, unasked).where(OPEN, _j.sweep_id.is_not(None))
        statement = sa.select(_s.id, _s.group_name, _s.made, _s.concurrency, _s.cancel_requested_by).where(_RUNNING)
        rows = self._c.execute(statement.order_by(_s.sequence)).all()
        if not rows:
            return []
        busy = {r[0]: (r[1], int(r[2]), int(r[3])) for r in self._c.execute(jobs.group_by(_j.sweep_id))}
        return [
            OpenSweep(r.id, r.group_name, r.made, r.concurrency, r.cancel_requested_by is not None, *busy.get(r.id, ()))
            for r in rows
        ]

    def count_open(self, group: str) -> int:
        """How many of a group are not over."""
        statement = sa.select(sa.func.count()).select_from(sweeps).where(_RUNNING, _s.group_name == group)
        return int(self._c.execute(statement).scalar_one())

    def counts(self, ids: Collection[str]) -> dict[str, dict[JobState, int]]:
        """How many jobs of each sweep are in each state."""
        found: dict[str, dict[JobState, int]] = {}
        for part in in_parts(ids):
            statement = sa.select(_j.sweep_id, _j.state, sa.func.count()).where(_j.sweep_id.in_(part))
            for r in self._c.execute(statement.where(_j.deleted_at.is_(None)).group_by(_j.sweep_id, _j.state)):
                found.setdefault(r[0], {})[JobState(r[1])] = r[2]
        return found

    def to_cancel(self, sweep: Sweep, limit: int) -> list[Job]:
        """Jobs of a sweep that go on and that nobody asked to end yet."""
        statement = sa.select(t.jobs).where(OPEN, _j.sweep_id == sweep.id, _j.cancel_requested_by.is_(None))
        return [job_of(r) for r in self._c.execute(statement.order_by(_j.point).limit(limit))]

    def advance(self, sweep: Sweep, made: int, message: str) -> None:
        """So many points have become jobs. Raises Conflict if it is over, to be cancelled, or somebody was faster."""
        where = (_s.id == sweep.id) & (_s.made == sweep.made) & _s.cancel_requested_by.is_(None)
        where &= (_s.state == JobState.RUNNING.value) & _VISIBLE
        if not self._c.execute(sa.update(sweeps).where(where).values(made=made, message=message)).rowcount:
            raise Conflict(f"Sweep {sweep.id} was changed by somebody else meanwhile.")

    def explain(self, sweep: Sweep, message: str) -> None:
        """Say what it waits for, without an event."""
        where = (_s.id == sweep.id) & (_s.state == JobState.RUNNING.value)
        self._c.execute(sa.update(sweeps).where(where).values(message=message))

    def request_cancel(self, sweep: Sweep, by: str, at: datetime) -> Sweep:
        """Note who wants the end; the first one stays."""
        if sweep.cancel_requested_by is not None:
            return sweep
        changed = replace(sweep, cancel_requested_by=by, message=f"Cancelled by {by}; what runs is being ended.")
        values = {"cancel_requested_by": by, "message": changed.message}
        self._c.execute(sa.update(sweeps).where(_s.id == sweep.id).values(values))
        self._record(changed, at, "CancelRequested")
        return changed

    def finish(self, sweep: Sweep, state: JobState, message: str, at: datetime) -> Sweep:
        """The end. Raises Conflict if it is over already."""
        over = replace(sweep, state=state, message=message, finished_at=at)
        result = self._c.execute(
            sa.update(sweeps)
            .where(_s.id == sweep.id, _s.state == JobState.RUNNING.value)
            .values(state=state.value, message=message, finished_at=at)
        )
        if not result.rowcount:
            raise Conflict(f"Sweep {sweep.id} was ended by somebody else meanwhile.")
        self._record(over, at, "Cancelled" if state is JobState.CANCELLED else "Completed")
        return over

    def edit(self, sweep: Sweep, notes: str, tags: tuple[str, ...], concurrency: int) -> Sweep:
        """Write what people may change after submit."""
        values = {"notes": notes, "tags": list(tags), "concurrency": concurrency}
        self._c.execute(sa.update(sweeps).where(_s.id == sweep.id).values(values))
        return replace(sweep, notes=notes, tags=tags, concurrency=concurrency)

    def delete(self, sweep: Sweep, by: str, at: datetime) -> None:
        """Nobody sees it any more; its jobs stay."""
        self._c.execute(sa.update(sweeps).where(_s.id == sweep.id).values(deleted_at=at))
        whose = {"name": sweep.name, "user": sweep.user}
        self._events.append(sweep.group, KIND, sweep.id, at, "Deleted", "Deleted", f"Deleted by {by}.", **whose)

    def forget_deleted(self, moment: datetime) -> None:
        """Remove the rows of those that were deleted before."""
        self._c.execute(sa.delete(sweeps).where(_s.deleted_at < moment))

    def points(self, sweep: Sweep, first: int, last: int) -> dict[int, PointRow]:
        """The jobs of the points from ``first`` to below ``last``."""
        key = sweep.objective.metric if sweep.objective else ""
        statement = (
            sa.select(_j.point, _j.id, _j.state, _m.value)
            .join_from(t.jobs, metrics, (_m.job_id == _j.id) & (_m.key == key), isouter=True)
            .where(_j.sweep_id == sweep.id, _j.point >= first, _j.point < last, _j.deleted_at.is_(None))
        )
        return {r.point: PointRow(r.point, r.id, JobState(r.state), r.value) for r in self._c.execute(statement)}

    def best(self, sweep: Sweep) -> PointRow | None:
        """The best of those that succeeded or run, by the latest figure; the first of equals."""
        objective = sweep.objective
        if objective is None:
            return None
        good = [JobState.RUNNING.value, JobState.SUCCEEDED.value]
        order = _m.value.asc() if objective.goal is Goal.MINIMIZE else _m.value.desc()
        statement = (
            sa.select(_j.point, _j.id, _j.state, _m.value)
            .join_from(t.jobs, metrics, (_m.job_id == _j.id) & (_m.key == objective.metric))
            .where(_j.sweep_id == sweep.id, _j.state.in_(good), _j.deleted_at.is_(None))
            .order_by(order, _j.point)
            .limit(1)
        )
        row = self._c.execute(statement).one_or_none()
        return None if row is None else PointRow(row.point, row.id, JobState(row.state), row.value)

    def _record(self, sweep: Sweep, at: datetime, reason: str) -> None:
        whose = {"name": sweep.name, "user": sweep.user}
        self._events.append(sweep.group, KIND, sweep.id, at, sweep.state.value, reason, sweep.message, **whose)


def _sweep(row: Any) -> Sweep:
    return Sweep(
        id=row.id,
        group=row.group_name,
        user=row.user_name,
        name=row.name,
        job=row.spec,
        space=space_from_json(row.space),
        launch=row.launch,
        resources=Resources(row.resources),
        state=JobState(row.state),
        message=row.message,
        created_at=row.created_at,
        sequence=row.sequence,
        made=row.made,
        concurrency=row.concurrency,
        objective=objective_from_json(row.objective),
        priority=row.priority,
        tags=tuple(row.tags),
        notes=row.notes,
        finished_at=row.finished_at,
        cancel_requested_by=row.cancel_requested_by,
        rerun_of=row.rerun_of,
    )
