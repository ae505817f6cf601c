"""``pointsman status``: recent batches, or one in detail."""

from __future__ import annotations

import json

import click
from sqlalchemy import Connection

from gateway.cli.display import count, note, show, show_json, show_table
from gateway.cli.exit_codes import CommandError, ExitCode
from gateway.cli.options import json_option
from gateway.cli.session import with_database
from gateway.cli.summary import show_summary
from schemas.money import usd_short
from workers.batch_status import BatchLine, Event
from workers.status import batch_status, events, recent


@click.command()
@click.argument("batch", required=False)
@click.option("--tenant", help="only batches of this tenant (list)")
@click.option("--most", type=click.IntRange(1, 10_000), default=20, show_default=True, help="batches listed at most")
@json_option
def status(batch: str | None, tenant: str | None, most: int, as_json: bool) -> None:
    """List recent batches; with BATCH, show that one: stakes, tiers, cost, what is parked, what waits and why.

    Example: pointsman status 2026-12-01-mails
    """
    with with_database("status") as runtime, runtime.engine.connect() as connection:
        if batch is None:
            _list(recent(connection, tenant=tenant, most=most), as_json=as_json)
        else:
            _one(connection, batch, as_json=as_json)


def _list(lines: tuple[BatchLine, ...], *, as_json: bool) -> None:
    if as_json:
        show_json([line.as_json() for line in lines])
        return
    if not lines:
        note("there is no batch yet; hand one in with: pointsman submit FILE")
        return
    numbers = ("jobs", "done", "parked", "failed", "bad lines", "cost USD")
    rows = [
        (
            line.id,
            line.tenant,
            line.state,
            *map(count, (line.jobs, line.done, line.parked, line.failed, line.bad_lines)),
            usd_short(line.spent_pico),
            f"{line.accepted_at:%Y-%m-%d %H:%M:%S %Z}",
        )
        for line in lines
    ]
    show_table(("batch", "tenant", "state", *numbers, "accepted"), rows, right=numbers)


def _one(connection: Connection, batch: str, *, as_json: bool) -> None:
    found = batch_status(connection, batch)
    if found is None:
        _unknown(batch, events(connection, batch), as_json=as_json)
    elif as_json:
        show_json(found.as_json())
    else:
        show_summary(found)
        for name, at in (
            ("accepted", found.accepted_at),
            ("planned", found.planned_at),
            ("finished", found.finished_at),
        ):
            if at is not None:
                show(f"{at:%Y-%m-%d %H:%M:%S %Z}  {name}")
        for event in found.events:
            show(f"{event.at:%Y-%m-%d %H:%M:%S %Z}  event {event.kind}: {json.dumps(event.detail, ensure_ascii=False)}")


def _unknown(batch: str, told: tuple[Event, ...], *, as_json: bool) -> None:
    """No batch, though a message that asked for it may have been refused."""
    refused = next((event for event in told if event.kind == "refused"), None)
    if refused is None:
        raise CommandError(ExitCode.NOT_FOUND, f"there is no batch {batch}; list them with: pointsman status")
    if as_json:
        show_json({"batch": batch, "refused": True, "events": [event.as_json() for event in told]})
    else:
        for problem in refused.detail.get("problems", ()):
            where = f"line {problem['line']}" if problem["line"] else "batch"
            note(f"{where}: {problem['code']}: {problem['field']}: {problem['says']}")
    says = refused.detail.get("says", f"{refused.detail.get('found', 0)} problems")
    raise CommandError(ExitCode.REFUSED, f"the message that submitted {batch} was refused: {says}")
