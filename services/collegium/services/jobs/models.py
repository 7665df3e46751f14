"""Wire models of jobs: what goes over HTTP. Limits stand here so that the OpenAPI and the submit form show them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from collegium.domain.jobs import JobKind, JobReason, JobState

Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
ShortText = Annotated[str, StringConstraints(max_length=1024)]
#: No lone surrogates or NUL: neither survives a process environment.
EnvValue = Annotated[str, StringConstraints(max_length=8192)]


class Strict(BaseModel):
    """Unknown fields are refused, never dropped in silence."""

    model_config = ConfigDict(extra="forbid")


class NotebookIn(Strict):
    """A notebook to run with papermill."""

    path: ShortText = Field(title="Notebook", description="Path of the notebook inside the working directory.")
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict,
        max_length=200,
        title="Parameters",
        description="Values for the cell tagged 'parameters': numbers, text, booleans, lists, objects.",
    )
    kernel: Annotated[str, StringConstraints(max_length=63)] = Field(
        default="", title="Kernel", description="Kernel name; empty takes the one recorded in the notebook."
    )


class WorkingDirectoryIn(Strict):
    """Files of your home in this group that are copied when you submit."""

    path: ShortText = Field(
        default="", title="Directory", description="Directory below your home; empty is the home itself."
    )
    files: list[ShortText] | None = Field(
        default=None,
        max_length=1000,
        title="Files",
        description="Only these files, relative to the directory; leave out to take the whole directory.",
    )


class JobIn(Strict):
    """A job to submit: either a command or a notebook."""

    name: Name = Field(title="Name")
    command: Annotated[str, StringConstraints(max_length=65536)] = Field(
        default="", title="Command", description="Shell commands, run by /bin/sh in the working directory."
    )
    notebook: NotebookIn | None = Field(default=None, title="Notebook")
    instance_type: Annotated[str, StringConstraints(max_length=63)] = Field(title="Instance type")
    image: Annotated[str, StringConstraints(max_length=63)] = Field(title="Image")
    environment: dict[str, EnvValue] = Field(default_factory=dict, max_length=200, title="Environment variables")
    working_directory: WorkingDirectoryIn | None = Field(default=None, title="Working directory")
    timeout_seconds: int = Field(
        default=0,
        ge=0,
        le=31 * 86400,
        title="Time limit (seconds)",
        description="0 means no limit; counted per attempt.",
    )
    retries: int = Field(
        default=0, ge=0, le=10, title="Retries", description="How often a failed attempt is started again."
    )


class JobOut(BaseModel):
    """A job as it is now. ``queue_position`` 1 is next; amounts are quantity text."""

    id: str
    group: str
    user: str
    name: str
    kind: JobKind
    state: JobState
    reason: JobReason
    message: str
    queue_position: int | None = None
    attempt: int
    max_attempts: int
    exit_code: int | None = None
    image: str
    instance_type: str
    resources: dict[str, str]
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested_by: str | None = None
    rerun_of: str | None = None


class JobDetail(JobOut):
    """A job with what was submitted, what it resolved to, and its history."""

    spec: dict[str, Any]
    launch: dict[str, Any]
    history: list[EventOut]


class EventOut(BaseModel):
    """One change of an object; ``sequence`` is also the id of the server-sent event."""

    sequence: int
    kind: str
    id: str
    at: datetime
    state: str
    reason: str
    message: str


class JobPage(BaseModel):
    """A page of jobs, newest first; ``next_cursor`` is absent on the last page."""

    items: list[JobOut]
    next_cursor: str | None = None


class ArtifactOut(BaseModel):
    """A file that the job left; ``size`` in bytes."""

    path: str
    size: int
    modified_at: datetime
    media_type: str


class ArtifactList(BaseModel):
    """All artifacts of the job's latest attempt."""

    items: list[ArtifactOut]


JobDetail.model_rebuild()
