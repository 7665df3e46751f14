"""What can be done with jobs. Knows people, quota and the store; knows no HTTP."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from collegium.backends.ports import Backend, Snapshot
from collegium.db import Database, UnitOfWork
from collegium.db.jobs import spec_to_json
from collegium.domain.audit import AuditEntry
from collegium.domain.errors import (
    Conflict,
    DomainError,
    Forbidden,
    IdempotencyMismatch,
    NotFound,
    TooManyRequests,
    Unavailable,
    shorten,
)
from collegium.domain.groups import Actor
from collegium.domain.jobs import Job, JobFilter, JobReason, JobSpec, JobState
from collegium.domain.launch import LaunchOptions, LaunchSpec, resolve
from collegium.domain.names import new_id
from collegium.domain.policy import Operation, explain
from collegium.domain.quota import WorkloadKind
from collegium.quota.ledger import usage
from collegium.services.jobs.manifest import launch_manifest
from collegium.services.jobs.models import JobDetail, JobOut, JobPage
from collegium.services.jobs.views import Lines, job_detail, job_out
from collegium.services.paging import number_cursor, read_number_cursor

#: Open jobs of one group; a queue longer than this is a mistake in a loop.
MAX_OPEN = 5000
_OPEN = (JobState.PENDING, JobState.PREPARING, JobState.RUNNING)
_JOB_ID = re.compile(r"job-[0-9a-v]{26}", re.ASCII)


@dataclass(frozen=True)
class _Ask:
    """One request for a new job."""

    actor: Actor
    group: str
    operation: Operation
    spec: JobSpec
    key: str | None
    #: What the idempotency key stands for.
    hash: str
    rerun_of: Job | None = None


class JobService:
    """Submit, list, show, cancel, rerun. ``wake`` tells the controller of this process, if there is one."""

    def __init__(
        self, database: Database, backend: Backend, wake: Callable[[], object], clock: Callable[[], datetime]
    ) -> None:
        self._database, self._backend, self._wake, self._clock = database, backend, wake, clock
        self._lines = Lines()

    async def submit(self, actor: Actor, group: str, spec: JobSpec, key: str | None = None) -> tuple[JobOut, bool]:
        """A new job, and True if it is really new and not the answer to a repeated ``key``.

        Raises NotFound, Forbidden, NotGranted; QuotaExceeded for what can never fit; TooManyRequests;
        IdempotencyMismatch; and what ``VolumeProvider.snapshot`` raises.
        """
        return await self._create(_Ask(actor, group, Operation.JOB_SUBMIT, spec, key, _hash(spec_to_json(spec))))

    async def rerun(self, actor: Actor, group: str, job_id: str, key: str | None = None) -> tuple[JobOut, bool]:
        """The same spec and files as a new job of the caller, checked against today's grants. Raises as ``submit``."""
        earlier = await self._database.reading(lambda uow: get_job(uow, group, job_id))
        return await self._create(
            _Ask(actor, group, Operation.JOB_RERUN, earlier.spec, key, _hash({"rerun": earlier.id}), earlier)
        )

    async def page(self, group: str, filter: JobFilter, limit: int, cursor: str | None) -> JobPage:
        """Jobs, newest first. Raises InvalidInput for a cursor that is not ours."""
        before = read_number_cursor("j", cursor) if cursor else None

        def look(uow: UnitOfWork) -> JobPage:
            jobs = uow.jobs.page(group, filter, limit + 1, before)
            more, jobs = len(jobs) > limit, jobs[:limit]
            line = self._lines.of(uow, group, jobs)
            return JobPage(
                items=[job_out(j, line) for j in jobs],
                next_cursor=number_cursor("j", jobs[-1].sequence) if more else None,
            )

        return await self._database.reading(look)

    async def get(self, group: str, job_id: str) -> JobDetail:
        """One job with its history and place in line. Raises NotFound."""

        def look(uow: UnitOfWork) -> JobDetail:
            job = get_job(uow, group, job_id)
            return job_detail(job, self._lines.of(uow, group, [job]), uow.events.of(job.id))

        return await self._database.reading(look)

    async def cancel(self, actor: Actor, group: str, job_id: str) -> JobOut:
        """Ask for the end: a waiting job is over at once, a running one when its end was seen.

        Raises NotFound; Forbidden for another's job without the role; Conflict for a job that is over.
        """

        def change(uow: UnitOfWork) -> Job:
            job = get_job(uow, group, job_id)
            verdict = explain(actor, Operation.JOB_CANCEL, group, owner=job.user)
            if not verdict.allowed:
                raise Forbidden(verdict.reason, operation=Operation.JOB_CANCEL.value, group=group)
            if job.state.final:
                raise Conflict(f"The job is over: it is {job.state}.", state=job.state.value)
            if job.user != actor.user and job.cancel_requested_by is None:
                details = {"owner": job.user, "name": job.spec.name}
                uow.audit.append(AuditEntry(self._clock(), actor.user, "job.cancel", job.id, group, details=details))
            job = uow.jobs.request_cancel(job, actor.user)
            uow.announce()
            if job.state is not JobState.PENDING:
                return job
            text = f"Cancelled by {actor.user} before it started."
            return uow.jobs.move(job, JobState.CANCELLED, JobReason.CANCELLED, text, self._clock())

        job = await self._database.writing(change)
        self._wake()
        return job_out(job, {})

    async def _create(self, ask: _Ask) -> tuple[JobOut, bool]:
        if ask.spec.working_directory is not None:
            # Before anything is copied; the transaction below asks all of it again.
            known = await self._database.reading(lambda uow: self._replay(uow, ask) or self._resolve(uow, ask))
            if isinstance(known, JobOut):
                return known, False
        job_id = new_id("job")
        # Files first, then the row: a row without files would be a broken job, files without a row are swept later.
        snapshot = await self._take_files(job_id, ask)
        try:
            out, new = await self._database.writing(lambda uow: self._insert(uow, ask, job_id, snapshot))
        except Unavailable:
            # Perhaps it was committed and only the word of it got lost: the sweep for orphans will know.
            raise
        except DomainError:
            await self._backend.volumes.discard(job_id)
            raise
        if not new:
            await self._backend.volumes.discard(job_id)
        self._wake()
        return out, new

    async def _take_files(self, job_id: str, ask: _Ask) -> Snapshot | None:
        directory = ask.spec.working_directory
        if directory is None:
            return None
        if ask.rerun_of is not None:
            await self._backend.volumes.reuse_snapshot(job_id, ask.rerun_of.id)
            return None
        return await self._backend.volumes.snapshot(job_id, ask.actor.user, ask.group, directory)

    def _insert(self, uow: UnitOfWork, ask: _Ask, job_id: str, snapshot: Snapshot | None) -> tuple[JobOut, bool]:
        # Everything is asked again inside the transaction: roles, grants and keys may have changed during the copy.
        known = self._replay(uow, ask)
        if known is not None:
            return known, False
        launch = self._resolve(uow, ask)
        moment = self._clock()
        job = uow.jobs.insert(
            Job(
                id=job_id,
                group=ask.group,
                user=ask.actor.user,
                spec=ask.spec,
                resources=launch.resources,
                launch=launch_manifest(launch, ask.spec, snapshot),
                state=JobState.PENDING,
                reason=JobReason.SUBMITTED,
                message="",
                created_at=moment,
                rerun_of=ask.rerun_of.id if ask.rerun_of else None,
            )
        )
        if ask.key is not None:
            uow.idempotency_keys.insert(
                ask.actor.user, ask.operation.value, ask.group, ask.key, ask.hash, job.id, moment
            )
        uow.announce()
        # The last one in line. To plan the queue for each newcomer would make a thousand submits cost a million.
        return job_out(job, {job.id: (uow.jobs.count([JobState.PENDING], ask.group), "")}), True

    def _replay(self, uow: UnitOfWork, ask: _Ask) -> JobOut | None:
        """The job that an earlier use of the key made."""
        earlier = (
            uow.idempotency_keys.find(ask.actor.user, ask.operation.value, ask.group, ask.key) if ask.key else None
        )
        if earlier is None:
            return None
        if earlier[0] != ask.hash:
            raise IdempotencyMismatch("This Idempotency-Key was used for another request.", key=ask.key)
        job = get_job(uow, ask.group, earlier[1])
        return job_out(job, self._lines.of(uow, ask.group, [job]))

    def _resolve(self, uow: UnitOfWork, ask: _Ask) -> LaunchSpec:
        """What the ask comes to today; raises if it is not granted or can never run."""
        actor = uow.memberships.actor(ask.actor.user, ask.actor.platform_admin, ask.actor.scopes)
        options = LaunchOptions(ask.group, ask.spec.instance_type, ask.spec.image)
        launch = resolve(actor, options, uow.catalog.offer(ask.group), ask.operation)
        decision = usage(uow, ask.group).decide(actor.user, WorkloadKind.JOB, launch.resources)
        if decision.never:
            raise decision.error()
        if uow.jobs.count(_OPEN, ask.group) >= MAX_OPEN:
            raise TooManyRequests(
                f"Group {ask.group} has {MAX_OPEN} jobs that are not over; wait or cancel some.", limit=MAX_OPEN
            )
        return launch


def get_job(uow: UnitOfWork, group: str, job_id: str) -> Job:
    """One job of a group; raises NotFound, also for text that is no job id."""
    job = uow.jobs.get(group, job_id) if _JOB_ID.fullmatch(job_id) else None
    if job is None:
        raise NotFound(f"Group {group} has no job {shorten(job_id)}.", job=shorten(job_id))
    return job


def _hash(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
