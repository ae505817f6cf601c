"""Bring a database to the current schema, or say how far behind it is."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, text

from schemas.database import database_url

#: Two upgrades at once wait for each other on this advisory lock.
_LOCK = 7_011_001


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file, optionally bound to a connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(address: str) -> None:
    """Run the migrations that the database at ``address`` still lacks, in one transaction."""
    engine = create_engine(database_url(address), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        command.upgrade(configuration(connection), "head")


def missing(connection: Connection) -> list[str]:
    """The revisions that the database lacks, oldest first; empty when it is current."""
    script = ScriptDirectory.from_config(configuration())
    current = MigrationContext.configure(connection).get_current_revision()
    revisions = [revision.revision for revision in script.walk_revisions("base", "heads")]
    revisions.reverse()
    return revisions if current is None else revisions[revisions.index(current) + 1 :]
