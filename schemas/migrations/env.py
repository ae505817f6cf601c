"""Alembic's environment: the connection is handed over by ``schemas.migrate``."""

from __future__ import annotations

from alembic import context

from schemas.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transaction_per_migration=False
)
with context.begin_transaction():
    context.run_migrations()
