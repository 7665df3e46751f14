"""Wire models. Generated from docs/openapi.json by scripts/client-api; do not edit."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from collegium_client.base import Reply, Request

#: Known words first; what a newer server says stays text.
_OPEN = Field(union_mode="left_to_right")


class AccessMode(enum.StrEnum):
    """How a dataset is mounted."""

    RO = "ro"
    RW = "rw"


class Action(enum.StrEnum):
    """What Keycloak can ask a person to do by mail; its own words."""

    VERIFY_EMAIL = "VERIFY_EMAIL"
    UPDATE_PASSWORD = "UPDATE_PASSWORD"
    UPDATE_PROFILE = "UPDATE_PROFILE"
    CONFIGURE_TOTP = "CONFIGURE_TOTP"


class BulkAction(enum.StrEnum):
    """What is done to each."""

    CANCEL = "cancel"
    DELETE = "delete"


class CellKind(enum.StrEnum):
    """Cells of a notebook."""

    CODE = "code"
    MARKDOWN = "markdown"
    RAW = "raw"


class ChannelKind(enum.StrEnum):
    """How a channel speaks."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    SLACK = "slack"


class DeliveryState(enum.StrEnum):
    """Pending is tried again until it is Sent, or Failed for good; Dropped had nowhere to go."""

    PENDING = "Pending"
    SENT = "Sent"
    FAILED = "Failed"
    DROPPED = "Dropped"


class Ending(enum.StrEnum):
    """Which end is wanted; ``done`` is any, also a cancelled or skipped one."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DONE = "done"


class EntryKind(enum.StrEnum):
    """What a path leads to. Links, devices and pipes are nothing at all here."""

    FILE = "file"
    FOLDER = "folder"


class Goal(enum.StrEnum):
    """Which end of a metric is good."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Health(enum.StrEnum):
    """Whether a dataset's source is there: unknown until somebody looked."""

    UNKNOWN = "unknown"
    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"


class JobKind(enum.StrEnum):
    """A shell command, or a notebook run by papermill."""

    COMMAND = "command"
    NOTEBOOK = "notebook"


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


class JobState(enum.StrEnum):
    """Pending waits for quota; Preparing has quota and is being started; the last three are final."""

    PENDING = "Pending"
    PREPARING = "Preparing"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class ManagedBy(enum.StrEnum):
    """Who owns a row: the catalog file (read-only in the API), the API, or the identity provider."""

    FILE = "file"
    API = "api"
    IDP = "idp"


class Missed(enum.StrEnum):
    """What becomes of due times at which no controller was there: nothing, one run for all of them, or each."""

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


class Need(enum.StrEnum):
    """Of how many."""

    ALL = "all"
    ANY = "any"


class NotifyOn(enum.StrEnum):
    """At which ends somebody is told; ``done`` is any."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DONE = "done"


class Outcome(enum.StrEnum):
    """How it ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Overlap(enum.StrEnum):
    """What becomes of a due time while an earlier run goes on: both run, the new one is left out, the old one ends."""

    ALLOW = "allow"
    FORBID = "forbid"
    REPLACE = "replace"


class ParameterType(enum.StrEnum):
    """What a value may be. ``any`` is whatever JSON can say; it is what an expression in a notebook comes to."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    LIST = "list"
    OBJECT = "object"
    ANY = "any"


class PreviewKind(enum.StrEnum):
    """How a file can be shown."""

    IMAGE = "image"
    TEXT = "text"
    TABLE = "table"
    NOTEBOOK = "notebook"
    PDF = "pdf"
    NONE = "none"


class QueueMode(enum.StrEnum):
    """open; paused: jobs are taken and none starts; draining: none is taken, those that wait still start."""

    OPEN = "open"
    PAUSED = "paused"
    DRAINING = "draining"


class RetryOn(enum.StrEnum):
    """A kind of failure. Cancelled jobs, and those that cannot start at all, are never started again."""

    EXIT_CODE = "exit_code"
    SIGNAL = "signal"
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    LOST = "lost"


class RevocationReason(enum.StrEnum):
    """Why somebody's work in a group must end."""

    REMOVED = "removed"
    DEMOTED = "demoted"
    DISABLED = "disabled"
    DELETED = "deleted"


class Role(enum.StrEnum):
    """What a member may do in a group, in rising order; each includes those before it."""

    VIEWER = "viewer"
    MEMBER = "member"
    MAINTAINER = "maintainer"
    ADMIN = "admin"


class RunReason(enum.StrEnum):
    """Why a run is in its state."""

    FIRED = "Fired"
    SUBMITTED = "Submitted"
    JOB_ENDED = "JobEnded"
    OVERLAP = "Overlap"
    REPLACED = "Replaced"
    NOT_SUBMITTED = "NotSubmitted"
    NO_RIGHT = "NoRight"
    PAUSED = "Paused"


class RunState(enum.StrEnum):
    """Due is written before anything is done about it; Submitted has a job; the rest is final."""

    DUE = "Due"
    SUBMITTED = "Submitted"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    SKIPPED = "Skipped"


class ScheduleReason(enum.StrEnum):
    """Why a schedule is in its state."""

    STARTED = "Started"
    BY_USER = "ByUser"
    FAILURE_STREAK = "FailureStreak"
    NO_RIGHT = "NoRight"
    INVALID = "Invalid"
    MAX_RUNS = "MaxRuns"
    NO_MORE_DUE = "NoMoreDue"


class ScheduleState(enum.StrEnum):
    """An ended schedule has no due time left; changing it may give it some."""

    ACTIVE = "Active"
    PAUSED = "Paused"
    ENDED = "Ended"


class SecretKind(enum.StrEnum):
    """What a secret is for: OPAQUE is a value for variables of jobs, the others have fields."""

    OPAQUE = "opaque"
    GIT = "git"
    S3 = "s3"
    REGISTRY = "registry"


class ShareLinks(enum.StrEnum):
    """Whom a group's links may open something for; each allows what those before it allow."""

    OFF = "off"
    MEMBERS = "members"
    LOGIN = "login"
    PUBLIC = "public"


class SourceKind(enum.StrEnum):
    """Where a dataset lives. MANAGED: in the group's own files here; the others are somewhere else."""

    MANAGED = "managed"
    FOLDER = "folder"
    CLAIM = "claim"
    NFS = "nfs"
    S3 = "s3"
    GIT = "git"
    ENVIRONMENT = "environment"


class Standing(enum.StrEnum):
    """Whether an account may be used. ``deleted`` keeps the name for ever: another account never inherits it."""

    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


class TaskKind(enum.StrEnum):
    """What is done with files."""

    MOVE = "move"
    COPY = "copy"
    DELETE = "delete"
    RESTORE = "restore"
    DATASET_COPY = "dataset-copy"
    SNAPSHOT = "snapshot"
    UNPACK = "unpack"


