"""Many jobs at once: found without what makes them large, and changed by a few statements for hundreds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.db.events import Events
from collegium.db.job_lists import matching
from collegium.db.job_tables import job_tags, sweeps
from collegium.db.jobs import in_parts
from collegium.domain.jobs import Event, JobFilter, JobReason, JobState

_j = t.jobs.c
_HEAD = (_j.id, _j.sequence, _j.user_name, _j.name, _j.state, _j.sweep_id)


@dataclass(frozen=True)
class JobHead:
    """What says whether somebody may end or remove a job."""

    id: str
    sequence: int
    user: str
    name: str
    state: JobState
    sweep: str | None


class ManyJobs:
    """Rows of ``jobs``, by the hundred. Whoever changes some holds the group's row first."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection
        self._events = Events(connection)

    def matching(self, group: str, filter: JobFilter, limit: int) -> list[JobHead]:
        """Those that a list with this filter shows, newest first."""
        statement = matching(sa.select(*_HEAD), group, filter).order_by(_j.sequence.desc()).limit(limit)
        return _heads(self._c.execute(statement))

    def count(self, group: str, filter: JobFilter) -> int:
        """How many there are of what ``matching`` gives."""
        statement = matching(sa.select(sa.func.count()).select_from(t.jobs), group, filter)
        return int(self._c.execute(statement).scalar_one())

    def some(self, group: str, ids: Collection[str], *, lock: bool = False) -> dict[str, JobHead]:
        """Those of these ids that the group has; ``lock`` holds them and the group's row until the transaction ends."""
        if lock:
            self._events.lock(group)
        found: dict[str, JobHead] = {}
        for part in in_parts(ids):
            statement = sa.select(*_HEAD).where(_j.id.in_(part), _j.group_name == group, _j.deleted_at.is_(None))
            statement = statement.order_by(_j.sequence)
            rows = self._c.execute(statement.with_for_update() if lock else statement)
            found |= {head.id: head for head in _heads(rows)}
        return found

    def cancel(self, group: str, heads: Sequence[JobHead], by: str, at: datetime) -> None:
        """Ask for the end of these, which are not over and were read with ``lock``; those that wait end at once."""
        text = f"Cancelled by {by} before it started."
        for part in in_parts([h.id for h in heads]):
            asked = sa.update(t.jobs).where(_j.id.in_(part), _j.cancel_requested_by.is_(None))
            self._c.execute(asked.values(cancel_requested_by=by))
        waiting = [h for h in heads if h.state is JobState.PENDING]
        for part in in_parts([h.id for h in waiting]):
            over = sa.update(t.jobs).where(_j.id.in_(part), _j.state == JobState.PENDING.value)
            self._c.execute(
                over.values(
                    state=JobState.CANCELLED.value,
                    reason=JobReason.CANCELLED.value,
                    message=text,
                    started_at=None,
                    finished_at=at,
                    exit_code=None,
                    eligible_at=None,
                    held=False,
                )
            )
        self._tell(group, waiting, at, JobState.CANCELLED.value, JobReason.CANCELLED.value, text)

    def delete(self, group: str, heads: Sequence[JobHead], by: str, at: datetime) -> None:
        """Nobody sees these any more, which are over and were read with ``lock``; their files and rows go later."""
        for part in in_parts([h.id for h in heads]):
            self._c.execute(sa.update(t.jobs).where(_j.id.in_(part)).values(deleted_at=at))
            self._c.execute(sa.delete(job_tags).where(job_tags.c.job_id.in_(part)))
        self._tell(group, heads, at, "Deleted", "Deleted", f"Deleted by {by}.")

    def open_sweeps(self, ids: Collection[str]) -> set[str]:
        """Those of these sweeps that go on."""
        found: set[str] = set()
        for part in in_parts(ids):
            statement = sa.select(sweeps.c.id).where(sweeps.c.id.in_(part), sweeps.c.state == "Running")
            found.update(self._c.execute(statement).scalars())
        return found

    def _tell(self, group: str, heads: Iterable[JobHead], at: datetime, state: str, reason: str, text: str) -> None:
        self._events.add([Event(0, group, "job", h.id, at, state, reason, text, h.name, h.user) for h in heads])


def _heads(rows: Iterable[Any]) -> list[JobHead]:
    return [JobHead(r.id, r.sequence, r.user_name, r.name, JobState(r.state), r.sweep_id) for r in rows]
