"""Jobs, one at a time and in pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.db.events import Events
from collegium.db.job_lists import ORDERS, VISIBLE, matching
from collegium.db.job_tables import job_dependencies, job_tags
from collegium.db.specs import spec_from_json, spec_to_json
from collegium.domain.dependencies import Dependency
from collegium.domain.errors import Conflict
from collegium.domain.jobs import TRANSITIONS, Job, JobFilter, JobReason, JobSort, JobState
from collegium.domain.resources import Resources

_j = t.jobs.c
# Literal text: with bound values neither database would use the partial index.
OPEN = sa.text("jobs.state IN ('Pending', 'Preparing', 'Running')")
#: Most ids in one question; databases bound its length.
MANY = 500


@dataclass(frozen=True)
class InLine:
    """What is needed of a Pending job to say when it may start; thousands of these are read at once."""

    id: str
    sequence: int
    user: str
    name: str
    instance_type: str
    image: str
    resources: Resources
    timeout_seconds: int
    priority: int
    created_at: datetime
    eligible_at: datetime | None
    reason: JobReason
    message: str

    @property
    def state(self) -> JobState:
        """They all wait."""
        return JobState.PENDING


class Jobs:
    """Rows of ``jobs``. A change of state and its event are always written together."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection
        self._events = Events(connection)

    def insert(self, job: Job, depends: Dependency | None = None) -> Job:
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
                priority=job.priority,
                notes=job.notes,
                held=job.held,
                sweep_id=job.sweep,
                point=job.point,
            )
        )
        assert result.inserted_primary_key is not None
        self._put_tags(job.group, job.id, job.tags)
        if depends is not None:
            edges = [
                {"job_id": job.id, "upstream_id": j, "need": depends.need.value, "ending": depends.ending.value}
                for j in dict.fromkeys(depends.jobs)
            ]
            self._c.execute(sa.insert(job_dependencies), edges)
        self._record(job, job.created_at)
        return replace(job, sequence=result.inserted_primary_key[0])

    def get(self, group: str, job_id: str) -> Job | None:
        """One job of a group, None if the group has no such job."""
        statement = sa.select(t.jobs).where(_j.id == job_id, _j.group_name == group, VISIBLE)
        found = self._jobs(self._c.execute(statement))
        return found[0] if found else None

    def some(self, group: str, ids: Collection[str]) -> dict[str, Job]:
        """Those of these ids that the group has."""
        found: dict[str, Job] = {}
        for part in in_parts(ids):
            statement = sa.select(t.jobs).where(_j.id.in_(part), _j.group_name == group, VISIBLE)
            found |= {job.id: job for job in self._jobs(self._c.execute(statement))}
        return found

    def page(
        self,
        group: str,
        filter: JobFilter,
        limit: int,
        before: int | None = None,
        *,
        sort: JobSort = JobSort.CREATED,
        descending: bool = True,
        after: tuple[Any, int] | None = None,
    ) -> list[Job]:
        """Up to ``limit`` jobs in order, by default the newest first.

        The page begins below the sequence number ``before``, or beyond ``after``: a job's ``sort_key`` and sequence.
        """
        order = ORDERS[sort]
        statement = matching(sa.select(t.jobs), group, filter).limit(limit)
        if before is not None:
            statement = statement.where(_j.sequence < before)
        if after is not None:
            here, there = sa.tuple_(order, _j.sequence), sa.tuple_(*(sa.literal(x) for x in after))
            statement = statement.where(here < there if descending else here > there)
        keys = [order, _j.sequence] if sort is not JobSort.CREATED else [_j.sequence]
        statement = statement.order_by(*(k.desc() if descending else k.asc() for k in keys))
        return self._jobs(self._c.execute(statement))

    def count_matching(self, group: str, filter: JobFilter) -> int:
        """How many there are of what ``page`` lists."""
        return int(
            self._c.execute(matching(sa.select(sa.func.count()).select_from(t.jobs), group, filter)).scalar_one()
        )

    def open(self, states: Collection[JobState] | None = None, group: str | None = None) -> list[Job]:
        """All jobs that are not over, or those in some open states, in the order of submission; without their tags."""
        statement = sa.select(t.jobs).where(OPEN).order_by(_j.sequence)
        if states is not None:
            statement = statement.where(_j.state.in_([s.value for s in states]))
        if group is not None:
            statement = statement.where(_j.group_name == group)
        return [job_of(r) for r in self._c.execute(statement)]

    def open_of(self, user: str, group: str) -> list[Job]:
        """One person's jobs in one group that are not over, in the order of submission; without their tags."""
        statement = sa.select(t.jobs).where(OPEN, _j.user_name == user, _j.group_name == group)
        return [job_of(r) for r in self._c.execute(statement.order_by(_j.sequence))]

    def line(self, group: str) -> list[InLine]:
        """The group's Pending jobs that wait for no other job, in the order of submission."""
        statement = (
            sa.select(
                _j.id,
                _j.sequence,
                _j.user_name,
                _j.name,
                _j.spec["instance_type"].as_string().label("instance_type"),
                _j.spec["image"].as_string().label("image"),
                _j.spec["timeout_seconds"].as_integer().label("timeout_seconds"),
                _j.resources,
                _j.priority,
                _j.created_at,
                _j.eligible_at,
                _j.reason,
                _j.message,
            )
            .where(OPEN, _j.state == JobState.PENDING.value, _j.group_name == group, sa.not_(_j.held))
            .order_by(_j.sequence)
        )
        sizes: dict[tuple[tuple[str, int], ...], Resources] = {}
        found = []
        for r in self._c.execute(statement):
            # A group has few sizes, and to make one takes longer than to find it.
            key = tuple(r.resources.items())
            size = sizes.get(key) or sizes.setdefault(key, Resources(r.resources))
            head = (r.id, r.sequence, r.user_name, r.name, r.instance_type, r.image, size, r.timeout_seconds or 0)
            found.append(InLine(*head, r.priority, r.created_at, r.eligible_at, JobReason(r.reason), r.message))
        return found

    def ends(self, group: str) -> dict[str, tuple[datetime | None, int]]:
        """For each job of the group that holds a place: since when it runs, and its time limit in seconds."""
        states = [JobState.PREPARING.value, JobState.RUNNING.value]
        limit = _j.spec["timeout_seconds"].as_integer().label("seconds")
        statement = sa.select(_j.id, _j.started_at, limit).where(OPEN, _j.state.in_(states), _j.group_name == group)
        return {r.id: (r.started_at, r.seconds or 0) for r in self._c.execute(statement)}

    def count(self, states: Collection[JobState], group: str, user: str | None = None) -> int:
        """How many jobs are in these states."""
        statement = sa.select(sa.func.count()).where(_j.state.in_([s.value for s in states]), _j.group_name == group)
        if user is not None:
            statement = statement.where(_j.user_name == user)
        return int(self._c.execute(statement.where(VISIBLE)).scalar_one())

    def waiting(self) -> dict[str, int]:
        """How many jobs are Pending, per group that has any."""
        statement = sa.select(_j.group_name, sa.func.count()).where(OPEN, _j.state == JobState.PENDING.value)
        return {row[0]: row[1] for row in self._c.execute(statement.group_by(_j.group_name))}

    def pressing(self, moment: datetime) -> dict[str, tuple[int, int]]:
        """How many jobs could start by now, and the sum of their priorities, per group that has any."""
        due = sa.or_(_j.eligible_at.is_(None), _j.eligible_at <= moment)
        statement = sa.select(_j.group_name, sa.func.count(), sa.func.sum(_j.priority)).where(
            OPEN, _j.state == JobState.PENDING.value, sa.not_(_j.held), due
        )
        return {row[0]: (row[1], int(row[2])) for row in self._c.execute(statement.group_by(_j.group_name))}

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
        eligible_at: datetime | None = None,
    ) -> Job:
        """Change the state if nobody else did since ``job`` was read; raises Conflict otherwise.

        This condition is what keeps two controllers, or a controller that slept, from undoing one another.
        """
        if state not in TRANSITIONS[job.state]:
            raise Conflict(f"A job cannot go from {job.state} to {state}.", state=job.state.value)
        self._events.lock(job.group)
        moved = replace(
            job,
            state=state,
            reason=reason,
            message=message,
            attempt=job.attempt if attempt is None else attempt,
            started_at=None if state is JobState.PENDING else (started_at or job.started_at),
            finished_at=(finished_at or at) if state.final else None,
            exit_code=exit_code,
            eligible_at=eligible_at,
            held=False,
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
                eligible_at=moved.eligible_at,
                held=False,
            )
        )
        if not result.rowcount:
            raise Conflict(f"Job {job.id} was changed by somebody else meanwhile.")
        self._record(moved, at)
        return moved

    def explain(self, job: Job | InLine, reason: JobReason, message: str) -> None:
        """Say why a job waits, without a change of state and without an event if nothing is new."""
        if (job.reason, job.message) != (reason, message):
            self._c.execute(
                sa.update(t.jobs)
                .where(_j.id == job.id, _j.state == job.state.value)
                .values(reason=reason.value, message=message)
            )

    def let_go(self, job: Job, at: datetime) -> None:
        """A held job stands in line from now on."""
        self._events.lock(job.group)
        values = {"held": False, "reason": JobReason.SUBMITTED.value, "message": ""}
        self._c.execute(sa.update(t.jobs).where(_j.id == job.id, _j.held).values(values))
        self._record(replace(job, held=False, reason=JobReason.SUBMITTED, message="The jobs before it have ended."), at)

    def request_cancel(self, job: Job, by: str) -> Job:
        """Note who wants the end; the first one stays."""
        if job.cancel_requested_by is not None:
            return job
        self._events.lock(job.group)
        self._c.execute(sa.update(t.jobs).where(_j.id == job.id).values(cancel_requested_by=by))
        return replace(job, cancel_requested_by=by)

    def note_image(self, job: Job, image: str) -> None:
        """Keep in the manifest which image really runs, by its digest: a name may mean another one tomorrow."""
        kept = job.launch.get("image") or {}
        if image and kept.get("digest") != image:
            launch = {**job.launch, "image": {**kept, "digest": image}}
            self._c.execute(sa.update(t.jobs).where(_j.id == job.id).values(launch=launch))

    def note_datasets(self, job: Job, datasets: list[dict[str, Any]]) -> Job:
        """Keep in the manifest which datasets an attempt gets, and how."""
        if job.launch.get("datasets", []) == datasets:
            return job
        launch = {**job.launch, "datasets": datasets}
        self._c.execute(sa.update(t.jobs).where(_j.id == job.id).values(launch=launch))
        return replace(job, launch=launch)

    def edit(self, job: Job, notes: str, tags: tuple[str, ...], priority: int) -> Job:
        """Write what people may change after submit."""
        self._c.execute(sa.update(t.jobs).where(_j.id == job.id).values(notes=notes, priority=priority))
        if tags != job.tags:
            self._c.execute(sa.delete(job_tags).where(job_tags.c.job_id == job.id))
            self._put_tags(job.group, job.id, tags)
        return replace(job, notes=notes, tags=tags, priority=priority)

    def tags_in(self, group: str, limit: int = 200) -> list[tuple[str, int]]:
        """The group's tags and how many jobs have each, the most used first."""
        number = sa.func.count().label("number")
        statement = sa.select(job_tags.c.tag, number).where(job_tags.c.group_name == group).group_by(job_tags.c.tag)
        return [
            (r.tag, r.number) for r in self._c.execute(statement.order_by(number.desc(), job_tags.c.tag).limit(limit))
        ]

    def _put_tags(self, group: str, job_id: str, tags: Iterable[str]) -> None:
        rows = [{"job_id": job_id, "tag": tag, "group_name": group} for tag in tags]
        if rows:
            self._c.execute(sa.insert(job_tags), rows)

    def _jobs(self, rows: Iterable[Any]) -> list[Job]:
        """The jobs of rows, with their tags."""
        found = [job_of(r) for r in rows]
        tags: dict[str, list[str]] = {}
        for part in in_parts([job.id for job in found]):
            statement = sa.select(job_tags).where(job_tags.c.job_id.in_(part)).order_by(job_tags.c.tag)
            for r in self._c.execute(statement):
                tags.setdefault(r.job_id, []).append(r.tag)
        return [replace(job, tags=tuple(tags[job.id])) if job.id in tags else job for job in found]

    def _record(self, job: Job, at: datetime) -> None:
        about = (job.state.value, job.reason.value, job.message)
        self._events.append(job.group, "job", job.id, at, *about, name=job.spec.name, user=job.user)


def in_parts(ids: Collection[str]) -> Iterable[list[str]]:
    """The ids in order, so many at a time as one question may hold."""
    ordered = sorted(ids)
    return (ordered[i : i + MANY] for i in range(0, len(ordered), MANY))


def job_of(row: Any) -> Job:
    """A row as a job, without its tags."""
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
        priority=row.priority,
        notes=row.notes,
        eligible_at=row.eligible_at,
        held=row.held,
        sweep=row.sweep_id,
        point=row.point,
        artifacts_gone_at=row.artifacts_gone_at,
    )