class TaskState(enum.StrEnum):
    """Running → Succeeded | Failed."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class Topic(enum.StrEnum):
    """What one can be told of."""

    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    SCHEDULE_PAUSED = "schedule.paused"
    SCHEDULE_MISSED = "schedule.missed"
    SWEEP_ENDED = "sweep.ended"


class Trigger(enum.StrEnum):
    """Why a run came about: its time, a time that was missed, or a person."""

    TIME = "time"
    MISSED = "missed"
    PERSON = "person"


class UploadState(enum.StrEnum):
    """Open → Finishing (all bytes are there) → Done | Failed."""

    OPEN = "Open"
    FINISHING = "Finishing"
    DONE = "Done"
    FAILED = "Failed"


class VersionState(enum.StrEnum):
    """Making → Ready | Failed; Deleting: its files are being removed, the row goes last."""

    MAKING = "Making"
    READY = "Ready"
    FAILED = "Failed"
    DELETING = "Deleting"


class VolumeKind(enum.StrEnum):
    """FILES: shared files and what else the file store holds; HOME: of a person in a group; DATASET: of a claim."""

    FILES = "files"
    HOME = "home"
    DATASET = "dataset"


class WorkloadKind(enum.StrEnum):
    """Whatever holds a reservation."""

    SERVER = "server"
    JOB = "job"
    DEPLOYMENT = "deployment"
    APP = "app"
    UPLOAD = "upload"
    WRITE = "write"


class AcceptedOut(Reply):
    """Where one is now. ``already`` is true if nothing had to change."""

    group: str
    role: Annotated[Role | str, _OPEN]
    already: bool = False


class AccountLinks(Reply):
    """Where one looks after one's account; profile and password are null where no provider keeps it."""

    profile_url: str | None
    password_url: str | None
    tokens_url: str
    logout_url: str


class AccountOut(Reply):
    """An account at the provider, and what is known of it here. ``id`` is the provider's.

    ``name`` is who the person is here, null before their first login. ``read_only`` says why nothing of the account can
    be changed from here, empty if it can; groups can still be, for they are not the directory's.
    """

    id: str
    username: str
    email: str
    email_verified: bool
    first_name: str
    last_name: str
    enabled: bool
    created_at: datetime | None
    federated: bool
    read_only: str
    required_actions: list[str]
    name: str | None
    standing: str | None
    platform_admin: bool
    last_seen: datetime | None
    groups: list[UserGroup]


class ActivityOut(Reply):
    """One change of one object; ``user`` is whose it is, or who did it where it is nobody's. The object may be gone."""

    sequence: int
    at: datetime
    group: str
    kind: str
    id: str
    name: str
    user: str
    state: str
    reason: str
    message: str


class ActivityPage(Reply):
    """Newest first; ``next_cursor`` is absent on the last page."""

    items: list[ActivityOut]
    next_cursor: str | None = None


class ArtifactList(Reply):
    """All artifacts of the job's latest attempt: kept until some time, if not for ever, or gone since."""

    items: list[ArtifactOut]
    kept_until: datetime | None = None
    gone_at: datetime | None = None


class ArtifactOut(Reply):
    """A file that the job left; ``size`` in bytes."""

    path: str
    size: int
    modified_at: datetime
    media_type: str


class AuditOut(Reply):
    """Who did what to which object, how it ended, and why. ``group`` is empty for what concerns the platform."""

    sequence: int
    at: datetime
    actor: str
    action: str
    object: str
    group: str
    outcome: Annotated[Outcome | str, _OPEN]
    reason: str
    details: dict[str, Any]
    request_id: str


class AuditPage(Reply):
    """Newest first; ``next_cursor`` is absent on the last page."""

    items: list[AuditOut]
    next_cursor: str | None = None


class BatchIn(Request):
    """Jobs that are submitted together: all or none."""

    jobs: list[BatchJobIn]


class BatchJobIn(Request):
    """A job of a batch."""

    name: str
    command: str = ""
    notebook: NotebookIn | None = None
    instance_type: str
    image: str
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    working_directory: WorkingDirectoryIn | None = None
    timeout_seconds: int | None = None
    retries: int = 0
    retry: RetryIn | None = None
    parameters: dict[str, ParameterIn] = Field(default_factory=dict)
    values: dict[str, Any] = Field(default_factory=dict)
    priority: int = 0
    depends_on: DependsIn | None = None
    tags: list[str] = Field(default_factory=list)
    notes: str = ""
    notify: list[NotifyIn] = Field(default_factory=list)
    datasets: list[str] | None = None
    key: str


class BatchOut(Reply):
    """The jobs of a batch by their keys."""

    jobs: dict[str, JobOut]


class BestOut(Reply):
    """The best job so far, of those that succeeded or run."""

    job: str
    point: int
    value: float
    values: dict[str, Any]


class BulkFilter(Request):
    """Which jobs: those that fit all that is given. Without ``state``, those in which the action is possible."""

    state: list[JobState] = Field(default_factory=list)
    user: str | None = None
    name: str | None = None
    tag: list[str] = Field(default_factory=list)
    sweep: str | None = None
    before: datetime | None = None
    kind: JobKind | None = None


class BulkIn(Request):
    """What to do, and to which jobs: either ids or a filter."""

    action: BulkAction
    ids: list[str] | None = None
    filter: BulkFilter | None = None
    dry_run: bool = False


class BulkOut(Reply):
    """What came of it; after a dry run, what would. ``refused`` tells the first 20 of ``refused_count``.

    ``remaining`` jobs match, too, and are more than one request changes: ask again.
    """

    matched: int
    changed: int
    refused: list[RefusedOut]
    refused_count: int
    remaining: int = 0


class CatalogOut(Reply):
    """All that the group may choose from."""

    instance_types: list[InstanceTypeOut]
    images: list[ImageOut]
    datasets: list[DatasetOut]


class CellOut(Reply):
    """A cell of a notebook."""

    type: Annotated[CellKind | str, _OPEN]
    source: str
    outputs: list[CellOutputOut]


class CellOutputOut(Reply):
    """One thing that a cell showed; ``image`` is a PNG as a ``data:`` URL."""

    text: str | None = None
    image: str | None = None


class ChannelIn(Request):
    """Where notifications of a group go: e-mail addresses, a webhook, or an incoming webhook as Slack has it."""

    name: str
    kind: ChannelKind
    addresses: list[str] = Field(default_factory=list)
    url: str = ""
    secret: str = ""
    events: list[Topic] = Field(default_factory=list)
    enabled: bool = True


class ChannelList(Reply):
    """The group's channels by name; ``mail`` says whether there is a server to send mail by."""

    items: list[ChannelOut]
    mail: bool


class ChannelOut(Reply):
    """A channel. Those who may not change it see of its URL scheme and host, and its addresses shortened; a Slack URL
    and a secret are never shown.
    """

    name: str
    kind: Annotated[ChannelKind | str, _OPEN]
    addresses: list[str]
    url: str
    has_secret: bool
    events: list[Annotated[Topic | str, _OPEN]]
    enabled: bool
    created_by: str
    created_at: datetime
    updated_at: datetime
    last_delivery: DeliveryOut | None = None


class ChannelPatch(Request):
    """What is left out stays; an empty secret takes it away."""

    name: str | None = None
    addresses: list[str] | None = None
    url: str | None = None
    secret: str | None = None
    events: list[Topic] | None = None
    enabled: bool | None = None


class ChecksumOut(Reply):
    """The SHA-256 of a file as it was when it had this ``etag``."""

    path: str
    etag: str
    sha256: str


class ColumnOut(Reply):
    """A column of a table."""

    name: str
    type: str


class ComparedOut(Reply):
    """One key of one job among others; ``value`` is the latest, null if the job has none."""

    job: str
    name: str
    point: int | None
    values: dict[str, Any]
    value: float | None
    points: list[tuple[int, float]]


class ComparisonOut(Reply):
    """One key of several jobs, and all keys that any of them has."""

    key: str
    keys: list[str]
    items: list[ComparedOut]


class ContextOut(Reply):
    """What a sidebar needs first. ``notice`` says what the backend does not enforce.

    ``ending`` is what the caller runs without a right to it any more, and when it is stopped.
    """

    user: UserOut
    groups: list[GroupRef]
    servers: list[ServerOut]
    no_group_message: str
    notice: str
    account: AccountLinks
    ending: list[RevocationOut]


