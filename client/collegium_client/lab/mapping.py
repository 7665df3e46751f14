"""Between jupyter-scheduler's words and ours. Pure; what cannot be said in the other's words is refused."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.models import DescribeJob, DescribeJobDefinition, SortDirection, Status

from collegium_client.lab.environments import FORMATS
from collegium_client.models import JobDetail, JobOut, ScheduleDetail

_STATUS = {
    "Pending": Status.QUEUED,
    "Preparing": Status.IN_PROGRESS,
    "Running": Status.IN_PROGRESS,
    "Succeeded": Status.COMPLETED,
    "Failed": Status.FAILED,
    "Cancelled": Status.STOPPED,
}
_SORTS = {"create_time": "created", "name": "name", "status": "state", "start_time": "started", "end_time": "finished"}
#: What stands for the notebook of a job that has none.
COMMAND = "command"


def status_of(job: JobOut | JobDetail) -> Status:
    """The state of a job."""
    if job.cancel_requested_by and job.finished_at is None:
        return Status.STOPPING
    return _STATUS.get(str(job.state), Status.IN_PROGRESS)


def states_of(status: Status | None) -> str | None:
    """The states that a filter stands for, as a query wants them; None is all, empty none."""
    if status is None:
        return None
    # A job that is to be stopped is one that runs, for the queries of ours.
    wanted = Status.IN_PROGRESS if status is Status.STOPPING else status
    return ",".join(state for state, found in _STATUS.items() if found is wanted)


def sort_of(fields: Iterable[Any]) -> str:
    """The order of a list; only the first field counts, since ours has one. Raises SchedulerError."""
    first = next(iter(fields), None)
    if first is None:
        return "-created"
    if first.name not in _SORTS:
        raise SchedulerError(f"sort_by: jobs cannot be put in the order of {first.name}, only {', '.join(_SORTS)}.")
    return ("-" if first.direction is SortDirection.desc else "") + _SORTS[first.name]


def read_parameters(given: Mapping[str, str] | None) -> dict[str, Any]:
    """Values as jupyter-scheduler has them, text of Python, as values; what is no literal is taken as text."""
    return {name: _value(name, text) for name, text in (given or {}).items()}


def _value(name: str, text: str) -> Any:
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise SchedulerError(f"parameters.{name}: {text[:100]} cannot be said in JSON.") from error


def show_parameters(values: Mapping[str, Any] | None) -> dict[str, str]:
    """The inverse."""
    return {name: repr(value) for name, value in (values or {}).items()}


def source_of(root: Path, home: Path, uri: str) -> tuple[str, str]:
    """The folder below the home and the name of a notebook. Raises SchedulerError for one outside of the home."""
    path = (root / uri.lstrip("/")).resolve()
    try:
        inside = path.relative_to(home.resolve())
    except ValueError:
        raise SchedulerError(f"input_uri: {uri} is outside of {home}, from where jobs take their files.") from None
    folder = inside.parent.as_posix()
    return "" if folder == "." else folder, inside.name


def job_body(model: Any, folder: str, name: str, instance_type: str) -> dict[str, Any]:
    """What is submitted for CreateJob or CreateJobDefinition. Raises SchedulerError."""
    for wanted in model.output_formats or ():
        if wanted not in FORMATS:
            raise SchedulerError(f"output_formats: {wanted} cannot be made, only {', '.join(FORMATS)}.")
    directory: dict[str, Any] = {"path": folder}
    if not model.package_input_folder:
        directory["files"] = [name]
    return {
        "name": model.name,
        "image": model.runtime_environment_name,
        "instance_type": model.compute_type or instance_type,
        "notebook": {"path": name, "parameters": read_parameters(model.parameters)},
        "working_directory": directory,
        "environment": {n: _text(v) for n, v in (model.runtime_environment_parameters or {}).items()},
        "tags": list(model.tags or ()),
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def milliseconds(moment: datetime | None) -> int | None:
    """Times as jupyter-scheduler has them."""
    return None if moment is None else int(moment.timestamp() * 1000)


def notebook_of(job: Mapping[str, Any]) -> str:
    """Where the notebook of a job's spec or template is below the home; empty for a command."""
    notebook, directory = job.get("notebook"), job.get("working_directory") or {}
    return str(PurePosixPath(directory.get("path") or "", notebook["path"])) if notebook else ""


def describe_job(job: JobOut | JobDetail, schedule: str | None = None) -> DescribeJob:
    """A job without its files."""
    notebook = job.notebook or ""
    moments = [milliseconds(m) for m in (job.finished_at, job.started_at, job.created_at) if m is not None]
    return DescribeJob(
        job_id=job.id,
        name=job.name,
        input_filename=PurePosixPath(notebook).name or COMMAND,
        runtime_environment_name=job.image,
        runtime_environment_parameters=None,
        compute_type=job.instance_type,
        output_formats=list(FORMATS) if notebook else [],
        parameters=show_parameters(job.values),
        tags=list(job.tags or ()),
        job_definition_id=schedule,
        url=f"/jobs/{job.id}",
        create_time=milliseconds(job.created_at),
        update_time=moments[0],
        start_time=milliseconds(job.started_at),
        end_time=milliseconds(job.finished_at),
        status=status_of(job),
        status_message=job.message or None,
    )


def describe_definition(schedule: ScheduleDetail) -> DescribeJobDefinition:
    """A schedule. One that does not go by cron shows its own words."""
    template, recurrence = schedule.template, schedule.recurrence
    directory = template.get("working_directory") or {}
    notebook = template.get("notebook") or {}
    cron = recurrence.get("kind") == "cron"
    return DescribeJobDefinition(
        job_definition_id=schedule.id,
        name=schedule.name,
        input_filename=PurePosixPath(notebook.get("path") or COMMAND).name,
        runtime_environment_name=template["image"],
        runtime_environment_parameters=template.get("environment") or None,
        compute_type=template["instance_type"],
        output_formats=list(FORMATS) if notebook else [],
        parameters=show_parameters({**notebook.get("parameters", {}), **template.get("values", {})}),
        tags=template.get("tags") or [],
        schedule=recurrence["expression"] if cron else schedule.description,
        timezone=recurrence.get("zone"),
        create_time=milliseconds(schedule.created_at),
        update_time=milliseconds(schedule.updated_at),
        active=str(schedule.state) == "Active",
        package_input_folder=bool(notebook) and bool(directory) and directory.get("files") is None,
    )
