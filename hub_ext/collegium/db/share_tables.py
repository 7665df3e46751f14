"""The table of share links."""

from __future__ import annotations

import sqlalchemy as sa

from collegium.db.tables import Moment, Sequence, metadata

share_links = sa.Table(
    "share_links",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("group_name", sa.String(30), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    # Never the token itself, nor a password.
    sa.Column("token_hash", sa.String(64), nullable=False),
    sa.Column("created_by", sa.String(128), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("public", sa.Boolean, nullable=False),
    sa.Column("password_hash", sa.String(256), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("revoked_at", Moment),
    sa.Column("revoked_by", sa.String(128), nullable=False),
    sa.Column("opened", sa.BigInteger, nullable=False),
    sa.Column("opened_at", Moment),
)
sa.Index("ix_share_links_group_name_sequence", share_links.c.group_name, share_links.c.sequence)
