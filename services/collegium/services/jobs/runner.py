"""Makes jobs happen: compares what the database wants with what the backend has, and acts on the difference."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from collegium.backends.ports import Backend, RunPhase, RunStatus, StartFailed
from collegium.catalog.mounts import begin_uses, end_uses
from collegium.db import Database, UnitOfWork
from collegium.domain.errors import Conflict, DomainError, shorten
from collegium.domain.jobs import Job, JobReason, JobState
from collegium.domain.quota import WorkloadKind
from collegium.domain.usage import Usage
from collegium.quota.ledger import Ledger
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.jobs.admission import ADMITTED_TEXT, Admission
from collegium.services.jobs.manifest import left_out
from collegium.services.jobs.outcome import Outcome, deadline, outcome
from collegium.services.jobs.start import MountsGone, Starts
from collegium.services.jobs.text import failure_line
from collegium.services.metrics import Metrics

#: Rounds in a row that must miss a running job before it counts as lost.
MISSES = 2
#: Seconds between repeated requests to stop the same run.
STOP_AGAIN = 30.0
_TAIL = 8192
#: Characters of what a backend says while a run starts.
_MESSAGE = 500
_MAX_BACKOFF = 30.0
_log = logging.getLogger("collegium.controller")


class JobRounds:
    """One round per call. What it remembers are only counts and times; losing them costs patience, not truth."""

    def __init__(
        self,
        database: Database,
        backend: Backend,
        lease: Lease,
        metrics: Metrics,
        clock: Callable[[], datetime],
        starts: Starts,
    ) -> None:
        self._database, self._backend, self._lease, self._metrics, self._clock = (
            database,
            backend,
            lease,
            metrics,
            clock,
        )
        self._starts = starts
        self._admission = Admission(database, lease, metrics, clock, backend.mounts)
        self._missing: dict[str, int] = {}
        self._stopped: dict[str, float] = {}
        self._backoff: dict[str, tuple[float, int]] = {}

    async def round(self) -> None:
        """Look at the backend first and at the database second: a run that we do not see was over before we looked."""
        runs = await self._backend.jobs.observe()
        busy = await self._database.reading(lambda uow: uow.jobs.open([JobState.PREPARING, JobState.RUNNING]))
        await self._forget_finished(runs, busy)
        for job in busy:
            await self._alone(job, self._reconcile(job, runs.get(job.run_key)))
        for job in await self._admission.round():
            await self._alone(job, self._start(job))
        self._trim(busy)

    async def _alone(self, job: Job, step: Coroutine[Any, Any, None]) -> None:
        """Run one job's step so that its failure is only its own; after a failure it waits longer each time."""
        moment = asyncio.get_running_loop().time()
        until, failures = self._backoff.get(job.id, (0.0, 0))
        if moment < until:
            step.close()
            return
        try:
            await step
        except LeaseLost:
            raise
        except Conflict:
            # Somebody else, mostly a cancel, was faster; the next round sees the new state.
            return
        except Exception as error:
            self._backoff[job.id] = (moment + min(_MAX_BACKOFF, 2.0**failures), failures + 1)
            self._metrics.failure("job")
            _log.warning(
                "job is tried again: %s", error, exc_info=not isinstance(error, DomainError), extra={"job": job.id}
            )
        else:
            self._backoff.pop(job.id, None)

    async def _reconcile(self, job: Job, run: RunStatus | None) -> None:
        if run is None:
            await self._unseen(job)
        elif run.phase.final:
            await self._over(job, run)
        else:
            self._missing.pop(job.run_key, None)
            if run.phase is RunPhase.RUNNING and job.state is JobState.PREPARING:
                job = await self._lease.write(lambda uow: self._running(uow, job, run))
            elif run.phase is RunPhase.STARTING and job.state is JobState.PREPARING:
                text = f"{run.message or ADMITTED_TEXT} {left_out(job.launch)}".strip()
                await self._explain(job, shorten(text, _MESSAGE) or "")
            end = deadline(job)
            if job.cancel_requested_by is not None or (end is not None and self._clock() >= end):
                await self._stop(job)

    async def _unseen(self, job: Job) -> None:
        if job.state is JobState.PREPARING:
            if job.cancel_requested_by is None:
                await self._start(job)
                return
            # After this the key can no longer start, and a second look says whether it had.
            await self._backend.jobs.stop(job.run_key)
            run = (await self._backend.jobs.observe()).get(job.run_key)
            if run is None:
                text = f"Cancelled by {job.cancel_requested_by} before it started."
                await self._end(job, Outcome(JobState.CANCELLED, JobReason.CANCELLED, text))
            elif run.phase.final:
                await self._over(job, run)
            return
        misses = self._missing.get(job.run_key, 0) + 1
        self._missing[job.run_key] = misses
        if misses >= MISSES:
            await self._over(job, RunStatus(job.run_key, RunPhase.LOST))

    async def _start(self, job: Job) -> None:
        try:
            try:
                request = await self._starts.request(job)
            except MountsGone as error:
                job = await self._lease.write(partial(self._leave_out, job=job, problems=error.problems))
                request = await self._starts.request(job)
            await self._backend.jobs.start(request)
        except StartFailed as error:
            await self._end(job, Outcome(JobState.FAILED, JobReason.START_FAILED, f"It could not be started: {error}"))
        except DomainError as error:
            await self._explain(job, f"It cannot be started now and is tried again: {error.message}")
            raise

    def _leave_out(self, uow: UnitOfWork, job: Job, problems: Mapping[str, str]) -> Job:
        """The job without datasets that are not there. Raises StartFailed if it chose one of them."""
        if job.spec.datasets is not None:
            name, why = next(iter(problems.items()))
            raise StartFailed(f"dataset {name} cannot be used: {why}")
        entries = [{**e, "problem": problems.get(e["name"], e["problem"])} for e in job.launch["datasets"]]
        end_uses(uow, WorkloadKind.JOB, job.id, self._clock())
        begin_uses(uow, entries, WorkloadKind.JOB, job.id, job.group, job.user, job.spec.name, self._clock())
        return uow.jobs.note_datasets(job, entries)

    async def _explain(self, job: Job, text: str) -> None:
        """Say what a job that was let in waits for; a transaction only if that is new."""
        if job.message != text:
            await self._lease.write(lambda uow: uow.jobs.explain(job, JobReason.ADMITTED, text))

    async def _stop(self, job: Job) -> None:
        moment = asyncio.get_running_loop().time()
        if moment - self._stopped.get(job.run_key, -STOP_AGAIN) >= STOP_AGAIN:
            await self._backend.jobs.stop(job.run_key)
            self._stopped[job.run_key] = moment

    async def _over(self, job: Job, run: RunStatus) -> None:
        traceback = ""
        if run.phase is RunPhase.FAILED and run.reason in (None, JobReason.EXIT_CODE):
            tail = await self._backend.logs.read(job.run_key, -_TAIL, _TAIL)
            traceback = failure_line(tail.data.decode("utf-8", "replace"))
        # Stored with the end, so that it outlives the files.
        used = await self._backend.logs.usage(job.run_key)
        # A short run is over before anybody saw it run.
        job = replace(job, started_at=job.started_at or run.started_at)
        await self._end(job, outcome(job, run, self._clock(), traceback), run.finished_at, used, run.image)
        await self._backend.jobs.forget(job.run_key)

    async def _end(
        self,
        job: Job,
        to: Outcome,
        finished_at: datetime | None = None,
        used: Usage | None = None,
        image: str = "",
    ) -> None:
        """The change of state and the place in the ledger, together or not at all.

        ``finished_at`` is when the run itself ended, which may be long before anybody could see it; ``used`` what it
        used and ``image`` which it really ran, if there was a run.
        """

        def change(uow: UnitOfWork) -> None:
            state, reason, message = to.state, to.reason, to.message
            if state is JobState.PENDING:
                # Asked again in here: a cancel may have come since the job was read.
                current = uow.jobs.get(job.group, job.id) or job
                if current.cancel_requested_by is not None:
                    state, reason = JobState.CANCELLED, JobReason.CANCELLED
                    message = f"Cancelled by {current.cancel_requested_by}."
            moment = self._clock()
            due = to.eligible_at if state is JobState.PENDING else None
            uow.jobs.move(
                job, state, reason, message, moment, finished_at=finished_at, exit_code=to.exit_code, eligible_at=due
            )
            Ledger().release(uow, WorkloadKind.JOB, job.id)
            if job.launch.get("datasets"):
                end_uses(uow, WorkloadKind.JOB, job.id, moment)
            uow.jobs.note_image(job, image)
            if used is not None:
                uow.metrics.begin(job.id, job.attempt)
                uow.usage.put(job.id, job.attempt, job.started_at, used)

        await self._lease.write(change)
        self._missing.pop(job.run_key, None)
        self._stopped.pop(job.run_key, None)
        _log.info("job is %s: %s", to.state, to.reason, extra={"job": job.id, "group": job.group})

    def _running(self, uow: UnitOfWork, job: Job, run: RunStatus) -> Job:
        since = run.started_at or self._clock()
        told = shorten(left_out(job.launch), _MESSAGE) or ""
        moved = uow.jobs.move(job, JobState.RUNNING, JobReason.STARTED, told, self._clock(), started_at=since)
        Ledger().bind(uow, WorkloadKind.JOB, job.id)
        uow.jobs.note_image(job, run.image)
        uow.metrics.begin(job.id, job.attempt)
        return moved

    async def _forget_finished(self, runs: Mapping[str, RunStatus], busy: list[Job]) -> None:
        """Drop what the backend still keeps of runs that are settled here; end runs that nobody waits for."""
        wanted = {job.run_key for job in busy}
        strays = [run for key, run in runs.items() if key not in wanted]
        if not strays:
            return
        known = await known_jobs(self._database, {run.key.rpartition(".")[0] for run in strays})
        for run in strays:
            if run.key.rpartition(".")[0] not in known:
                # Perhaps the database was restored from an older copy: leave it to a person.
                _log.warning("the backend runs %s, of which the database knows nothing", run.key)
            elif run.phase.final:
                await self._backend.jobs.forget(run.key)
            elif not self._stopped.get(run.key):
                _log.warning("stopping %s: its job is over or runs another attempt", run.key)
                await self._backend.jobs.stop(run.key)
                self._stopped[run.key] = asyncio.get_running_loop().time()

    def _trim(self, busy: list[Job]) -> None:
        ids, keys = {j.id for j in busy}, {j.run_key for j in busy}
        self._backoff = {k: v for k, v in self._backoff.items() if k in ids}
        self._missing = {k: v for k, v in self._missing.items() if k in keys}
        if len(self._stopped) > 10_000:
            self._stopped.clear()


async def known_jobs(database: Database, ids: Collection[str]) -> set[str]:
    """Which of these ids have a row; asked in parts, since databases bound the length of a question."""
    ordered, known = sorted(ids), set[str]()
    for start in range(0, len(ordered), 500):
        known |= await database.reading(partial(_known, ids=ordered[start : start + 500]))
    return known


def _known(uow: UnitOfWork, ids: list[str]) -> set[str]:
    return uow.jobs.known(ids)
