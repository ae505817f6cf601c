"""``pointsman plan``: the dry run. Everything but the dispatch, without a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

import click

from gateway.cli.bad_lines import BadLines
from gateway.cli.bulk_file import open_twice
from gateway.cli.display import count, counted, note, percent, show, show_json, show_json_line, show_table
from gateway.cli.options import batch_options, json_option, submission
from gateway.cli.pace import Pace
from gateway.cli.session import without_servers
from routing.decision import PlanInputs
from schemas.lines import ParsedJob, read_jobs, read_lines
from schemas.money import pico_from_usd, usd_short
from schemas.problems import Problem
from schemas.submission import Submission
from workers.dry_run import Forecast, Planned, Share, count_templates, dry_run
from workers.plan_inputs import BatchInputs
from workers.planning import Budget
from workers.reach import find_reach
from workers.runtime import Runtime
from workers.settle import Reference

_NO_HISTORY = "Lengths of answers are the policy's assumptions: what past answers have taught is used when it runs."
_ASSUMED = "No provider's key, stand-in or local server is configured: planned as if every remote endpoint had a key."


@click.command()
@click.argument("file")
@batch_options
@click.option("--jobs", "each", is_flag=True, help="show each job")
@json_option
def plan(file: str, each: bool, as_json: bool, **given: Any) -> None:
    """Show what would become of FILE: where its jobs would go, at what expected and worst cost, and what would be
    parked. Nothing is sent or stored, and no server is needed; - is standard input.

    With --jobs --json, each job is one line of JSON.

    Example: pointsman plan jobs.jsonl --budget-usd 20
    """
    asked = submission(**given)
    runtime = without_servers("plan")
    at = datetime.now(UTC)
    reference = runtime.reference(at)
    unreachable, assumed = _unreachable(runtime)
    forecast, bad = Forecast(), BadLines()
    with open_twice(file, runtime.settings.max_batch_bytes) as stream:
        with Pace("lines read") as pace:
            templates = count_templates(pace.over(_read(stream, runtime, asked)))
        rulebook = runtime.rulebook
        known = BatchInputs(PlanInputs(rulebook.policy, rulebook.catalogue, at, unreachable), templates)
        budget = Budget(None if asked.budget_usd is None else pico_from_usd(asked.budget_usd))
        with Pace("jobs planned") as pace:
            for item in dry_run(_read(stream, runtime, asked), known, budget, runtime.assessors, reference):
                if isinstance(item, Problem):
                    bad.add(item)
                    continue
                forecast.add(item)
                pace.at(forecast.jobs)
                if each:
                    _show_job(item, as_json=as_json)
    bad.tell("")
    bad.refuse(strict=asked.strict, jobs=forecast.jobs)
    if assumed:
        note(_ASSUMED)
    if as_json and not each:
        show_json(_json(forecast, bad, reference, runtime.rulebook.policy.reference_model, assumed=assumed))
    elif not as_json:
        _show(forecast, asked, reference, runtime.rulebook.policy.reference_model)


def _read(stream: BinaryIO, runtime: Runtime, asked: Submission) -> Iterator[ParsedJob | Problem]:
    stream.seek(0)
    settings = runtime.settings
    return read_jobs(
        read_lines(stream, settings.line_limits),
        model_names=runtime.rulebook.catalogue.names(),
        defaults=asked.defaults,
        max_depth=settings.max_line_depth,
    )


def _unreachable(runtime: Runtime) -> tuple[Mapping[str, str], bool]:
    """Endpoints that can't be called, and whether all remote ones had to be taken as callable, since none is."""
    if runtime.reach.targets:
        return runtime.reach.unreachable, False
    rulebook = runtime.rulebook
    # With a stand-in, which answers for every remote endpoint, only the local servers without an address are left.
    everywhere = find_reach(
        rulebook.catalogue, {}, "http://nowhere.invalid", rulebook.policy.answers.default_max_tokens
    )
    return everywhere.unreachable, True


def _show_job(planned: Planned, *, as_json: bool) -> None:
    if as_json:
        show_json_line(planned.as_json())
        return
    where = planned.endpoint or f"parked: {planned.parked.code if planned.parked else ''}"
    cost = "-" if planned.parked else usd_short(planned.decision.expected_pico)
    show(
        f"{planned.line:>7}  {planned.custom_id:<32}  {planned.assessment.stakes:<6}  {planned.decision.tier:<8}  "
        f"{cost:>9}  {where}"
    )


def _json(forecast: Forecast, bad: BadLines, reference: Reference, model: str, *, assumed: bool) -> dict[str, Any]:
    return {
        **forecast.as_json(),
        "problems": bad.found,
        "reference_model": model,
        "reference_card": reference.card.id,
        "assumed_reachable": assumed,
        "history_used": False,
    }


def _show(forecast: Forecast, asked: Submission, reference: Reference, model: str) -> None:
    total = forecast.total
    parked = sum(reason.jobs for reason in forecast.parked.values())
    show(f"{counted(forecast.jobs, 'job')}: {count(total.jobs)} would be sent, {count(parked)} parked.")
    numbers = ("jobs", "expected USD", "at most USD", "baseline USD*")
    groups = sorted(forecast.groups.items(), key=lambda group: (-group[0][0].rank, -group[0][1].rank))
    rows = [(stakes, tier, *_cells(share)) for (stakes, tier), share in groups]
    show_table(("stakes", "tier", *numbers), rows, right=numbers, total=("all", "", *_cells(total)))
    places = sorted(forecast.endpoints.items(), key=lambda place: (-place[0][0].rank, -place[1].jobs, place[0][1]))
    rows = [(tier, endpoint, *_cells(share)) for (tier, endpoint), share in places]
    show_table(("tier", "first call to", *numbers), rows, right=numbers)
    if forecast.parked:
        reasons = sorted(forecast.parked.items(), key=lambda entry: (-entry[1].jobs, entry[0]))
        rows_out = [
            (code, count(r.jobs), usd_short(r.price_pico) if r.priced else None, r.example, r.says)
            for code, r in reasons
        ]
        columns = ("reason", "jobs", "would cost USD", "first", "why (of the first)")
        show_table(columns, rows_out, title="Parked:", right=("jobs", "would cost USD"))
    saving = total.baseline_pico - total.expected_pico
    show(
        f"* All costs are estimates. The baseline is {model} ({reference.card.id}) for the same expected tokens: "
        f"{usd_short(total.baseline_pico)} USD; the saving would be {usd_short(saving)} USD "
        f"({percent(saving, total.baseline_pico) or 'none'})."
    )
    if asked.budget_usd is not None:
        show(f"Of the budget of {asked.budget_usd} USD at most {usd_short(total.worst_pico)} USD would be held.")
    show(_NO_HISTORY)


def _cells(share: Share) -> tuple[str, ...]:
    return (
        count(share.jobs),
        usd_short(share.expected_pico),
        usd_short(share.worst_pico),
        usd_short(share.baseline_pico),
    )
