"""The commands that run for long: worker, sweeper, up and down."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType

import click

from gateway.servers import resolve
from gateway.standin import standin_provider
from gateway.yard import only_one, open_yard, running_pid
from workers.lanes import LANES
from workers.logs import configure_logs
from workers.process import run_sweeper, run_worker, stop_when_stdin_closes
from workers.runtime import Runtime
from workers.settings import load_settings

_STDIN_HELP = "stop when standard input closes: for whoever starts this process and must not leave it behind"


def _lanes(_context: click.Context, _option: click.Parameter, value: str) -> list[str]:
    lanes = [lane.strip() for lane in value.split(",") if lane.strip()]
    unknown = [lane for lane in lanes if lane not in LANES]
    if unknown or not lanes:
        raise click.BadParameter(f"there is no lane {', '.join(unknown) or value!r}; lanes are {', '.join(LANES)}")
    return lanes


@click.command()
@click.option("--lanes", default=",".join(LANES), show_default=True, callback=_lanes, help="queues to work on")
@click.option("--threads", type=click.IntRange(1, 64), help="chunks worked on at once  [default: the setting]")
@click.option("--until-stdin-closes", is_flag=True, help=_STDIN_HELP)
def worker(lanes: list[str], threads: int | None, until_stdin_closes: bool) -> None:
    """Run one worker process for some lanes, in the foreground.

    SIGTERM or Ctrl-C stops claiming and lets calls under way finish; a second one cuts them off.

    Example: pointsman worker --lanes open,hybrid
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level, "worker")
    urls = resolve(settings)
    if until_stdin_closes:
        stop_when_stdin_closes()
    runtime = Runtime(settings, urls.database, urls.broker, "worker")
    sys.exit(run_worker(runtime, lanes, threads or settings.worker_threads))


@click.command()
@click.option("--until-stdin-closes", is_flag=True, help=_STDIN_HELP)
def sweeper(until_stdin_closes: bool) -> None:
    """Run the sweeper in the foreground: it takes over jobs of dead workers and announces work again.

    Several may run; one at a time does the work.

    Example: pointsman sweeper
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level, "sweeper")
    urls = resolve(settings)
    if until_stdin_closes:
        stop_when_stdin_closes()
    sys.exit(run_sweeper(Runtime(settings, urls.database, urls.broker, "sweeper")))


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="worker processes")
@click.option("--standin", is_flag=True, help="start the stand-in provider too, for every provider without a key")
def up(workers: int, standin: bool) -> None:
    """Run everything on this machine in the foreground: servers, workers, sweeper. Ctrl-C stops it all.

    Servers that are configured are used; else Valkey and PostgreSQL are started in the state folder. From another
    terminal in the same folder: pointsman submit FILE --wait

    Example: pointsman up --standin
    """
    settings = load_settings()
    stopping = _stop_signals()
    with ExitStack() as stack:
        stack.enter_context(only_one(settings.state_dir))
        env: dict[str, str] = {}
        if standin:
            env["POINTSMAN_STANDIN_URL"] = stack.enter_context(standin_provider(settings)).url
        yard = stack.enter_context(open_yard(settings, workers=workers, say=_say, sink=_log_line, env=env))
        if yard.servers is not None:
            _say(f"broker:   {yard.urls.broker}")
            _say(f"database: {yard.urls.database}")
        _say(f"pointsman is up: workers {workers}, and the sweeper; Ctrl-C stops it")
        while not stopping():
            for name in yard.supervisor.tend():
                _say(f"the {name} ended and is started again")
            if yard.servers is not None and (ended := yard.servers.ended()):
                raise click.ClickException(
                    f"the embedded {' and '.join(ended)} ended; see the logs in {settings.state_dir}"
                )
            time.sleep(0.3)
        _say(f"stopping: calls under way have {settings.grace_s} seconds to finish")


@click.command()
def down() -> None:
    """Stop what `pointsman up` runs in this folder, and wait until it has ended.

    Example: pointsman down
    """
    settings = load_settings()
    pid = running_pid(settings.state_dir)
    if pid is None:
        _say(f"nothing is up in {settings.state_dir}")
        return
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + settings.grace_s + 30
    while running_pid(settings.state_dir) is not None:
        if time.monotonic() > until:
            raise click.ClickException(f"process {pid} has not stopped; look at what it says")
        time.sleep(0.1)
    _say("stopped")


def _stop_signals() -> Callable[[], bool]:
    """Turn SIGTERM, SIGINT and SIGHUP into a question: has one come?"""
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, note)
    return lambda: bool(came)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _log_line(line: bytes) -> None:
    sys.stderr.buffer.write(line)
    sys.stderr.buffer.flush()
