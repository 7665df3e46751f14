"""A group's queue as the planner wants it: in order, without those who may not start yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collegium.db import UnitOfWork
from collegium.db.jobs import InLine
from collegium.domain.admission import Waiting
from collegium.domain.queues import GroupSettings, QueueMode, rank


@dataclass(frozen=True)
class Queue:
    """``ready`` stand in line, the first is next; ``later`` are tried again and wait for their time."""

    settings: GroupSettings
    ready: list[InLine]
    later: list[InLine]
    ends: Mapping[str, datetime]

    @property
    def paused(self) -> bool:
        """True while nobody is let in."""
        return self.settings.mode is QueueMode.PAUSED


def read_queue(uow: UnitOfWork, group: str, now: datetime) -> Queue:
    """The queue of one group."""
    ordered = sorted(uow.jobs.line(group), key=lambda j: (rank(j.created_at, j.priority), j.sequence))
    ready = [j for j in ordered if j.eligible_at is None or j.eligible_at <= now]
    later = [j for j in ordered if j.eligible_at is not None and j.eligible_at > now]
    ends = {
        # One that is being started has all its time before it.
        job_id: (since or now) + timedelta(seconds=seconds)
        for job_id, (since, seconds) in (uow.jobs.ends(group) if ready else {}).items()
        if seconds
    }
    return Queue(uow.group_settings.get(group), ready, later, ends)


def waiting(job: InLine) -> Waiting:
    """A job of the line for the planner."""
    return Waiting(job.id, job.user, job.resources, job.timeout_seconds)
