"""Sampled use of jobs, and which files of figures are still to be read"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job_usage",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("series", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "attempt"),
    )
    unread = sa.text("NOT complete")
    op.create_index("ix_metric_files_unread", "metric_files", ["job_id"], sqlite_where=unread, postgresql_where=unread)


def downgrade() -> None:
    op.drop_index("ix_metric_files_unread", "metric_files")
    op.drop_table("job_usage")
