"""Tables around jobs: tags, dependencies, sweeps, figures, and what groups set about them."""

from __future__ import annotations

import sqlalchemy as sa

from collegium.db.tables import Moment, Sequence, metadata

job_tags = sa.Table(
    "job_tags",
    metadata,
    sa.Column("job_id", sa.String(40), primary_key=True),
    sa.Column("tag", sa.String(63), primary_key=True),
    sa.Column("group_name", sa.String(30), nullable=False),
)
sa.Index("ix_job_tags_group_name_tag", job_tags.c.group_name, job_tags.c.tag)

job_dependencies = sa.Table(
    "job_dependencies",
    metadata,
    sa.Column("job_id", sa.String(40), primary_key=True),
    sa.Column("upstream_id", sa.String(40), primary_key=True, index=True),
    # The same in all rows of a job.
    sa.Column("need", sa.String(4), nullable=False),
    sa.Column("ending", sa.String(12), nullable=False),
)

sweeps = sa.Table(
    "sweeps",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("group_name", sa.String(30), nullable=False),
    sa.Column("user_name", sa.String(128), nullable=False),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("space", sa.JSON, nullable=False),
    sa.Column("launch", sa.JSON, nullable=False),
    sa.Column("resources", sa.JSON, nullable=False),
    sa.Column("made", sa.Integer, nullable=False),
    sa.Column("concurrency", sa.Integer, nullable=False),
    sa.Column("objective", sa.JSON(none_as_null=True)),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("notes", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
    sa.Column("cancel_requested_by", sa.String(128)),
    sa.Column("rerun_of", sa.String(40)),
    sa.Column("deleted_at", Moment),
    sqlite_autoincrement=True,
)
sa.Index("ix_sweeps_group_name_sequence", sweeps.c.group_name, sweeps.c.sequence)
_open = sa.text("state = 'Running'")
sa.Index("ix_sweeps_open", sweeps.c.sequence, sqlite_where=_open, postgresql_where=_open)

metrics = sa.Table(
    "metrics",
    metadata,
    sa.Column("job_id", sa.String(40), primary_key=True),
    sa.Column("key", sa.String(120), primary_key=True),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("minimum", sa.Double, nullable=False),
    sa.Column("maximum", sa.Double, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("stride", sa.BigInteger, nullable=False),
    sa.Column("points", sa.JSON, nullable=False),
)

# How far the file of a job's figures was read, and of which attempt.
metric_files = sa.Table(
    "metric_files",
    metadata,
    sa.Column("job_id", sa.String(40), primary_key=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("problems", sa.BigInteger, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
)
_unread = sa.text("NOT complete")
sa.Index("ix_metric_files_unread", metric_files.c.job_id, sqlite_where=_unread, postgresql_where=_unread)

# What an attempt used, written down at its end.
job_usage = sa.Table(
    "job_usage",
    metadata,
    sa.Column("job_id", sa.String(40), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("started_at", Moment),
    sa.Column("series", sa.JSON, nullable=False),
)

group_settings = sa.Table(
    "group_settings",
    metadata,
    sa.Column("group_name", sa.String(30), primary_key=True),
    sa.Column("mode", sa.String(12), nullable=False),
    sa.Column("mode_reason", sa.Text, nullable=False),
    sa.Column("mode_by", sa.String(128), nullable=False),
    sa.Column("mode_at", Moment),
    sa.Column("job_timeout_seconds", sa.Integer),
    sa.Column("artifact_days", sa.Integer),
    sa.Column("share_links", sa.String(8)),
    sa.Column("trash_days", sa.Integer),
)