class CopyIn(Request):
    """Files of the group's shared files to copy into the dataset."""

    paths: list[str]
    target: str = ""


class CronIn(Request):
    """At the times of a cron expression. Skipped local times are due at the next that exists, repeated ones once."""

    kind: Literal["cron"]
    expression: str
    zone: str = "UTC"


class DatasetDetail(Reply):
    """One dataset. ``source`` and ``grants`` are for those whose it is, null for others; secrets are named, not told.
    ``copying`` is the id of the task that copies files into it, right after it was made.
    """

    name: str
    display_name: str
    description: str
    tags: list[str]
    licence: str
    kind: Annotated[SourceKind | str, _OPEN]
    owner: str | None
    access: Annotated[AccessMode | str, _OPEN]
    mine: bool
    size: int | None
    files: int | None
    versions: int
    latest_version: int | None
    health: SourceHealthOut
    mounted_at: str
    path: str
    managed_by: Annotated[ManagedBy | str, _OPEN]
    created_by: str
    created_at: datetime | None
    updated_at: datetime | None
    source: dict[str, str] | None
    grants: list[GrantOut] | None
    copying: str | None = None


class DatasetIn(Request):
    """A dataset to make. It is the group's own; nobody else sees it until it is granted."""

    name: str
    display_name: str | None = None
    description: str = ""
    tags: list[str] = Field(default_factory=list)
    licence: str = ""
    kind: SourceKind = SourceKind("managed")
    source: dict[str, str] = Field(default_factory=dict)
    copy_from: list[str] | None = None


class DatasetOut(Reply):
    """A dataset granted to the group."""

    name: str
    display_name: str
    description: str
    kind: str
    access: str


class DatasetPage(Reply):
    """A page of datasets by name; ``next_cursor`` is null on the last page."""

    items: list[DatasetSummary]
    next_cursor: str | None = None


class DatasetPatch(Request):
    """What is to change; what is left out stays."""

    display_name: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    licence: str | None = None


class DatasetSummary(Reply):
    """A dataset that the group owns or was granted.

    ``owner`` is null for the platform's own; ``access`` is what servers and jobs of the group may do; ``size`` and
    ``files`` are of what is in it now, or of its newest version where it has nothing but versions, null while nobody
    counted; ``mounted_at`` is where servers and jobs find it on a cluster.
    """

    name: str
    display_name: str
    description: str
    tags: list[str]
    licence: str
    kind: Annotated[SourceKind | str, _OPEN]
    owner: str | None
    access: Annotated[AccessMode | str, _OPEN]
    mine: bool
    size: int | None
    files: int | None
    versions: int
    latest_version: int | None
    health: SourceHealthOut
    mounted_at: str
    path: str
    managed_by: Annotated[ManagedBy | str, _OPEN]
    created_by: str
    created_at: datetime | None
    updated_at: datetime | None


class DeleteIn(Request):
    """What to put into the trash."""

    paths: list[str]


class DeletedOut(Reply):
    """What is gone."""

    id: str


class DeliveryOut(Reply):
    """One message: what became of it, and when it is tried next. ``id`` is what the receiver gets as its id."""

    id: str
    event: str
    object_id: str
    state: Annotated[DeliveryState | str, _OPEN]
    message: str
    attempts: int
    created_at: datetime
    next_at: datetime | None = None
    finished_at: datetime | None = None


class DeliveryPage(Reply):
    """A page of deliveries, the newest first."""

    items: list[DeliveryOut]
    next_cursor: str | None = None


class DependsIn(Request):
    """Jobs that must have ended before this one may start."""

    jobs: list[str]
    need: Need = Need("all")
    ending: Ending = Ending("succeeded")


class DependsOut(Reply):
    """What a job waits or waited for."""

    need: Annotated[Need | str, _OPEN]
    ending: Annotated[Ending | str, _OPEN]
    jobs: list[UpstreamOut]


class DrawnAxisIn(Request):
    """What one parameter is drawn from: `values`, or everything from `low` to `high`."""

    values: list[Any] | None = None
    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    whole: bool = False


class DueOut(Reply):
    """A due time: the instant, what the zone's clock shows then, and what is odd about it."""

    at: datetime
    local: str
    note: str = ""


class EndingHolder(Reply):
    """A server or job of a revocation. ``asked``: its end was asked for; ``live``: it is not over yet."""

    kind: str
    id: str
    label: str
    asked: bool
    live: bool


class EntryDetail(Reply):
    """One file or folder, and where it is found elsewhere."""

    name: str
    path: str
    kind: Annotated[EntryKind | str, _OPEN]
    size: int
    modified_at: datetime | None
    etag: str
    media_type: str
    writable: bool
    sha256: str | None
    preview: Annotated[PreviewKind | str, _OPEN]
    mounted_at: str
    uri: str


class EntryOut(Reply):
    """A file or folder. Folders have the size 0 and no ``etag``; some stores know no time of theirs."""

    name: str
    path: str
    kind: Annotated[EntryKind | str, _OPEN]
    size: int
    modified_at: datetime | None
    etag: str
    media_type: str


class EntryPage(Reply):
    """A part of a folder, or of what was found in it: there, pages may be short or empty before the end."""

    path: str
    writable: bool
    items: list[EntryOut]
    next_cursor: str | None = None
    storage: StorageShare | None = None


class ErrorBody(Reply):
    """``code`` for programs, ``message`` for people, ``details`` facts."""

    code: str
    message: str
    details: dict[str, Any] = Field(default_factory=dict)
    request_id: str


class ErrorOut(Reply):
    """Every refusal has this shape."""

    error: ErrorBody


class EventOut(Reply):
    """One change of an object; ``sequence`` is also the id of the server-sent event."""

    sequence: int
    kind: str
    id: str
    at: datetime
    state: str
    reason: str
    message: str


class FiguresOut(Reply):
    """What a job told of itself. ``complete``: it is over and all of its file was read."""

    items: list[SeriesOut]
    problems: list[str]
    complete: bool


class FileCount(Reply):
    """How much of something."""

    files: int
    bytes: int


class FilePreviewOut(Reply):
    """What a file looks like. ``none`` comes with a ``reason``; ``image`` and ``pdf`` are shown from their content."""

    kind: Annotated[PreviewKind | str, _OPEN]
    reason: str = ""
    text: str | None = None
    truncated: bool = False
    columns: list[ColumnOut] | None = None
    rows: list[list[Any]] | None = None
    cells: list[CellOut] | None = None


class FileTaskOut(Reply):
    """Work on files. Short work has ended when the request that asked for it is answered."""

    id: str
    kind: Annotated[TaskKind | str, _OPEN]
    state: Annotated[TaskState | str, _OPEN]
    user: str
    source: str
    target: str
    done: FileCount
    total: FileCount | None
    message: str
    created_at: datetime
    finished_at: datetime | None


class FileTaskPage(Reply):
    """Work on the group's files, newest first."""

    items: list[FileTaskOut]
    next_cursor: str | None = None


class FolderIn(Request):
    """A folder to make, with those above it."""

    path: str


class GrantIn(Request):
    """How the other group may use it."""

    access: AccessMode = AccessMode("ro")


class GrantOut(Reply):
    """A group that may use the dataset; ``*`` is every group."""

    group: str
    access: Annotated[AccessMode | str, _OPEN]


class GridAxisIn(Request):
    """The values of one parameter: `values`, or `start` and `stop` with either `step` or `count`."""

    values: list[Any] | None = None
    start: int | float | None = None
    stop: int | float | None = None
    step: int | float | None = None
    count: int | None = None
    log: bool = False


