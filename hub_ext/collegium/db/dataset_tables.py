"""Tables of datasets' versions, health and uses; the datasets themselves stand with the catalog."""

from __future__ import annotations

import sqlalchemy as sa

from collegium.db.tables import Moment, Sequence, metadata

# No foreign keys: rows of the catalog file go and come back with every change of it.
dataset_versions = sa.Table(
    "dataset_versions",
    metadata,
    sa.Column("dataset", sa.String(63), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    # Whose tree its files are in: a group's name or the platform's.
    sa.Column("owner", sa.String(30), nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("manifest", sa.String(64), nullable=False),
    sa.Column("asked", sa.String(250), nullable=False),
    sa.Column("revision", sa.String(64), nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("tables", sa.JSON, nullable=False),
    sa.Column("created_by", sa.String(128), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("ready_at", Moment),
)
_unsettled = sa.text("state IN ('Making', 'Deleting')")
sa.Index(
    "ix_dataset_versions_unsettled",
    dataset_versions.c.created_at,
    sqlite_where=_unsettled,
    postgresql_where=_unsettled,
)

dataset_numbers = sa.Table(
    "dataset_numbers",
    metadata,
    sa.Column("dataset", sa.String(63), primary_key=True),
    # Stays when the dataset goes: a reference with a number means one thing for ever.
    sa.Column("last", sa.Integer, nullable=False),
)

dataset_health = sa.Table(
    "dataset_health",
    metadata,
    sa.Column("dataset", sa.String(63), primary_key=True),
    # Empty where it is the same for every group.
    sa.Column("group_name", sa.String(30), primary_key=True),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("checked_at", Moment),
    sa.Column("files", sa.BigInteger),
    sa.Column("bytes", sa.BigInteger),
)

volumes = sa.Table(
    "volumes",
    metadata,
    sa.Column("group_name", sa.String(30), primary_key=True),
    sa.Column("name", sa.String(253), primary_key=True),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("user_name", sa.String(128), nullable=False),
    sa.Column("capacity", sa.BigInteger),
    sa.Column("used", sa.BigInteger),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("resizable", sa.Boolean, nullable=False),
    # A size that somebody asked for, until the backend has taken it or refused.
    sa.Column("wanted", sa.BigInteger),
    sa.Column("refused", sa.Text, nullable=False),
)

dataset_uses = sa.Table(
    "dataset_uses",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("dataset", sa.String(63), nullable=False),
    # 0 is what was in it.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("workload_id", sa.String(200), nullable=False),
    sa.Column("label", sa.String(200), nullable=False),
    sa.Column("group_name", sa.String(30), nullable=False),
    sa.Column("user_name", sa.String(128), nullable=False),
    sa.Column("access", sa.String(2), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sqlite_autoincrement=True,
)
sa.Index("ix_dataset_uses_dataset_sequence", dataset_uses.c.dataset, dataset_uses.c.sequence)
_live = sa.text("ended_at IS NULL")
sa.Index(
    "uq_dataset_uses_live",
    dataset_uses.c.kind,
    dataset_uses.c.workload_id,
    dataset_uses.c.dataset,
    dataset_uses.c.version,
    unique=True,
    sqlite_where=_live,
    postgresql_where=_live,
)
