"""Jobs: what they are, their states, and which change of state is legal."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collegium.domain.datasets import DatasetChoice
from collegium.domain.parameters import Parameter
from collegium.domain.resources import Resources
from collegium.domain.retries import RetryPolicy


class JobState(enum.StrEnum):
    """Pending waits for quota; Preparing has quota and is being started; the last three are final."""

    PENDING = "Pending"
    PREPARING = "Preparing"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def final(self) -> bool:
        """True once nothing more happens."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


#: A job that is retried goes back to Pending and stands in line again.
TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.PENDING: frozenset({JobState.PREPARING, JobState.CANCELLED, JobState.FAILED}),
    JobState.PREPARING: frozenset(
        {JobState.RUNNING, JobState.PENDING, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.RUNNING: frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.PENDING}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}


class JobReason(enum.StrEnum):
    """Why a job is in its state; a small fixed set for programs, the message is for people."""

    SUBMITTED = "Submitted"
    WAITING_FOR_QUOTA = "WaitingForQuota"
    ADMITTED = "Admitted"
    STARTED = "Started"
    COMPLETED = "Completed"
    EXIT_CODE = "ExitCode"
    SIGNAL = "Signal"
    OUT_OF_MEMORY = "OutOfMemory"
    TIMEOUT = "Timeout"
    CANCELLED = "Cancelled"
    LOST = "Lost"
    START_FAILED = "StartFailed"
    RETRYING = "Retrying"
    NO_LONGER_GRANTED = "NoLongerGranted"
    WAITING_FOR_JOBS = "WaitingForJobs"
    QUEUE_PAUSED = "QueuePaused"
    SKIPPED = "Skipped"


class JobKind(enum.StrEnum):
    """A shell command, or a notebook run by papermill."""

    COMMAND = "command"
    NOTEBOOK = "notebook"


@dataclass(frozen=True)
class NotebookSpec:
    """A notebook in the working directory and the values for its parameters cell (JSON scalars, lists, objects)."""

    path: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    kernel: str = ""


@dataclass(frozen=True)
class WorkingDirectory:
    """Which files of the submitter's home in this group go with the job: a directory, or listed files below it."""

    path: str = ""
    files: tuple[str, ...] | None = None


class NotifyOn(enum.StrEnum):
    """At which ends somebody is told; ``done`` is any."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DONE = "done"


@dataclass(frozen=True)
class Notify:
    """Which channel of the group, or ``me``, is told of which ends."""

    channel: str
    on: frozenset[NotifyOn]


@dataclass(frozen=True)
class JobSpec:
    """What the submitter asked for; never changed after submit. ``timeout_seconds`` 0 means no limit.

    ``secrets`` name the group's secret for each variable, never a value.
    ``parameters`` are the declarations that ``values`` were checked against; those of a notebook are in its own part.
    ``datasets`` None is all that the group was granted.
    """

    name: str
    instance_type: str
    image: str
    command: str = ""
    notebook: NotebookSpec | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    working_directory: WorkingDirectory | None = None
    timeout_seconds: int = 0
    retries: int = 0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    parameters: tuple[Parameter, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    notify: tuple[Notify, ...] = ()
    datasets: tuple[DatasetChoice, ...] | None = None

    @property
    def chosen(self) -> Mapping[str, Any]:
        """The values that the program gets, whichever way."""
        return self.notebook.parameters if self.notebook else self.values

    @property
    def kind(self) -> JobKind:
        """Command or notebook."""
        return JobKind.NOTEBOOK if self.notebook else JobKind.COMMAND


@dataclass(frozen=True)
class Job:
    """A job's row. ``attempt`` counts starts from 1 (0: never admitted); ``sequence`` orders jobs by submission.

    ``eligible_at`` is when a job that is tried again may start; ``held`` says that it is not in line yet, because it
    waits for other jobs. ``sweep`` and ``point`` say which point of which sweep it is.
    """

    id: str
    group: str
    user: str
    spec: JobSpec
    resources: Resources
    launch: Mapping[str, Any]
    state: JobState
    reason: JobReason
    message: str
    created_at: datetime
    sequence: int = 0
    attempt: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    cancel_requested_by: str | None = None
    rerun_of: str | None = None
    priority: int = 0
    notes: str = ""
    tags: tuple[str, ...] = ()
    eligible_at: datetime | None = None
    held: bool = False
    sweep: str | None = None
    point: int | None = None
    artifacts_gone_at: datetime | None = None

    @property
    def run_key(self) -> str:
        """What the backend knows this attempt by; a retry is a new key, a repeated start the same one."""
        return f"{self.id}.{self.attempt}"


@dataclass(frozen=True)
class JobFilter:
    """What to list; empty means all. ``text`` is anywhere in the name, case-insensitively, or begins the id; ``tags``
    must all be there; ``sweep`` is a sweep's id, or empty for jobs of no sweep."""

    states: frozenset[JobState] = frozenset()
    user: str | None = None
    text: str | None = None
    tags: frozenset[str] = frozenset()
    sweep: str | None = None
    finished_before: datetime | None = None
    ids: frozenset[str] = frozenset()
    kind: JobKind | None = None


class JobSort(enum.StrEnum):
    """What a list is in the order of; those that are equal come in the order of submission."""

    CREATED = "created"
    NAME = "name"
    USER = "user"
    STATE = "state"
    PRIORITY = "priority"
    STARTED = "started"
    FINISHED = "finished"


@dataclass(frozen=True)
class Event:
    """One change, numbered in order: the history of an object and the feed that panels follow.

    ``name`` is the object's, ``user`` whose it is, or who did it where it is nobody's.
    """

    sequence: int
    group: str
    kind: str
    object_id: str
    at: datetime
    state: str
    reason: str
    message: str
    name: str = ""
    user: str = ""
