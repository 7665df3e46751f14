"""Share links, and what groups set about files"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("group_settings", sa.Column("share_links", sa.String(length=8)))
    op.add_column("group_settings", sa.Column("trash_days", sa.Integer()))
    op.create_table(
        "share_links",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("group_name", sa.String(length=30), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(length=256), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.Column("revoked_by", sa.String(length=128), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger()),
        sa.UniqueConstraint("id", name="uq_share_links_id"),
    )
    op.create_index("ix_share_links_group_name_sequence", "share_links", ["group_name", "sequence"])


def downgrade() -> None:
    op.drop_index("ix_share_links_group_name_sequence", "share_links")
    op.drop_table("share_links")
    for column in ("trash_days", "share_links"):
        op.drop_column("group_settings", column)
