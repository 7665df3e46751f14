"""Tables of shared files: work on them, their trash, checksums, and how much each owner stores."""

from __future__ import annotations

import sqlalchemy as sa

from collegium.db.tables import Moment, Sequence, metadata

file_tasks = sa.Table(
    "file_tasks",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("group_name", sa.String(30), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("user_name", sa.String(128), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("work", sa.JSON, nullable=False),
    sa.Column("done_files", sa.BigInteger, nullable=False),
    sa.Column("done_bytes", sa.BigInteger, nullable=False),
    sa.Column("total_files", sa.BigInteger),
    sa.Column("total_bytes", sa.BigInteger),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("request_id", sa.String(64), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
    # The process that does it, and its latest sign of life.
    sa.Column("holder", sa.String(32), nullable=False),
    sa.Column("seen_at", Moment),
    sqlite_autoincrement=True,
)
sa.Index("ix_file_tasks_group_name_sequence", file_tasks.c.group_name, file_tasks.c.sequence)
sa.Index(
    "ix_file_tasks_running",
    file_tasks.c.seen_at,
    sqlite_where=sa.text("state = 'Running'"),
    postgresql_where=sa.text("state = 'Running'"),
)

trash = sa.Table(
    "trash",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    # The ticket at the store.
    sa.Column("id", sa.String(48), nullable=False, unique=True),
    # Whose storage it is in, and in whose list it stands.
    sa.Column("owner", sa.String(30), nullable=False),
    sa.Column("group_name", sa.String(30), nullable=False),
    sa.Column("area", sa.String(160), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("shown", sa.Text, nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("deleted_by", sa.String(128), nullable=False),
    sa.Column("deleted_at", Moment, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sqlite_autoincrement=True,
)
sa.Index("ix_trash_group_name_sequence", trash.c.group_name, trash.c.sequence)

checksums = sa.Table(
    "checksums",
    metadata,
    sa.Column("owner", sa.String(30), primary_key=True),
    # SHA-256 of area and path, which are too long for an index.
    sa.Column("place", sa.String(64), primary_key=True),
    sa.Column("etag", sa.String(200), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("at", Moment, nullable=False, index=True),
)

stored = sa.Table(
    "stored",
    metadata,
    sa.Column("owner", sa.String(30), primary_key=True),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("measured_at", Moment),
)
