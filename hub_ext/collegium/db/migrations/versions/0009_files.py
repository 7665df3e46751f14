"""File tasks, trash, checksums and what each owner stores"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "file_tasks",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("group_name", sa.String(length=30), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("user_name", sa.String(length=128), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("work", sa.JSON(), nullable=False),
        sa.Column("done_files", sa.BigInteger(), nullable=False),
        sa.Column("done_bytes", sa.BigInteger(), nullable=False),
        sa.Column("total_files", sa.BigInteger()),
        sa.Column("total_bytes", sa.BigInteger()),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("holder", sa.String(length=32), nullable=False),
        sa.Column("seen_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id", name="uq_file_tasks_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_file_tasks_group_name_sequence", "file_tasks", ["group_name", "sequence"])
    op.create_index(
        "ix_file_tasks_running",
        "file_tasks",
        ["seen_at"],
        sqlite_where=sa.text("state = 'Running'"),
        postgresql_where=sa.text("state = 'Running'"),
    )
    op.create_table(
        "trash",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=48), nullable=False),
        sa.Column("owner", sa.String(length=30), nullable=False),
        sa.Column("group_name", sa.String(length=30), nullable=False),
        sa.Column("area", sa.String(length=160), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("deleted_by", sa.String(length=128), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id", name="uq_trash_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_trash_group_name_sequence", "trash", ["group_name", "sequence"])
    op.create_table(
        "checksums",
        sa.Column("owner", sa.String(length=30), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("etag", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "place"),
    )
    op.create_index("ix_checksums_at", "checksums", ["at"])
    op.create_table(
        "stored",
        sa.Column("owner", sa.String(length=30), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("measured_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("owner"),
    )


def downgrade() -> None:
    for table in ("stored", "checksums", "trash", "file_tasks"):
        op.drop_table(table)
