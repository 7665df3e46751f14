"""Jobs, events and idempotency keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.domain.errors import Conflict
from collegium.domain.jobs import (
    TRANSITIONS,
    Event,
    Job,
    JobFilter,
    JobReason,
    JobSpec,
    JobState,
    NotebookSpec,
    WorkingDirectory,
)
from collegium.domain.resources import Resources

_j = t.jobs.c
_e = t.events.c
# Literal text: with bound values neither database would use the partial index.
_OPEN = sa.text("jobs.state IN ('Pending', 'Preparing', 'Running')")


class Jobs:
    """Rows of ``jobs``. A change of state and its event are always written together."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection
        self._events = Events(connection)

    def insert(self, job: Job) -> Job:
        """Add a job and its first event; returns it with its sequence number."""
        result = self._c.execute(
            sa.insert(t.jobs).values(
                id=job.id,
                group_name=job.group,
                user_name=job.user,
                name=job.spec.name,
                state=job.state.value,
                reason=job.reason.value,
                message=job.message,
                spec=spec_to_json(job.spec),
                launch=dict(job.launch),
                resources=dict(job.resources),
                attempt=job.attempt,
                created_at=job.created_at,
                rerun_of=job.rerun_of,
            )
        )
        assert result.inserted_primary_key is not None
        self._record(job, job.created_at)
        return replace(job, sequence=result.inserted_primary_key[0])

    def get(self, group: str, job_id: str) -> Job | None:
        """One job of a group, None if the group has no such job."""
        row = self._c.execute(sa.select(t.jobs).where(_j.id == job_id, _j.group_name == group)).one_or_none()
        return None if row is None else _job(row)

    def page(self, group: str, filter: JobFilter, limit: int, before: int | None = None) -> list[Job]:
        """Up to ``limit`` jobs, newest first, with a sequence number below ``before``."""
        statement = sa.select(t.jobs).where(_j.group_name == group).order_by(_j.sequence.desc()).limit(limit)
        if before is not None:
            statement = statement.where(_j.sequence < before)
        if filter.states:
            statement = statement.where(_j.state.in_([s.value for s in filter.states]))
        if filter.user is not None:
            statement = statement.where(_j.user_name == filter.user)
        if filter.text:
            statement = statement.where(_j.name.icontains(filter.text, autoescape=True))
        return [_job(r) for r in self._c.execute(statement)]

    def open(self, states: Collection[JobState] | None = None, group: str | None = None) -> list[Job]:
        """All jobs that are not over, or those in some open states, in the order of submission."""
        statement = sa.select(t.jobs).where(_OPEN).order_by(_j.sequence)
        if states is not None:
            statement = statement.where(_j.state.in_([s.value for s in states]))
        if group is not None:
            statement = statement.where(_j.group_name == group)
        return [_job(r) for r in self._c.execute(statement)]

    def open_of(self, user: str, group: str) -> list[Job]:
        """One person's jobs in one group that are not over, in the order of submission."""
        statement = sa.select(t.jobs).where(_OPEN, _j.user_name == user, _j.group_name == group)
        return [_job(r) for r in self._c.execute(statement.order_by(_j.sequence))]

    def count(self, states: Collection[JobState], group: str, user: str | None = None) -> int:
        """How many jobs are in these states."""
        statement = sa.select(sa.func.count()).where(_j.state.in_([s.value for s in states]), _j.group_name == group)
        if user is not None:
            statement = statement.where(_j.user_name == user)
        return int(self._c.execute(statement).scalar_one())

    def waiting(self) -> dict[str, int]:
        """How many jobs are Pending, per group that has any."""
        statement = sa.select(_j.group_name, sa.func.count()).where(_OPEN, _j.state == JobState.PENDING.value)
        return {row[0]: row[1] for row in self._c.execute(statement.group_by(_j.group_name))}

    def known(self, ids: Collection[str]) -> set[str]:
        """Which of these ids have a row."""
        return set(self._c.execute(sa.select(_j.id).where(_j.id.in_(ids))).scalars())

    def move(
        self,
        job: Job,
        state: JobState,
        reason: JobReason,
        message: str,
        at: datetime,
        *,
        attempt: int | None = None,
        started_at: datetime | None = None,
        finished_at: datetime | None = None,
        exit_code: int | None = None,
    ) -> Job:
        """Change the state if nobody else did since ``job`` was read; raises Conflict otherwise.

        This condition is what keeps two controllers, or a controller that slept, from undoing one another.
        """
        if state not in TRANSITIONS[job.state]:
            raise Conflict(f"A job cannot go from {job.state} to {state}.", state=job.state.value)
        moved = replace(
            job,
            state=state,
            reason=reason,
            message=message,
            attempt=job.attempt if attempt is None else attempt,
            started_at=None if state is JobState.PENDING else (started_at or job.started_at),
            finished_at=(finished_at or at) if state.final else None,
            exit_code=exit_code,
        )
        result = self._c.execute(
            sa.update(t.jobs)
            .where(_j.id == job.id, _j.state == job.state.value, _j.attempt == job.attempt)
            .values(
                state=moved.state.value,
                reason=moved.reason.value,
                message=moved.message,
                attempt=moved.attempt,
                started_at=moved.started_at,
                finished_at=moved.finished_at,
                exit_code=moved.exit_code,
            )
        )
        if not result.rowcount:
            raise Conflict(f"Job {job.id} was changed by somebody else meanwhile.")
        self._record(moved, at)
        return moved

    def explain(self, job: Job, reason: JobReason, message: str) -> None:
        """Say why a job waits, without a change of state and without an event if nothing is new."""
        if (job.reason, job.message) != (reason, message):
            self._c.execute(
                sa.update(t.jobs)
                .where(_j.id == job.id, _j.state == job.state.value)
                .values(reason=reason.value, message=message)
            )

    def request_cancel(self, job: Job, by: str) -> Job:
        """Note who wants the end; the first one stays."""
        if job.cancel_requested_by is not None:
            return job
        self._c.execute(sa.update(t.jobs).where(_j.id == job.id).values(cancel_requested_by=by))
        return replace(job, cancel_requested_by=by)

    def _record(self, job: Job, at: datetime) -> None:
        self._events.append(job.group, "job", job.id, at, job.state.value, job.reason.value, job.message)


