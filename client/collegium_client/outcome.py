"""What the end of a job means to a program, and what is done alike by the plain and the async client."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from collegium_client.base import Request
from collegium_client.errors import CollegiumError, InvalidInput, JobFailed, NotFound, SweepFailed
from collegium_client.models import JobDetail, JobIn, JobOut, SweepDetail, SweepOut

R = TypeVar("R", bound=Request)

#: A job as a list shows it, or with all that is known.
AnyJob = JobOut | JobDetail
#: A sweep, likewise.
AnySweep = SweepOut | SweepDetail
#: Nothing more happens after these.
FINAL = frozenset({"Succeeded", "Failed", "Cancelled"})
#: As a shell says it: ended by somebody, and out of time.
CANCELLED, TIMED_OUT = 130, 124
#: Seconds between looks at a job that is waited for: at first, and at most.
FIRST_LOOK, LAST_LOOK = 0.25, 3.0
#: How often to look whether the last figures of a sweep were read, and those of how many jobs.
LOOKS_FOR_FIGURES, LAST_JOBS = 80, 5
_SCHEDULE_ID = re.compile(r"sch-[0-9a-v]{26}", re.ASCII)


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
    return body_of(JobIn, "job", job, fields)


def body_of(
    kind: type[R], word: str, given: R | Mapping[str, Any] | None, fields: Mapping[str, Any]
) -> R | Mapping[str, Any]:
    """The same for any kind of body; ``word`` is what an error calls it."""
    if given is not None and fields:
        raise InvalidInput(f"give a {word} or its fields, not both", details={"field": next(iter(fields))})
    if given is not None:
        return given
    try:
        return kind(**fields)
    except ValueError as error:
        raise _named(error) from None


def words(given: str | Iterable[str] | None) -> str | None:
    """Several words as a filter takes them; None where none is given."""
    return given if isinstance(given, str) or given is None else ",".join(given) or None


def sweep_status(sweep: AnySweep) -> int:
    """What a program ends with in the place of a sweep that is over."""
    return {"Succeeded": 0, "Cancelled": CANCELLED}.get(str(sweep.state), 1)


def sweep_failure(sweep: AnySweep) -> SweepFailed:
    """The exception for a sweep that is over and did not succeed."""
    counts = {str(k): v for k, v in sweep.counts.items()}
    told = ", ".join(f"{n} {state}" for state, n in counts.items()) or "no jobs"
    return SweepFailed(f"The sweep {sweep.name} ({sweep.id}) ended as {sweep.state}: {told}", str(sweep.state), counts)


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


def is_schedule_id(text: str) -> bool:
    """An id, not a name."""
    return _SCHEDULE_ID.fullmatch(text) is not None


def no_schedule(name: str, group: str) -> NotFound:
    """The exception for a name that no schedule has."""
    return NotFound(f"Group {group} has no schedule {name}.", details={"schedule": name})
