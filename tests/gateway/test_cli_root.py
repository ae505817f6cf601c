"""The root command: its overview, its exit statuses and its errors."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import click
import psycopg
import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError

from gateway.cli import failure
from gateway.cli.exit_codes import MEANINGS, CommandError, ExitCode
from gateway.cli.root import COMMANDS
from tests.gateway.cli_runs import BAD_LINES, Cli

OURS = [name for name, (module, _) in COMMANDS.items() if module not in ("processes", "demo")]


def test_the_overview_lists_commands_and_exit_statuses(cli_alone: Cli) -> None:
    """Every command and every exit status stand in the help, which imports none of the commands."""
    found = cli_alone("--help")
    assert found.exit_code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in found.stdout
    for code in ExitCode:
        assert f"\n  {int(code)} " in found.stdout
    assert set(MEANINGS) == set(ExitCode)


@pytest.mark.parametrize("name", OURS)
def test_each_command_has_help_with_an_example_and_json(cli_alone: Cli, name: str) -> None:
    """Help texts end in an example that names the command; each command, or each of a group, takes --json."""
    command = getattr(import_module(f"gateway.cli.{COMMANDS[name][0]}"), name)
    found = cli_alone(name, "--help")
    assert found.exit_code == 0
    assert f"Example: pointsman {name}" in " ".join(found.stdout.split())
    leaves = list(command.commands.values()) if isinstance(command, click.Group) else [command]
    for leaf in leaves:
        assert any("--json" in parameter.opts for parameter in leaf.params), leaf.name
        assert "Example: pointsman" in leaf.help, leaf.name


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("nope",), "No such command 'nope'"),
        (("submit",), "Missing argument 'FILE'"),
        (("submit", "x", "--nope"), "No such option"),
        (("status", "--most", "0"), "0 is not in the range"),
        (("submit", "x", "--tenant", "a:b", "--budget-usd", "much"), "--tenant must be"),
        (("submit", "x", "--deadline", "tomorrow"), "--deadline must be an RFC 3339 time"),
        (("submit", "x", "--batch-id", "a b"), "--batch-id must be 1 to 128"),
        (("explain", "row-17"), "give a batch and a custom_id"),
        (("explain", "9" * 30), "give a batch and a custom_id"),
        (("ledger", "report", "--by", "moon"), "there is no moon; choose of cost_centre"),
        (("ledger", "report", "--since", "2026-12-01T08:00:00"), "a time with an offset"),
        (("assess", "missing.jsonl"), "missing.jsonl: No such file or directory"),
        (("plan", "."), "Is a directory"),
        (("status",), "POINTSMAN_DATABASE_URL is not set"),
    ],
)
def test_a_wrong_use_is_one_line_and_exit_2(cli_alone: Cli, args: tuple[str, ...], says: str) -> None:
    """The line says what is wrong and, where it helps, where to look."""
    found = cli_alone(*args)
    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr.startswith("pointsman: ")
    assert found.stderr.count("\n") == 1
    assert says in found.stderr


def test_a_wrong_setting_is_one_line_and_exit_2(cli_alone: Cli) -> None:
    """It names the setting, not the value: that may be a secret."""
    found = cli_alone("status", POINTSMAN_DATABASE_URL="mysql://me:secret@host/db")
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
    assert "POINTSMAN_DATABASE_URL" in found.stderr
    assert "secret" not in found.stderr
    found = cli_alone("config", POINTSMAN_DATABSE_URL="x")
    assert (found.exit_code, "POINTSMAN_DATABSE_URL: there is no such setting" in found.stderr) == (2, True)


def test_a_database_that_is_away_is_exit_6(cli_alone: Cli) -> None:
    """The line says which server it is and what to do."""
    found = cli_alone("status", POINTSMAN_DATABASE_URL="postgresql://me:secret@127.0.0.1:1/x")
    assert (found.exit_code, found.stderr.count("\n")) == (6, 1)
    assert "the database is away" in found.stderr
    assert "pointsman up" in found.stderr
    assert "secret" not in found.stderr


@pytest.mark.system
def test_a_schema_that_is_behind_says_what_to_run(cli_alone: Cli, empty_database_url: str) -> None:
    """A database without tables is not an error nobody foresaw."""
    found = cli_alone("status", POINTSMAN_DATABASE_URL=empty_database_url)
    assert (found.exit_code, found.stderr) == (
        2,
        "pointsman: the database's schema is behind this program; run: pointsman db upgrade\n",
    )


def test_an_unexpected_error_never_repeats_its_own_words() -> None:
    """They may quote a prompt: only the kind and the place are told, with --debug all places."""
    try:
        raise KeyError("the patient's name")
    except KeyError as error:
        code, lines = failure.explain(error, debug=False)
        _, more = failure.explain(error, debug=True)
    assert code is ExitCode.UNEXPECTED
    assert "KeyError at test_cli_root.py" in lines[0]
    assert "patient" not in " ".join([*lines, *more])
    assert any("test_cli_root.py" in line for line in more[1:])


def test_a_statement_that_failed_never_shows_its_values() -> None:
    """SQLAlchemy's message has the values of a statement in it; ours has the SQLSTATE."""
    error = ProgrammingError("INSERT", {"body": "the patient"}, psycopg.errors.SyntaxError("near the patient"))
    code, lines = failure.explain(error, debug=True)
    assert code is ExitCode.UNEXPECTED
    assert "42601" in lines[0]
    assert "patient" not in " ".join(lines)
    running = OperationalError("SELECT", {}, psycopg.errors.QueryCanceled("the patient"))
    code, lines = failure.explain(running, debug=False)
    assert "patient" not in " ".join(lines)


def test_an_error_of_a_command_keeps_its_code_and_lines() -> None:
    """Commands say themselves what went wrong."""
    assert failure.explain(CommandError(ExitCode.NOT_FOUND, "no", "such"), debug=False) == (5, ["no", "such"])


def test_output_that_nobody_reads_is_no_error(cli_alone: Cli) -> None:
    """``| head`` closes the pipe: no words, no traceback."""
    with subprocess.Popen(
        cli_alone.command("schema", "show", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=cli_alone.environment(),
        cwd=cli_alone.folder,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(30) == 0


def test_output_survives_a_terminal_that_knows_ascii_only(cli_alone: Cli) -> None:
    """What can't be written is escaped."""
    lines = BAD_LINES.read_bytes()
    found = cli_alone.process("assess", "-", stdin=lines, PYTHONIOENCODING="ascii")
    assert found.returncode == 0
    assert b"Traceback" not in found.stderr


def test_the_overview_names_no_command_that_is_not_there() -> None:
    """Each name leads to a command of that name."""
    for name, (module, _) in COMMANDS.items():
        assert isinstance(getattr(import_module(f"gateway.cli.{module}"), name, None), click.Command), name


def test_no_command_takes_long_for_its_help(cli_alone: Cli) -> None:
    """The overview imports neither SQLAlchemy nor Celery."""
    probe = (
        "import atexit, sys; from gateway.cli import main; sys.argv = ['pointsman', '--help'];"
        "atexit.register(lambda: print([m for m in ('sqlalchemy', 'celery') if m in sys.modules])); main()"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, env=cli_alone.environment(), check=True)
    assert done.stdout.decode().splitlines()[-1] == "[]"
