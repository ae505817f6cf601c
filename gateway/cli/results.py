"""``pointsman results`` and ``pointsman problems``: what came of a batch, and what was wrong with its lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

import click
from sqlalchemy import Engine

from gateway.cli import watch as watching
from gateway.cli.display import count, counted, note, show, show_json_line
from gateway.cli.exit_codes import CommandError, ExitCode
from gateway.cli.options import json_option
from gateway.cli.pace import Pace
from gateway.cli.session import with_database
from schemas.output import OutputLine
from schemas.vocabulary import JobState
from workers import results as reading
from workers.results import Readiness, output_lines, readiness


@click.command()
@click.argument("batch")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="file to write, whole or not at all"
)
@click.option("--problems", "bad_lines", is_flag=True, help="the bad lines instead, as `pointsman problems` lists them")
@click.option("--wait", is_flag=True, help="wait until the batch is finished")
@click.option("--json", "_as_json", is_flag=True, help="changes nothing: results are JSON lines anyway")
def results(batch: str, output: Path | None, bad_lines: bool, wait: bool, _as_json: bool) -> None:
    """Write the results of BATCH as OpenAI batch output lines, in the order of its input.

    A job that is parked or failed has an error in place of a response; "pointsman" holds what was done and what it
    cost. Of a batch that isn't finished only the jobs that have ended are written. The exit status is 4 where some
    jobs of a finished batch are parked or failed.

    Example: pointsman results 2026-12-01-mails --wait --output results.jsonl
    """
    with with_database("results") as runtime:
        _ready(runtime.engine, batch)
        if wait:
            watching.watch(runtime.engine, batch)
        ready = _ready(runtime.engine, batch)
        if bad_lines:
            _list_problems(runtime.engine, batch, as_json=True)
            return
        written, failed = _write(runtime.engine, batch, output)
    if not ready.finished:
        note(f"batch {batch} isn't finished: {count(written)} of its {counted(ready.jobs, 'job')} have ended so far")
    if output is not None:
        note(f"{counted(written, 'result')} written to {output}")
    if ready.finished and failed:
        raise click.exceptions.Exit(ExitCode.INCOMPLETE)


@click.command()
@click.argument("batch")
@json_option
def problems(batch: str, as_json: bool) -> None:
    """List the bad lines of BATCH, which were left out: line number, code, field and what to do.

    Example: pointsman problems 2026-12-01-mails
    """
    with with_database("problems") as runtime:
        ready = _ready(runtime.engine, batch)
        _list_problems(runtime.engine, batch, as_json=as_json)
        if not ready.bad_lines:
            note("no line was bad")


def _ready(engine: Engine, batch: str) -> Readiness:
    with engine.connect() as connection:
        found = readiness(connection, batch)
    if found is None:
        raise CommandError(ExitCode.NOT_FOUND, f"there is no batch {batch}; list them with: pointsman status")
    return found


def _list_problems(engine: Engine, batch: str, *, as_json: bool) -> None:
    with engine.connect() as connection, reading.problems(connection, batch) as found:
        for problem in found:
            if as_json:
                show_json_line(problem.as_json())
            else:
                show(problem)


def _write(engine: Engine, batch: str, output: Path | None) -> tuple[int, int]:
    """Write all lines; how many there were, and how many of them are no answers."""
    with (
        nullcontext(sys.stdout.buffer) if output is None else _whole(output) as file,
        engine.connect() as connection,
        Pace("results") as pace,
    ):
        return _copy(pace.over(output_lines(connection, batch)), file)


def _copy(lines: Iterable[OutputLine], file: BinaryIO) -> tuple[int, int]:
    written = failed = 0
    for line in lines:
        file.write(line.as_line())
        written += 1
        failed += line.pointsman.state is not JobState.DONE
    file.flush()
    return written, failed


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name only when it is complete and on disk."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise CommandError(ExitCode.USAGE, f"{path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
