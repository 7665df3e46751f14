"""Schedules and what became of their due times"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('schedules',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('group_name', sa.String(length=30), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.String(length=32), nullable=False),
    sa.Column('message', sa.Text(), nullable=False),
    sa.Column('recurrence', sa.JSON(), nullable=False),
    sa.Column('template', sa.JSON(), nullable=False),
    sa.Column('start_at', sa.BigInteger(), nullable=True),
    sa.Column('end_at', sa.BigInteger(), nullable=True),
    sa.Column('max_runs', sa.Integer(), nullable=True),
    sa.Column('overlap', sa.String(length=8), nullable=False),
    sa.Column('missed', sa.String(length=8), nullable=False),
    sa.Column('missed_limit', sa.Integer(), nullable=False),
    sa.Column('missed_horizon', sa.Integer(), nullable=False),
    sa.Column('max_failures', sa.Integer(), nullable=False),
    sa.Column('run_as', sa.String(length=128), nullable=False),
    sa.Column('created_by', sa.String(length=128), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_by', sa.String(length=128), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.Column('looked_until', sa.BigInteger(), nullable=False),
    sa.Column('next_due', sa.BigInteger(), nullable=True),
    sa.Column('runs', sa.Integer(), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('group_name', 'name', name=op.f('uq_schedules_group_name_name'))
    )
    with op.batch_alter_table('schedules', schema=None) as batch_op:
        batch_op.create_index('ix_schedules_active', ['next_due'], unique=False, sqlite_where=sa.text("state = 'Active'"), postgresql_where=sa.text("state = 'Active'"))

    op.create_table('schedule_runs',
    sa.Column('sequence', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('schedule_id', sa.String(length=40), nullable=False),
    sa.Column('group_name', sa.String(length=30), nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=False),
    sa.Column('trigger', sa.String(length=8), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('reason', sa.String(length=32), nullable=False),
    sa.Column('message', sa.Text(), nullable=False),
    sa.Column('requested_by', sa.String(length=128), nullable=False),
    sa.Column('run_as', sa.String(length=128), nullable=False),
    sa.Column('job_id', sa.String(length=40), nullable=True),
    sa.Column('fired_at', sa.BigInteger(), nullable=False),
    sa.Column('started_at', sa.BigInteger(), nullable=True),
    sa.Column('finished_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['schedule_id'], ['schedules.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('sequence'),
    sa.UniqueConstraint('job_id', name=op.f('uq_schedule_runs_job_id')),
    sa.UniqueConstraint('schedule_id', 'due_at', name=op.f('uq_schedule_runs_schedule_id_due_at')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('schedule_runs', schema=None) as batch_op:
        batch_op.create_index('ix_schedule_runs_open', ['sequence'], unique=False, sqlite_where=sa.text("state IN ('Due', 'Submitted')"), postgresql_where=sa.text("state IN ('Due', 'Submitted')"))
        batch_op.create_index('ix_schedule_runs_schedule_id_sequence', ['schedule_id', 'sequence'], unique=False)


def downgrade() -> None:
    for table in ('schedule_runs', 'schedules'):
        op.drop_table(table)