class GroupGrantIn(Request):
    """A group that is to have it."""

    group: str
    access: AccessMode = AccessMode("ro")


class GroupOut(Reply):
    """A group, with what the caller may do in it and why."""

    name: str
    display_name: str
    description: str
    role: Annotated[Role | str, _OPEN] | None
    contact: str
    admins: list[str]
    operations: dict[str, PermissionOut]


class GroupRef(Reply):
    """A group one belongs to, and the role there."""

    name: str
    display_name: str
    description: str
    role: Annotated[Role | str, _OPEN] | None


class GroupResult(Reply):
    """What became of one group; ``reason`` says why it was refused."""

    group: str
    role: Annotated[Role | str, _OPEN] | None
    outcome: Annotated[Literal["added", "changed", "removed", "unchanged", "refused"] | str, _OPEN]
    reason: str = ""


class GroupsIn(Request):
    """All roles that the person is to have; every other one in a group of ours ends."""

    groups: list[UserGroup]


class GroupsOut(Reply):
    """The person as they are now, and what became of each group."""

    id: str
    username: str
    email: str
    email_verified: bool
    first_name: str
    last_name: str
    enabled: bool
    created_at: datetime | None
    federated: bool
    read_only: str
    required_actions: list[str]
    name: str | None
    standing: str | None
    platform_admin: bool
    last_seen: datetime | None
    groups: list[UserGroup]
    out_of_bounds: str
    results: list[GroupResult]


class HeadOut(Reply):
    """The first job in line that the group has no room for; room is kept for it."""

    id: str
    name: str
    user: str
    message: str
    earliest_start: datetime | None = None


class HealthOut(Reply):
    """``status`` is ``ok`` or ``failing``; each part says ``ok`` or what is wrong, without details."""

    status: str
    parts: dict[str, str]
    controller_heartbeat_seconds: float | None


class HolderOut(Reply):
    """A workload that holds quota now. ``id`` is a job's id or a server's name."""

    user: str
    kind: Annotated[WorkloadKind | str, _OPEN]
    id: str
    label: str
    state: str
    instance_type: str
    resources: dict[str, str]
    since: datetime


class IdentityOut(Reply):
    """How the provider is. ``provider`` is ``keycloak``, or ``local`` where the hub checks passwords itself.

    ``roles`` are those that can be given from here: none without an account that may, fewer than all where the provider
    keeps the others in a way that is changed there alone.

    ``report`` is what the last whole walk of the group sync found; empty before the first.
    """

    provider: Annotated[Literal["keycloak", "local"] | str, _OPEN]
    issuer: str
    state: str
    message: str
    since: datetime | None
    synced_at: datetime | None
    report: dict[str, Any]
    roles: list[Annotated[Role | str, _OPEN]]
    missing: list[MissingOut]


class ImageOut(Reply):
    """An image of the group."""

    name: str
    display_name: str
    description: str


class ImportIn(Request):
    """CSV with a first line of names: username, email, first_name, last_name, enabled, groups."""

    csv: str
    dry_run: bool = False
    send_mail: bool = False


class ImportOut(Reply):
    """Every line's outcome, and how many there are of each."""

    dry_run: bool
    rows: list[ImportRow]
    counts: dict[str, int]


class ImportRow(Reply):
    """What became, or with ``dry_run`` would become, of one line. ``line`` counts from 1, the names' line included."""

    line: int
    username: str
    action: Annotated[Literal["create", "update", "unchanged", "refused"] | str, _OPEN]
    message: str


class InfoOut(Reply):
    """Which program answers, for clients that must know whether they fit."""

    name: str
    version: str
    api_version: str
    oldest_client: str


class InstanceTypeOut(Reply):
    """A size, and whether the caller could start it: ``now``, ``wait`` (quota in use) or ``never``."""

    name: str
    display_name: str
    description: str
    resources: dict[str, str]
    summary: str
    fits: Annotated[Literal["now", "wait", "never"] | str, _OPEN]
    reason: str
    left: dict[str, str]


class IntervalIn(Request):
    """Every so many seconds that pass, counted from an anchor; changes of the clock do not matter."""

    kind: Literal["interval"]
    every: int
    anchor: str | None = None
    zone: str = "UTC"


class InvitationCreated(Reply):
    """``link`` is in this answer and nowhere else. ``mail_problem`` says why no mail went out; the link works still."""

    id: str
    group: str
    role: Annotated[Role | str, _OPEN]
    state: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    max_uses: int
    uses: int
    used_by: list[str]
    email: str
    domains: list[str]
    note: str
    mailed_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str
    link: str
    mail_problem: str = ""


class InvitationIn(Request):
    """An invitation to make. ``email`` or ``domains`` bind it to who can prove such an address."""

    role: Role = Role("member")
    max_uses: int = 1
    expires_in: int = 24
    email: str = ""
    domains: list[str] = Field(default_factory=list)
    note: str = ""
    send_mail: bool = False


class InvitationList(Reply):
    """The group's newest invitations. ``problem`` says why none can be made now, empty if they can.

    ``roles`` are those that an invitation can be for.
    """

    items: list[InvitationOut]
    problem: str
    mail: bool
    roles: list[Annotated[Role | str, _OPEN]]


class InvitationOut(Reply):
    """An invitation as it is now: ``state`` is open, used up, expired or revoked."""

    id: str
    group: str
    role: Annotated[Role | str, _OPEN]
    state: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    max_uses: int
    uses: int
    used_by: list[str]
    email: str
    domains: list[str]
    note: str
    mailed_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str


class JobDatasetOut(Reply):
    """A dataset of a job. ``version`` is null for what was in it when the job started; ``path`` is where the job finds
    it, empty where it is no folder (variables, or object storage); ``problem`` is why it is left out. ``enforced``:
    where ``access`` is ``ro``, nothing can be written there.
    """

    name: str
    version: int | None = None
    access: Annotated[AccessMode | str, _OPEN]
    path: str
    problem: str = ""
    enforced: bool = True


class JobDetail(Reply):
    """A job with what was submitted, what it resolved to, and its history; ``dependents`` wait or waited for it."""

    id: str
    group: str
    user: str
    name: str
    kind: Annotated[JobKind | str, _OPEN]
    state: Annotated[JobState | str, _OPEN]
    reason: Annotated[JobReason | str, _OPEN]
    message: str
    queue_position: int | None = None
    waiting_for: list[WaitOut] = Field(default_factory=list)
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
    tags: list[str] = Field(default_factory=list)
    notes: str = ""
    values: dict[str, Any] = Field(default_factory=dict)
    timeout_seconds: int = 0
    notebook: str | None = None
    datasets: list[JobDatasetOut] = Field(default_factory=list)
    depends_on: DependsOut | None = None
    dependents: list[str] = Field(default_factory=list)
    artifacts_gone_at: datetime | None = None
    spec: dict[str, Any]
    launch: dict[str, Any]
    history: list[EventOut]


class JobEdit(Request):
    """What can be changed after submit; what is left out stays."""

    notes: str | None = None
    tags: list[str] | None = None
    priority: int | None = None


class JobIn(Request):
    """A job to submit: either a command or a notebook."""

    name: str
    command: str = ""
    notebook: NotebookIn | None = None
    instance_type: str
    image: str
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    working_directory: WorkingDirectoryIn | None = None
    timeout_seconds: int | None = None
    retries: int = 0
    retry: RetryIn | None = None
    parameters: dict[str, ParameterIn] = Field(default_factory=dict)
    values: dict[str, Any] = Field(default_factory=dict)
    priority: int = 0
    depends_on: DependsIn | None = None
    tags: list[str] = Field(default_factory=list)
    notes: str = ""
    notify: list[NotifyIn] = Field(default_factory=list)
    datasets: list[str] | None = None


