"""Figures of jobs, one job's or several jobs' side by side, and what jobs use."""

from __future__ import annotations

from collections.abc import Sequence

from collegium.backends.ports import LogSource
from collegium.db import Database, UnitOfWork
from collegium.db.metrics import FileState
from collegium.domain.errors import InvalidInput, NotFound
from collegium.domain.jobs import Job, JobFilter
from collegium.domain.metrics import MAX_FILE, MAX_KEYS, METRICS_FILE, Series, thinned
from collegium.domain.resources import CPU, MEMORY, gpus
from collegium.domain.usage import Usage
from collegium.services.jobs.figure_models import (
    ComparedOut,
    ComparisonOut,
    FiguresOut,
    JobUsageOut,
    SeriesOut,
    UsageLimits,
)
from collegium.services.jobs.find import get_job

#: Jobs of a sweep side by side at most, the newest ones; points of all of them together, and at least of each.
MAX_COMPARED, ALL_POINTS, LEAST_POINTS = 1000, 60_000, 50


class FigureService:
    """Expects that the policy was asked already."""

    def __init__(self, database: Database, logs: LogSource) -> None:
        self._database, self._logs = database, logs

    async def of(self, group: str, job_id: str) -> FiguresOut:
        """All series of the latest attempt that ran. Raises NotFound."""

        def look(uow: UnitOfWork) -> tuple[FileState, list[Series]]:
            job = get_job(uow, group, job_id)
            return uow.metrics.state(job.id), uow.metrics.of(job.id)

        state, found = await self._database.reading(look)
        return FiguresOut(items=[_series_out(s) for s in found], problems=problems(state), complete=state.complete)

    async def compare(self, group: str, sweep: str | None, jobs: Sequence[str], key: str | None) -> ComparisonOut:
        """One key of the jobs of a sweep, or of some jobs. Raises InvalidInput, NotFound."""
        if (sweep is None) == (not jobs):
            raise InvalidInput("job", "must be given, or sweep, and not both")

        def look(uow: UnitOfWork) -> ComparisonOut:
            wanted = key
            if sweep is None:
                chosen = [get_job(uow, group, job) for job in dict.fromkeys(jobs)]
            else:
                objective = uow.metrics.objective(group, sweep)
                if objective is None:
                    raise NotFound(f"Group {group} has no sweep {sweep}.", sweep=sweep)
                wanted = wanted or objective
                chosen = uow.jobs.page(group, JobFilter(sweep=sweep), MAX_COMPARED)
                chosen.sort(key=lambda job: job.point or 0)
            return compared(uow, chosen, wanted)

        return await self._database.reading(look)

    async def usage(self, group: str, job_id: str, attempt: int | None) -> JobUsageOut:
        """What an attempt used, by default the latest. Raises NotFound."""

        def look(uow: UnitOfWork) -> tuple[Job, int, object]:
            job = get_job(uow, group, job_id)
            number = job.attempt if attempt is None else attempt
            if number > job.attempt:
                raise NotFound(f"Job {job.id} has no attempt {number}.", attempt=number, attempts=job.attempt)
            return job, number, uow.usage.get(job.id, number)

        job, number, kept = await self._database.reading(look)
        started, used = job.started_at if number == job.attempt else None, Usage()
        if isinstance(kept, tuple):
            started, used = kept
        elif number:
            used = await self._logs.usage(f"{job.id}.{number}")
        return JobUsageOut(
            attempt=number,
            started_at=started,
            cpu=list(used.cpu),
            memory=list(used.memory),
            gpu=list(used.gpu),
            gpu_memory=list(used.gpu_memory),
            limits=_limits(job),
        )


def compared(uow: UnitOfWork, jobs: Sequence[Job], key: str | None) -> ComparisonOut:
    """The jobs side by side; without a key, the first that any of them has."""
    ids = [job.id for job in jobs]
    keys = uow.metrics.keys(ids)
    key = key or next(iter(keys), "")
    found = uow.metrics.series(ids, key) if key else {}
    most = max(LEAST_POINTS, ALL_POINTS // max(1, len(jobs)))
    return ComparisonOut(key=key, keys=keys, items=[_compared_out(job, found.get(job.id), most) for job in jobs])


def problems(state: FileState) -> list[str]:
    """What of a file was not taken."""
    found = []
    if state.problems:
        lines = "1 line or figure" if state.problems == 1 else f"{state.problems:,} lines or figures"
        found.append(f"{lines} of {METRICS_FILE} made no sense or had no place (a job has at most {MAX_KEYS} keys).")
    if state.offset >= MAX_FILE:
        found.append(f"{METRICS_FILE} is larger than {MAX_FILE >> 20} MiB; what comes after that is not read.")
    return found


def _series_out(s: Series) -> SeriesOut:
    return SeriesOut(
        key=s.key,
        step=s.step,
        value=s.value,
        minimum=s.minimum,
        maximum=s.maximum,
        count=s.count,
        points=list(s.points),
    )


def _compared_out(job: Job, series: Series | None, most: int) -> ComparedOut:
    return ComparedOut(
        job=job.id,
        name=job.spec.name,
        point=job.point,
        values=dict(job.spec.chosen),
        value=series.value if series else None,
        points=list(thinned(series.points, most)) if series else [],
    )


def _limits(job: Job) -> UsageLimits:
    cpu, memory = job.resources[CPU], job.resources[MEMORY]
    return UsageLimits(cpu=cpu / 1000 if cpu else None, memory=memory or None, gpu=gpus(job.resources) or None)