class Events:
    """Rows of ``events``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def append(
        self, group: str, kind: str, object_id: str, at: datetime, state: str, reason: str, message: str
    ) -> None:
        """Add an event. The group's row is locked first, so that numbers appear in order within a group.

        SQLite has locked the whole database already.
        """
        if self._c.dialect.name != "sqlite":
            self._c.execute(sa.select(t.groups.c.name).where(t.groups.c.name == group).with_for_update())
        self._c.execute(
            sa.insert(t.events).values(
                group_name=group, kind=kind, object_id=object_id, at=at, state=state, reason=reason, message=message
            )
        )

    def after(self, group: str, sequence: int, limit: int = 500) -> list[Event]:
        """The group's events above a number, in order."""
        statement = sa.select(t.events).where(_e.group_name == group, _e.sequence > sequence)
        return [_event(r) for r in self._c.execute(statement.order_by(_e.sequence).limit(limit))]

    def of(self, object_id: str) -> list[Event]:
        """The history of one object, in order."""
        statement = sa.select(t.events).where(_e.object_id == object_id).order_by(_e.sequence)
        return [_event(r) for r in self._c.execute(statement)]

    def last(self, group: str) -> int:
        """The group's newest number, 0 if there is none."""
        return self._c.execute(sa.select(sa.func.max(_e.sequence)).where(_e.group_name == group)).scalar_one() or 0

    def groups(self) -> set[str]:
        """Every group, past or present, in which anything ever happened."""
        return set(self._c.execute(sa.select(_e.group_name).distinct()).scalars())

    def newest(self) -> int:
        """The newest number of all groups, 0 if there is none."""
        return self._c.execute(sa.select(sa.func.max(_e.sequence))).scalar_one() or 0


class IdempotencyKeys:
    """Which request a key stood for, and what came of it."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def find(self, principal: str, operation: str, group: str, key: str) -> tuple[str, str] | None:
        """``(request hash, object id)`` of an earlier use, None if the key is new."""
        k = t.idempotency_keys.c
        row = self._c.execute(
            sa.select(k.request_hash, k.object_id).where(
                k.principal == principal, k.operation == operation, k.group_name == group, k.key == key
            )
        ).one_or_none()
        return None if row is None else (row.request_hash, row.object_id)

    def insert(
        self, principal: str, operation: str, group: str, key: str, request_hash: str, object_id: str, at: datetime
    ) -> None:
        """Remember a use."""
        self._c.execute(
            sa.insert(t.idempotency_keys).values(
                principal=principal,
                operation=operation,
                group_name=group,
                key=key,
                request_hash=request_hash,
                object_id=object_id,
                created_at=at,
            )
        )

    def delete_before(self, moment: datetime) -> None:
        """Forget old keys."""
        self._c.execute(sa.delete(t.idempotency_keys).where(t.idempotency_keys.c.created_at < moment))


def spec_to_json(spec: JobSpec) -> dict[str, Any]:
    """A job's spec as stored; the inverse of ``spec_from_json``."""
    return {
        "name": spec.name,
        "instance_type": spec.instance_type,
        "image": spec.image,
        "command": spec.command,
        "notebook": None
        if spec.notebook is None
        else {
            "path": spec.notebook.path,
            "parameters": dict(spec.notebook.parameters),
            "kernel": spec.notebook.kernel,
        },
        "environment": dict(spec.environment),
        "working_directory": None
        if spec.working_directory is None
        else {
            "path": spec.working_directory.path,
            "files": None if spec.working_directory.files is None else list(spec.working_directory.files),
        },
        "timeout_seconds": spec.timeout_seconds,
        "retries": spec.retries,
    }


def spec_from_json(data: Mapping[str, Any]) -> JobSpec:
    """A job's spec from its stored form."""
    notebook, directory = data["notebook"], data["working_directory"]
    files = directory and directory["files"]
    return JobSpec(
        name=data["name"],
        instance_type=data["instance_type"],
        image=data["image"],
        command=data["command"],
        notebook=notebook and NotebookSpec(notebook["path"], notebook["parameters"], notebook["kernel"]),
        environment=data["environment"],
        working_directory=directory and WorkingDirectory(directory["path"], None if files is None else tuple(files)),
        timeout_seconds=data["timeout_seconds"],
        retries=data["retries"],
    )


def _job(row: Any) -> Job:
    return Job(
        id=row.id,
        group=row.group_name,
        user=row.user_name,
        spec=spec_from_json(row.spec),
        resources=Resources(row.resources),
        launch=row.launch,
        state=JobState(row.state),
        reason=JobReason(row.reason),
        message=row.message,
        created_at=row.created_at,
        sequence=row.sequence,
        attempt=row.attempt,
        started_at=row.started_at,
        finished_at=row.finished_at,
        exit_code=row.exit_code,
        cancel_requested_by=row.cancel_requested_by,
        rerun_of=row.rerun_of,
    )


def _event(row: Any) -> Event:
    return Event(row.sequence, row.group_name, row.kind, row.object_id, row.at, row.state, row.reason, row.message)
