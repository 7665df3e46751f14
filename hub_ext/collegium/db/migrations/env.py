"""Run by alembic; the connection comes from ``Database.upgrade``."""

from alembic import context

from collegium.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
