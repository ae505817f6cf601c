"""``pointsman submit``: a file becomes a durable batch, which is announced and, if asked, watched to its end."""

from __future__ import annotations

import sys
from typing import Any

import click

from gateway.cli.bad_lines import MOST_SHOWN, tell_problems
from gateway.cli.bulk_file import open_bulk
from gateway.cli.display import counted, note, show, show_json
from gateway.cli.exit_codes import CommandError, ExitCode
from gateway.cli.options import batch_options, json_option, submission
from gateway.cli.pace import Pace
from gateway.cli.session import with_servers
from gateway.cli.summary import exit_code, show_summary
from gateway.cli.watch import watch
from schemas.lines import read_lines
from schemas.money import pico_from_usd
from schemas.problems import Problem
from schemas.submission import Submission
from workers.intake import MOST_PROBLEMS, BatchRefusedError, KeyReusedError, Order, Receipt, accept
from workers.results import problems
from workers.runtime import Runtime
from workers.status import batch_status


@click.command()
@click.argument("file")
@click.option("--batch-id", help="the batch's name; the same name and content is the same batch  [default: random]")
@batch_options
@click.option("--wait", is_flag=True, help="watch the batch until it is finished, and show the summary")
@click.option("--yes", is_flag=True, help="don't ask before a batch without a budget goes to paid providers")
@json_option
def submit(file: str, batch_id: str | None, wait: bool, yes: bool, as_json: bool, **given: Any) -> None:
    """Hand in a batch: FILE holds one job a line, as OpenAI's batch files do; - is standard input.

    When this returns, the batch is durable. Bad lines are listed and left out, and the exit status is 0 all the same;
    with --strict one bad line refuses the batch (3). With --wait the exit status is 4 if jobs are parked or failed.

    Example: pointsman submit jobs.jsonl --batch-id 2026-12-01-mails --budget-usd 20 --wait
    """
    asked = submission(batch_id, **given)
    with with_servers("submit") as runtime:
        if asked.budget_usd is None and not yes and file != "-":
            _ask_first(runtime)
        receipt = _take_in(runtime, file, asked, as_json=as_json)
        told: dict[str, Any] = {
            "batch": receipt.batch_id,
            "jobs": receipt.jobs,
            "bad_lines": receipt.bad_lines,
            "known": receipt.known,
        }
        if receipt.bad_lines:
            told["problems"] = _bad_lines(runtime, receipt, as_json=as_json)
        if not receipt.jobs:
            if as_json:
                show_json(told)
            raise CommandError(ExitCode.REFUSED, f"none of the lines of the batch {receipt.batch_id} is a job")
        told["announced"] = runtime.bell.ring_batch(receipt.batch_id)
        if not told["announced"]:
            note("the broker is away: the batch is durable and will start when it is back")
        if not as_json:
            _tell(receipt, wait=wait)
        code = _see_through(runtime, receipt.batch_id, told, as_json=as_json) if wait else ExitCode.FINE
        if as_json:
            show_json(told)
    sys.exit(code)


def _ask_first(runtime: Runtime) -> None:
    """On a terminal, money is spent without limit only after a yes."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    catalogue = runtime.rulebook.catalogue
    endpoints = [catalogue.endpoint(t.endpoint_id) for t in runtime.reach.targets.values() if not t.standin]
    paid = sorted({endpoint.provider for endpoint in endpoints if not endpoint.local})
    if paid:
        asked = f"No --budget-usd is given, so there is no limit to what {', '.join(paid)} may charge. Go on?"
        click.confirm(asked, abort=True, err=True)


def _take_in(runtime: Runtime, file: str, asked: Submission, *, as_json: bool) -> Receipt:
    order = Order(
        batch_id=asked.batch_id,
        way_in="command",
        defaults=asked.defaults,
        budget_pico=None if asked.budget_usd is None else pico_from_usd(asked.budget_usd),
        strict=asked.strict,
    )
    settings = runtime.settings
    try:
        with open_bulk(file) as stream, Pace("lines") as pace:
            return accept(
                runtime.engine,
                order,
                pace.over(read_lines(stream, settings.line_limits)),
                runtime.rulebook,
                runtime.assessors,
                max_depth=settings.max_line_depth,
            )
    except BatchRefusedError as refused:
        if as_json:
            listed = [problem.as_json() for problem in refused.problems]
            show_json({"batch": order.batch_id, "refused": True, "problems": listed, "found": refused.found})
        else:
            tell_problems(refused.problems, refused.found, "; --json lists them")
        says = f"the batch was refused ({counted(refused.found, 'problem')}); nothing of it was stored"
        raise CommandError(ExitCode.REFUSED, says) from None
    except KeyReusedError as refused:
        raise CommandError(ExitCode.REFUSED, str(refused)) from None


def _bad_lines(runtime: Runtime, receipt: Receipt, *, as_json: bool) -> list[dict[str, Any]]:
    """The bad lines of an accepted batch: returned for JSON, else printed as far as they fit."""
    most = MOST_PROBLEMS if as_json else MOST_SHOWN
    first: list[Problem] = []
    found = 0
    with runtime.engine.connect() as connection, problems(connection, receipt.batch_id) as listed:
        for problem in listed:
            found += 1
            if len(first) < most:
                first.append(problem)
    if not as_json:
        tell_problems(first, found, f"; see them with: pointsman problems {receipt.batch_id}")
    return [problem.as_json() for problem in first]


def _tell(receipt: Receipt, *, wait: bool) -> None:
    how = "was accepted before" if receipt.known else "is accepted"
    bad = f", {counted(receipt.bad_lines, 'bad line')} left out" if receipt.bad_lines else ""
    show(f"Batch {receipt.batch_id} {how}: {counted(receipt.jobs, 'job')}{bad}.")
    if not wait:
        show(
            f"Next: pointsman status {receipt.batch_id}",
            f"      pointsman results {receipt.batch_id} --wait --output results.jsonl",
        )


def _see_through(runtime: Runtime, batch_id: str, told: dict[str, Any], *, as_json: bool) -> ExitCode:
    watch(runtime.engine, batch_id)
    with runtime.engine.connect() as connection:
        status = batch_status(connection, batch_id)
    if status is None:
        raise CommandError(ExitCode.NOT_FOUND, f"there is no batch {batch_id} any more")
    if as_json:
        told["status"] = status.as_json()
    else:
        show_summary(status)
    return exit_code(status)
