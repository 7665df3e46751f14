"""Which jobs wait for which."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.db.job_tables import job_dependencies
from collegium.db.jobs import in_parts
from collegium.domain.dependencies import Ending, Need
from collegium.domain.jobs import JobState

_j = t.jobs.c
_d = job_dependencies.c
# Literal text: with a bound value neither database would use the partial index.
_HELD = sa.text("jobs.held")


@dataclass
class Waits:
    """What one job waits for: the state of each job before it, None if that is no more."""

    job_id: str
    group: str
    need: Need
    ending: Ending
    states: dict[str, JobState | None] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


class Dependencies:
    """Rows of ``job_dependencies``; ``Jobs.insert`` writes them."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def held(self) -> list[Waits]:
        """All jobs that are held, in the order of submission."""
        held = sa.select(_j.id, _j.group_name, _j.sequence).where(_HELD).subquery()
        return self._read(held.c.id, held.c.group_name, sa.join(held, job_dependencies, held.c.id == _d.job_id))

    def of(self, ids: Collection[str]) -> dict[str, Waits]:
        """What these jobs wait for or waited for; those that never did are left out."""
        found: dict[str, Waits] = {}
        for part in in_parts(ids):
            job = t.jobs.alias()
            joined = sa.join(job, job_dependencies, job.c.id == _d.job_id)
            rows = self._read(job.c.id, job.c.group_name, joined, job.c.id.in_(part))
            found |= {w.job_id: w for w in rows}
        return found

    def waiting_on(self, ids: Collection[str]) -> set[str]:
        """Those of these jobs that a held job waits for."""
        found: set[str] = set()
        for part in in_parts(ids):
            held = sa.select(_d.upstream_id).join(t.jobs, _j.id == _d.job_id).where(_HELD, _d.upstream_id.in_(part))
            found.update(self._c.execute(held).scalars())
        return found

    def after(self, job_id: str) -> list[str]:
        """The jobs that wait or waited for this one, in the order of submission."""
        statement = sa.select(_j.id).join(job_dependencies, _j.id == _d.job_id).where(_d.upstream_id == job_id)
        return list(self._c.execute(statement.where(_j.deleted_at.is_(None)).order_by(_j.sequence)).scalars())

    def _read(self, job: Any, group: Any, joined: Any, *where: Any) -> list[Waits]:
        before = t.jobs.alias()
        there = sa.and_(before.c.id == _d.upstream_id, before.c.deleted_at.is_(None))
        statement = (
            sa.select(
                job.label("job_id"),
                group.label("group_name"),
                _d.upstream_id,
                _d.need,
                _d.ending,
                before.c.state,
                before.c.name,
            )
            .select_from(sa.outerjoin(joined, before, there))
            .where(*where)
            .order_by(job, _d.upstream_id)
        )
        return _gather(self._c.execute(statement))


def _gather(rows: Iterable[Any]) -> list[Waits]:
    found: dict[str, Waits] = {}
    for r in rows:
        waits = found.setdefault(r.job_id, Waits(r.job_id, r.group_name, Need(r.need), Ending(r.ending)))
        waits.states[r.upstream_id] = JobState(r.state) if r.state else None
        waits.names[r.upstream_id] = r.name or r.upstream_id
    return list(found.values())
