"""How jobs are chosen and ordered in lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.db.job_tables import job_tags
from collegium.domain.jobs import Job, JobFilter, JobKind, JobSort

_j = t.jobs.c
#: Not deleted.
VISIBLE = _j.deleted_at.is_(None)
ORDERS: Mapping[JobSort, sa.ColumnElement[Any]] = {
    JobSort.CREATED: _j.sequence,
    JobSort.NAME: _j.name,
    JobSort.USER: _j.user_name,
    JobSort.STATE: _j.state,
    JobSort.PRIORITY: _j.priority,
    # What has not happened yet comes as if it were long ago.
    JobSort.STARTED: sa.func.coalesce(sa.type_coerce(_j.started_at, sa.BigInteger), 0),
    JobSort.FINISHED: sa.func.coalesce(sa.type_coerce(_j.finished_at, sa.BigInteger), 0),
}


def sort_key(job: Job, sort: JobSort) -> Any:
    """What ``page`` orders by, as the database has it."""
    match sort:
        case JobSort.NAME:
            return job.spec.name
        case JobSort.USER:
            return job.user
        case JobSort.STATE:
            return job.state.value
        case JobSort.PRIORITY:
            return job.priority
        case JobSort.STARTED:
            return t.micros(job.started_at) or 0
        case JobSort.FINISHED:
            return t.micros(job.finished_at) or 0
    return job.sequence


def matching(statement: sa.Select[Any], group: str, filter: JobFilter) -> sa.Select[Any]:
    """The statement with the conditions of a filter."""
    statement = statement.where(_j.group_name == group, VISIBLE)
    if filter.states:
        statement = statement.where(_j.state.in_([s.value for s in filter.states]))
    if filter.user is not None:
        statement = statement.where(_j.user_name == filter.user)
    if filter.text:
        named = _j.name.icontains(filter.text, autoescape=True)
        statement = statement.where(named | _j.id.startswith(filter.text.lower(), autoescape=True))
    if filter.sweep is not None:
        statement = statement.where(_j.sweep_id == filter.sweep if filter.sweep else _j.sweep_id.is_(None))
    if filter.finished_before is not None:
        statement = statement.where(_j.finished_at < filter.finished_before)
    if filter.ids:
        statement = statement.where(_j.id.in_(sorted(filter.ids)))
    if filter.kind is not None:
        command = _j.spec["command"].as_string()
        statement = statement.where(command == "" if filter.kind is JobKind.NOTEBOOK else command != "")
    for tag in sorted(filter.tags):
        chosen = sa.select(job_tags.c.job_id).where(job_tags.c.group_name == group, job_tags.c.tag == tag)
        statement = statement.where(_j.id.in_(chosen))
    return statement
