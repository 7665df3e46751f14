"""Uploads"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_LEFT = "NOT cleared"


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("group_name", sa.String(length=30), nullable=False),
        sa.Column("user_name", sa.String(length=128), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=30), nullable=False),
        sa.Column("area", sa.String(length=128), nullable=False),
        sa.Column("inner_path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger()),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("replace", sa.Boolean(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("store_state", sa.JSON()),
        sa.Column("part_size", sa.BigInteger()),
        sa.Column("unverified", sa.BigInteger()),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("sender", sa.String(length=32), nullable=False),
        sa.Column("replaced", sa.BigInteger()),
        sa.Column("cleared", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("id", name="uq_uploads_id"),
    )
    op.create_index("ix_uploads_group_name_sequence", "uploads", ["group_name", "sequence"])
    op.create_index("ix_uploads_expires_at", "uploads", ["expires_at"])
    op.create_index(
        "ix_uploads_left",
        "uploads",
        ["sequence"],
        sqlite_where=sa.text(_LEFT),
        postgresql_where=sa.text(_LEFT),
    )


def downgrade() -> None:
    for name in ("left", "expires_at", "group_name_sequence"):
        op.drop_index(f"ix_uploads_{name}", "uploads")
    op.drop_table("uploads")
