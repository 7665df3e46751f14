"""How a job comes to be: files first, then the row, and everything asked again in the transaction that writes it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from collegium.backends.ports import Backend, Snapshot, VolumeProvider
from collegium.catalog.mounts import mounts_of
from collegium.db import Database, UnitOfWork
from collegium.domain.dependencies import Dependency
from collegium.domain.errors import (
    DomainError,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    TooManyRequests,
    Unavailable,
    shorten,
)
from collegium.domain.groups import Actor, Role
from collegium.domain.jobs import Job, JobReason, JobSpec, JobState
from collegium.domain.launch import LaunchOptions, LaunchSpec, resolve
from collegium.domain.names import new_id
from collegium.domain.notebooks import read_notebook
from collegium.domain.parameters import resolve_values
from collegium.domain.policy import Operation
from collegium.domain.queues import JobBounds
from collegium.domain.quota import WorkloadKind
from collegium.domain.sweeps import Sweep
from collegium.quota.ledger import usage
from collegium.services.jobs.find import get_job
from collegium.services.jobs.manifest import exactly, launch_manifest, versions_of
from collegium.services.jobs.submission import Submission
from collegium.services.notifications.own import check_notify
from collegium.services.secrets.use import check_secrets

#: Open jobs of one group; a queue longer than this is a mistake in a loop.
MAX_OPEN = 20_000
OPEN = (JobState.PENDING, JobState.PREPARING, JobState.RUNNING)
#: Bytes of a notebook whose parameters are looked at before it runs.
MAX_NOTEBOOK = 32 << 20


@dataclass(frozen=True)
class Ask:
    """One request for a new job."""

    actor: Actor
    group: str
    operation: Operation
    submission: Submission
    key: str | None
    #: What the idempotency key stands for.
    hash: str
    rerun_of: Job | None = None
    #: Called in the transaction that writes the job, with its id: so that whoever asked knows of it at the same moment.
    link: Callable[[UnitOfWork, str], None] | None = None
    #: Of a rerun: with the image and size of the earlier job, not with what their names mean today.
    exact: bool = False
    #: Of a sweep: whose job it is, and of which point. All jobs of a sweep run what the first was granted.
    sweep: Sweep | None = None
    point: int | None = None


@dataclass(frozen=True)
class Made:
    """What came of a request: ``new`` unless it is the answer to a repeated key, and then how many wait with it."""

    job: Job
    new: bool
    waiting: int = 0


class Submitter:
    """Makes jobs."""

    def __init__(
        self,
        database: Database,
        backend: Backend,
        clock: Callable[[], datetime],
        bounds: JobBounds,
    ) -> None:
        self._database, self._backend, self._clock, self._bounds = database, backend, clock, bounds

    async def create(self, ask: Ask) -> Made:
        """The job; raises as ``JobService.submit`` says."""
        if ask.submission.spec.working_directory is not None:
            # Before anything is copied; the transaction below asks all of it again.
            known = await self._database.reading(lambda uow: replayed(uow, ask) or self.resolve(uow, ask))
            if isinstance(known, Job):
                return Made(known, new=False)
        job_id = new_id("job")
        # Files first, then the row: a row without files would be a broken job, files without a row are swept later.
        snapshot = await self.take_files(job_id, ask)
        try:
            ask = replace(ask, submission=await self.checked(job_id, ask))
            made = await self._database.writing(lambda uow: self._insert(uow, ask, job_id, snapshot))
        except Unavailable:
            # Perhaps it was committed and only the word of it got lost: the sweep for orphans will know.
            raise
        except DomainError:
            await self._backend.volumes.discard(job_id)
            raise
        if not made.new:
            await self._backend.volumes.discard(job_id)
        return made

    async def take_files(self, job_id: str, ask: Ask) -> Snapshot | None:
        """Copy what goes with the job."""
        directory = ask.submission.spec.working_directory
        if directory is None:
            return None
        if ask.rerun_of is not None:
            await self._backend.volumes.reuse_snapshot(job_id, ask.rerun_of.id)
            return None
        notebook = ask.submission.spec.notebook
        try:
            return await self._backend.volumes.snapshot(job_id, ask.actor.user, ask.group, directory)
        except InvalidInput as error:
            if notebook is None or directory.files != (notebook.path,):
                raise
            # Nobody named a list of files: it is the notebook itself that is not there.
            raise InvalidInput("notebook.path", error.problem, notebook.path) from None

    async def checked(self, job_id: str, ask: Ask) -> Submission:
        """The submission, with its values checked against the notebook's own cell; those of a rerun were checked."""
        if ask.rerun_of is not None:
            return ask.submission
        return await check_notebook(self._backend.volumes, job_id, ask.submission)

    def _insert(self, uow: UnitOfWork, ask: Ask, job_id: str, snapshot: Snapshot | None) -> Made:
        # Everything is asked again inside the transaction: roles, grants and keys may have changed during the copy.
        known = replayed(uow, ask)
        if known is not None:
            return Made(known, new=False)
        job = self.insert(uow, ask, job_id, snapshot)
        if ask.key is not None:
            uow.idempotency_keys.insert(
                ask.actor.user, ask.operation.value, ask.group, ask.key, ask.hash, job.id, job.created_at
            )
        if ask.link is not None:
            ask.link(uow, job.id)
        uow.announce()
        # The last one in line. To plan the queue for each newcomer would make a thousand submits cost a million.
        return Made(job, True, uow.jobs.count([JobState.PENDING], ask.group))

    def insert(self, uow: UnitOfWork, ask: Ask, job_id: str, snapshot: Snapshot | None) -> Job:
        """Write the job, if it is still granted; raises as ``JobService.submit``."""
        if ask.submission.spec.datasets:
            # Nobody deletes a version between the look at it and the row that says that it is waited for.
            uow.datasets.hold([c.name for c in ask.submission.spec.datasets])
        launch = self.resolve(uow, ask)
        asked = replace(ask.submission, spec=self._timed(uow, ask))
        return insert_job(
            uow,
            Job(
                id=job_id,
                group=ask.group,
                user=ask.actor.user,
                spec=asked.spec,
                resources=launch.resources,
                launch=launch_manifest(
                    launch,
                    asked.spec,
                    snapshot,
                    ask.rerun_of or ask.sweep,
                    abilities=self._backend.mounts,
                    exact=ask.exact or ask.sweep is not None,
                ),
                state=JobState.PENDING,
                reason=JobReason.SUBMITTED,
                message="",
                created_at=self._clock(),
                rerun_of=ask.rerun_of.id if ask.rerun_of else None,
                priority=asked.priority,
                notes=asked.notes,
                tags=asked.tags,
                sweep=ask.sweep.id if ask.sweep else None,
                point=ask.point,
            ),
            asked.depends,
        )

    def _timed(self, uow: UnitOfWork, ask: Ask) -> JobSpec:
        """The spec with the time limit that holds for it."""
        spec = ask.submission.spec
        if not ask.submission.default_timeout:
            return spec
        return replace(spec, timeout_seconds=self._bounds.timeout(uow.group_settings.get(ask.group)))

    def resolve(self, uow: UnitOfWork, ask: Ask) -> LaunchSpec:
        """What the ask comes to today; raises if it is not granted or can never run."""
        spec = ask.submission.spec
        actor = uow.memberships.actor(ask.actor.user, ask.actor.platform_admin, ask.actor.scopes)
        options = LaunchOptions(ask.group, spec.instance_type, spec.image)
        offer, pins = uow.catalog.offer(ask.group), dict[str, int]()
        launch = resolve(actor, options, offer, ask.operation)
        if ask.rerun_of is not None:
            # It may have been deleted since, and its files with it.
            earlier = get_job(uow, ask.group, ask.rerun_of.id)
            if ask.exact:
                launch, pins = exactly(launch, earlier), versions_of(earlier.launch)
        elif ask.sweep is not None:
            launch, pins = exactly(launch, ask.sweep), versions_of(ask.sweep.launch)
        launch = replace(launch, mounts=mounts_of(uow, offer, self._backend.mounts, spec.datasets, pins))
        check_priority(actor, ask.group, ask.submission.priority)
        if ask.rerun_of is None and ask.link is None and ask.sweep is None:
            # What nobody sits in front of must not fail because a channel is gone.
            check_notify(uow, ask.group, actor.user, spec.notify)
        uow.group_settings.get(ask.group).refuse_new()
        if not ask.submission.default_timeout:
            self._bounds.check_timeout(spec.timeout_seconds)
        decision = usage(uow, ask.group).decide(actor.user, WorkloadKind.JOB, launch.resources)
        if decision.never:
            raise decision.error()
        refuse_too_many(uow, ask.group, 1)
        return launch


