"""Figures that jobs told of themselves, and how far their files were read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.db.job_tables import metric_files, metrics, sweeps
from collegium.db.jobs import in_parts
from collegium.domain.jobs import JobState
from collegium.domain.metrics import Measurement, Series, gather

_j = t.jobs.c
_m = metrics.c
_f = metric_files.c
# Literal text: with a bound value neither database would use the partial index.
_UNREAD = sa.text("NOT metric_files.complete")


@dataclass(frozen=True)
class Unread:
    """A file that may hold more figures. ``over``: the attempt has ended, nothing is written to the file any more."""

    job_id: str
    attempt: int
    offset: int
    over: bool

    @property
    def run_key(self) -> str:
        """As the backend knows the attempt."""
        return f"{self.job_id}.{self.attempt}"


@dataclass(frozen=True)
class Found:
    """What a look at a file gave: figures up to ``offset``, lines that made no sense, and whether that was all."""

    figures: tuple[Measurement, ...]
    offset: int
    problems: int = 0
    complete: bool = False


@dataclass(frozen=True)
class FileState:
    """How the reading of a job's file stands: bytes that were read, lines that made no sense, and whether all is."""

    attempt: int = 0
    offset: int = 0
    problems: int = 0
    complete: bool = False


class Metrics:
    """Rows of ``metrics`` and ``metric_files``; both are of the same attempt always."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def begin(self, job_id: str, attempt: int) -> None:
        """This attempt's file is to be read, from its start; what an earlier attempt told is forgotten."""
        before = self._c.execute(sa.select(_f.attempt).where(_f.job_id == job_id)).scalar_one_or_none()
        if before == attempt:
            return
        if before is not None:
            for table in (metrics, metric_files):
                self._c.execute(sa.delete(table).where(table.c.job_id == job_id))
        values = {"job_id": job_id, "attempt": attempt, "offset": 0, "problems": 0, "complete": False}
        self._c.execute(sa.insert(metric_files).values(values))

    def unread(self) -> list[Unread]:
        """Files that may hold more."""
        columns = (_f.job_id, _f.attempt, _f.offset, _j.state, _j.attempt.label("latest"))
        statement = sa.select(*columns).join(t.jobs, _j.id == _f.job_id).where(_UNREAD, _j.deleted_at.is_(None))
        going = (JobState.PREPARING.value, JobState.RUNNING.value)
        return [
            Unread(r.job_id, r.attempt, r.offset, r.state not in going or r.latest != r.attempt)
            for r in self._c.execute(statement)
        ]

    def take(self, file: Unread, found: Found) -> bool:
        """Add figures and remember the place, both or neither; False if somebody else was faster."""
        known, read = set[str](), dict[str, Series]()
        # Most jobs tell no figures, and most looks find none.
        if found.figures:
            known = set(self._c.execute(sa.select(_m.key).where(_m.job_id == file.job_id)).scalars())
            read = {s.key: s for s in self._read(file.job_id, known & {f.key for f in found.figures})}
        changed, refused = gather({key: read.get(key) or Series(key) for key in known}, found.figures)
        done = self._c.execute(
            sa.update(metric_files)
            .where(_f.job_id == file.job_id, _f.attempt == file.attempt, _f.offset == file.offset, _UNREAD)
            .values(offset=found.offset, problems=_f.problems + found.problems + refused, complete=found.complete)
        )
        if not done.rowcount:
            return False
        for series in changed.values():
            self._put(file.job_id, series, series.key in known)
        return True

    def state(self, job_id: str) -> FileState:
        """How the reading stands; a job that never ran has attempt 0."""
        r = self._c.execute(sa.select(metric_files).where(_f.job_id == job_id)).one_or_none()
        return FileState() if r is None else FileState(r.attempt, r.offset, r.problems, r.complete)

    def of(self, job_id: str) -> list[Series]:
        """All series of a job, by key."""
        return self._read(job_id, None)

    def keys(self, ids: Collection[str]) -> list[str]:
        """Keys that any of these jobs has."""
        found: set[str] = set()
        for part in in_parts(ids):
            found.update(self._c.execute(sa.select(_m.key).where(_m.job_id.in_(part)).distinct()).scalars())
        return sorted(found)

    def series(self, ids: Collection[str], key: str) -> dict[str, Series]:
        """One key of several jobs, of those that have it."""
        found: dict[str, Series] = {}
        for part in in_parts(ids):
            statement = sa.select(metrics).where(_m.job_id.in_(part), _m.key == key)
            found |= {r.job_id: _series(r) for r in self._c.execute(statement)}
        return found

    def latest(self, ids: Collection[str], key: str) -> dict[str, float]:
        """The latest figure of one key, of those jobs that have it; without reading their points."""
        found: dict[str, float] = {}
        for part in in_parts(ids):
            statement = sa.select(_m.job_id, _m.value).where(_m.job_id.in_(part), _m.key == key)
            found |= {r.job_id: r.value for r in self._c.execute(statement)}
        return found

    def objective(self, group: str, sweep: str) -> str | None:
        """The key that a sweep is about, empty if it named none; None if the group has no such sweep."""
        where = (sweeps.c.id == sweep, sweeps.c.group_name == group, sweeps.c.deleted_at.is_(None))
        r = self._c.execute(sa.select(sweeps.c.objective).where(*where)).one_or_none()
        return None if r is None else str((r.objective or {}).get("metric", ""))

    def incomplete(self, ids: Collection[str]) -> set[str]:
        """Those of these jobs whose files may hold more than is known here."""
        found: set[str] = set()
        for part in in_parts(ids):
            found.update(self._c.execute(sa.select(_f.job_id).where(_UNREAD, _f.job_id.in_(part))).scalars())
        return found

    def _read(self, job_id: str, keys: Iterable[str] | None) -> list[Series]:
        statement = sa.select(metrics).where(_m.job_id == job_id).order_by(_m.key)
        if keys is not None:
            statement = statement.where(_m.key.in_(sorted(keys)))
        return [_series(r) for r in self._c.execute(statement)]

    def _put(self, job_id: str, series: Series, there: bool) -> None:
        values = {
            "step": series.step,
            "value": series.value,
            "minimum": series.minimum,
            "maximum": series.maximum,
            "count": series.count,
            "stride": series.stride,
            "points": [list(p) for p in series.points],
        }
        if there:
            self._c.execute(sa.update(metrics).where(_m.job_id == job_id, _m.key == series.key).values(values))
        else:
            self._c.execute(sa.insert(metrics).values(job_id=job_id, key=series.key, **values))


def _series(r: Any) -> Series:
    points = tuple((step, float(value)) for step, value in r.points)
    return Series(r.key, r.step, r.value, r.minimum, r.maximum, r.count, r.stride, points)
