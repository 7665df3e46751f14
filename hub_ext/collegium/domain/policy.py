"""The policy table: every operation, the token scope it needs, and the lowest role that may do it.

An operation that is not in this table does not exist: a handler without a row does not start, and a test walks
roles × operations × groups.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from collegium.domain.groups import Actor, Role


class Operation(enum.StrEnum):
    """Everything that can be asked of Collegium."""

    INFO_READ = "info.read"
    HEALTH_READ = "health.read"
    METRICS_READ = "metrics.read"
    PAGE_READ = "page.read"
    CONTEXT_READ = "context.read"
    GROUP_READ = "group.read"
    GROUP_USAGE = "group.usage"
    GROUP_CATALOG = "group.catalog"
    GROUP_EVENTS = "group.events"
    SERVER_START = "server.start"
    JOB_LIST = "job.list"
    JOB_READ = "job.read"
    JOB_SUBMIT = "job.submit"
    JOB_CANCEL = "job.cancel"
    JOB_RERUN = "job.rerun"
    JOB_LOGS = "job.logs"
    JOB_ARTIFACTS = "job.artifacts"
    JOB_METRICS = "job.metrics"
    JOB_USAGE = "job.usage"
    JOB_EDIT = "job.edit"
    JOB_PARAMETERS = "job.parameters"
    JOB_BATCH = "job.batch"
    JOB_DELETE = "job.delete"
    JOB_BULK = "job.bulk"
    ACTIVITY_READ = "activity.read"
    GROUP_ACTIVITY = "group.activity"
    SECRET_LIST = "secret.list"  # noqa: S105 - an operation
    SECRET_PUT = "secret.put"  # noqa: S105
    SECRET_DELETE = "secret.delete"  # noqa: S105
    SWEEP_LIST = "sweep.list"
    SWEEP_READ = "sweep.read"
    SWEEP_PREVIEW = "sweep.preview"
    SWEEP_SUBMIT = "sweep.submit"
    SWEEP_EDIT = "sweep.edit"
    SWEEP_CANCEL = "sweep.cancel"
    SWEEP_DELETE = "sweep.delete"
    QUEUE_READ = "queue.read"
    QUEUE_CONTROL = "queue.control"
    SETTINGS_READ = "settings.read"
    SETTINGS_EDIT = "settings.edit"
    SCHEDULE_LIST = "schedule.list"
    SCHEDULE_READ = "schedule.read"
    SCHEDULE_RUNS = "schedule.runs"
    SCHEDULE_PREVIEW = "schedule.preview"
    SCHEDULE_CREATE = "schedule.create"
    SCHEDULE_UPDATE = "schedule.update"
    SCHEDULE_DELETE = "schedule.delete"
    SCHEDULE_PAUSE = "schedule.pause"
    SCHEDULE_RESUME = "schedule.resume"
    SCHEDULE_RUN = "schedule.run"
    CHANNEL_LIST = "channel.list"
    CHANNEL_READ = "channel.read"
    CHANNEL_CREATE = "channel.create"
    CHANNEL_EDIT = "channel.edit"
    CHANNEL_DELETE = "channel.delete"
    CHANNEL_TEST = "channel.test"
    CHANNEL_DELIVERIES = "channel.deliveries"
    NOTIFICATION_READ = "notification.read"
    NOTIFICATION_EDIT = "notification.edit"
    GROUP_MEMBERS = "group.members"
    GROUP_AUDIT = "group.audit"
    GROUP_REVOCATIONS = "group.revocations"
    INVITATION_LIST = "invitation.list"
    INVITATION_CREATE = "invitation.create"
    INVITATION_REVOKE = "invitation.revoke"
    INVITATION_LOOK = "invitation.look"
    INVITATION_ACCEPT = "invitation.accept"
    INVITATION_REGISTER = "invitation.register"
    FILE_LIST = "file.list"
    FILE_READ = "file.read"
    FILE_WRITE = "file.write"
    FILE_DELETE = "file.delete"
    FILE_UPLOAD = "file.upload"
    FILE_TASK = "file.task"
    TRASH_LIST = "trash.list"
    TRASH_RESTORE = "trash.restore"
    TRASH_PURGE = "trash.purge"
    SHARE_LIST = "share.list"
    SHARE_CREATE = "share.create"
    SHARE_REVOKE = "share.revoke"
    SHARE_OPEN = "share.open"
    DATASET_LIST = "dataset.list"
    DATASET_READ = "dataset.read"
    DATASET_CREATE = "dataset.create"
    DATASET_EDIT = "dataset.edit"
    DATASET_DELETE = "dataset.delete"
    DATASET_VERSION = "dataset.version"
    DATASET_GRANT = "dataset.grant"
    DATASET_USES = "dataset.uses"
    DATASET_DEFINE = "dataset.define"
    DATASET_SURVEY = "dataset.survey"
    VOLUME_LIST = "volume.list"
    VOLUME_RESIZE = "volume.resize"
    PLATFORM_SECRET_LIST = "platform-secret.list"  # noqa: S105
    PLATFORM_SECRET_PUT = "platform-secret.put"  # noqa: S105
    PLATFORM_SECRET_DELETE = "platform-secret.delete"  # noqa: S105
    AUDIT_READ = "audit.read"
    IDENTITY_READ = "identity.read"
    USER_LIST = "user.list"
    USER_READ = "user.read"
    USER_CREATE = "user.create"
    USER_UPDATE = "user.update"
    USER_DELETE = "user.delete"
    USER_PASSWORD = "user.password"  # noqa: S105 - an operation
    USER_MAIL = "user.mail"
    USER_GROUPS = "user.groups"
    USER_EXPORT = "user.export"
    USER_IMPORT = "user.import"


@dataclass(frozen=True)
class Rule:
    """``scope`` is the token scope without its prefix (None: no token needed); ``role`` the lowest role in the group
    (None: not about a group); ``others`` the lowest role for an object that somebody else owns; ``platform`` rows are
    for those who run the platform; ``confirm`` rows give somebody new power, and wait while the identity provider
    cannot confirm who is in which group."""

    scope: str | None
    role: Role | None
    others: Role | None = None
    platform: bool = False
    confirm: bool = False


POLICY: dict[Operation, Rule] = {
    Operation.INFO_READ: Rule(None, None),
    Operation.HEALTH_READ: Rule(None, None),
    Operation.METRICS_READ: Rule(None, None, platform=True),
    Operation.PAGE_READ: Rule("groups:read", None),
    Operation.CONTEXT_READ: Rule("groups:read", None),
    Operation.GROUP_READ: Rule("groups:read", Role.VIEWER),
    Operation.GROUP_USAGE: Rule("groups:read", Role.VIEWER),
    Operation.GROUP_CATALOG: Rule("groups:read", Role.VIEWER),
    Operation.GROUP_EVENTS: Rule("jobs:read", Role.VIEWER),
    Operation.SERVER_START: Rule(None, Role.MEMBER, confirm=True),
    Operation.JOB_LIST: Rule("jobs:read", Role.VIEWER),
    Operation.JOB_READ: Rule("jobs:read", Role.VIEWER),
    Operation.JOB_LOGS: Rule("jobs:read", Role.VIEWER),
    Operation.JOB_ARTIFACTS: Rule("jobs:read", Role.VIEWER),
    Operation.JOB_METRICS: Rule("jobs:read", Role.VIEWER),
    Operation.JOB_USAGE: Rule("jobs:read", Role.VIEWER),
    Operation.JOB_SUBMIT: Rule("jobs:write", Role.MEMBER, confirm=True),
    Operation.JOB_RERUN: Rule("jobs:write", Role.MEMBER, confirm=True),
    Operation.JOB_CANCEL: Rule("jobs:write", Role.MEMBER, others=Role.ADMIN),
    Operation.JOB_EDIT: Rule("jobs:write", Role.MEMBER, others=Role.ADMIN),
    Operation.JOB_BATCH: Rule("jobs:write", Role.MEMBER, confirm=True),
    Operation.JOB_DELETE: Rule("jobs:write", Role.MEMBER, others=Role.ADMIN),
    # What it does to each job is asked of that job's own row.
    Operation.JOB_BULK: Rule("jobs:write", Role.MEMBER),
    Operation.ACTIVITY_READ: Rule("jobs:read", None),
    Operation.GROUP_ACTIVITY: Rule("jobs:read", Role.VIEWER),
    Operation.JOB_PARAMETERS: Rule("jobs:read", Role.VIEWER),
    # Names only; whoever may use one in a job must find it.
    Operation.SECRET_LIST: Rule("jobs:read", Role.MEMBER),
    Operation.SECRET_PUT: Rule("secrets:write", Role.ADMIN, confirm=True),
    Operation.SECRET_DELETE: Rule("secrets:write", Role.ADMIN),
    Operation.SWEEP_LIST: Rule("jobs:read", Role.VIEWER),
    Operation.SWEEP_READ: Rule("jobs:read", Role.VIEWER),
    Operation.SWEEP_PREVIEW: Rule("jobs:write", Role.MEMBER, confirm=True),
    Operation.SWEEP_SUBMIT: Rule("jobs:write", Role.MEMBER, confirm=True),
    Operation.SWEEP_EDIT: Rule("jobs:write", Role.MEMBER, others=Role.ADMIN),
    Operation.SWEEP_CANCEL: Rule("jobs:write", Role.MEMBER, others=Role.ADMIN),
    Operation.SWEEP_DELETE: Rule("jobs:write", Role.MEMBER, others=Role.ADMIN),
    Operation.QUEUE_READ: Rule("jobs:read", Role.VIEWER),
    Operation.QUEUE_CONTROL: Rule("jobs:write", Role.ADMIN),
    Operation.SETTINGS_READ: Rule("jobs:read", Role.VIEWER),
    Operation.SETTINGS_EDIT: Rule("jobs:write", Role.ADMIN),
    Operation.SCHEDULE_LIST: Rule("jobs:read", Role.VIEWER),
    Operation.SCHEDULE_READ: Rule("jobs:read", Role.VIEWER),
    Operation.SCHEDULE_RUNS: Rule("jobs:read", Role.VIEWER),
    Operation.SCHEDULE_PREVIEW: Rule("jobs:read", Role.VIEWER),
    # A schedule is the group's; its jobs are somebody's, who is its owner here.
    Operation.SCHEDULE_CREATE: Rule("jobs:write", Role.MEMBER, confirm=True),
    Operation.SCHEDULE_UPDATE: Rule("jobs:write", Role.MEMBER, others=Role.MAINTAINER, confirm=True),
    Operation.SCHEDULE_DELETE: Rule("jobs:write", Role.MEMBER, others=Role.MAINTAINER),
    Operation.SCHEDULE_PAUSE: Rule("jobs:write", Role.MEMBER, others=Role.MAINTAINER),
    Operation.SCHEDULE_RESUME: Rule("jobs:write", Role.MEMBER, others=Role.MAINTAINER, confirm=True),
    Operation.SCHEDULE_RUN: Rule("jobs:write", Role.MEMBER, others=Role.MAINTAINER, confirm=True),
    Operation.CHANNEL_LIST: Rule("jobs:read", Role.VIEWER),
    Operation.CHANNEL_READ: Rule("jobs:read", Role.VIEWER),
    # A channel carries what happens in the group to somewhere else.
    Operation.CHANNEL_CREATE: Rule("jobs:write", Role.ADMIN, confirm=True),
    Operation.CHANNEL_EDIT: Rule("jobs:write", Role.ADMIN, confirm=True),
    Operation.CHANNEL_DELETE: Rule("jobs:write", Role.ADMIN),
    Operation.CHANNEL_TEST: Rule("jobs:write", Role.ADMIN),
    Operation.CHANNEL_DELIVERIES: Rule("jobs:read", Role.ADMIN),
    Operation.NOTIFICATION_READ: Rule("jobs:read", None),
    Operation.NOTIFICATION_EDIT: Rule("jobs:write", None),
    Operation.GROUP_MEMBERS: Rule("groups:read", Role.VIEWER),
    Operation.GROUP_AUDIT: Rule("audit:read", Role.ADMIN),
    Operation.GROUP_REVOCATIONS: Rule("audit:read", Role.ADMIN),
    Operation.INVITATION_LIST: Rule("invitations:read", Role.ADMIN),
    Operation.INVITATION_CREATE: Rule("invitations:write", Role.ADMIN, confirm=True),
    Operation.INVITATION_REVOKE: Rule("invitations:write", Role.ADMIN),
    # Whoever holds the link; what they send is the proof.
    Operation.INVITATION_LOOK: Rule(None, None),
    Operation.INVITATION_REGISTER: Rule(None, None, confirm=True),
    Operation.INVITATION_ACCEPT: Rule("invitations:accept", None, confirm=True),
    Operation.FILE_LIST: Rule("files:read", Role.VIEWER),
    Operation.FILE_READ: Rule("files:read", Role.VIEWER),
    Operation.FILE_WRITE: Rule("files:write", Role.MEMBER, confirm=True),
    Operation.FILE_DELETE: Rule("files:write", Role.MEMBER),
    # An upload is its sender's.
    Operation.FILE_UPLOAD: Rule("files:write", Role.MEMBER, others=Role.ADMIN, confirm=True),
    Operation.FILE_TASK: Rule("files:read", Role.VIEWER),
    Operation.TRASH_LIST: Rule("files:read", Role.MEMBER),
    Operation.TRASH_RESTORE: Rule("files:write", Role.MEMBER),
    Operation.TRASH_PURGE: Rule("files:write", Role.MEMBER, others=Role.ADMIN),
    Operation.SHARE_LIST: Rule("files:read", Role.MEMBER),
    Operation.SHARE_CREATE: Rule("files:write", Role.MEMBER, confirm=True),
    Operation.SHARE_REVOKE: Rule("files:write", Role.MEMBER, others=Role.ADMIN),
    # Whoever holds the link; the group's settings say whether they must be logged in.
    Operation.SHARE_OPEN: Rule(None, None),
    Operation.DATASET_LIST: Rule("files:read", Role.VIEWER),
    Operation.DATASET_READ: Rule("files:read", Role.VIEWER),
    Operation.DATASET_CREATE: Rule("files:write", Role.MEMBER, confirm=True),
    Operation.DATASET_EDIT: Rule("files:write", Role.MEMBER, others=Role.MAINTAINER, confirm=True),
    Operation.DATASET_DELETE: Rule("files:write", Role.MEMBER, others=Role.ADMIN),
    Operation.DATASET_VERSION: Rule("files:write", Role.MEMBER, confirm=True),
    # Gives a group's data to another group.
    Operation.DATASET_GRANT: Rule("files:write", Role.ADMIN, confirm=True),
    Operation.DATASET_USES: Rule("files:read", Role.VIEWER),
    Operation.DATASET_SURVEY: Rule("volumes:read", None, platform=True),
    Operation.DATASET_DEFINE: Rule("volumes:write", None, platform=True, confirm=True),
    Operation.VOLUME_LIST: Rule("volumes:read", None, platform=True),
    Operation.VOLUME_RESIZE: Rule("volumes:write", None, platform=True, confirm=True),
    Operation.PLATFORM_SECRET_LIST: Rule("volumes:read", None, platform=True),
    Operation.PLATFORM_SECRET_PUT: Rule("volumes:write", None, platform=True, confirm=True),
    Operation.PLATFORM_SECRET_DELETE: Rule("volumes:write", None, platform=True),
    Operation.AUDIT_READ: Rule("audit:read", None, platform=True),
    Operation.IDENTITY_READ: Rule("users:read", None, platform=True),
    Operation.USER_LIST: Rule("users:read", None, platform=True),
    Operation.USER_READ: Rule("users:read", None, platform=True),
    Operation.USER_EXPORT: Rule("users:read", None, platform=True),
    Operation.USER_CREATE: Rule("users:write", None, platform=True, confirm=True),
    Operation.USER_UPDATE: Rule("users:write", None, platform=True, confirm=True),
    Operation.USER_DELETE: Rule("users:write", None, platform=True, confirm=True),
    Operation.USER_PASSWORD: Rule("users:write", None, platform=True, confirm=True),
    Operation.USER_MAIL: Rule("users:write", None, platform=True, confirm=True),
    Operation.USER_GROUPS: Rule("users:write", None, platform=True, confirm=True),
    Operation.USER_IMPORT: Rule("users:write", None, platform=True, confirm=True),
}


@dataclass(frozen=True)
class Verdict:
    """Allowed or not, and the sentence that says why."""

    allowed: bool
    reason: str


def explain(actor: Actor, operation: Operation, group: str | None = None, owner: str | None = None) -> Verdict:
    """Decide by role alone (scopes are checked where the token is), and say why.

    ``owner`` is the user whose object is touched, where there is one. Platform admins may do everything in groups
    except act as a member where they are none: starting servers and submitting work needs a membership of their own.
    """
    rule = POLICY[operation]
    if rule.platform:
        return Verdict(actor.platform_admin, f"{operation.value} is for platform admins")
    if rule.role is None:
        return Verdict(True, f"{operation.value} is open to every user")
    if group is None:
        return Verdict(False, f"{operation.value} needs a group")
    needed = rule.others if rule.others and owner is not None and owner != actor.user else rule.role
    role = actor.role_in(group)
    if role is not None and role.rank >= needed.rank:
        return Verdict(True, f"you are {role.label} of {group}, {operation.value} needs {needed.label}")
    if actor.platform_admin and operation not in NEEDS_MEMBERSHIP:
        return Verdict(True, f"you are a platform admin, {operation.value} needs {needed.label}")
    whose = f" on the {operation.value.split('.')[0]} of {owner}" if needed is rule.others else ""
    have = f"you are {role.label}" if role else "you are no member"
    return Verdict(False, f"{operation.value}{whose} needs the role {needed.label} in group {group}; {have}.")


#: Work is charged to a member's share, so even a platform admin must be a member to start some.
NEEDS_MEMBERSHIP = frozenset(
    {
        Operation.SERVER_START,
        Operation.JOB_SUBMIT,
        Operation.JOB_BATCH,
        Operation.JOB_RERUN,
        Operation.SWEEP_SUBMIT,
        Operation.SCHEDULE_CREATE,
        Operation.FILE_UPLOAD,
        Operation.DATASET_CREATE,
    }
)
