"""What can be done with sweeps. Knows people, quota and the store; knows no HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from collegium.backends.ports import Backend, Snapshot
from collegium.db import Database, UnitOfWork
from collegium.domain.errors import (
    Conflict,
    DomainError,
    Forbidden,
    NotFound,
    TooManyRequests,
    Unavailable,
    shorten,
)
from collegium.domain.groups import Actor
from collegium.domain.jobs import JobState
from collegium.domain.names import check_label, new_id
from collegium.domain.policy import Operation, explain
from collegium.domain.queues import JobBounds
from collegium.domain.resources import Resources
from collegium.domain.sweeps import Sweep, SweepFilter
from collegium.domain.tags import check_tags
from collegium.services.by import By
from collegium.services.jobs.manifest import launch_manifest
from collegium.services.jobs.submission import Submission
from collegium.services.jobs.submit import Ask, Submitter, check_depends, check_notebook, earlier_use, hash_of
from collegium.services.paging import number_cursor, read_number_cursor, split_page
from collegium.services.secrets.use import check_secrets
from collegium.services.sweeps.models import (
    SHOWN,
    PointPage,
    SweepDetail,
    SweepEdit,
    SweepIn,
    SweepOut,
    SweepPage,
    SweepPreview,
)
from collegium.services.sweeps.points import submission_of, to_template
from collegium.services.sweeps.validate import below, check_values, read_objective, read_parameters, read_space
from collegium.services.sweeps.views import point_out, sweep_detail, sweeps_out

#: Sweeps of one group that are not over; more are a mistake in a loop.
MAX_OPEN = 1000
_ID = re.compile(r"swp-[0-9a-v]{26}", re.ASCII)


class SweepService:
    """Preview, submit, list, show, edit, cancel, delete. ``wake`` tells the controller of this process, if it has one.

    Every method expects that the policy was asked already, as far as it does not depend on whose sweep it is.
    """

    def __init__(
        self,
        database: Database,
        backend: Backend,
        wake: Callable[[], object],
        clock: Callable[[], datetime],
        bounds: JobBounds | None = None,
    ) -> None:
        self._database, self._backend, self._wake, self._clock = database, backend, wake, clock
        self._submitter = Submitter(database, backend, clock, bounds or JobBounds())

    async def preview(self, body: SweepIn) -> SweepPreview:
        """How many points, and the first of them. Raises InvalidInput, but asks neither quota nor files."""

        def look() -> SweepPreview:
            space = read_space(body)
            check_values(space, body.job, read_parameters(body.job))
            return SweepPreview(total=space.total, points=[space.point(i) for i in range(min(SHOWN, space.total))])

        return await asyncio.to_thread(look)

    async def submit(self, actor: Actor, group: str, body: SweepIn, key: str | None = None) -> tuple[SweepDetail, bool]:
        """A new sweep, and True if it is really new and not the answer to a repeated ``key``.

        Its files are taken once, now. Raises as ``JobService.submit`` for its jobs, with ``job`` before the field;
        InvalidInput for points that cannot be; TooManyRequests for a group that has too many sweeps.
        """
        sweep, asked = await asyncio.to_thread(self._read, actor, group, body)
        ask = Ask(actor, group, Operation.SWEEP_SUBMIT, asked, None, "")
        stands_for = hash_of(body.model_dump(mode="json", by_alias=True, exclude_unset=True))

        def refuse(uow: UnitOfWork) -> str | None:
            """The earlier sweep of this key, or whatever refuses this one."""
            earlier = earlier_use(uow, actor.user, Operation.SWEEP_SUBMIT, group, key, stands_for)
            if earlier is None and uow.sweeps.count_open(group) >= MAX_OPEN:
                text = f"Group {group} has {MAX_OPEN} sweeps that are not over; wait or cancel some."
                raise TooManyRequests(text, limit=MAX_OPEN)
            if earlier is None:
                with below("job"):
                    self._submitter.resolve(uow, ask)
                    check_depends(uow, group, asked.depends)
            return earlier

        def write(uow: UnitOfWork) -> str | None:
            earlier = refuse(uow)
            if earlier is None:
                uow.groups.lock(group)
                with below("job"):
                    check_secrets(uow, group, asked.spec)
                self._insert(uow, sweep, ask, snapshot)
                if key is not None:
                    uow.idempotency_keys.insert(
                        actor.user, Operation.SWEEP_SUBMIT.value, group, key, stands_for, sweep.id, sweep.created_at
                    )
                uow.announce()
            return earlier

        earlier = await self._database.reading(refuse)
        if earlier is None:
            try:
                snapshot = await self._files(sweep, body, asked)
                earlier = await self._database.writing(write)
            except Unavailable:
                # Perhaps it was committed and only the word of it got lost: housekeeping will know.
                raise
            except DomainError:
                await self._backend.volumes.discard(sweep.id)
                raise
            if earlier is not None:
                await self._backend.volumes.discard(sweep.id)
        self._wake()
        return await self.get(group, earlier or sweep.id), earlier is None

    async def page(self, group: str, filter: SweepFilter, limit: int, cursor: str | None) -> SweepPage:
        """Sweeps, the newest first. Raises InvalidInput for a cursor that is not ours."""
        before = read_number_cursor("w", cursor) if cursor else None

        def look(uow: UnitOfWork) -> SweepPage:
            found = uow.sweeps.page(group, filter, limit + 1, before)
            found, following = split_page(found, limit, lambda s: number_cursor("w", s.sequence))
            return SweepPage(items=sweeps_out(uow, found), next_cursor=following)

        return await self._database.reading(look)

    async def get(self, group: str, sweep_id: str) -> SweepDetail:
        """One sweep with everything. Raises NotFound."""
        return await self._database.reading(lambda uow: sweep_detail(uow, get(uow, group, sweep_id)))

    async def points(self, group: str, sweep_id: str, limit: int, cursor: str | None) -> PointPage:
        """Its points in order. Raises NotFound; InvalidInput for a cursor that is not ours."""
        first = read_number_cursor("p", cursor) if cursor else 0

        def look(uow: UnitOfWork) -> PointPage:
            sweep = get(uow, group, sweep_id)
            last = min(first + limit, sweep.space.total)
            rows = uow.sweeps.points(sweep, first, last)
            return PointPage(
                items=[point_out(sweep, i, rows.get(i)) for i in range(first, last)],
                next_cursor=number_cursor("p", last) if last < sweep.space.total else None,
            )

        return await self._database.reading(look)

    async def edit(self, actor: Actor, group: str, sweep_id: str, change: SweepEdit) -> SweepOut:
        """Change what is given. Raises NotFound, InvalidInput; Forbidden for another's sweep without the role; Conflict
        for the concurrency of one that is over."""
        tags = None if change.tags is None else check_tags(change.tags)

        def write(uow: UnitOfWork) -> SweepOut:
            uow.groups.lock(group)
            sweep = get(uow, group, sweep_id, lock=True)
            require(actor, Operation.SWEEP_EDIT, sweep)
            if change.concurrency is not None and sweep.state.final:
                raise _is_over(sweep)
            sweep = uow.sweeps.edit(
                sweep,
                sweep.notes if change.notes is None else change.notes,
                sweep.tags if tags is None else tags,
                sweep.concurrency if change.concurrency is None else change.concurrency,
            )
            uow.announce()
            return sweeps_out(uow, [sweep])[0]

        out = await self._database.writing(write)
        self._wake()
        return out

    async def cancel(self, by: By, group: str, sweep_id: str) -> SweepOut:
        """Ask for the end: no more jobs from now on; the controller ends those that there are.

        Raises NotFound; Forbidden for another's sweep without the role; Conflict for one that is over.
        """

        def write(uow: UnitOfWork) -> SweepOut:
            uow.groups.lock(group)
            sweep = get(uow, group, sweep_id, lock=True)
            require(by.actor, Operation.SWEEP_CANCEL, sweep)
            if sweep.state.final:
                raise _is_over(sweep)
            if sweep.cancel_requested_by is None:
                self._audit(uow, by, sweep, "sweep.cancel")
            sweep = uow.sweeps.request_cancel(sweep, by.actor.user, self._clock())
            uow.announce()
            return sweeps_out(uow, [sweep])[0]

        out = await self._database.writing(write)
        self._wake()
        return out

    async def delete(self, by: By, group: str, sweep_id: str) -> SweepOut:
        """Remove it, and show it once more; its jobs stay. Raises NotFound; Forbidden for another's sweep without the
        role; Conflict while it goes on."""

        def write(uow: UnitOfWork) -> SweepOut:
            uow.groups.lock(group)
            sweep = get(uow, group, sweep_id, lock=True)
            require(by.actor, Operation.SWEEP_DELETE, sweep)
            if not sweep.state.final:
                raise Conflict("The sweep goes on; cancel it first.", state=sweep.state.value)
            out = sweeps_out(uow, [sweep])[0]
            uow.sweeps.delete(sweep, by.actor.user, self._clock())
            self._audit(uow, by, sweep, "sweep.delete")
            uow.announce()
            return out

        return await self._database.writing(write)

    def _read(self, actor: Actor, group: str, body: SweepIn) -> tuple[Sweep, Submission]:
        """The sweep that a body asks for, without what it resolves to, and what its first point asks for."""
        space = read_space(body)
        check_values(space, body.job, read_parameters(body.job))
        sweep = Sweep(
            id=new_id("swp"),
            group=group,
            user=actor.user,
            name=check_label(body.name),
            job=to_template(body.job),
            space=space,
            launch={},
            resources=Resources({}),
            state=JobState.RUNNING,
            message="",
            created_at=self._clock(),
            concurrency=body.concurrency,
            objective=read_objective(body.objective),
            priority=body.priority or body.job.priority,
            tags=check_tags(body.tags),
            notes=body.notes,
        )
        asked = submission_of(sweep, body.job, 0)
        check_tags(asked.tags)
        return sweep, asked

    async def _files(self, sweep: Sweep, body: SweepIn, asked: Submission) -> Snapshot | None:
        """Take the files that go with every job, and check the points against the cell of a notebook among them."""
        directory, volumes = asked.spec.working_directory, self._backend.volumes
        if directory is None:
            return None
        snapshot = await volumes.snapshot(sweep.id, sweep.user, sweep.group, directory)
        notebook = asked.spec.notebook
        if notebook is not None and not asked.spec.parameters:
            bare = replace(asked, spec=replace(asked.spec, notebook=replace(notebook, parameters={})))
            declared = (await check_notebook(volumes, sweep.id, bare)).spec.parameters
            await asyncio.to_thread(check_values, sweep.space, body.job, declared)
        return snapshot

    def _insert(self, uow: UnitOfWork, sweep: Sweep, ask: Ask, snapshot: Snapshot | None) -> None:
        """Write it with what its jobs resolve to today."""
        launch = self._submitter.resolve(uow, ask)
        manifest = launch_manifest(launch, ask.submission.spec, snapshot, abilities=self._backend.mounts, exact=True)
        uow.sweeps.insert(replace(sweep, launch=manifest, resources=launch.resources))

    def _audit(self, uow: UnitOfWork, by: By, sweep: Sweep, action: str) -> None:
        """What is done to another's sweep is written down."""
        if sweep.user != by.actor.user:
            details = {"owner": sweep.user, "name": sweep.name}
            uow.audit.append(by.entry(self._clock(), action, sweep.id, sweep.group, details))


def get(uow: UnitOfWork, group: str, sweep_id: str, *, lock: bool = False) -> Sweep:
    """One sweep of a group; raises NotFound, also for text that is no id of one."""
    found = uow.sweeps.get(group, sweep_id, lock=lock) if _ID.fullmatch(sweep_id) else None
    if found is None:
        shown = shorten(sweep_id)
        raise NotFound(f"Group {group} has no sweep {shown}.", sweep=shown)
    return found


def require(actor: Actor, operation: Operation, sweep: Sweep) -> None:
    """Raise Forbidden if the actor may not do this to this sweep."""
    verdict = explain(actor, operation, sweep.group, owner=sweep.user)
    if not verdict.allowed:
        raise Forbidden(verdict.reason, operation=operation.value, group=sweep.group)


def _is_over(sweep: Sweep) -> Conflict:
    return Conflict(f"The sweep is over: it is {sweep.state}.", state=sweep.state.value)
