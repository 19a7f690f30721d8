"""How Alembic runs: always on the connection that :mod:`titian.store.migrate` hands in."""

from alembic import context

from titian.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