def refuse_too_many(uow: UnitOfWork, group: str, more: int) -> None:
    """Raise TooManyRequests if the group has as many open jobs as it may."""
    if uow.jobs.count(OPEN, group) + more > MAX_OPEN:
        raise TooManyRequests(
            f"Group {group} has {MAX_OPEN} jobs that are not over; wait or cancel some.", limit=MAX_OPEN
        )


def check_priority(actor: Actor, group: str, priority: int, field: str = "priority") -> None:
    """Raise Forbidden for a priority that the actor's role does not allow: members may only step back."""
    role = actor.role_in(group)
    if priority > 0 and (role is None or role.rank < Role.MAINTAINER.rank):
        raise Forbidden(
            f"{field}: above 0 needs the role {Role.MAINTAINER.label} in group {group} (got {priority}).",
            field=field,
            value=priority,
            limit=0,
        )


def insert_job(uow: UnitOfWork, job: Job, depends: Dependency | None) -> Job:
    """Write a new job. One that waits for others is held; raises InvalidInput for one that the group does not have."""
    check_secrets(uow, job.group, job.spec)
    if depends is None:
        return uow.jobs.insert(job)
    check_depends(uow, job.group, depends)
    return uow.jobs.insert(replace(job, held=True, reason=JobReason.WAITING_FOR_JOBS), depends)


