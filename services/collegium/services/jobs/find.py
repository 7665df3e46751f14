"""Objects by their ids, or a refusal that says nothing of other groups."""

from __future__ import annotations

import re

from collegium.db import UnitOfWork
from collegium.domain.errors import NotFound, shorten
from collegium.domain.jobs import Job

_JOB_ID = re.compile(r"job-[0-9a-v]{26}", re.ASCII)


def is_job_id(text: str) -> bool:
    """Does it look like one?"""
    return _JOB_ID.fullmatch(text) is not None


def get_job(uow: UnitOfWork, group: str, job_id: str) -> Job:
    """One job of a group; raises NotFound, also for text that is no job id."""
    job = uow.jobs.get(group, job_id) if is_job_id(job_id) else None
    if job is None:
        raise NotFound(f"Group {group} has no job {shorten(job_id)}.", job=shorten(job_id))
    return job
