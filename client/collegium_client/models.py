"""Wire models. Generated from docs/openapi.json by scripts/client-api; do not edit."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from collegium_client.base import Reply, Request

#: Known words first; what a newer server says stays text.
_OPEN = Field(union_mode="left_to_right")


class Action(enum.StrEnum):
    """What Keycloak can ask a person to do by mail; its own words."""

    VERIFY_EMAIL = "VERIFY_EMAIL"
    UPDATE_PASSWORD = "UPDATE_PASSWORD"
    UPDATE_PROFILE = "UPDATE_PROFILE"
    CONFIGURE_TOTP = "CONFIGURE_TOTP"


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


class JobState(enum.StrEnum):
    """Pending waits for quota; Preparing has quota and is being started; the last three are final."""

    PENDING = "Pending"
    PREPARING = "Preparing"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class Outcome(enum.StrEnum):
    """How it ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


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


class Standing(enum.StrEnum):
    """Whether an account may be used. ``deleted`` keeps the name for ever: another account never inherits it."""

    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


class WorkloadKind(enum.StrEnum):
    """Whatever holds a reservation."""

    SERVER = "server"
    JOB = "job"
    DEPLOYMENT = "deployment"
    APP = "app"


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


class ArtifactList(Reply):
    """All artifacts of the job's latest attempt."""

    items: list[ArtifactOut]


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


class CatalogOut(Reply):
    """All that the group may choose from."""

    instance_types: list[InstanceTypeOut]
    images: list[ImageOut]
    datasets: list[DatasetOut]


class ContextOut(Reply):
    """What a sidebar needs first. ``notice`` says what the backend does not enforce.

    ``ending`` is what the caller runs without a right to it any more, and when it is stopped.
    """

    user: GroupsUserOut
    groups: list[GroupRef]
    servers: list[ServerOut]
    no_group_message: str
    notice: str
    account: AccountLinks
    ending: list[RevocationOut]


class DatasetOut(Reply):
    """A dataset granted to the group."""

    name: str
    display_name: str
    description: str
    kind: str
    access: str


class DeletedOut(Reply):
    """What is gone."""

    id: str


class EndingHolder(Reply):
    """A server or job of a revocation. ``asked``: its end was asked for; ``live``: it is not over yet."""

    kind: str
    id: str
    label: str
    asked: bool
    live: bool


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


class GroupsUserOut(Reply):
    """The person the token belongs to."""

    name: str
    platform_admin: bool


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

    ``report`` is what the last whole walk of the group sync found; empty before the first.
    """

    provider: Annotated[Literal["keycloak", "local"] | str, _OPEN]
    issuer: str
    state: str
    message: str
    since: datetime | None
    synced_at: datetime | None
    report: dict[str, Any]
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
    """The group's newest invitations. ``problem`` says why none can be made now, empty if they can."""

    items: list[InvitationOut]
    problem: str
    mail: bool


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


class JobDetail(Reply):
    """A job with what was submitted, what it resolved to, and its history."""

    id: str
    group: str
    user: str
    name: str
    kind: Annotated[JobKind | str, _OPEN]
    state: Annotated[JobState | str, _OPEN]
    reason: Annotated[JobReason | str, _OPEN]
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
    spec: dict[str, Any]
    launch: dict[str, Any]
    history: list[EventOut]


class JobIn(Request):
    """A job to submit: either a command or a notebook."""

    name: str
    command: str = ""
    notebook: NotebookIn | None = None
    instance_type: str
    image: str
    environment: dict[str, str] = Field(default_factory=dict)
    working_directory: WorkingDirectoryIn | None = None
    timeout_seconds: int = 0
    retries: int = 0


class JobOut(Reply):
    """A job as it is now. ``queue_position`` 1 is next; amounts are quantity text."""

    id: str
    group: str
    user: str
    name: str
    kind: Annotated[JobKind | str, _OPEN]
    state: Annotated[JobState | str, _OPEN]
    reason: Annotated[JobReason | str, _OPEN]
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


class JobPage(Reply):
    """A page of jobs, newest first; ``next_cursor`` is absent on the last page."""

    items: list[JobOut]
    next_cursor: str | None = None


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


class NotebookIn(Request):
    """A notebook to run with papermill."""

    path: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    kernel: str = ""


class OpenApiOut(Reply):
    """An OpenAPI 3.1 document."""

    openapi: str


class PasswordOut(Reply):
    """A password for one login, shown only here."""

    password: str


class PermissionOut(Reply):
    """May the caller do this, by role and by token, and the reason."""

    allowed: bool
    reason: str


class QuotaLine(Reply):
    """One resource. ``used`` and ``limit`` are whole numbers of ``unit``; no limit is null, none is 0."""

    resource: str
    unit: Annotated[Literal["millicores", "bytes", "count"] | str, _OPEN]
    used: int
    limit: int | None
    used_text: str
    limit_text: str | None


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


class ServerOut(Reply):
    """One of the caller's servers that holds quota; ``name`` is JupyterHub's server name."""

    name: str
    group: str
    instance_type: str
    since: datetime


class TokenIn(Request):
    """What stands behind the # of a link."""

    token: str


class UsageOut(Reply):
    """The group's use and limits, the caller's, and who holds what."""

    group: list[QuotaLine]
    mine: list[QuotaLine]
    by_kind: dict[str, dict[str, str]]
    by_member: dict[str, dict[str, str]]
    holders: list[HolderOut]


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


class UserPage(Reply):
    """A page of accounts by name; ``total`` counts all that fit."""

    items: list[UsersUserOut]
    total: int
    next_cursor: str | None = None


class UserPatch(Request):
    """What to change; what is left out stays."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    enabled: bool | None = None


class UsersUserOut(Reply):
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


class WorkingDirectoryIn(Request):
    """Files of your home in this group that are copied when you submit."""

    path: str = ""
    files: list[str] | None = None
