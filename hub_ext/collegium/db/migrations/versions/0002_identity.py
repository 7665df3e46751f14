"""Identity providers, audit log, revocations, invitations"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit',
    sa.Column('sequence', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('actor', sa.String(length=128), nullable=False),
    sa.Column('action', sa.String(length=64), nullable=False),
    sa.Column('group_name', sa.String(length=30), nullable=False),
    sa.Column('object', sa.String(length=320), nullable=False),
    sa.Column('outcome', sa.String(length=12), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('details', sa.JSON(), nullable=False),
    sa.Column('request_id', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('sequence'),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('audit', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_audit_at'), ['at'], unique=False)
        batch_op.create_index('ix_audit_group_name_sequence', ['group_name', 'sequence'], unique=False)

    op.create_table('identities',
    sa.Column('user_name', sa.String(length=128), nullable=False),
    sa.Column('issuer', sa.String(length=500), nullable=False),
    sa.Column('subject', sa.String(length=255), nullable=False),
    sa.Column('email', sa.String(length=320), nullable=False),
    sa.Column('email_verified', sa.Boolean(), nullable=False),
    sa.Column('standing', sa.String(length=12), nullable=False),
    sa.Column('checked_at', sa.BigInteger(), nullable=True),
    sa.Column('seen_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('user_name'),
    sa.UniqueConstraint('issuer', 'subject', name=op.f('uq_identities_issuer_subject'))
    )
    with op.batch_alter_table('identities', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_identities_seen_at'), ['seen_at'], unique=False)

    op.create_table('identity_groups',
    sa.Column('group_name', sa.String(length=30), nullable=False),
    sa.Column('issuer', sa.String(length=500), nullable=False),
    sa.Column('path', sa.Text(), nullable=False),
    sa.Column('external_id', sa.String(length=64), nullable=False),
    sa.Column('gone_at', sa.BigInteger(), nullable=True),
    sa.Column('roles', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('group_name')
    )
    with op.batch_alter_table('identity_groups', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_identity_groups_path'), ['path'], unique=False)

    op.create_table('identity_providers',
    sa.Column('issuer', sa.String(length=500), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('since', sa.BigInteger(), nullable=False),
    sa.Column('message', sa.Text(), nullable=False),
    sa.Column('synced_at', sa.BigInteger(), nullable=True),
    sa.Column('report', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('issuer')
    )
    op.create_table('invitations',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('group_name', sa.String(length=30), nullable=False),
    sa.Column('role', sa.String(length=16), nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('created_by', sa.String(length=128), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('max_uses', sa.Integer(), nullable=False),
    sa.Column('email', sa.String(length=320), nullable=False),
    sa.Column('domains', sa.JSON(), nullable=False),
    sa.Column('note', sa.String(length=120), nullable=False),
    sa.Column('mailed_at', sa.BigInteger(), nullable=True),
    sa.Column('revoked_at', sa.BigInteger(), nullable=True),
    sa.Column('revoked_by', sa.String(length=128), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('token_hash', name=op.f('uq_invitations_token_hash'))
    )
    with op.batch_alter_table('invitations', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_invitations_group_name'), ['group_name'], unique=False)

    op.create_table('revocations',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('group_name', sa.String(length=30), nullable=False),
    sa.Column('user_name', sa.String(length=128), nullable=False),
    sa.Column('reason', sa.String(length=12), nullable=False),
    sa.Column('noticed_at', sa.BigInteger(), nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=False),
    sa.Column('holders', sa.JSON(), nullable=False),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('outcome', sa.String(length=12), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('revocations', schema=None) as batch_op:
        batch_op.create_index('ix_revocations_group_name_noticed_at', ['group_name', 'noticed_at'], unique=False)
        batch_op.create_index('uq_revocations_open', ['group_name', 'user_name'], unique=True, sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))

    op.create_table('invitation_uses',
    sa.Column('invitation_id', sa.String(length=40), nullable=False),
    sa.Column('subject', sa.String(length=255), nullable=False),
    sa.Column('user_name', sa.String(length=128), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.ForeignKeyConstraint(['invitation_id'], ['invitations.id'], ),
    sa.PrimaryKeyConstraint('invitation_id', 'subject')
    )
    with op.batch_alter_table('groups', schema=None) as batch_op:
        batch_op.add_column(sa.Column('invitations', sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table('groups', schema=None) as batch_op:
        batch_op.drop_column('invitations')
    for table in ('invitation_uses', 'invitations', 'revocations', 'identity_providers', 'identity_groups', 'identities', 'audit'):
        op.drop_table(table)
