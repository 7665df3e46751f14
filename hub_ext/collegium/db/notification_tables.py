"""Tables of notifications."""

from __future__ import annotations

import sqlalchemy as sa

from collegium.db.tables import Moment, Sequence, metadata

channels = sa.Table(
    "channels",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    # A later group of the same name must not speak to where this one did.
    sa.Column("group_name", sa.String(30), sa.ForeignKey("groups.name", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("addresses", sa.JSON, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    # Sealed.
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("events", sa.JSON, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("created_by", sa.String(128), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.UniqueConstraint("group_name", "name", name="uq_channels_group_name_name"),
)

own_notifications = sa.Table(
    "own_notifications",
    metadata,
    sa.Column("user_name", sa.String(128), primary_key=True),
    sa.Column("address", sa.String(320), nullable=False),
    sa.Column("events", sa.JSON, nullable=False),
    sa.Column("groups", sa.JSON(none_as_null=True)),
    sa.Column("enabled", sa.Boolean, nullable=False),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("group_name", sa.String(30), nullable=False),
    # A channel's id, or a person.
    sa.Column("target", sa.String(140), nullable=False),
    sa.Column("topic", sa.String(32), nullable=False),
    sa.Column("object_id", sa.String(200), nullable=False),
    sa.Column("event", sa.BigInteger),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("next_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
    # Each event is told to each place once, whoever believes to be the controller.
    sa.UniqueConstraint("target", "event", name="uq_deliveries_target_event"),
    sqlite_autoincrement=True,
)
sa.Index("ix_deliveries_target_sequence", deliveries.c.target, deliveries.c.sequence)
_pending = sa.text("state = 'Pending'")
sa.Index(
    "ix_deliveries_pending",
    deliveries.c.target,
    deliveries.c.next_at,
    sqlite_where=_pending,
    postgresql_where=_pending,
)
_over = sa.text("state != 'Pending'")
sa.Index("ix_deliveries_over", deliveries.c.finished_at, sqlite_where=_over, postgresql_where=_over)

# Up to which event of each group it was decided who is told; the row without a name says that it was begun.
notification_cursors = sa.Table(
    "notification_cursors",
    metadata,
    sa.Column("group_name", sa.String(30), primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)
