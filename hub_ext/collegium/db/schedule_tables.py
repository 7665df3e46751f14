"""Tables of schedules."""

from __future__ import annotations

import sqlalchemy as sa

from collegium.db.tables import Moment, Sequence, metadata

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("group_name", sa.String(30), nullable=False),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(32), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("recurrence", sa.JSON, nullable=False),
    sa.Column("template", sa.JSON, nullable=False),
    sa.Column("start_at", Moment),
    sa.Column("end_at", Moment),
    sa.Column("max_runs", sa.Integer),
    sa.Column("overlap", sa.String(8), nullable=False),
    sa.Column("missed", sa.String(8), nullable=False),
    sa.Column("missed_limit", sa.Integer, nullable=False),
    # Seconds.
    sa.Column("missed_horizon", sa.Integer, nullable=False),
    sa.Column("max_failures", sa.Integer, nullable=False),
    sa.Column("run_as", sa.String(128), nullable=False),
    sa.Column("created_by", sa.String(128), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_by", sa.String(128), nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("looked_until", Moment, nullable=False),
    sa.Column("next_due", Moment),
    sa.Column("runs", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.UniqueConstraint("group_name", "name", name="uq_schedules_group_name_name"),
)
_active = sa.text("state = 'Active'")
sa.Index("ix_schedules_active", schedules.c.next_due, sqlite_where=_active, postgresql_where=_active)

schedule_runs = sa.Table(
    "schedule_runs",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("schedule_id", sa.String(40), sa.ForeignKey("schedules.id", ondelete="CASCADE"), nullable=False),
    sa.Column("group_name", sa.String(30), nullable=False),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("trigger", sa.String(8), nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("reason", sa.String(32), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("requested_by", sa.String(128), nullable=False),
    sa.Column("run_as", sa.String(128), nullable=False),
    # One job for one run: a second one cannot be written down.
    sa.Column("job_id", sa.String(40), unique=True),
    sa.Column("fired_at", Moment, nullable=False),
    sa.Column("started_at", Moment),
    sa.Column("finished_at", Moment),
    # A due time comes about once, whoever believes to be the controller.
    sa.UniqueConstraint("schedule_id", "due_at", name="uq_schedule_runs_schedule_id_due_at"),
    sqlite_autoincrement=True,
)
sa.Index("ix_schedule_runs_schedule_id_sequence", schedule_runs.c.schedule_id, schedule_runs.c.sequence)
_unsettled = sa.text("state IN ('Due', 'Submitted')")
sa.Index("ix_schedule_runs_open", schedule_runs.c.sequence, sqlite_where=_unsettled, postgresql_where=_unsettled)
