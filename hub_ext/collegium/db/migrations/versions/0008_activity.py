"""Whose and of what name an event is, so that it can be told without the object; what a job's removal is found by"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_KEPT = "finished_at IS NOT NULL AND artifacts_gone_at IS NULL AND attempt > 0"


def upgrade() -> None:
    op.add_column("events", sa.Column("name", sa.String(length=120), server_default="", nullable=False))
    op.add_column("events", sa.Column("user_name", sa.String(length=128), server_default="", nullable=False))
    for kind, table, user in (("job", "jobs", "user_name"), ("schedule", "schedules", "run_as")):
        # None of these is anybody's input.
        op.execute(
            f"UPDATE events SET"  # noqa: S608
            f" name = (SELECT o.name FROM {table} o WHERE o.id = events.object_id),"
            f" user_name = (SELECT o.{user} FROM {table} o WHERE o.id = events.object_id)"
            f" WHERE kind = '{kind}' AND EXISTS (SELECT 1 FROM {table} o WHERE o.id = events.object_id)"
        )
    op.create_index("ix_events_group_name_kind_sequence", "events", ["group_name", "kind", "sequence"])
    op.create_index("ix_events_group_name_user_name_sequence", "events", ["group_name", "user_name", "sequence"])
    op.create_index(
        "ix_events_group_name_user_name_kind_sequence", "events", ["group_name", "user_name", "kind", "sequence"]
    )
    op.create_index(
        "ix_jobs_artifacts",
        "jobs",
        ["group_name", "finished_at"],
        sqlite_where=sa.text(_KEPT),
        postgresql_where=sa.text(_KEPT),
    )


def downgrade() -> None:
    op.drop_index("ix_jobs_artifacts", "jobs")
    for columns in ("user_name_kind", "user_name", "kind"):
        op.drop_index(f"ix_events_group_name_{columns}_sequence", "events")
    for column in ("user_name", "name"):
        op.drop_column("events", column)