def check_depends(uow: UnitOfWork, group: str, depends: Dependency | None) -> None:
    """Raise InvalidInput for a job that is waited for and that the group does not have."""
    if depends is None:
        return
    known = uow.jobs.some(group, depends.jobs)
    for index, upstream in enumerate(depends.jobs):
        if upstream not in known:
            raise InvalidInput(f"depends_on.jobs.{index}", f"group {group} has no such job", shorten(upstream))


async def check_notebook(volumes: VolumeProvider, job_id: str, asked: Submission) -> Submission:
    """Values of a notebook that declares its own parameters, checked against its cell; raises InvalidInput.

    Only what was given is passed on: where nothing was, the notebook's own value stands.
    """
    notebook = asked.spec.notebook
    if notebook is None or asked.spec.parameters:
        return asked
    data = await volumes.read_source(job_id, notebook.path, MAX_NOTEBOOK)
    declared = await asyncio.to_thread(read_notebook, data) if data else None
    if declared is None:
        return asked
    values = resolve_values(declared, notebook.parameters, "notebook.parameters", defaults=False)
    spec = replace(asked.spec, notebook=replace(notebook, parameters=values), parameters=tuple(declared))
    return replace(asked, spec=spec)


def replayed(uow: UnitOfWork, ask: Ask) -> Job | None:
    """The job that an earlier use of the key made."""
    found = earlier_use(uow, ask.actor.user, ask.operation, ask.group, ask.key, ask.hash)
    return None if found is None else get_job(uow, ask.group, found)


def earlier_use(
    uow: UnitOfWork, user: str, operation: Operation, group: str, key: str | None, asked: str
) -> str | None:
    """The id of what an earlier use of the key made; raises IdempotencyMismatch if it stood for another request."""
    earlier = uow.idempotency_keys.find(user, operation.value, group, key) if key else None
    if earlier is None:
        return None
    if earlier[0] != asked:
        raise IdempotencyMismatch("This Idempotency-Key was used for another request.", key=key)
    return earlier[1]


def hash_of(body: object) -> str:
    """What an idempotency key stands for, short."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
