"""Sweeps as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collegium.db import UnitOfWork
from collegium.db.specs import space_to_json
from collegium.db.sweeps import PointRow
from collegium.domain.jobs import JobState
from collegium.domain.sweeps import Space, SpaceKind, Sweep
from collegium.services.jobs.views import event_out
from collegium.services.sweeps.models import BestOut, ObjectiveOut, PointOut, SweepDetail, SweepOut


def sweep_out(sweep: Sweep, counts: Mapping[JobState, int], best: PointRow | None) -> SweepOut:
    """One sweep of a list."""
    objective = sweep.objective
    return SweepOut(
        id=sweep.id,
        group=sweep.group,
        user=sweep.user,
        name=sweep.name,
        state=sweep.state,
        message=sweep.message,
        kind=sweep.space.kind.value,
        total=sweep.space.total,
        made=sweep.made,
        counts={state.value: counts.get(state, 0) for state in JobState},
        concurrency=sweep.concurrency,
        objective=None if objective is None else ObjectiveOut(metric=objective.metric, goal=objective.goal),
        best=None if best is None or best.value is None else best_out(sweep, best, best.value),
        priority=sweep.priority,
        tags=list(sweep.tags),
        notes=sweep.notes,
        created_at=sweep.created_at,
        finished_at=sweep.finished_at,
        cancel_requested_by=sweep.cancel_requested_by,
    )


def best_out(sweep: Sweep, best: PointRow, value: float) -> BestOut:
    """The best job."""
    return BestOut(job=best.job, point=best.point, value=value, values=sweep.space.point(best.point))


def sweeps_out(uow: UnitOfWork, sweeps: list[Sweep]) -> list[SweepOut]:
    """Several, with what became of their points."""
    counts = uow.sweeps.counts([s.id for s in sweeps])
    return [sweep_out(s, counts.get(s.id, {}), uow.sweeps.best(s)) for s in sweeps]


def sweep_detail(uow: UnitOfWork, sweep: Sweep) -> SweepDetail:
    """One sweep with everything."""
    return SweepDetail(
        **sweeps_out(uow, [sweep])[0].model_dump(),
        spec=dict(sweep.job),
        space=space_out(sweep.space),
        launch=dict(sweep.launch),
        history=[event_out(e) for e in uow.events.of(sweep.id)],
    )


def space_out(space: Space) -> dict[str, Any]:
    """The space as it is asked for, so that a form can be filled from it."""
    stored = space_to_json(space)
    axes = dict(stored["axes"])
    match space.kind:
        case SpaceKind.GRID:
            return {"grid": axes}
        case SpaceKind.RANDOM:
            return {"random": {"space": axes, "count": space.number, "seed": space.seed}}
        case SpaceKind.LIST:
            return {"list": stored["points"]}
    return {"array": space.number}


def point_out(sweep: Sweep, index: int, row: PointRow | None) -> PointOut:
    """One point, with its job if there is one."""
    values = sweep.space.point(index)
    if row is None:
        return PointOut(point=index, values=values, job=None, state=None, value=None)
    return PointOut(point=index, values=values, job=row.job, state=row.state, value=row.value)
