"""What the job of a point is: the sweep's job, with the point's values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import Job, JobReason, JobSpec, JobState
from collegium.domain.names import MAX_LABEL, bound_name
from collegium.domain.sweeps import Sweep
from collegium.services.jobs.submission import Submission
from collegium.services.sweeps.models import SweepJobIn
from collegium.services.sweeps.validate import read_point


def to_template(body: SweepJobIn) -> dict[str, Any]:
    """As stored: what was asked for and nothing else, so that defaults stay those of the day."""
    return body.model_dump(mode="json", exclude_unset=True, exclude={"name"})


def template_of(sweep: Sweep) -> SweepJobIn:
    """What each job was asked to be; raises InvalidInput where this release takes no such job any more."""
    try:
        return SweepJobIn.model_validate(sweep.job)
    except ValidationError as error:
        raise InvalidInput("job", f"is no job any more ({error.errors()[0]['msg']})") from None


def job_id_of(sweep_id: str, index: int) -> str:
    """The id of a point's job: always the same, so that whoever makes it twice makes one."""
    return bound_name("job", sweep_id, str(index))


def submission_of(sweep: Sweep, template: SweepJobIn, index: int) -> Submission:
    """What a point asks for. The template's variables win over ours; raises InvalidInput."""
    told: Mapping[str, str] = {"SWEEP_INDEX": str(index), "SWEEP_SIZE": str(sweep.space.total)}
    body = template.model_copy(
        update={
            "name": _name(sweep, index),
            "environment": {**told, **template.environment},
            "values": {**template.values, **sweep.space.point(index)},
        }
    )
    asked = read_point(body)
    return replace(asked, priority=sweep.priority, tags=tuple(sorted({*asked.tags, *sweep.tags})))


def failed_job(sweep: Sweep, job_id: str, index: int, moment: datetime) -> Job:
    """The row of a point that cannot be submitted, to be seen among the others."""
    spec = JobSpec(
        name=_name(sweep, index),
        instance_type=str(sweep.job.get("instance_type", "")),
        image=str(sweep.job.get("image", "")),
        command=str(sweep.job.get("command", "")),
        values=sweep.space.point(index),
    )
    return Job(
        id=job_id,
        group=sweep.group,
        user=sweep.user,
        spec=spec,
        resources=sweep.resources,
        launch=sweep.launch,
        state=JobState.PENDING,
        reason=JobReason.SUBMITTED,
        message="",
        created_at=moment,
        priority=sweep.priority,
        tags=sweep.tags,
        sweep=sweep.id,
        point=index,
    )


def _name(sweep: Sweep, index: int) -> str:
    suffix = f" #{index}"
    return sweep.name[: MAX_LABEL - len(suffix)].rstrip() + suffix
