"""What attempts of jobs used, once they are over."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from collegium.db.job_tables import job_usage
from collegium.domain.usage import Usage

_u = job_usage.c
_NAMES = ("cpu", "memory", "gpu", "gpu_memory")


class JobUsage:
    """Rows of ``job_usage``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def put(self, job_id: str, attempt: int, started_at: datetime | None, usage: Usage) -> None:
        """Write it down; what was written before stays."""
        if self.get(job_id, attempt) is None:
            series = {name: [list(p) for p in getattr(usage, name)] for name in _NAMES}
            row = {"job_id": job_id, "attempt": attempt, "started_at": started_at, "series": series}
            self._c.execute(sa.insert(job_usage).values(row))

    def get(self, job_id: str, attempt: int) -> tuple[datetime | None, Usage] | None:
        """Since when the attempt ran and what it used, None if that was not written down."""
        statement = sa.select(job_usage).where(_u.job_id == job_id, _u.attempt == attempt)
        r = self._c.execute(statement).one_or_none()
        if r is None:
            return None
        return r.started_at, Usage(**{name: tuple((at, value) for at, value in r.series[name]) for name in _NAMES})
