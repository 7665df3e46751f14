"""Priorities, notes, tags, dependencies, sweeps and figures of jobs; settings of groups"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _partial(name: str, table: str, where: str) -> None:
    op.create_index(name, table, ["sequence"], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    # One by one: that needs no copy of a table that may be large.
    for column in (
        sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("notes", sa.Text(), server_default="", nullable=False),
        sa.Column("eligible_at", sa.BigInteger(), nullable=True),
        sa.Column("held", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("sweep_id", sa.String(length=40), nullable=True),
        sa.Column("point", sa.Integer(), nullable=True),
        sa.Column("artifacts_gone_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
    ):
        op.add_column("jobs", column)
    op.create_index("uq_jobs_sweep_id_point", "jobs", ["sweep_id", "point"], unique=True)
    _partial("ix_jobs_deleted", "jobs", "deleted_at IS NOT NULL")
    _partial("ix_jobs_held", "jobs", "held")

    op.create_table(
        "job_tags",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("tag", sa.String(length=63), nullable=False),
        sa.Column("group_name", sa.String(length=30), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "tag"),
    )
    op.create_index("ix_job_tags_group_name_tag", "job_tags", ["group_name", "tag"])
    op.create_table(
        "job_dependencies",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("upstream_id", sa.String(length=40), nullable=False),
        sa.Column("need", sa.String(length=4), nullable=False),
        sa.Column("ending", sa.String(length=12), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "upstream_id"),
    )
    op.create_index("ix_job_dependencies_upstream_id", "job_dependencies", ["upstream_id"])
    op.create_table(
        "sweeps",
        sa.Column("sequence", _sequence, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("group_name", sa.String(length=30), nullable=False),
        sa.Column("user_name", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("space", sa.JSON(), nullable=False),
        sa.Column("launch", sa.JSON(), nullable=False),
        sa.Column("resources", sa.JSON(), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("objective", sa.JSON(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("cancel_requested_by", sa.String(length=128), nullable=True),
        sa.Column("rerun_of", sa.String(length=40), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id", name=op.f("uq_sweeps_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sweeps_group_name_sequence", "sweeps", ["group_name", "sequence"])
    _partial("ix_sweeps_open", "sweeps", "state = 'Running'")
    op.create_table(
        "metrics",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("minimum", sa.Double(), nullable=False),
        sa.Column("maximum", sa.Double(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("stride", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "key"),
    )
    op.create_table(
        "metric_files",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("problems", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_table(
        "group_settings",
        sa.Column("group_name", sa.String(length=30), nullable=False),
        sa.Column("mode", sa.String(length=12), nullable=False),
        sa.Column("mode_reason", sa.Text(), nullable=False),
        sa.Column("mode_by", sa.String(length=128), nullable=False),
        sa.Column("mode_at", sa.BigInteger(), nullable=True),
        sa.Column("job_timeout_seconds", sa.Integer(), nullable=True),
        sa.Column("artifact_days", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("group_name"),
    )


def downgrade() -> None:
    for table in ("group_settings", "metric_files", "metrics", "sweeps", "job_dependencies", "job_tags"):
        op.drop_table(table)
    for index in ("ix_jobs_held", "ix_jobs_deleted", "uq_jobs_sweep_id_point"):
        op.drop_index(index, "jobs")
    for column in ("deleted_at", "artifacts_gone_at", "point", "sweep_id", "held", "eligible_at", "notes", "priority"):
        op.drop_column("jobs", column)
