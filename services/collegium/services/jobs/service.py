"""What can be done with jobs. Knows people, quota and the store; knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from collegium.backends.ports import Backend
from collegium.db import Database, UnitOfWork
from collegium.db.job_lists import sort_key
from collegium.domain.audit import AuditEntry
from collegium.domain.errors import Conflict, Forbidden
from collegium.domain.groups import Actor
from collegium.domain.jobs import Job, JobFilter, JobReason, JobSort, JobSpec, JobState
from collegium.domain.notebooks import read_parameters
from collegium.domain.parameters import parameter_to_json
from collegium.domain.policy import Operation, explain
from collegium.domain.queues import JobBounds
from collegium.domain.tags import check_tags
from collegium.services.jobs.batch import Batches, Entry
from collegium.services.jobs.find import get_job
from collegium.services.jobs.models import (
    BatchOut,
    JobDetail,
    JobEdit,
    JobOut,
    JobPage,
    ParameterList,
    ParameterOut,
    TagList,
    TagOut,
)
from collegium.services.jobs.submission import Submission
from collegium.services.jobs.submit import Ask, Submitter, check_priority, hash_of
from collegium.services.jobs.views import Lines, Standing, job_detail, job_out
from collegium.services.paging import number_cursor, read_number_cursor, read_sort_cursor, sort_cursor, split_page


class JobService:
    """Submit, list, show, edit, cancel, rerun. ``wake`` tells the controller of this process, if there is one."""

    def __init__(
        self,
        database: Database,
        backend: Backend,
        wake: Callable[[], object],
        clock: Callable[[], datetime],
        bounds: JobBounds | None = None,
    ) -> None:
        self._database, self._wake, self._clock = database, wake, clock
        self._lines = Lines(clock)
        self._submitter = Submitter(database, backend, clock, bounds or JobBounds())
        self._batches = Batches(database, backend, self._submitter, clock)

    async def submit(
        self, actor: Actor, group: str, asked: Submission | JobSpec, key: str | None = None
    ) -> tuple[JobOut, bool]:
        """A new job, and True if it is really new and not the answer to a repeated ``key``.

        Raises NotFound, Forbidden, NotGranted; InvalidInput for values that a notebook does not take; QuotaExceeded for
        what can never fit; TooManyRequests; IdempotencyMismatch; Conflict while the queue takes no jobs; and what
        ``VolumeProvider.snapshot`` raises.
        """
        asked = Submission(asked) if isinstance(asked, JobSpec) else asked
        return await self._create(Ask(actor, group, Operation.JOB_SUBMIT, asked, key, hash_of(asked.to_json())))

    async def submit_batch(
        self, actor: Actor, group: str, entries: Sequence[Entry], key: str | None = None
    ) -> tuple[BatchOut, bool]:
        """Several jobs, all or none, which may wait for one another. Raises as ``submit``, with the place of the job in
        the field, and InvalidInput for a cycle."""
        made, new = await self._batches.create(actor, group, entries, key)
        self._wake()
        jobs = list(made.values())
        line = await self._database.reading(lambda uow: self._lines.of(uow, group, jobs))
        return BatchOut(jobs={k: job_out(job, line) for k, job in made.items()}), new

    async def rerun(
        self, actor: Actor, group: str, job_id: str, key: str | None = None, *, exact: bool = True
    ) -> tuple[JobOut, bool]:
        """The same spec and files as a new job of the caller, checked against today's grants. Raises as ``submit``.

        ``exact``: with the image and size of the earlier job's manifest, whatever the catalog says of them today.
        """
        earlier = await self._database.reading(lambda uow: get_job(uow, group, job_id))
        asked = Submission(earlier.spec, priority=min(earlier.priority, 0), tags=earlier.tags)
        body = {"rerun": earlier.id} if exact else {"rerun": earlier.id, "exact": False}
        return await self._create(
            Ask(actor, group, Operation.JOB_RERUN, asked, key, hash_of(body), earlier, exact=exact)
        )

    async def page(
        self,
        group: str,
        filter: JobFilter,
        limit: int,
        cursor: str | None,
        sort: JobSort = JobSort.CREATED,
        descending: bool = True,
        count: bool = False,
    ) -> JobPage:
        """Jobs in order, by default the newest first. Raises InvalidInput for a cursor that is not of this order."""
        plain, kind = sort is JobSort.CREATED and descending, f"{sort.value}{'-' if descending else '+'}"
        before = read_number_cursor("j", cursor) if cursor and plain else None
        text = sort not in (JobSort.CREATED, JobSort.PRIORITY, JobSort.STARTED, JobSort.FINISHED)
        after = read_sort_cursor(kind, cursor, text) if cursor and not plain else None

        def cursor_of(job: Job) -> str:
            number = job.sequence
            return number_cursor("j", number) if plain else sort_cursor(kind, sort_key(job, sort), number)

        def look(uow: UnitOfWork) -> JobPage:
            jobs = uow.jobs.page(group, filter, limit + 1, before, sort=sort, descending=descending, after=after)
            jobs, following = split_page(jobs, limit, cursor_of)
            line = self._lines.of(uow, group, jobs)
            return JobPage(
                items=[job_out(j, line) for j in jobs],
                next_cursor=following,
                total=uow.jobs.count_matching(group, filter) if count else None,
            )

        return await self._database.reading(look)

    async def get(self, group: str, job_id: str) -> JobDetail:
        """One job with its history and place in line. Raises NotFound."""

        def look(uow: UnitOfWork) -> JobDetail:
            job = get_job(uow, group, job_id)
            return job_detail(uow, job, self._lines.of(uow, group, [job]))

        return await self._database.reading(look)

    async def tags(self, group: str) -> TagList:
        """The tags in use."""
        found = await self._database.reading(lambda uow: uow.jobs.tags_in(group))
        return TagList(items=[TagOut(tag=tag, jobs=number) for tag, number in found])

    async def parameters(self, source: str) -> ParameterList:
        """What the parameters cell of a notebook declares."""
        found = await asyncio.to_thread(read_parameters, source)
        items = [ParameterOut.model_validate(parameter_to_json(p)) for p in found or ()]
        return ParameterList(readable=found is not None, items=items)

    async def edit(self, actor: Actor, group: str, job_id: str, change: JobEdit) -> JobOut:
        """Change notes, tags and, while it waits, priority.

        Raises NotFound; Forbidden for another's job, or a priority that the role does not allow; Conflict for the
        priority of a job that no longer waits.
        """
        tags = None if change.tags is None else check_tags(change.tags)

        def write(uow: UnitOfWork) -> JobOut:
            job = get_job(uow, group, job_id)
            require(actor, Operation.JOB_EDIT, job)
            priority = job.priority if change.priority is None else change.priority
            if priority != job.priority:
                check_priority(uow.memberships.actor(actor.user, actor.platform_admin), group, priority)
                if job.state is not JobState.PENDING:
                    raise Conflict(f"priority: the job no longer waits, it is {job.state}.", state=job.state.value)
            job = uow.jobs.edit(
                job,
                job.notes if change.notes is None else change.notes,
                job.tags if tags is None else tags,
                priority,
            )
            self._lines.forget(group)
            uow.announce()
            return job_out(job, self._lines.of(uow, group, [job]))

        out = await self._database.writing(write)
        self._wake()
        return out

    async def cancel(self, actor: Actor, group: str, job_id: str) -> JobOut:
        """Ask for the end: a waiting job is over at once, a running one when its end was seen.

        Raises NotFound; Forbidden for another's job without the role; Conflict for a job that is over.
        """

        def change(uow: UnitOfWork) -> Job:
            job = get_job(uow, group, job_id)
            require(actor, Operation.JOB_CANCEL, job)
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

    async def _create(self, ask: Ask) -> tuple[JobOut, bool]:
        made = await self._submitter.create(ask)
        self._wake()
        job = made.job
        if made.new and not job.held:
            return job_out(job, {job.id: Standing(made.waiting)}), True
        line = await self._database.reading(lambda uow: self._lines.of(uow, job.group, [job]))
        return job_out(job, line), made.new


def require(actor: Actor, operation: Operation, job: Job) -> None:
    """Raise Forbidden if the actor may not do this to this job."""
    verdict = explain(actor, operation, job.group, owner=job.user)
    if not verdict.allowed:
        raise Forbidden(verdict.reason, operation=operation.value, group=job.group)