class JobOut(Reply):
    """A job as it is now. ``queue_position`` 1 is next; amounts are quantity text.

    ``earliest_start`` is for the head of the line: by when it starts at the latest, as far as time limits tell.
    """

    id: str
    group: str
    user: str
    name: str
    kind: Annotated[JobKind | str, _OPEN]
    state: Annotated[JobState | str, _OPEN]
    reason: Annotated[JobReason | str, _OPEN]
    message: str
    queue_position: int | None = None
    waiting_for: list[WaitOut] = Field(default_factory=list)
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
    tags: list[str] = Field(default_factory=list)
    notes: str = ""
    values: dict[str, Any] = Field(default_factory=dict)
    timeout_seconds: int = 0
    notebook: str | None = None
    datasets: list[JobDatasetOut] = Field(default_factory=list)


class JobPage(Reply):
    """A page of jobs; ``next_cursor`` is absent on the last page, ``total`` unless it was asked for."""

    items: list[JobOut]
    next_cursor: str | None = None
    total: int | None = None


class JobUsageOut(Reply):
    """What an attempt used, as points (seconds since its start, figure); at most 600 of each.

    ``cpu`` are cores, ``memory`` and ``gpu_memory`` bytes, ``gpu`` devices kept busy: 1.5 of two is three quarters.
    """

    attempt: int
    started_at: datetime | None
    cpu: list[tuple[float, float]]
    memory: list[tuple[float, float]]
    gpu: list[tuple[float, float]]
    gpu_memory: list[tuple[float, float]]
    limits: UsageLimits


class LimitOut(Reply):
    """A setting: what the group set (null: nothing), what holds, and the most there may be (0: no bound)."""

    own: int | None
    holds: int
    most: int


class LookOut(Reply):
    """What a link leads to. ``bound_to`` tells whose address it needs; ``registration``: can an account be made?"""

    group: str
    group_display_name: str
    role: Annotated[Role | str, _OPEN]
    invited_by: str
    expires_at: datetime
    state: str
    bound_to: str
    registration: bool


class MailIn(Request):
    """What the person is asked to do, by a link that is good for ``hours``."""

    actions: list[Action]
    hours: int = 24


class MailOut(Reply):
    """Where the mail went."""

    email: str


class ManifestLine(Reply):
    """A file of a version; ``digest`` is ``sha256:…``, or ``etag:…`` of what lies in S3."""

    path: str
    size: int
    digest: str


class ManifestPage(Reply):
    """A page of a version's files, by path."""

    items: list[ManifestLine]
    next_cursor: str | None = None


class MemberOut(Reply):
    """One member. ``standing`` is that of the account at the identity provider; without one it is ``active``."""

    name: str
    display_name: str
    role: Annotated[Role | str, _OPEN]
    standing: Annotated[Standing | str, _OPEN]


class MemberPage(Reply):
    """Members by name; ``next_cursor`` is absent on the last page."""

    items: list[MemberOut]
    next_cursor: str | None = None


class MissingOut(Reply):
    """Something that is not set up: what does not work without it, and how to enable it."""

    what: str
    why: str
    how: str


class MoveIn(Request):
    """What to move or rename, or to copy, and to where."""

    source: str
    target: str
    replace: bool = False


class NotebookIn(Request):
    """A notebook to run with papermill."""

    path: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    kernel: str = ""


class NotifyIn(Request):
    """Who is told of the job's end."""

    channel: str
    on: list[NotifyOn] = Field(default_factory=list)


class ObjectiveIn(Request):
    """What the best job is best at: the last value of a metric."""

    metric: str
    goal: Goal = Goal("minimize")


class ObjectiveOut(Reply):
    """What the best job is best at."""

    metric: str
    goal: Annotated[Goal | str, _OPEN]


class OnceIn(Request):
    """On one date."""

    kind: Literal["once"]
    at: str
    zone: str = "UTC"


class OpenApiOut(Reply):
    """An OpenAPI 3.1 document."""

    openapi: str


class OwnIn(Request):
    """What one wants to hear of one's own jobs, schedules and sweeps, by mail."""

    address: str = ""
    events: list[Topic] = Field(default_factory=list)
    groups: list[str] | None = None
    enabled: bool = True


class OwnOut(Reply):
    """One's own settings. Mail goes to ``address``; ``from_account`` says that it is the account's, which is changed
    where accounts are. ``problem`` says why no mail comes at all, empty if it does.
    """

    address: str
    from_account: bool
    events: list[Annotated[Topic | str, _OPEN]]
    groups: list[str] | None
    enabled: bool
    problem: str


class ParameterIn(Request):
    """What a parameter may be."""

    type: ParameterType = ParameterType("any")
    default: Any = None
    required: bool = False
    nullable: bool = False
    description: str = ""
    minimum: int | float | None = None
    maximum: int | float | None = None
    choices: list[Any] = Field(default_factory=list)
    items: ParameterType | None = None


class ParameterList(Reply):
    """The parameters of a cell; ``readable`` is false if it is not Python."""

    readable: bool
    items: list[ParameterOut]


class ParameterOut(Reply):
    """A parameter, ready for a form."""

    name: str
    type: Annotated[ParameterType | str, _OPEN]
    default: Any = None
    required: bool = False
    nullable: bool = False
    description: str = ""
    minimum: int | float | None = None
    maximum: int | float | None = None
    choices: list[Any] = Field(default_factory=list)
    items: Annotated[ParameterType | str, _OPEN] | None = None


class PartList(Reply):
    """Addresses of parts, valid for an hour."""

    items: list[PartOut]


class PartOut(Reply):
    """Where to PUT a part, as it is: no header of ours, no token."""

    number: int
    url: str


class PartsIn(Request):
    """Which parts."""

    numbers: list[int]


class PasswordOut(Reply):
    """A password for one login, shown only here."""

    password: str


class PermissionOut(Reply):
    """May the caller do this, by role and by token, and the reason."""

    allowed: bool
    reason: str


class PlatformDataset(Reply):
    """A dataset with everything that is known of it; ``used_by`` counts workloads that have it now."""

    name: str
    display_name: str
    description: str
    tags: list[str]
    licence: str
    kind: Annotated[SourceKind | str, _OPEN]
    owner: str | None
    source: dict[str, str]
    grants: list[PlatformGrantOut]
    health: SourceHealthOut
    size: int | None
    files: int | None
    versions: int
    latest_version: int | None
    used_by: int
    deleting: bool
    managed_by: Annotated[ManagedBy | str, _OPEN]
    created_by: str
    created_at: datetime | None
    updated_at: datetime | None


class PlatformDatasetIn(Request):
    """A dataset of the platform's own, of any kind."""

    name: str
    display_name: str | None = None
    description: str = ""
    tags: list[str] = Field(default_factory=list)
    licence: str = ""
    kind: SourceKind
    source: dict[str, str] = Field(default_factory=dict)
    everyone: AccessMode | None = None
    grants: list[GroupGrantIn] = Field(default_factory=list)


class PlatformDatasetPage(Reply):
    """A page of all datasets by name."""

    items: list[PlatformDataset]
    next_cursor: str | None = None


class PlatformDatasetPatch(Request):
    """What is to change; what is left out stays. A source is given whole; the kind stays."""

    display_name: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    licence: str | None = None
    source: dict[str, str] | None = None


