"""What the end of a job means to a program, and what is done alike by the plain and the async client."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from collegium_client.errors import CollegiumError, InvalidInput, JobFailed
from collegium_client.models import JobDetail, JobIn, JobOut

#: A job as a list shows it, or with all that is known.
AnyJob = JobOut | JobDetail
#: Nothing more happens after these.
FINAL = frozenset({"Succeeded", "Failed", "Cancelled"})
#: As a shell says it: ended by somebody, and out of time.
CANCELLED, TIMED_OUT = 130, 124
#: Seconds between looks at a job that is waited for: at first, and at most.
FIRST_LOOK, LAST_LOOK = 0.25, 3.0


def exit_status(state: str, reason: str, exit_code: int | None) -> int:
    """The status that a program ends with in the job's place: the job's own wherever it has one.

    Never 0 for a job that did not succeed, whatever its program said.
    """
    if state == "Succeeded":
        return 0
    if state == "Cancelled":
        return CANCELLED
    if reason == "Timeout":
        return TIMED_OUT
    if not exit_code:
        return 1
    return 128 - exit_code if exit_code < 0 else exit_code & 0xFF or 1


def status_of(job: AnyJob) -> int:
    """The same of a job that is over."""
    return exit_status(str(job.state), str(job.reason), job.exit_code)


def failure(job: AnyJob) -> JobFailed:
    """The exception for a job that is over and did not succeed."""
    words = f"The job {job.name} ({job.id}) ended as {job.state}"
    return JobFailed(f"{words}: {job.message or job.reason}", str(job.state), str(job.reason), job.exit_code)


def key_of(given: str | None) -> str:
    """The given key, else one for this call alone, so that trying again makes one job. Raises InvalidInput."""
    if given is None:
        return secrets.token_urlsafe(18)
    if not 0 < len(given) <= 128 or not all("!" <= sign <= "~" for sign in given):
        raise InvalidInput(
            "key: must be 1 to 128 ASCII letters, digits and signs, without spaces",
            details={"field": "key", "value": given[:128], "limit": 128},
        )
    return given


def job_body(job: JobIn | Mapping[str, Any] | None, fields: Mapping[str, Any]) -> JobIn | Mapping[str, Any]:
    """One body out of a model, a mapping or single fields. Raises InvalidInput, which names the field."""
    if job is not None and fields:
        raise InvalidInput("give a job or its fields, not both", details={"field": next(iter(fields))})
    if job is not None:
        return job
    try:
        return JobIn(**fields)
    except ValueError as error:
        raise _named(error) from None


def _named(error: ValueError) -> CollegiumError:
    problems = error.errors(include_url=False) if hasattr(error, "errors") else []
    if not problems:
        return InvalidInput(str(error))
    field = ".".join(map(str, problems[0]["loc"]))
    return InvalidInput(f"{field}: {problems[0]['msg'].lower()}", details={"field": field})


def target_of(folder: Path, artifact: str) -> Path:
    """Where an artifact is put; raises CollegiumError for a name that would leave the folder."""
    pure = PurePosixPath(artifact)
    if pure.is_absolute() or not pure.parts or ".." in pure.parts or "\0" in artifact or "\\" in artifact:
        raise CollegiumError(f"the artifact's name {artifact!r} leads out of the folder", code="unsafe_name")
    target = folder.joinpath(*pure.parts)
    # A link that is there already may lead out as well.
    if not target.resolve().is_relative_to(folder.resolve()):
        raise CollegiumError(f"{target} leads out of {folder}", code="unsafe_name")
    return target
