"""Tables. ``migrations/`` makes the same ones step by step; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

metadata = sa.MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(value: datetime | None) -> int | None:
    """A moment as it is stored."""
    if value is None:
        return None
    delta = value - _EPOCH
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


class Moment(sa.types.TypeDecorator[datetime]):
    """A point in time as microseconds since 1970 UTC: exact, sortable and alike on every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To microseconds."""
        return micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From microseconds."""
        return (
            None
            if value is None
            else datetime.fromtimestamp(value // 1_000_000, UTC).replace(microsecond=value % 1_000_000)
        )


#: SQLite counts up only in columns declared INTEGER.
Sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("display_name", sa.String(120), nullable=False, default=""),
    sa.Column("platform_admin", sa.Boolean, nullable=False, default=False),
    sa.Column("password_hash", sa.String(256)),
    sa.Column("managed_by", sa.String(8), nullable=False),
)

groups = sa.Table(
    "groups",
    metadata,
    sa.Column("name", sa.String(30), primary_key=True),
    sa.Column("display_name", sa.String(120), nullable=False),
    sa.Column("description", sa.Text, nullable=False, default=""),
    sa.Column("contact", sa.String(200), nullable=False, default=""),
    sa.Column("limits", sa.JSON, nullable=False),
    sa.Column("member_limits", sa.JSON, nullable=False),
    sa.Column("managed_by", sa.String(8), nullable=False),
    sa.Column("invitations", sa.Boolean, nullable=False, server_default=sa.false()),
)

memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column("group_name", sa.String(30), sa.ForeignKey("groups.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("user_name", sa.String(128), primary_key=True, index=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("limits", sa.JSON(none_as_null=True)),
)

instance_types = sa.Table(
    "instance_types",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("managed_by", sa.String(8), nullable=False),
)

images = sa.Table(
    "images",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("managed_by", sa.String(8), nullable=False),
)

datasets = sa.Table(
    "datasets",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("managed_by", sa.String(8), nullable=False),
    # The group whose it is, empty for the platform's own.
    sa.Column("owner", sa.String(30), nullable=False, server_default=""),
    sa.Column("created_by", sa.String(128), nullable=False, server_default=""),
    sa.Column("created_at", Moment),
    sa.Column("updated_at", Moment),
    # Its files are being removed, the row goes last; nobody sees it any more.
    sa.Column("deleting_at", Moment),
)
_deleting = sa.text("deleting_at IS NOT NULL")
sa.Index("ix_datasets_deleting", datasets.c.name, sqlite_where=_deleting, postgresql_where=_deleting)

grants = sa.Table(
    "grants",
    metadata,
    # "*" grants to every group, so this is no foreign key.
    sa.Column("group_name", sa.String(30), primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("access", sa.String(2)),
    sa.Column("managed_by", sa.String(8), nullable=False),
)

reservations = sa.Table(
    "reservations",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("group_name", sa.String(30), nullable=False),
    sa.Column("user_name", sa.String(128), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("workload_id", sa.String(200), nullable=False),
    sa.Column("label", sa.String(200), nullable=False, default=""),
    sa.Column("instance_type", sa.String(63), nullable=False, default=""),
    sa.Column("resources", sa.JSON, nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment),
    sa.Column("bound_at", Moment),
    sa.Column("released_at", Moment),
)
_live = sa.text("state != 'released'")
sa.Index(
    "uq_reservations_live_workload",
    reservations.c.kind,
    reservations.c.workload_id,
    unique=True,
    sqlite_where=_live,
    postgresql_where=_live,
)
sa.Index("ix_reservations_live_group", reservations.c.group_name, sqlite_where=_live, postgresql_where=_live)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("group_name", sa.String(30), nullable=False),
    sa.Column("user_name", sa.String(128), nullable=False),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(32), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("launch", sa.JSON, nullable=False),
    sa.Column("resources", sa.JSON, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("started_at", Moment),
    sa.Column("finished_at", Moment),
    sa.Column("exit_code", sa.Integer),
    sa.Column("cancel_requested_by", sa.String(128)),
    sa.Column("rerun_of", sa.String(40)),
    sa.Column("priority", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("notes", sa.Text, nullable=False, server_default=""),
    # When a job that is tried again may start.
    sa.Column("eligible_at", Moment),
    # Not in line: it waits for other jobs.
    sa.Column("held", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("sweep_id", sa.String(40)),
    sa.Column("point", sa.Integer),
    sa.Column("artifacts_gone_at", Moment),
    # Its files are being removed, the row goes last; nobody sees it any more.
    sa.Column("deleted_at", Moment),
    sqlite_autoincrement=True,
)
sa.Index("uq_jobs_sweep_id_point", jobs.c.sweep_id, jobs.c.point, unique=True)
_deleted = sa.text("deleted_at IS NOT NULL")
sa.Index("ix_jobs_deleted", jobs.c.sequence, sqlite_where=_deleted, postgresql_where=_deleted)
_held = sa.text("held")
sa.Index("ix_jobs_held", jobs.c.sequence, sqlite_where=_held, postgresql_where=_held)
sa.Index("ix_jobs_group_name_sequence", jobs.c.group_name, jobs.c.sequence)
sa.Index("ix_jobs_group_name_user_name_sequence", jobs.c.group_name, jobs.c.user_name, jobs.c.sequence)
sa.Index("ix_jobs_group_name_state_sequence", jobs.c.group_name, jobs.c.state, jobs.c.sequence)
_open = sa.text("state IN ('Pending', 'Preparing', 'Running')")
sa.Index("ix_jobs_open", jobs.c.sequence, sqlite_where=_open, postgresql_where=_open)
_kept = sa.text("finished_at IS NOT NULL AND artifacts_gone_at IS NULL AND attempt > 0")
sa.Index("ix_jobs_artifacts", jobs.c.group_name, jobs.c.finished_at, sqlite_where=_kept, postgresql_where=_kept)

events = sa.Table(
    "events",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("group_name", sa.String(30), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("object_id", sa.String(200), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(32), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    # Of the object and of whoever it belongs to, or who did it where it is nobody's: an event outlives its object.
    sa.Column("name", sa.String(120), nullable=False, server_default=""),
    sa.Column("user_name", sa.String(128), nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
sa.Index("ix_events_group_name_sequence", events.c.group_name, events.c.sequence)
sa.Index("ix_events_object_id_sequence", events.c.object_id, events.c.sequence)
# What somebody did lately is asked for with and without a kind; each way must find its newest rows at once.
sa.Index("ix_events_group_name_kind_sequence", events.c.group_name, events.c.kind, events.c.sequence)
sa.Index("ix_events_group_name_user_name_sequence", events.c.group_name, events.c.user_name, events.c.sequence)
sa.Index(
    "ix_events_group_name_user_name_kind_sequence",
    events.c.group_name,
    events.c.user_name,
    events.c.kind,
    events.c.sequence,
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("principal", sa.String(128), primary_key=True),
    sa.Column("operation", sa.String(32), primary_key=True),
    sa.Column("group_name", sa.String(30), primary_key=True),
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("object_id", sa.String(40), nullable=False),
    sa.Column("created_at", Moment, nullable=False, index=True),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("holder", sa.String(64), nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
)

identities = sa.Table(
    "identities",
    metadata,
    sa.Column("user_name", sa.String(128), primary_key=True),
    sa.Column("issuer", sa.String(500), nullable=False),
    sa.Column("subject", sa.String(255), nullable=False),
    sa.Column("email", sa.String(320), nullable=False),
    sa.Column("email_verified", sa.Boolean, nullable=False),
    sa.Column("standing", sa.String(12), nullable=False),
    sa.Column("checked_at", Moment),
    sa.Column("seen_at", Moment, index=True),
    sa.UniqueConstraint("issuer", "subject"),
)

identity_groups = sa.Table(
    "identity_groups",
    metadata,
    sa.Column("group_name", sa.String(30), primary_key=True),
    sa.Column("issuer", sa.String(500), nullable=False),
    sa.Column("path", sa.Text, nullable=False, index=True),
    sa.Column("external_id", sa.String(64), nullable=False),
    sa.Column("gone_at", Moment),
    sa.Column("roles", sa.JSON, nullable=False),
)

identity_providers = sa.Table(
    "identity_providers",
    metadata,
    sa.Column("issuer", sa.String(500), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("synced_at", Moment),
    sa.Column("report", sa.JSON, nullable=False),
)

revocations = sa.Table(
    "revocations",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("group_name", sa.String(30), nullable=False),
    sa.Column("user_name", sa.String(128), nullable=False),
    sa.Column("reason", sa.String(12), nullable=False),
    sa.Column("noticed_at", Moment, nullable=False),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("holders", sa.JSON, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("outcome", sa.String(12), nullable=False),
)
_unended = sa.text("ended_at IS NULL")
sa.Index(
    "uq_revocations_open",
    revocations.c.group_name,
    revocations.c.user_name,
    unique=True,
    sqlite_where=_unended,
    postgresql_where=_unended,
)
sa.Index("ix_revocations_group_name_noticed_at", revocations.c.group_name, revocations.c.noticed_at)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("at", Moment, nullable=False, index=True),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("group_name", sa.String(30), nullable=False),
    sa.Column("object", sa.String(320), nullable=False),
    sa.Column("outcome", sa.String(12), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Column("request_id", sa.String(64), nullable=False),
    sqlite_autoincrement=True,
)
sa.Index("ix_audit_group_name_sequence", audit.c.group_name, audit.c.sequence)

invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("group_name", sa.String(30), nullable=False, index=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("created_by", sa.String(128), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("max_uses", sa.Integer, nullable=False),
    sa.Column("email", sa.String(320), nullable=False),
    sa.Column("domains", sa.JSON, nullable=False),
    sa.Column("note", sa.String(120), nullable=False),
    sa.Column("mailed_at", Moment),
    sa.Column("revoked_at", Moment),
    sa.Column("revoked_by", sa.String(128), nullable=False),
)

invitation_uses = sa.Table(
    "invitation_uses",
    metadata,
    sa.Column("invitation_id", sa.String(40), sa.ForeignKey("invitations.id"), primary_key=True),
    # The account's subject at the provider, or the asked user name while the account is being made.
    sa.Column("subject", sa.String(255), primary_key=True),
    sa.Column("user_name", sa.String(128), nullable=False),
    sa.Column("at", Moment, nullable=False),
    # "taken" when the place is counted, "done" when the provider has the membership.
    sa.Column("state", sa.String(8), nullable=False),
)