class PlatformGrantOut(Reply):
    """A grant; those of the catalog file are changed there."""

    group: str
    access: Annotated[AccessMode | str, _OPEN]
    managed_by: Annotated[ManagedBy | str, _OPEN]


class PlatformSecretIn(Request):
    """A secret that groups may use. What is left out stays as it is; a new one needs a value, or fields."""

    kind: SecretKind | None = None
    value: str | None = None
    fields: dict[str, str] | None = None
    description: str | None = None
    groups: list[str] | Literal["*"] | None = None


class PlatformSecretList(Reply):
    """All of them by name; ``problem`` says why none can be set or used now, empty if they can."""

    items: list[PlatformSecretOut]
    problem: str = ""


class PlatformSecretOut(Reply):
    """A secret without its value, and which groups may use it."""

    name: str
    kind: Annotated[SecretKind | str, _OPEN]
    description: str
    groups: list[str] | Literal["*"]
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    used_by: int
    uses: list[SecretUseOut]


class PointOut(Reply):
    """One point; ``job`` is null as long as there is none, ``value`` without a figure of the objective's metric."""

    point: int
    values: dict[str, Any]
    job: str | None
    state: Annotated[JobState | str, _OPEN] | None
    value: float | None


class PointPage(Reply):
    """A page of points in order; ``next_cursor`` is absent on the last page."""

    items: list[PointOut]
    next_cursor: str | None = None


class PreviewIn(Request):
    """When would it be due?"""

    recurrence: CronIn | IntervalIn | OnceIn
    start_at: str | None = None
    end_at: str | None = None


class PreviewOut(Reply):
    """The next due times, and the recurrence in words."""

    description: str
    items: list[DueOut]


class PurgedOut(Reply):
    """What is gone for good."""

    count: int
    size: int


class QueueIn(Request):
    """Open the queue, pause it (jobs are taken and none starts), or drain it (none is taken, those there go on)."""

    mode: QueueMode
    reason: str = ""


class QueueOut(Reply):
    """The queue as it is now.

    ``ready`` stand in line, ``later`` are tried again at some time, ``held`` wait for other jobs; ``by_user`` counts
    those who stand in line.
    """

    mode: Annotated[QueueMode | str, _OPEN]
    reason: str
    by: str
    at: datetime | None
    ready: int
    later: int
    held: int
    starting: int
    running: int
    by_user: dict[str, int]
    head: HeadOut | None = None


class QuotaLine(Reply):
    """One resource. ``used`` and ``limit`` are whole numbers of ``unit``; no limit is null, none is 0."""

    resource: str
    unit: Annotated[Literal["millicores", "bytes", "count"] | str, _OPEN]
    used: int
    limit: int | None
    used_text: str
    limit_text: str | None


class RandomIn(Request):
    """Points that are drawn. The same seed gives the same points."""

    space: dict[str, DrawnAxisIn]
    count: int
    seed: int = 0


class RefusedOut(Reply):
    """A job to which it was not done, and why."""

    id: str
    reason: str


class RegisterIn(Request):
    """An account to be made. The password is chosen by way of a mail to the address."""

    token: str
    username: str
    email: str
    first_name: str = ""
    last_name: str = ""


class RegisteredOut(Reply):
    """The account is there; ``mail_sent`` says whether the mail that opens it is on its way."""

    group: str
    role: Annotated[Role | str, _OPEN]
    username: str
    mail_sent: bool
    message: str


class RerunIn(Request):
    """How to run a job again."""

    exact: bool = True


class ResizeIn(Request):
    """A volume that is to become larger; none becomes smaller."""

    group: str | None = None
    name: str
    size: str | int


class RestoreIn(Request):
    """Where to put it back."""

    path: str | None = None


class ResumeIn(Request):
    """``take_over``: from now on its jobs are those of the caller, with the caller's files and share of the quota."""

    take_over: bool = False


class RetryIn(Request):
    """After which failures a job is started again, and how long that waits."""

    on: list[RetryOn] = Field(default_factory=list)
    exit_codes: list[int] = Field(default_factory=list)
    base_seconds: int = 0
    factor: float = 2.0
    max_seconds: int = 3600


class RevocationList(Reply):
    """The group's newest hundred, ended ones too."""

    items: list[RevocationOut]


class RevocationOut(Reply):
    """Work whose owner lost the right to it. ``outcome`` is empty until it ended: stopped, withdrawn or over."""

    id: str
    group: str
    user: str
    reason: Annotated[RevocationReason | str, _OPEN]
    noticed_at: datetime
    due_at: datetime
    ended_at: datetime | None
    outcome: str
    holders: list[EndingHolder]


class RevokedOut(Reply):
    """Who still holds what was taken away: what runs keeps it until it ends, the next start is without."""

    holders: list[UseOut]


class ScheduleDetail(Reply):
    """A schedule with its job, its next due times, how it went, and its history."""

    id: str
    group: str
    name: str
    state: Annotated[ScheduleState | str, _OPEN]
    reason: Annotated[ScheduleReason | str, _OPEN]
    message: str
    recurrence: dict[str, Any]
    description: str
    start_at: datetime | None
    end_at: datetime | None
    max_runs: int | None
    overlap: Annotated[Overlap | str, _OPEN]
    missed: Annotated[Missed | str, _OPEN]
    missed_limit: int
    missed_horizon: int
    max_failures: int
    kind: Annotated[JobKind | str, _OPEN]
    image: str
    instance_type: str
    run_as: str
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    runs: int
    failures: int
    next_at: datetime | None
    last_run: ScheduleRunOut | None
    version: int
    template: dict[str, Any]
    upcoming: list[DueOut]
    trend: Trend
    history: list[EventOut]


class ScheduleIn(Request):
    """A schedule to make."""

    name: str
    recurrence: CronIn | IntervalIn | OnceIn
    template: JobIn
    start_at: str | None = None
    end_at: str | None = None
    max_runs: int | None = None
    overlap: Overlap = Overlap("forbid")
    missed: Missed = Missed("once")
    missed_limit: int = 10
    missed_horizon: int = 86400
    max_failures: int = 5
    paused: bool = False


class ScheduleOut(Reply):
    """A schedule as it is now. ``run_as`` is whose jobs it submits; ``failures`` counts those in a row."""

    id: str
    group: str
    name: str
    state: Annotated[ScheduleState | str, _OPEN]
    reason: Annotated[ScheduleReason | str, _OPEN]
    message: str
    recurrence: dict[str, Any]
    description: str
    start_at: datetime | None
    end_at: datetime | None
    max_runs: int | None
    overlap: Annotated[Overlap | str, _OPEN]
    missed: Annotated[Missed | str, _OPEN]
    missed_limit: int
    missed_horizon: int
    max_failures: int
    kind: Annotated[JobKind | str, _OPEN]
    image: str
    instance_type: str
    run_as: str
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    runs: int
    failures: int
    next_at: datetime | None
    last_run: ScheduleRunOut | None
    version: int


class SchedulePage(Reply):
    """A page of schedules, oldest first; ``next_cursor`` is absent on the last page."""

    items: list[ScheduleOut]
    next_cursor: str | None = None


class SchedulePatch(Request):
    """What is to change; what is left out stays. ``null`` takes a start, an end or a limit away."""

    name: str | None = None
    recurrence: CronIn | IntervalIn | OnceIn | None = None
    template: JobIn | None = None
    start_at: str | None = None
    end_at: str | None = None
    max_runs: int | None = None
    overlap: Overlap | None = None
    missed: Missed | None = None
    missed_limit: int | None = None
    missed_horizon: int | None = None
    max_failures: int | None = None
    version: int | None = None


