"""``pointsman db``: the database's schema."""

from __future__ import annotations

import click
from sqlalchemy import Connection

from gateway.cli.display import note, show, show_json
from gateway.cli.exit_codes import CommandError, ExitCode
from gateway.cli.options import json_option
from gateway.cli.session import with_database
from schemas import migrate


@click.group()
def db() -> None:
    """Bring the database's schema up to date, or check that it is.

    Example: pointsman db upgrade
    """


@db.command()
@json_option
def upgrade(as_json: bool) -> None:
    """Run the migrations that the database still lacks, all or none. Two at once wait for each other.

    Example: pointsman db upgrade
    """
    with with_database("db") as runtime:
        with runtime.engine.connect() as connection:
            lacking = _missing(connection)
        if lacking:
            note(f"running {len(lacking)} migrations: {', '.join(lacking)}")
            migrate.upgrade(runtime.database_url)
    if as_json:
        show_json({"ran": lacking})
    else:
        show(f"ran {', '.join(lacking)}" if lacking else "the schema is current")


@db.command()
@json_option
def check(as_json: bool) -> None:
    """Say whether the schema is current; exit status 2 where it is behind.

    Example: pointsman db check
    """
    with with_database("db") as runtime, runtime.engine.connect() as connection:
        lacking = _missing(connection)
    if as_json:
        show_json({"current": not lacking, "missing": lacking})
    elif not lacking:
        show("the schema is current")
    if lacking:
        says = f"the database lacks the migrations {', '.join(lacking)}; run: pointsman db upgrade"
        raise CommandError(ExitCode.USAGE, says)


def _missing(connection: Connection) -> list[str]:
    try:
        return migrate.missing(connection)
    except ValueError:
        says = "the database's schema is newer than this program; upgrade Pointsman here"
        raise CommandError(ExitCode.USAGE, says) from None
