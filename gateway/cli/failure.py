"""From an error to an exit status and the lines that a user reads: what was wrong, where, and what to do."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import click
import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gateway.cli.exit_codes import CommandError, ExitCode
from gateway.embedded import ServersError
from gateway.supervisor import NotReadyError
from workers.settings import ConfigurationError

#: SQLSTATE: no such schema, table, column or function.
_BEHIND = frozenset({"3F000", "42P01", "42703", "42883"})
_MAY_NOT = "42501"
#: SQLSTATE classes of a server that can't be used now: connection, authorization, catalog name, resources, operator.
_AWAY = ("08", "28", "3D", "53", "57")
_LONGEST = 300


def explain(error: Exception, *, debug: bool) -> tuple[ExitCode, Sequence[str]]:
    """The exit status of an error, and what to say about it. An unexpected error's own words are never repeated: they
    may quote a prompt or a secret."""
    if isinstance(error, DBAPIError):
        return _database(error, debug=debug)
    return _expected(error) or _unexpected(error, debug=debug)


def _expected(error: Exception) -> tuple[ExitCode, Sequence[str]] | None:
    code, lines = ExitCode.USAGE, [_flat(str(error))]
    match error:
        case CommandError():
            code, lines = error.code, list(error.lines)
        case ConfigurationError():
            lines = str(error).splitlines()
        case click.UsageError():
            lines = [f"{_flat(error.format_message())} (see: {_path(error)} --help)"]
        case click.ClickException():
            code, lines = ExitCode(error.exit_code), [_flat(error.format_message())]
        case ServersError() | NotReadyError():
            code = ExitCode.AWAY
        case psycopg.OperationalError():
            code, lines = ExitCode.AWAY, [_away(error)]
        case PoolTimeoutError():
            code, lines = ExitCode.AWAY, ["the database takes no more connections; try again later"]
        case OSError() if error.filename is not None:
            lines = [f"{error.filename}: {error.strerror}"]
        case _:
            return None
    return code, lines


def _path(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx else "pointsman"


def _database(error: DBAPIError, *, debug: bool) -> tuple[ExitCode, Sequence[str]]:
    cause = error.orig
    state = getattr(cause, "sqlstate", None) or ""
    if state in _BEHIND:
        return ExitCode.USAGE, ("the database's schema is behind this program; run: pointsman db upgrade",)
    if state == _MAY_NOT:
        says = "the database's role lacks a right on Pointsman's tables; grant it, or use the role that made them"
        return ExitCode.USAGE, (says,)
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError) and (not state or state.startswith(_AWAY)):
        return ExitCode.AWAY, (_away(cause),)
    return _unexpected(error, debug=debug)


def _away(cause: BaseException) -> str:
    """What libpq says when it can't connect names host and port, never a password. A server's own words aren't told."""
    state = getattr(cause, "sqlstate", None)
    said = f"SQLSTATE {state}" if state else _flat(next(iter(str(cause).splitlines()), ""))
    return f"the database is away ({said}); check POINTSMAN_DATABASE_URL, or run: pointsman up"


def _unexpected(error: Exception, *, debug: bool) -> tuple[ExitCode, Sequence[str]]:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    kind = type(error).__name__ + (f" (SQLSTATE {state})" if state else "")
    if debug:
        steps = [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        return ExitCode.UNEXPECTED, (f"unexpected {kind}{where}", *steps)
    return ExitCode.UNEXPECTED, (f"unexpected {kind}{where}; to see more: pointsman --debug ...",)


def _flat(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= _LONGEST else joined[:_LONGEST] + "..."