class ScheduleRunOut(Reply):
    """What became of one due time; ``seconds`` is how long its job ran, ``job`` is null as long as there is none."""

    sequence: int
    due_at: datetime
    trigger: Annotated[Trigger | str, _OPEN]
    state: Annotated[RunState | str, _OPEN]
    reason: Annotated[RunReason | str, _OPEN]
    message: str
    requested_by: str
    run_as: str
    job: str | None
    fired_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None


class ScheduleRunPage(Reply):
    """A page of runs, newest first, and the trend of those that have ended."""

    items: list[ScheduleRunOut]
    trend: Trend
    next_cursor: str | None = None


class SecretIn(Request):
    """A secret to set. What is left out stays as it is; a new one needs a value."""

    value: str | None = None
    fields: dict[str, str] | None = None
    kind: SecretKind | None = None
    description: str | None = None


class SecretList(Reply):
    """The group's secrets by name. ``problem`` says why none can be set or used now, empty if they can."""

    items: list[SecretOut]
    problem: str = ""


class SecretOut(Reply):
    """A secret without its value. ``used_by`` counts what still wants it, ``uses`` are the first of these. One of the
    ``platform`` is kept for groups by those who run it, and changed by them alone.
    """

    name: str
    kind: Annotated[SecretKind | str, _OPEN] = "opaque"
    platform: bool = False
    description: str
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    used_by: int = 0
    uses: list[SecretUseOut] = Field(default_factory=list)


class SecretUseOut(Reply):
    """Something that still wants the secret: a job, sweep, schedule, dataset or image."""

    kind: str
    id: str
    name: str
    user: str


class SeriesOut(Reply):
    """One key of one job: the latest figure, the extremes of all, and at most 1000 points (step, value)."""

    key: str
    step: int
    value: float
    minimum: float
    maximum: float
    count: int
    points: list[tuple[int, float]]


class ServerOut(Reply):
    """One of the caller's servers that holds quota; ``name`` is JupyterHub's server name."""

    name: str
    group: str
    instance_type: str
    since: datetime


class SettingsIn(Request):
    """What is left out stays; null is the platform's default."""

    job_timeout_seconds: int | None = None
    artifact_days: int | None = None
    share_links: ShareLinks | None = None
    trash_days: int | None = None


class SettingsOut(Reply):
    """What the group's admins may set about jobs and files."""

    job_timeout_seconds: LimitOut
    artifact_days: LimitOut
    share_links: ShareLinksOut
    trash_days: LimitOut


class ShareCreated(Reply):
    """``url`` is in this answer and nowhere else."""

    id: str
    path: str
    kind: Annotated[EntryKind | str, _OPEN]
    created_by: str
    created_at: datetime
    expires_at: datetime
    has_password: bool
    public: bool
    revoked_at: datetime | None
    opened: int
    opened_at: datetime | None
    note: str
    problem: str
    url: str


class ShareIn(Request):
    """A link to make. It never opens more than the group's settings allow at the time when it is opened."""

    path: str
    expires_in_days: int = 7
    password: str | None = None
    public: bool = False
    note: str = ""


class ShareLinksOut(Reply):
    """As a limit, in words: each allows what those before it allow."""

    own: Annotated[ShareLinks | str, _OPEN] | None
    holds: Annotated[ShareLinks | str, _OPEN]
    most: Annotated[ShareLinks | str, _OPEN]


class ShareOut(Reply):
    """A link, without what opens it. ``opened`` counts how often its page or a file was asked for.

    ``problem`` says why it opens nothing for anybody now, empty if it does.
    """

    id: str
    path: str
    kind: Annotated[EntryKind | str, _OPEN]
    created_by: str
    created_at: datetime
    expires_at: datetime
    has_password: bool
    public: bool
    revoked_at: datetime | None
    opened: int
    opened_at: datetime | None
    note: str
    problem: str


class SharePage(Reply):
    """The group's links, the newest first. ``allowed`` is what its settings allow; ``problem`` says why none can be
    made now, empty if they can.
    """

    items: list[ShareOut]
    next_cursor: str | None = None
    allowed: str
    problem: str = ""


class SourceHealthOut(Reply):
    """Whether its source was there when somebody looked last."""

    state: Annotated[Health | str, _OPEN]
    message: str
    checked_at: datetime | None


class SourceIn(Request):
    """The source of a notebook's parameters cell."""

    source: str


class StorageOut(Reply):
    """What the group stores: ``used`` counts files, trash and unfinished uploads alike.

    ``uploads`` is kept for uploads under way and counts against the limit, too. Files that servers and jobs write count
    when they are measured next.
    """

    used: int
    files: int
    limit: int | None
    uploads: int
    trash: int
    measured_at: datetime | None


class StorageShare(Reply):
    """What the owner of these files stores, in bytes; ``limit`` null is none."""

    used: int
    limit: int | None


class StoreOut(Reply):
    """What senders should know. ``direct``: parts may go straight to the store; ``max_size`` null is no limit."""

    kind: str
    direct: bool
    chunk_size: int
    max_size: int | None


class SweepDetail(Reply):
    """A sweep with its job and its space as they were asked for, what that resolved to, and its history."""

    id: str
    group: str
    user: str
    name: str
    state: Annotated[JobState | str, _OPEN]
    message: str
    kind: str
    total: int
    made: int
    counts: dict[str, int]
    concurrency: int
    objective: ObjectiveOut | None
    best: BestOut | None
    priority: int
    tags: list[str]
    notes: str
    created_at: datetime
    finished_at: datetime | None
    cancel_requested_by: str | None
    spec: dict[str, Any]
    space: dict[str, Any]
    launch: dict[str, Any]
    history: list[EventOut]


class SweepEdit(Request):
    """What can be changed after submit; what is left out stays."""

    notes: str | None = None
    tags: list[str] | None = None
    concurrency: int | None = None


class SweepIn(Request):
    """A sweep to submit: a job and exactly one of grid, random, list and array."""

    name: str
    job: SweepJobIn
    grid: dict[str, GridAxisIn] | None = None
    random: RandomIn | None = None
    list_: list[dict[str, Any]] | None = Field(default=None, alias="list")
    array: int | None = None
    concurrency: int = 0
    objective: ObjectiveIn | None = None
    priority: int = 0
    tags: list[str] = Field(default_factory=list)
    notes: str = ""


class SweepJobIn(Request):
    """What each job of a sweep is: as for one job, without its name."""

    name: str = "point"
    command: str = ""
    notebook: NotebookIn | None = None
    instance_type: str
    image: str
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    working_directory: WorkingDirectoryIn | None = None
    timeout_seconds: int | None = None
    retries: int = 0
    retry: RetryIn | None = None
    parameters: dict[str, ParameterIn] = Field(default_factory=dict)
    values: dict[str, Any] = Field(default_factory=dict)
    priority: int = 0
    depends_on: DependsIn | None = None
    tags: list[str] = Field(default_factory=list)
    notes: str = ""
    notify: list[NotifyIn] = Field(default_factory=list)
    datasets: list[str] | None = None


class SweepOut(Reply):
    """A sweep as it is now. ``total`` points become jobs, ``made`` of them have; ``counts`` are jobs by state."""

    id: str
    group: str
    user: str
    name: str
    state: Annotated[JobState | str, _OPEN]
    message: str
    kind: str
    total: int
    made: int
    counts: dict[str, int]
    concurrency: int
    objective: ObjectiveOut | None
    best: BestOut | None
    priority: int
    tags: list[str]
    notes: str
    created_at: datetime
    finished_at: datetime | None
    cancel_requested_by: str | None


