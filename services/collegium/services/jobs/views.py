"""Jobs as they are shown."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from collegium.db import UnitOfWork
from collegium.db.dependencies import Waits
from collegium.db.jobs import InLine
from collegium.db.specs import spec_to_json
from collegium.domain.admission import plan_admissions
from collegium.domain.dependencies import Ending, Need
from collegium.domain.jobs import Event, Job, JobReason, JobState
from collegium.quota.ledger import usage
from collegium.services.jobs.models import (
    DependsOut,
    EventOut,
    JobDatasetOut,
    JobDetail,
    JobOut,
    UpstreamOut,
    WaitOut,
)
from collegium.services.jobs.queue import read_queue, waiting

#: Seconds for which a computed queue is believed if no event says otherwise.
MAX_AGE = 5.0


@dataclass(frozen=True)
class Standing:
    """Where a waiting job stands: its place in line, from 1, and what it waits for; nothing if it is about to start."""

    position: int | None
    waits: tuple[WaitOut, ...] = ()
    earliest: datetime | None = None

    @property
    def message(self) -> str:
        """All that it waits for."""
        return " ".join(w.message for w in self.waits)


Line = dict[str, Standing]


def line(uow: UnitOfWork, group: str, now: datetime) -> Line:
    """The group's queue: those who are about to start, then those who wait, in the order of the planner.

    Those who are tried again later stand behind, without a place.
    """
    queue = read_queue(uow, group, now)
    found = {job.id: Standing(None, (_later(job),)) for job in queue.later}
    if not queue.ready or uow.groups.get(group) is None:
        return found
    if queue.paused:
        paused = WaitOut(kind="paused", message=queue.settings.why())
        return found | {job.id: Standing(i, (paused,)) for i, job in enumerate(queue.ready, 1)}
    places = plan_admissions(usage(uow, group), [waiting(j) for j in queue.ready], now, queue.ends)
    ordered = [p for p in places if p.admit] + [p for p in places if not p.admit]
    for i, place in enumerate(ordered, 1):
        quota = () if place.admit else (WaitOut(kind="quota", message=place.decision.message()),)
        found[place.id] = Standing(i, quota, place.earliest)
    return found


def _later(job: InLine) -> WaitOut:
    assert job.eligible_at is not None
    at = job.eligible_at.replace(microsecond=0)
    return WaitOut(
        kind="retry", message=f"It is started again after {at:%Y-%m-%d %H:%M:%S} UTC.", until=job.eligible_at
    )


def upstream(waits: Waits) -> WaitOut:
    """What a held job waits for."""
    open_ones = [job for job, state in waits.states.items() if state is not None and not state.final]
    if not open_ones:
        # They are over, and the controller is about to look.
        return WaitOut(kind="jobs", message="The jobs before it have ended.")
    names = ", ".join(waits.names[job] for job in open_ones[:5]) + (" and others" if len(open_ones) > 5 else "")
    how = {Ending.SUCCEEDED: "to succeed", Ending.FAILED: "to fail", Ending.DONE: "to end"}[waits.ending]
    which = "one of " if waits.need is Need.ANY and len(waits.states) > 1 else ""
    return WaitOut(kind="jobs", message=f"It waits for {which}{names} {how}.", jobs=open_ones)


class Lines:
    """Queues that were computed already, as long as nothing moved: many who look at a long queue cost as much as one.

    Safe to use from several threads.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._known: dict[str, tuple[Any, float, Line]] = {}

    def of(self, uow: UnitOfWork, group: str, jobs: list[Job]) -> Line:
        """The group's queue if any of these jobs stands in it; otherwise nothing is computed."""
        if not any(j.state is JobState.PENDING for j in jobs):
            return {}
        mark = (uow.events.last(group), [(r.id, r.state) for r in uow.reservations.live(group)])
        known = self._known.get(group)
        # Limits and priorities can change without an event, so no answer lives long.
        if known is None or known[0] != mark or time.monotonic() - known[1] > MAX_AGE:
            known = self._known[group] = (mark, time.monotonic(), line(uow, group, self._clock()))
        held = [j.id for j in jobs if j.held]
        if not held:
            return known[2]
        waits = uow.dependencies.of(held)
        return known[2] | {job: Standing(None, (upstream(w),)) for job, w in waits.items()}

    def forget(self, group: str) -> None:
        """The order of the group's queue was changed by hand."""
        self._known.pop(group, None)


def job_out(job: Job, line: Line) -> JobOut:
    """One job of a list."""
    standing = line.get(job.id) if job.state is JobState.PENDING else None
    standing = standing or Standing(None)
    why = standing.message
    return JobOut(
        id=job.id,
        group=job.group,
        user=job.user,
        name=job.spec.name,
        kind=job.spec.kind,
        state=job.state,
        reason=_reason(job, standing),
        message=f"{job.message} {why}".strip() if job.reason is JobReason.RETRYING else why or job.message,
        queue_position=standing.position,
        waiting_for=list(standing.waits),
        earliest_start=standing.earliest,
        attempt=job.attempt,
        max_attempts=job.spec.retries + 1,
        exit_code=job.exit_code,
        image=job.spec.image,
        instance_type=job.spec.instance_type,
        resources=job.resources.texts(),
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        cancel_requested_by=job.cancel_requested_by,
        rerun_of=job.rerun_of,
        sweep=job.sweep,
        point=job.point,
        priority=job.priority,
        tags=list(job.tags),
        notes=job.notes,
        values=dict(job.spec.chosen),
        timeout_seconds=job.spec.timeout_seconds,
        notebook=_notebook(job),
        datasets=[JobDatasetOut.model_validate(e) for e in job.launch.get("datasets", ())],
    )


def _notebook(job: Job) -> str | None:
    if job.spec.notebook is None:
        return None
    directory = job.spec.working_directory
    return str(PurePosixPath(directory.path if directory else "", job.spec.notebook.path))


def _reason(job: Job, standing: Standing) -> JobReason:
    """What it waits for says more than that it was submitted, but less than why it is started again."""
    if not standing.waits or job.reason is JobReason.RETRYING:
        return job.reason
    kinds = {"quota": JobReason.WAITING_FOR_QUOTA, "paused": JobReason.QUEUE_PAUSED, "jobs": JobReason.WAITING_FOR_JOBS}
    return kinds.get(standing.waits[0].kind, job.reason)


def depends_out(waits: Waits | None) -> DependsOut | None:
    """What a job waits or waited for."""
    if waits is None:
        return None
    jobs = [UpstreamOut(id=j, name=waits.names[j], state=state) for j, state in waits.states.items()]
    return DependsOut(need=waits.need, ending=waits.ending, jobs=jobs)


def job_detail(uow: UnitOfWork, job: Job, line: Line) -> JobDetail:
    """One job with everything."""
    history = uow.events.of(job.id)
    return JobDetail(
        depends_on=depends_out(uow.dependencies.of([job.id]).get(job.id)),
        dependents=uow.dependencies.after(job.id),
        artifacts_gone_at=job.artifacts_gone_at,
        **job_out(job, line).model_dump(),
        spec=spec_to_json(job.spec),
        launch=dict(job.launch),
        history=[event_out(e) for e in history],
    )


def event_out(e: Event) -> EventOut:
    """One entry of a history."""
    return EventOut(
        sequence=e.sequence, kind=e.kind, id=e.object_id, at=e.at, state=e.state, reason=e.reason, message=e.message
    )
