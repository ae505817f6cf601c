"""``pointsman explain``: why a job went where it went, what it cost, and whether the decision can be made again."""

from __future__ import annotations

import click

from gateway.cli.display import count, note, show, show_json, show_table
from gateway.cli.exit_codes import CommandError, ExitCode
from gateway.cli.options import json_option
from gateway.cli.session import with_database
from schemas.money import usd_exact, usd_short
from workers.explain import explain as explain_job
from workers.explain_words import story
from workers.explanation import AttemptExplained, Explanation, StageExplained

#: Endpoints that qualify are listed up to this many, cheapest first, unless all are asked for.
_MOST_QUALIFIED = 5


@click.command()
@click.argument("batch_or_job")
@click.argument("custom_id", required=False)
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="list every endpoint, not only the cheapest and those ruled out that are cheaper",
)
@json_option
def explain(batch_or_job: str, custom_id: str | None, every: bool, as_json: bool) -> None:
    """Explain one job, named by BATCH and CUSTOM_ID or by its number alone: what set its stakes, which endpoints
    qualified, what ruled out each cheaper one, the prices used, every call and its cost.

    All of it comes from stored facts. The decision is made again from them and compared with the stored one.

    Example: pointsman explain 2026-12-01-mails row-17
    """
    number = int(batch_or_job) if custom_id is None and batch_or_job.isascii() and batch_or_job.isdigit() else None
    if custom_id is None and (number is None or number >= 2**63):
        raise click.UsageError("give a batch and a custom_id, or the number of a job")
    with with_database("explain") as runtime, runtime.engine.connect() as connection:
        found = explain_job(connection, batch_id=batch_or_job, custom_id=custom_id, job_id=number)
    if found is None:
        what = f"job {number}" if custom_id is None else f"job {custom_id} in the batch {batch_or_job}"
        raise CommandError(ExitCode.NOT_FOUND, f"there is no {what}")
    if as_json:
        show_json({**found.as_json(), "story": list(story(found))})
    else:
        _show(found, every=every)


def _show(found: Explanation, *, every: bool) -> None:
    subject, assessment = found.subject, found.assessment
    show(f"Job {subject.job_id}: {subject.custom_id}, line {subject.line} of the batch {subject.batch_id}")
    owner = f"{subject.tenant}, cost centre {subject.cost_centre}"
    show(f"Tenant {owner}" + (f", project {subject.project}" if subject.project else ""))
    show("", *story(found), "")
    rows = [(reason.axis, reason.code, reason.says) for reason in assessment.reasons]
    show_table(("axis", "rule", "finding"), rows, title="What was found:")
    show(
        f"Stakes {assessment.stakes} (p high {assessment.p_high:.4f}, p low {assessment.p_low:.4f}), complexity "
        f"{assessment.complexity:.4f}, domain {assessment.domain}, data class {assessment.data_class}"
    )
    for stage in found.stages:
        _stage(stage, every=every)
    if found.attempts:
        _attempts(found.attempts)
        show(f"Cost in all: {usd_short(found.cost_pico)} USD")
    if found.baseline_pico is not None:
        says = f"The same tokens at {found.baseline_card} (an estimate): {usd_short(found.baseline_pico)} USD"
        show(says)
    _provenance(found)


def _stage(stage: StageExplained, *, every: bool) -> None:
    checked = ", its answer checked" if stage.checked else ""
    show("", f"Stage {stage.number}: models {stage.models}, of at least tier {stage.at_least}{checked}")
    numbers = ("expected USD", "at most USD")
    if stage.qualified:
        rows = [
            (
                one.endpoint,
                usd_short(one.expected_pico),
                usd_short(one.worst_pico),
                one.card,
                ", ".join(f"{meter} {rate}" for meter, rate in one.rates.items()),
            )
            for one in (stage.qualified if every else stage.qualified[:_MOST_QUALIFIED])
        ]
        columns = ("qualifies", *numbers, "price card", "USD per million tokens")
        show_table(columns, rows, right=numbers)
        if len(rows) < len(stage.qualified):
            show(f"({len(stage.qualified) - len(rows)} dearer ones qualify too; --all lists them)")
    excluded = [one for one in stage.excluded if every or one.cheaper]
    if excluded:
        rows_out = [
            (one.endpoint, None if one.call_pico is None else usd_short(one.call_pico), one.code, one.says)
            for one in excluded
        ]
        title = ("ruled out", "call USD", "by", "why")
        show_table(title, rows_out, right=("call USD",))
    if len(excluded) < len(stage.excluded):
        show(f"({len(stage.excluded) - len(excluded)} more that aren't cheaper are ruled out too; --all lists them)")


def _attempts(attempts: tuple[AttemptExplained, ...]) -> None:
    numbers = ("call", "tokens in", "tokens out", "ms", "cost USD")
    rows = [
        (
            one.number,
            one.endpoint + (" (stand-in)" if one.standin else ""),
            one.served_model,
            one.purpose,
            one.state,
            one.outcome,
            _tokens(one, "input", "cached_read", "cache_write"),
            _tokens(one, "output"),
            one.latency_ms,
            usd_short(one.cost_pico),
            one.card,
            ", ".join(one.flaws) or None,
        )
        for one in attempts
    ]
    columns = (
        "call", "endpoint", "served model", "purpose", "state", "outcome", "tokens in", "tokens out", "ms", "cost USD",
        "price card", "flaws",
    )  # fmt: skip
    show("")
    show_table(columns, rows, title="Calls:", right=numbers)
    lines = [
        (
            one.number,
            line.kind,
            line.meter,
            count(line.quantity),
            f"{line.usd_per_million:f}",
            usd_exact(line.amount_pico),
            line.debit,
            line.credit,
        )
        for one in attempts
        for line in one.lines
    ]
    if lines:
        amounts = ("call", "quantity", "USD per million", "amount USD")
        heads = ("call", "entry", "meter", *amounts[1:], "debit", "credit")
        show_table(heads, lines, title="Ledger lines:", right=amounts)


def _tokens(attempt: AttemptExplained, *meters: str) -> str | None:
    counted = [found for meter in meters if (found := attempt.tokens[meter]) is not None]
    return count(sum(counted)) if counted else None


def _provenance(found: Explanation) -> None:
    versions, again = found.versions, found.rederived
    show("")
    if versions is not None:
        show(
            f"Decided by policy {versions.policy} and catalogue {versions.catalogue}, at the prices of "
            f"{versions.at:%Y-%m-%d %H:%M:%S %Z}; assessed by {found.assessment.assessor}"
        )
    if again.same:
        show("Made again from the stored facts, the decision comes out the same.")
    elif again.impossible is not None:
        show(f"The decision can't be made again: {again.impossible}.")
    else:
        note(f"CAUTION: made again, the decision differs from the stored one in: {', '.join(again.differs)}")