class SweepPage(Reply):
    """A page of sweeps, the newest first; ``next_cursor`` is absent on the last page."""

    items: list[SweepOut]
    next_cursor: str | None = None


class SweepPreview(Reply):
    """How many jobs it would be, and the values of the first."""

    total: int
    points: list[dict[str, Any]]


class TableOut(Reply):
    """A table in a version: its columns, and its first rows. ``rows`` is null where counting would read it whole."""

    path: str
    columns: list[ColumnOut]
    rows: int | None
    sample: list[list[Any]]


class TagList(Reply):
    """The group's tags, the most used first; at most 200."""

    items: list[TagOut]


class TagOut(Reply):
    """A tag, and how many jobs have it."""

    tag: str
    jobs: int


class TokenIn(Request):
    """What stands behind the # of a link."""

    token: str


class TrashOut(Reply):
    """Something that was deleted, and until when it can be restored."""

    id: str
    path: str
    name: str
    kind: Annotated[EntryKind | str, _OPEN]
    size: int
    files: int
    deleted_by: str
    deleted_at: datetime
    expires_at: datetime


class TrashPage(Reply):
    """What was deleted, latest first."""

    items: list[TrashOut]
    next_cursor: str | None = None


class Trend(Reply):
    """The newest runs that have ended, oldest first. ``change`` compares the median time of the newer half with the
    older half's: 0.1 is a tenth slower. Null where there is nothing to compare.
    """

    succeeded: int
    failed: int
    cancelled: int
    success_rate: float | None
    median_seconds: float | None
    change: float | None
    points: list[TrendPoint]


class TrendPoint(Reply):
    """One run that has ended."""

    due_at: datetime
    state: Annotated[RunState | str, _OPEN]
    seconds: float | None


class UnpackIn(Request):
    """Which archive to unpack, and into which new folder."""

    source: str
    target: str
    replace: bool = False


class UploadIn(Request):
    """An upload to begin without tus. ``direct``: its parts go straight to the store, where that is allowed."""

    path: str
    size: int
    replace: bool = False
    sha256: str | None = None
    direct: bool = False


class UploadOut(Reply):
    """An upload. ``size`` is null while its sender has not said it; ``offset`` counts the bytes that are safe.

    The last three are those of an upload whose parts go straight to the store: each part but the last has
    ``part_size`` bytes, and ``received`` are the numbers of those that the store has (null in lists).
    """

    id: str
    path: str
    size: int | None
    offset: int
    user: str
    state: Annotated[UploadState | str, _OPEN]
    replace: bool
    created_at: datetime
    expires_at: datetime
    message: str
    part_size: int | None = None
    parts: int | None = None
    received: list[int] | None = None


class UploadPage(Reply):
    """Uploads, the newest first."""

    items: list[UploadOut]
    next_cursor: str | None = None


class UpstreamOut(Reply):
    """A job that is waited for; ``state`` is null if it is no more."""

    id: str
    name: str
    state: Annotated[JobState | str, _OPEN] | None


class UsageLimits(Reply):
    """What the job may use: cores, bytes, devices; null is no limit."""

    cpu: float | None
    memory: int | None
    gpu: int | None


class UsageOut(Reply):
    """The group's use and limits, the caller's, and who holds what."""

    group: list[QuotaLine]
    mine: list[QuotaLine]
    by_kind: dict[str, dict[str, str]]
    by_member: dict[str, dict[str, str]]
    holders: list[HolderOut]


class UseOut(Reply):
    """A workload that used the dataset: ``version`` null is what was in it ``at`` that time."""

    dataset: str
    version: int | None
    kind: str
    id: str
    label: str
    group: str
    user: str
    access: Annotated[AccessMode | str, _OPEN]
    at: datetime
    ended_at: datetime | None


class UsePage(Reply):
    """A page of uses, newest first."""

    items: list[UseOut]
    next_cursor: str | None = None


class UserCreated(Reply):
    """``problems`` are sentences on what could not be done after the account was made."""

    id: str
    username: str
    email: str
    email_verified: bool
    first_name: str
    last_name: str
    enabled: bool
    created_at: datetime | None
    federated: bool
    read_only: str
    required_actions: list[str]
    name: str | None
    standing: str | None
    platform_admin: bool
    last_seen: datetime | None
    groups: list[UserGroup]
    out_of_bounds: str
    problems: list[str]


class UserDetail(Reply):
    """One account. ``out_of_bounds`` says why it is left alone: administrators are changed at the provider only."""

    id: str
    username: str
    email: str
    email_verified: bool
    first_name: str
    last_name: str
    enabled: bool
    created_at: datetime | None
    federated: bool
    read_only: str
    required_actions: list[str]
    name: str | None
    standing: str | None
    platform_admin: bool
    last_seen: datetime | None
    groups: list[UserGroup]
    out_of_bounds: str


class UserGroup(Request):
    """A role in a group."""

    group: str
    role: Role = Role("member")


class UserIn(Request):
    """An account to make. Its owner sets the password by way of the mail, or an administrator does."""

    username: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    enabled: bool = True
    groups: list[UserGroup] = Field(default_factory=list)
    send_mail: bool = True


class UserOut(Reply):
    """The person the token belongs to."""

    name: str
    platform_admin: bool


class UserPage(Reply):
    """A page of accounts by name; ``total`` counts all that fit."""

    items: list[AccountOut]
    total: int
    next_cursor: str | None = None


class UserPatch(Request):
    """What to change; what is left out stays."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    enabled: bool | None = None


class VersionDetail(Reply):
    """A version with its first tables."""

    number: int
    state: Annotated[VersionState | str, _OPEN]
    note: str
    message: str
    manifest: str
    revision: str
    files: int
    size: int
    created_by: str
    created_at: datetime
    ready_at: datetime | None
    path: str
    tables: list[TableOut]


class VersionIn(Request):
    """A version to make of what is there now; of git and S3 sources this fetches."""

    note: str = ""
    revision: str | None = None


class VersionOut(Reply):
    """A snapshot that never changes. ``manifest`` is the SHA-256 of the list of its files; ``revision`` the commit of a
    git source; ``size`` in bytes. ``message`` says why it failed, or what it waits for.
    """

    number: int
    state: Annotated[VersionState | str, _OPEN]
    note: str
    message: str
    manifest: str
    revision: str
    files: int
    size: int
    created_by: str
    created_at: datetime
    ready_at: datetime | None
    path: str


class VersionPage(Reply):
    """A page of versions, newest first."""

    items: list[VersionOut]
    next_cursor: str | None = None


class VolumeOut(Reply):
    """A volume at the backend. ``capacity`` and ``used`` in bytes, null where nobody knows."""

    group: str | None
    kind: Annotated[VolumeKind | str, _OPEN]
    name: str
    user: str | None
    capacity: int | None
    used: int | None
    state: str
    message: str
    resizable: bool


class VolumePage(Reply):
    """A page of volumes, by group, kind and name."""

    items: list[VolumeOut]
    next_cursor: str | None = None


class WaitOut(Reply):
    """Something that a job waits for: room in the quota, other jobs, an open queue, or the time of its next try."""

    kind: Annotated[Literal["quota", "jobs", "paused", "retry"] | str, _OPEN]
    message: str
    until: datetime | None = None
    jobs: list[str] = Field(default_factory=list)


class WorkingDirectoryIn(Request):
    """Files of your home in this group that are copied when you submit."""

    path: str = ""
    files: list[str] | None = None
