"""The root command: finds the module of a command when it is asked for, and turns every error into one clear line."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper
from typing import Any, NoReturn

import click

from gateway.cli.exit_codes import MEANINGS, ExitCode

#: Command -> (module under gateway.cli, line in the overview), in the order they are listed. In its module the command
#: has its own name. The lines stand here, since importing all modules for an overview would take seconds.
COMMANDS = {
    "submit": ("submit", "Hand in a batch: a file with one job a line."),
    "plan": ("plan", "Show what would go where and at what cost; sends nothing."),
    "assess": ("assess", "Say what is at stake in each job of a file; needs no server."),
    "status": ("status", "List recent batches, or show one in detail."),
    "results": ("results", "Write the results of a batch, in the order of its input."),
    "problems": ("results", "List the bad lines of a batch."),
    "explain": ("explain", "Explain why a job went where it went and what it cost."),
    "ledger": ("ledger", "Report what was spent, beside the frontier baseline."),
    "policy": ("policy", "Show or check the policy: which work goes to which models."),
    "catalogue": ("catalogue", "Show or check the catalogue: models, endpoints, prices."),
    "config": ("config", "Show all settings, their values and where they come from."),
    "schema": ("schema", "Show or export the JSON Schemas of what goes in and out."),
    "db": ("db", "Bring the database's schema up to date, or check it."),
    "up": ("processes", "Run everything on this machine, in the foreground."),
    "down": ("processes", "Stop what `pointsman up` runs in this folder."),
    "worker": ("processes", "Run one worker process, in the foreground."),
    "sweeper": ("processes", "Run the sweeper, in the foreground."),
    "demo": ("demo", "Run the main job on the example batch and show what it saves."),
}


class Root(click.Group):
    """``pointsman``. Commands are imported one by one, and ``main`` decides what an error looks like."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"gateway.cli.{COMMANDS[cmd_name][0]}"), cmd_name, None)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit status"):
            formatter.write_dl([(str(int(code)), says) for code, says in MEANINGS.items()])
        formatter.write_paragraph()
        formatter.write_text("Example: pointsman submit jobs.jsonl --wait")

    def main(  # type: ignore[override]  # click's own has overloads for standalone_mode, which is of no use here
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run and exit. No error gives a traceback."""
        self._main_shell_completion(extra, prog_name or "pointsman")
        given = list(sys.argv[1:] if args is None else args)
        debug = "--debug" in given[: next((n for n, word in enumerate(given) if not word.startswith("-")), len(given))]
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        extra.pop("standalone_mode", None)
        try:
            with self.make_context(prog_name or "pointsman", given, **extra) as context:
                self.invoke(context)
            sys.stdout.flush()
            code = int(ExitCode.FINE)
        except click.exceptions.Exit as asked:
            code = asked.exit_code
        except BrokenPipeError:
            code = _nobody_reads()
        except (KeyboardInterrupt, click.Abort):
            _say(("interrupted",))
            code = ExitCode.INTERRUPTED
        except Exception as error:  # noqa: BLE001 - the last line of defence: a user gets no traceback
            # Knowing the errors of every library means importing them; only who has an error pays for it.
            failure = import_module("gateway.cli.failure")
            code, lines = failure.explain(error, debug=debug)
            _say(lines)
        sys.exit(int(code))


def _say(lines: Sequence[str]) -> None:
    with contextlib.suppress(OSError, ValueError):
        for line in lines:
            click.echo(f"pointsman: {line}", err=True)


def _nobody_reads() -> int:
    """Whoever read our output has enough (``| head``): that is no error, and Python must not flush into the void."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.FINE


def _version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"pointsman {version('pointsman')}")
        context.exit()


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.option("--verbose", "-v", is_flag=True, help="log at the level of the setting, not only warnings")
@click.option("--debug", is_flag=True, help="on an unexpected error, show where in the program it was raised")
@click.option(
    "--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="show the version and exit"
)
def root(verbose: bool, debug: bool) -> None:
    """Send bulk AI jobs to the cheapest model that their stakes allow, and account for every cent.

    Each command has a --help with an example, and --json for machines.
    """


def main() -> NoReturn:
    """The entry point of the ``pointsman`` command."""
    root.main(prog_name="pointsman")
