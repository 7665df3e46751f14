"""The table of uploads."""

from __future__ import annotations

import sqlalchemy as sa

from collegium.db.tables import Moment, Sequence, metadata

#: Those of which a store or the ledger may still have something; few at any time.
LEFT = sa.text("NOT cleared")

uploads = sa.Table(
    "uploads",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("group_name", sa.String(30), nullable=False),
    sa.Column("user_name", sa.String(128), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    # Where in the store: owner, area and the path there.
    sa.Column("owner", sa.String(30), nullable=False),
    sa.Column("area", sa.String(128), nullable=False),
    sa.Column("inner_path", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("replace", sa.Boolean, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("metadata", sa.Text, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("store_state", sa.JSON(none_as_null=True)),
    sa.Column("part_size", sa.BigInteger),
    sa.Column("unverified", sa.BigInteger),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
    sa.Column("sender", sa.String(32), nullable=False),
    sa.Column("replaced", sa.BigInteger),
    sa.Column("cleared", sa.Boolean, nullable=False),
)
sa.Index("ix_uploads_group_name_sequence", uploads.c.group_name, uploads.c.sequence)
sa.Index("ix_uploads_expires_at", uploads.c.expires_at)
sa.Index("ix_uploads_left", uploads.c.sequence, sqlite_where=LEFT, postgresql_where=LEFT)
