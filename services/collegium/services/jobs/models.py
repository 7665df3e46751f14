"""Wire models of jobs: what goes over HTTP. Limits stand here so that the OpenAPI and the submit form show them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from collegium.domain.catalog import AccessMode
from collegium.domain.dependencies import MAX_UPSTREAM, Ending, Need
from collegium.domain.jobs import JobKind, JobReason, JobState, NotifyOn
from collegium.domain.parameters import MAX_CHOICES, MAX_PARAMETERS, ParameterType
from collegium.domain.queues import MAX_PRIORITY
from collegium.domain.retries import RetryOn
from collegium.domain.secrets import MAX_VARIABLES
from collegium.domain.tags import MAX_NOTES, MAX_TAG, MAX_TAGS
from collegium.services.words import one_of

Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
ShortText = Annotated[str, StringConstraints(max_length=1024)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TAG)]
Notes = Annotated[str, StringConstraints(max_length=MAX_NOTES)]
TypeWord = Annotated[ParameterType, one_of(ParameterType)]
Priority = Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)]
#: A month, in seconds.
MAX_SECONDS = 31 * 86400
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


class ParameterIn(Strict):
    """What a parameter may be."""

    type: TypeWord = Field(default=ParameterType.ANY, title="Type")
    default: JsonValue = Field(default=None, title="Default")
    required: bool = Field(default=False, title="Required")
    nullable: bool = Field(default=False, title="May be null")
    description: Annotated[str, StringConstraints(max_length=500)] = Field(default="", title="Description")
    minimum: int | float | None = Field(default=None, title="Minimum", description="Of a text or list: its length.")
    maximum: int | float | None = Field(default=None, title="Maximum", description="Of a text or list: its length.")
    choices: list[JsonValue] = Field(default_factory=list, max_length=MAX_CHOICES, title="Choices")
    items: TypeWord | None = Field(default=None, title="Type of a list's items")


class RetryIn(Strict):
    """After which failures a job is started again, and how long that waits."""

    on: list[Annotated[RetryOn, one_of(RetryOn)]] = Field(
        default_factory=lambda: list(RetryOn), min_length=1, max_length=len(RetryOn), title="After"
    )
    exit_codes: list[Annotated[int, Field(ge=1, le=255)]] = Field(
        default_factory=list, max_length=255, title="Exit codes", description="Only these; any without them."
    )
    base_seconds: int = Field(default=0, ge=0, le=86400, title="First wait (seconds)")
    factor: float = Field(default=2.0, ge=1, le=10, title="Factor", description="Each wait is so many times the last.")
    max_seconds: int = Field(default=3600, ge=1, le=86400, title="Longest wait (seconds)")


class DependsIn(Strict):
    """Jobs that must have ended before this one may start."""

    jobs: list[Annotated[str, StringConstraints(min_length=1, max_length=64)]] = Field(
        min_length=1,
        max_length=MAX_UPSTREAM,
        title="Jobs",
        description="Ids; in a batch also keys of other jobs in it.",
    )
    need: Annotated[Need, one_of(Need)] = Field(default=Need.ALL, title="How many of them")
    ending: Annotated[Ending, one_of(Ending)] = Field(
        default=Ending.SUCCEEDED, title="Wanted end", description="`done` is any end."
    )


class NotifyIn(Strict):
    """Who is told of the job's end."""

    channel: Annotated[str, StringConstraints(min_length=1, max_length=63)] = Field(
        title="Channel", description="A channel of the group, or `me`: a mail to whoever submits."
    )
    on: list[Annotated[NotifyOn, one_of(NotifyOn)]] = Field(
        default_factory=lambda: [NotifyOn.DONE],
        min_length=1,
        max_length=len(NotifyOn),
        title="At",
        description="`done` is any end.",
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
    secrets: dict[str, Annotated[str, StringConstraints(max_length=63)]] = Field(
        default_factory=dict,
        max_length=MAX_VARIABLES,
        title="Secrets",
        description="Environment variable → name of a secret of the group, whose value it holds when the job starts.",
    )
    working_directory: WorkingDirectoryIn | None = Field(default=None, title="Working directory")
    timeout_seconds: int | None = Field(
        default=None,
        ge=0,
        le=MAX_SECONDS,
        title="Time limit (seconds)",
        description="0 means no limit; counted per attempt. Left out, it is the group's default.",
    )
    retries: int = Field(
        default=0, ge=0, le=10, title="Retries", description="How often a failed attempt is started again."
    )
    retry: RetryIn | None = Field(default=None, title="When to retry", description="Any failure, at once, without it.")
    parameters: dict[str, ParameterIn] = Field(
        default_factory=dict,
        max_length=MAX_PARAMETERS,
        title="Parameters",
        description="Declarations that values are checked against; a notebook's come from its own cell without them.",
    )
    values: dict[str, JsonValue] = Field(
        default_factory=dict,
        max_length=MAX_PARAMETERS,
        title="Values",
        description="A command finds each in `PARAM_<name>`, a notebook in its parameters cell.",
    )
    priority: Priority = Field(
        default=0, title="Priority", description="In the group's queue; above 0 takes the role maintainer."
    )
    depends_on: DependsIn | None = Field(default=None, title="Waits for")
    tags: list[Tag] = Field(default_factory=list, max_length=MAX_TAGS, title="Tags")
    notes: Notes = Field(default="", title="Notes")
    notify: list[NotifyIn] = Field(default_factory=list, max_length=20, title="Notify")
    datasets: list[Annotated[str, StringConstraints(min_length=1, max_length=80)]] | None = Field(
        default=None,
        max_length=100,
        title="Datasets",
        description="What it finds below COLLEGIUM_DATASETS: `name` as it is when the job starts, `name@number`, or"
        " `name@latest`, the newest version when it is submitted. Left out, it is all that the group was granted.",
    )


class BatchJobIn(JobIn):
    """A job of a batch."""

    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = Field(
        title="Key", description="Names this job in `depends_on` of the others."
    )


class BatchIn(Strict):
    """Jobs that are submitted together: all or none."""

    jobs: list[BatchJobIn] = Field(min_length=1, max_length=100)


class JobEdit(Strict):
    """What can be changed after submit; what is left out stays."""

    notes: Notes | None = None
    tags: list[Tag] | None = Field(default=None, max_length=MAX_TAGS)
    priority: Priority | None = Field(default=None, description="Only while the job waits.")


class SourceIn(Strict):
    """The source of a notebook's parameters cell."""

    source: Annotated[str, StringConstraints(max_length=500_000)]


class ParameterOut(BaseModel):
    """A parameter, ready for a form."""

    name: str
    type: ParameterType
    default: Any = None
    required: bool = False
    nullable: bool = False
    description: str = ""
    minimum: int | float | None = None
    maximum: int | float | None = None
    choices: list[Any] = []
    items: ParameterType | None = None


class ParameterList(BaseModel):
    """The parameters of a cell; ``readable`` is false if it is not Python."""

    readable: bool
    items: list[ParameterOut]


class TagOut(BaseModel):
    """A tag, and how many jobs have it."""

    tag: str
    jobs: int


class TagList(BaseModel):
    """The group's tags, the most used first; at most 200."""

    items: list[TagOut]


class WaitOut(BaseModel):
    """Something that a job waits for: room in the quota, other jobs, an open queue, or the time of its next try."""

    kind: Literal["quota", "jobs", "paused", "retry"]
    message: str
    until: datetime | None = None
    jobs: list[str] = []


class JobDatasetOut(BaseModel):
    """A dataset of a job. ``version`` is null for what was in it when the job started; ``path`` is where the job finds
    it, empty where it is no folder (variables, or object storage); ``problem`` is why it is left out. ``enforced``:
    where ``access`` is ``ro``, nothing can be written there."""

    name: str
    version: int | None = None
    access: AccessMode
    path: str
    problem: str = ""
    enforced: bool = True


class JobOut(BaseModel):
    """A job as it is now. ``queue_position`` 1 is next; amounts are quantity text.

    ``earliest_start`` is for the head of the line: by when it starts at the latest, as far as time limits tell.
    """

    id: str
    group: str
    user: str
    name: str
    kind: JobKind
    state: JobState
    reason: JobReason
    message: str
    queue_position: int | None = None
    waiting_for: list[WaitOut] = []
    earliest_start: datetime | None = None
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
    sweep: str | None = None
    point: int | None = None
    priority: int = 0
    tags: list[str] = []
    notes: str = ""
    values: dict[str, Any] = {}
    timeout_seconds: int = 0
    notebook: str | None = Field(default=None, description="Where it was below the submitter's home.")
    datasets: list[JobDatasetOut] = []


class BatchOut(BaseModel):
    """The jobs of a batch by their keys."""

    jobs: dict[str, JobOut]


class UpstreamOut(BaseModel):
    """A job that is waited for; ``state`` is null if it is no more."""

    id: str
    name: str
    state: JobState | None


class DependsOut(BaseModel):
    """What a job waits or waited for."""

    need: Need
    ending: Ending
    jobs: list[UpstreamOut]


class JobDetail(JobOut):
    """A job with what was submitted, what it resolved to, and its history; ``dependents`` wait or waited for it."""

    depends_on: DependsOut | None = None
    dependents: list[str] = []
    artifacts_gone_at: datetime | None = None

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
    """A page of jobs; ``next_cursor`` is absent on the last page, ``total`` unless it was asked for."""

    items: list[JobOut]
    next_cursor: str | None = None
    total: int | None = None


class ArtifactOut(BaseModel):
    """A file that the job left; ``size`` in bytes."""

    path: str
    size: int
    modified_at: datetime
    media_type: str


class ArtifactList(BaseModel):
    """All artifacts of the job's latest attempt: kept until some time, if not for ever, or gone since."""

    items: list[ArtifactOut]
    kept_until: datetime | None = None
    gone_at: datetime | None = None


JobDetail.model_rebuild()
