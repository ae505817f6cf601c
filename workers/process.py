"""The long-running processes: a worker for some lanes, and the sweeper."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Sequence
from typing import Any

import structlog
from celery import signals
from celery.exceptions import SecurityWarning
from sqlalchemy.exc import DBAPIError

from schemas import migrate
from workers.dispatch import Dispatcher
from workers.lanes import queue
from workers.limits import EndpointLimits, server_url
from workers.loop import LoopThread
from workers.providers import HttpTransport, TransportSettings
from workers.runtime import Runtime
from workers.settings import ConfigurationError
from workers.settler import Settler
from workers.sweep import finish_batches, sweep
from workers.tasks import register

_log = structlog.get_logger(__name__)


def run_worker(runtime: Runtime, lanes: Sequence[str], threads: int) -> int:
    """Work on lanes until told to stop; returns the exit status. SIGTERM finishes calls under way, a second one cuts.

    Must run in the main thread of its process.
    """
    _check_schema(runtime)
    settings = runtime.settings
    loop = LoopThread()
    transport = HttpTransport(
        TransportSettings(connect_timeout_s=settings.connect_timeout_s, max_answer_bytes=settings.max_answer_bytes)
    )
    limits = EndpointLimits(server_url(runtime.broker_url), local_share=settings.limits_local_share)
    settler = Settler(
        runtime.engine,
        runtime.rulebook.catalogue,
        runtime.reference,
        tick_s=settings.settle_ms / 1000,
        lease_s=settings.lease_s,
        on_opened=runtime.bell.ring,
        on_ended=lambda batches: _finish(runtime, batches),
    )
    dispatcher = Dispatcher(
        runtime.engine,
        runtime.rulebook,
        runtime.reach.targets,
        loop=loop,
        transport=transport,
        limits=limits,
        settler=settler,
        calls=settings.worker_calls,
        lease_s=settings.lease_s,
    )
    register(runtime.app, runtime, dispatcher)
    loop.start()
    settler.start()

    def end_calls(grace_s: float) -> None:
        """Celery waits for its threads, they for their calls to be settled; where that can't be, not for ever."""
        dispatcher.stop(grace_s)
        settler.stop()

    def stop_claiming(**_: Any) -> None:
        _log.info("worker.stopping", grace_s=settings.grace_s)
        threading.Thread(target=end_calls, args=(settings.grace_s,), name="stopping", daemon=True).start()

    def ready(**_: Any) -> None:
        _log.info("worker.ready", lanes=list(lanes), threads=threads, standin=runtime.reach.standin, pid=os.getpid())

    def keep_logging(**_: Any) -> None:
        """Celery would set levels and handlers of its own; answering this signal prevents it."""

    # It warns of running as root because of pickle, which is not accepted here.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    signals.setup_logging.connect(keep_logging)
    signals.worker_shutting_down.connect(stop_claiming)
    signals.worker_ready.connect(ready)
    worker = runtime.app.Worker(
        pool="threads",
        concurrency=threads,
        queues=[queue(lane) for lane in lanes],
        hostname=f"{'-'.join(lanes)}-{os.getpid()}@%h",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    try:
        worker.start()
    finally:
        end_calls(0)
        loop.run(transport.close())
        loop.run(limits.close())
        loop.stop()
        runtime.engine.dispose()
    return int(worker.exitcode or 0)


def run_sweeper(runtime: Runtime) -> int:
    """Sweep at intervals until told to stop; a database that is away is waited for."""
    _check_schema(runtime)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    _log.info("sweeper.ready", pid=os.getpid())
    while not stopping.is_set():
        began = time.monotonic()
        try:
            swept = sweep(runtime.engine, runtime.bell, runtime.rulebook)
            if swept.leases or swept.batches or swept.chunks or swept.finished:
                _log.info("sweep.done", leases=swept.leases, chunks=swept.chunks, finished=swept.finished)
        except DBAPIError as error:
            _log.warning("sweep.database_away", error=type(error).__name__)
        stopping.wait(max(0.0, runtime.settings.sweep_ms / 1000 - (time.monotonic() - began)))
    runtime.engine.dispose()
    return 0


def _check_schema(runtime: Runtime) -> None:
    """Raise ``ConfigurationError`` where the database's schema is not the one this program was made for."""
    try:
        with runtime.engine.connect() as connection:
            lacking = migrate.missing(connection)
    except ValueError:
        raise ConfigurationError("the database's schema is newer than this program; upgrade Pointsman here") from None
    if lacking:
        says = f"the database lacks the migrations {', '.join(lacking)}; run: pointsman db upgrade"
        raise ConfigurationError(says)


def stop_when_stdin_closes() -> None:
    """End this process when whoever started it is gone: its end of our standard input closes with it."""

    def watch() -> None:
        # Not sys.stdin: a thread that waits inside it would block the interpreter's end.
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _finish(runtime: Runtime, batches: frozenset[str]) -> None:
    try:
        finish_batches(runtime.engine, sorted(batches))
    except DBAPIError as error:
        _log.warning("batch.finish_later", error=type(error).__name__)
