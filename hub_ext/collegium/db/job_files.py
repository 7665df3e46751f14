"""Which jobs have files that are to go, and that they are gone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.db.job_tables import job_dependencies, job_tags, job_usage, metric_files, metrics
from collegium.db.jobs import in_parts
from collegium.db.schedule_tables import schedule_runs

_j = t.jobs.c
# Literal text: with bound values neither database would use the partial indexes.
_DELETED = sa.text("jobs.deleted_at IS NOT NULL")
_KEPT = sa.text("jobs.finished_at IS NOT NULL AND jobs.artifacts_gone_at IS NULL AND jobs.attempt > 0")
_UNSETTLED = sa.text("schedule_runs.state IN ('Due', 'Submitted')")
#: Tables whose rows are a job's own and go with it.
_OWN = [job_tags, metrics, metric_files, job_usage]


class JobFiles:
    """Rows of ``jobs``, as far as their files go."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def deleted(self, after: int, limit: int) -> list[tuple[int, str]]:
        """Number and id of jobs that people deleted, above a number, in order.

        Those that a schedule has yet to take note of are left for later.
        """
        noted = sa.select(schedule_runs.c.sequence).where(_UNSETTLED, schedule_runs.c.job_id == _j.id).exists()
        statement = sa.select(_j.sequence, _j.id).where(_DELETED, _j.sequence > after, sa.not_(noted))
        return [(r[0], r[1]) for r in self._c.execute(statement.order_by(_j.sequence).limit(limit))]

    def purge(self, ids: Collection[str]) -> None:
        """Remove the rows of deleted jobs whose files are gone. What happened to them stays told."""
        for part in in_parts(ids):
            gone = list(self._c.execute(sa.select(_j.id).where(_DELETED, _j.id.in_(part))).scalars())
            # Those that waited for them keep saying so: that they are no more is what they are told by.
            self._c.execute(sa.delete(job_dependencies).where(job_dependencies.c.job_id.in_(gone)))
            for table in _OWN:
                self._c.execute(sa.delete(table).where(table.c.job_id.in_(gone)))
            self._c.execute(sa.delete(t.jobs).where(_j.id.in_(gone)))

    def groups(self) -> Iterator[str]:
        """Groups, past or present, with jobs whose artifacts are kept. Each is found by itself: the index of a million
        jobs is not walked for a hundred names."""
        last = ""
        while True:
            statement = sa.select(sa.func.min(_j.group_name)).where(_KEPT, _j.group_name > last)
            found = self._c.execute(statement).scalar_one()
            if found is None:
                return
            yield found
            last = found

    def expired(self, group: str, before: datetime, limit: int, skip: Collection[str] = ()) -> list[str]:
        """Ids of jobs that ended before a moment and whose artifacts are kept, those that ended first first."""
        statement = sa.select(_j.id).where(_KEPT, _j.group_name == group, _j.finished_at < before)
        if skip:
            statement = statement.where(_j.id.not_in(sorted(skip)))
        return list(self._c.execute(statement.order_by(_j.finished_at).limit(limit)).scalars())

    def note_gone(self, ids: Collection[str], at: datetime) -> None:
        """Their artifacts are gone."""
        for part in in_parts(ids):
            self._c.execute(sa.update(t.jobs).where(_KEPT, _j.id.in_(part)).values(artifacts_gone_at=at))
