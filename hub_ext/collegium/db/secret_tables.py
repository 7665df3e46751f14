"""The table of groups' secrets."""

from __future__ import annotations

import sqlalchemy as sa

from collegium.db.tables import Moment, metadata

secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("group_name", sa.String(30), primary_key=True),
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("description", sa.Text, nullable=False),
    # Never the value itself: see collegium.cipher.
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False, server_default="opaque"),
    # Of the platform's: the groups that may use it, "*" among them for all.
    sa.Column("groups", sa.JSON),
    sa.Column("created_by", sa.String(128), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_by", sa.String(128), nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
)
