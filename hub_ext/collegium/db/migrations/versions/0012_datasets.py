"""Versions, health and uses of datasets; who made a dataset; kinds of secrets"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("datasets", sa.Column("owner", sa.String(length=30), server_default="", nullable=False))
    op.add_column("datasets", sa.Column("created_by", sa.String(length=128), server_default="", nullable=False))
    for column in ("created_at", "updated_at", "deleting_at"):
        op.add_column("datasets", sa.Column(column, sa.BigInteger(), nullable=True))
    deleting = sa.text("deleting_at IS NOT NULL")
    op.create_index("ix_datasets_deleting", "datasets", ["name"], sqlite_where=deleting, postgresql_where=deleting)
    op.add_column("secrets", sa.Column("kind", sa.String(length=16), server_default="opaque", nullable=False))
    op.add_column("secrets", sa.Column("groups", sa.JSON(), nullable=True))
    op.create_table(
        "dataset_versions",
        sa.Column("dataset", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.String(length=30), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("manifest", sa.String(length=64), nullable=False),
        sa.Column("asked", sa.String(length=250), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("tables", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ready_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("dataset", "number"),
    )
    unsettled = sa.text("state IN ('Making', 'Deleting')")
    op.create_index(
        "ix_dataset_versions_unsettled",
        "dataset_versions",
        ["created_at"],
        sqlite_where=unsettled,
        postgresql_where=unsettled,
    )
    op.create_table(
        "dataset_numbers",
        sa.Column("dataset", sa.String(length=63), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("dataset"),
    )
    op.create_table(
        "dataset_health",
        sa.Column("dataset", sa.String(length=63), nullable=False),
        sa.Column("group_name", sa.String(length=30), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=True),
        sa.Column("files", sa.BigInteger(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("dataset", "group_name"),
    )
    op.create_table(
        "volumes",
        sa.Column("group_name", sa.String(length=30), nullable=False),
        sa.Column("name", sa.String(length=253), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("user_name", sa.String(length=128), nullable=False),
        sa.Column("capacity", sa.BigInteger(), nullable=True),
        sa.Column("used", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("resizable", sa.Boolean(), nullable=False),
        sa.Column("wanted", sa.BigInteger(), nullable=True),
        sa.Column("refused", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("group_name", "name"),
    )
    op.create_table(
        "dataset_uses",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("dataset", sa.String(length=63), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("workload_id", sa.String(length=200), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("group_name", sa.String(length=30), nullable=False),
        sa.Column("user_name", sa.String(length=128), nullable=False),
        sa.Column("access", sa.String(length=2), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("sequence"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_dataset_uses_dataset_sequence", "dataset_uses", ["dataset", "sequence"])
    live = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_dataset_uses_live",
        "dataset_uses",
        ["kind", "workload_id", "dataset", "version"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )


def downgrade() -> None:
    for table in ("dataset_uses", "volumes", "dataset_health", "dataset_numbers", "dataset_versions"):
        op.drop_table(table)
    for column in ("groups", "kind"):
        op.drop_column("secrets", column)
    op.drop_index("ix_datasets_deleting", "datasets")
    for column in ("deleting_at", "updated_at", "created_at", "created_by", "owner"):
        op.drop_column("datasets", column)
