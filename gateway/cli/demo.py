"""``pointsman demo``: the main job on real input, on servers of its own, and the books held against the bill."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import click
from sqlalchemy import text

from bench.standin.process import StandIn
from gateway.cli.display import count, duration, note, show
from gateway.cli.exit_codes import CommandError, ExitCode
from gateway.cli.pace import Pace
from gateway.cli.summary import show_summary
from gateway.cli.watch import watch
from gateway.standin import standin_provider
from gateway.stopping import stop_on_signals
from gateway.yard import Yard, open_yard
from routing.catalogue import Catalogue
from schemas.lines import read_lines
from schemas.money import usd_exact
from schemas.vocabulary import JobState, Tier
from workers.intake import Order, accept
from workers.runtime import Runtime
from workers.settings import Settings, load_settings
from workers.status import batch_status

_BATCH = "demo"
_INPUT = Path(__file__).parents[2] / "examples" / "mixed_bulk.jsonl"
_LATENCY_MS, _LATENCY_SPREAD = 40, 0.5
#: One open-weight answer in this many is made to come back empty, so that the check of hybrid answers has work.
_FLAWED_ONE_IN = 12


@click.command()
@click.option("--keep", is_flag=True, help="keep the servers' folder, to look at afterwards with: pointsman up")
@click.option("--every", type=click.IntRange(1), default=1, metavar="N", help="run every Nth line only, to be quick")
@click.option("--standin-only", is_flag=True, help="call the stand-in even where a key or a local server is configured")
def demo(keep: bool, every: int, standin_only: bool) -> None:
    """Run the example batch through real servers and workers, then hold the ledger against the provider's bill.

    Where no key is set the stand-in provider answers; with OPENAI_API_KEY and the like the same run goes to the real
    providers and costs real money.

    Example: pointsman demo --standin-only
    """
    began = time.monotonic()
    configured = load_settings()
    with ExitStack() as stack:
        stack.enter_context(stop_on_signals())
        settings = configured.model_copy(update={"state_dir": stack.enter_context(_folder(configured, keep=keep))})
        catalogue = Runtime(settings, "", "", "demo").rulebook.catalogue
        standin = stack.enter_context(
            standin_provider(
                settings, latency_ms=_LATENCY_MS, latency_spread=_LATENCY_SPREAD, faults=_faults(catalogue)
            )
        )
        note("The stand-in provider answers for every provider without a key; its answers are made up.")
        note(f"It was told to leave one in {_FLAWED_ONE_IN} open-weight answers empty, and to be busy now and then.")
        env = {"POINTSMAN_STANDIN_URL": standin.url, **_keys_off(catalogue, off=standin_only)}
        log = stack.enter_context((settings.state_dir / "processes.log").open("wb"))
        yard = stack.enter_context(open_yard(settings, workers=2, say=note, sink=_into(log), env=env))
        reached = settings.model_copy(update={"standin_url": standin.url})
        equal = _run(reached, yard, standin, every=every, standin_only=standin_only)
    show(f"The demo took {duration(time.monotonic() - began)}, servers and all.")
    sys.exit(ExitCode.FINE if equal else ExitCode.UNEXPECTED)


def _run(settings: Settings, yard: Yard, standin: StandIn, *, every: int, standin_only: bool) -> bool:
    """Submit, watch, show; whether every job is accounted for and the books equal the bill."""
    runtime = Runtime(settings, yard.urls.database, yard.urls.broker, "demo")
    _warn_of_cost(runtime, standin_only=standin_only)
    try:
        billed_before = int(standin.bill()["total_pico"])
        batch_id = f"{_BATCH}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
        with _INPUT.open("rb") as stream, Pace("lines") as pace:
            lines = pace.over(islice(read_lines(stream), 0, None, every))
            order = Order(batch_id, "command", {})
            receipt = accept(runtime.engine, order, lines, runtime.rulebook, runtime.assessors)
        note(f"Batch {batch_id} is accepted: {count(receipt.jobs)} jobs, assessed and durable.")
        started = time.monotonic()
        runtime.bell.ring_batch(batch_id)
        try:
            watch(runtime.engine, batch_id)
        except CommandError as stopped:
            if stopped.code is not ExitCode.INTERRUPTED:
                raise
            raise CommandError(stopped.code, "the demo was stopped; its servers end with it") from None
        took = time.monotonic() - started
        with runtime.engine.connect() as connection:
            status = batch_status(connection, batch_id)
            booked = connection.execute(text(_BOOKED), {"batch": batch_id}).scalar_one()
        if status is None:
            raise CommandError(ExitCode.NOT_FOUND, f"the batch {batch_id} has vanished")
        show_summary(status)
        ended = status.count(JobState.DONE, JobState.PARKED, JobState.FAILED)
        show(f"Accounted for: {count(ended)} of {count(receipt.jobs)} jobs, dispatched and settled in {took:.1f} s.")
        billed = int(standin.bill()["total_pico"]) - billed_before
        return _compare(int(booked), billed) and ended == receipt.jobs
    finally:
        runtime.engine.dispose()
        runtime.app.close()


#: What the books say the stand-in is owed for a batch.
_BOOKED = """
SELECT coalesce(sum(CASE WHEN l.kind = 'reversal' THEN -l.amount_pico ELSE l.amount_pico END), 0)
FROM ledger_line l JOIN attempt a ON a.id = l.attempt_id WHERE l.batch_id = :batch AND a.standin
"""


def _compare(booked: int, billed: int) -> bool:
    show(
        f"Ledger, for the stand-in:    {usd_exact(booked)} USD", f"The stand-in's own bill:     {usd_exact(billed)} USD"
    )
    difference = booked - billed
    if difference:
        show(f"They differ by {usd_exact(difference)} USD: that is a fault, please report it.")
    else:
        show("They are equal to the pico-dollar.")
    return difference == 0


@contextmanager
def _folder(settings: Settings, *, keep: bool) -> Iterator[Path]:
    """A fresh state folder for one run."""
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=settings.state_dir))
    try:
        yield folder
    finally:
        if keep:
            note(f"Kept: {folder}; look at it with: POINTSMAN_STATE_DIR={folder} pointsman up")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _faults(catalogue: Catalogue) -> Sequence[Mapping[str, Any]]:
    cheap = [e.id for e in catalogue.endpoints if not e.local and catalogue.model(e.model).tier is Tier.OPEN]
    flawed = [{"match": {"endpoint": name, "every": _FLAWED_ONE_IN}, "fault": "empty"} for name in cheap]
    busy = {"match": {"every": 50, "tries": 1}, "fault": "rate_limit", "retry_after": 1}
    return [busy, *flawed]


def _into(log: BinaryIO) -> Callable[[bytes], None]:
    def write(line: bytes) -> None:
        log.write(line)
        log.flush()

    return write


def _warn_of_cost(runtime: Runtime, *, standin_only: bool) -> None:
    """Say which real providers this run will call, before it does."""
    targets = () if standin_only else runtime.reach.targets.values()
    real = sorted({runtime.rulebook.catalogue.endpoint(t.endpoint_id).provider for t in targets if not t.standin})
    if real:
        note(f"Keys or servers are configured for {', '.join(real)}: these are really called, and may charge for it.")


def _keys_off(catalogue: Catalogue, *, off: bool) -> dict[str, str]:
    """The environment variables of all keys and local servers, emptied."""
    names = {name for e in catalogue.endpoints for name in (e.api_key_env, e.base_url_env) if name}
    return dict.fromkeys(sorted(names), "") if off else {}
