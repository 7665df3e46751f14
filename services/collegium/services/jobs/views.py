"""Jobs as they are shown."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collegium.db import UnitOfWork
from collegium.db.specs import spec_to_json
from collegium.domain.jobs import Event, Job, JobReason, JobState
from collegium.domain.quota import Waiting, plan_admissions
from collegium.quota.ledger import usage
from collegium.services.jobs.models import EventOut, JobDetail, JobOut

#: Seconds for which a computed queue is believed if no event says otherwise.
MAX_AGE = 5.0


@dataclass(frozen=True)
class Standing:
    """Where a waiting job stands: its place in line, from 1, and what it waits for, empty if it is about to start."""

    position: int | None
    message: str = ""


Line = dict[str, Standing]


def line(uow: UnitOfWork, group: str) -> Line:
    """The group's queue: those who are about to start, then those who wait, in the order of the planner."""
    queue = uow.jobs.open([JobState.PENDING], group)
    if not queue or uow.groups.get(group) is None:
        return {}
    places = plan_admissions(usage(uow, group), [Waiting(j.id, j.user, j.resources) for j in queue])
    ordered = [p for p in places if p.admit] + [p for p in places if not p.admit]
    return {p.id: Standing(i, "" if p.admit else p.decision.message()) for i, p in enumerate(ordered, 1)}


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
        # Limits can change without an event, so no answer lives long.
        if known is None or known[0] != mark or time.monotonic() - known[1] > MAX_AGE:
            known = self._known[group] = (mark, time.monotonic(), line(uow, group))
        return known[2]

    def forget(self, group: str) -> None:
        """The order of the group's queue was changed by hand."""
        self._known.pop(group, None)


def job_out(job: Job, line: Line) -> JobOut:
    """One job of a list."""
    standing = line.get(job.id) if job.state is JobState.PENDING else None
    position, why = (standing.position, standing.message) if standing else (None, "")
    waits = bool(why) and job.reason is not JobReason.RETRYING
    return JobOut(
        id=job.id,
        group=job.group,
        user=job.user,
        name=job.spec.name,
        kind=job.spec.kind,
        state=job.state,
        reason=JobReason.WAITING_FOR_QUOTA if waits else job.reason,
        message=f"{job.message} {why}".strip() if job.reason is JobReason.RETRYING else why or job.message,
        queue_position=position,
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
        priority=job.priority,
        tags=list(job.tags),
        notes=job.notes,
        values=dict(job.spec.chosen),
        timeout_seconds=job.spec.timeout_seconds,
    )


def job_detail(job: Job, line: Line, history: list[Event]) -> JobDetail:
    """One job with everything."""
    return JobDetail(
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
