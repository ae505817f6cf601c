"""The finance reviewer's report: equal to a naive sum, grouped by whatever is asked, estimates labelled."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import text

from ledger.journal import post
from ledger.posting import Charged, Posting, accrue, charge, reverse
from ledger.report import Dimension, Figures, Report, Row, report
from schemas.money import MAX_PICO
from schemas.usage import Usage
from schemas.vocabulary import EntryKind, Meter
from tests.ledger.books import AT, RATES, accept, charged

pytestmark = pytest.mark.system

NOTHING = Figures(0, 0, 0, 0, 0, 0, 0, 0, 0, ())


@dataclass
class Told:
    """One attempt as the test knows it: its lines, and the baseline of its answer if that was accepted."""

    head: Charged
    lines: list[Posting]
    baseline_pico: int | None


def some_attempts(seed: int, count: int) -> list[Told]:
    """Attempts of a small company, half of them dull: billed, uncertain, reconciled, failed and accepted ones."""
    rng = random.Random(seed)
    told = []
    for attempt_id in range(1, count + 1):
        model = rng.choice(["cheap", "dear"])
        provider = rng.choice(["us", "cn"])
        head = charged(
            attempt_id,
            job_id=attempt_id,
            batch_id=rng.choice(["b1", "b2", "b3"]),
            tenant=rng.choice(["acme", "zeta"]),
            cost_centre=rng.choice(["sales", "ops"]),
            project=rng.choice([None, "p1", "p2"]),
            provider=provider,
            endpoint=f"{provider}/{model}",
            model=model,
            tier=rng.choice(["open", "hybrid", "frontier"]),
            purpose=rng.choice(["answer", "escalation"]),
            occurred_at=AT + timedelta(hours=rng.randint(-40, 40)),
        )
        usage = Usage(rng.randint(0, 5_000), rng.choice([0, 900]), rng.choice([0, 70]), rng.randint(1, 900))
        rates = replace(RATES, fee=Decimal(rng.choice([0, 250])))
        fate = rng.choice(["accepted", "accepted", "failed", "uncertain", "reconciled"])
        lines: list[Posting] = []
        if fate in ("uncertain", "reconciled"):
            lines += accrue(head, Usage(input=1_000, output=300), rates)
        if fate == "reconciled":
            lines += map(reverse, list(lines))
        if fate != "uncertain":
            lines += charge(head, usage, rates)
        told.append(Told(head, lines, rng.randint(0, 10**11) if fate == "accepted" else None))
    return told


def write(connection, told: list[Told]) -> None:
    """Put attempts into the books, their lines in any order."""
    lines = [line for one in told for line in one.lines]
    random.Random(len(lines)).shuffle(lines)
    post(connection, lines)
    for one in told:
        if one.baseline_pico is not None:
            accept(connection, one.head, one.baseline_pico)


def value(head: Charged, dimension: Dimension) -> str | date | None:
    """What an attempt has in a dimension."""
    if dimension is Dimension.DAY:
        return head.occurred_at.astimezone(UTC).date()
    found: str | None = getattr(head, "batch_id" if dimension is Dimension.BATCH else dimension.value)
    return found


def naive(told: list[Told]) -> Figures:
    """The figures of attempts, added up one line at a time."""
    tokens: dict[Meter, int] = defaultdict(int)
    settled = accrued = accepted = baseline = 0
    for one in told:
        for line in one.lines:
            sign = -1 if line.kind is EntryKind.REVERSAL else 1
            tokens[line.meter] += sign * line.quantity
            if line.kind is EntryKind.CHARGE:
                settled += line.amount_pico
            else:
                accrued += sign * line.amount_pico
        if one.baseline_pico is not None:
            accepted += 1
            baseline += one.baseline_pico
    return Figures(
        len(told), tokens[Meter.INPUT], tokens[Meter.CACHED_READ], tokens[Meter.CACHE_WRITE], tokens[Meter.OUTPUT],
        settled, accrued, accepted, baseline, ("reference@2026",) if accepted else (),
    )  # fmt: skip


def grouped(told: list[Told], by: tuple[Dimension, ...]) -> dict[tuple[str | date | None, ...], Figures]:
    """The naive figures of each group."""
    groups: dict[tuple[str | date | None, ...], list[Told]] = defaultdict(list)
    for one in told:
        groups[tuple(value(one.head, dimension) for dimension in by)].append(one)
    return {key: naive(group) for key, group in groups.items()}


def as_dict(found: Report) -> dict[tuple[str | date | None, ...], Figures]:
    """The rows of a report by their values, each once."""
    rows = {row.values: row.figures for row in found.rows}
    assert len(rows) == len(found.rows)
    return rows


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_report_equals_a_naive_sum(connection, seed):
    """By each dimension, each pair of them, all and none, every figure is what adding up by hand gives."""
    told = some_attempts(seed, 120)
    write(connection, told)
    choices = [(), tuple(Dimension), *((one,) for one in Dimension), *combinations(Dimension, 2)]
    for by in choices:
        found = report(connection, by)
        assert as_dict(found) == grouped(told, by)
        assert found.totals == naive(told)


def test_filters_equal_a_naive_sum(connection):
    """Tenant, batch and times each leave what they say, the start included and the end not."""
    told = some_attempts(7, 150)
    write(connection, told)
    since, until = told[3].head.occurred_at, told[4].head.occurred_at
    since, until = min(since, until), max(since, until)
    by = (Dimension.MODEL, Dimension.DAY)
    filters: tuple[tuple[dict[str, Any], Callable[[Charged], bool]], ...] = (
        ({"tenant": "acme"}, lambda h: h.tenant == "acme"),
        ({"batch": "b2"}, lambda h: h.batch_id == "b2"),
        ({"since": since}, lambda h: h.occurred_at >= since),
        ({"until": until}, lambda h: h.occurred_at < until),
        (
            {"tenant": "zeta", "batch": "b1", "since": since, "until": until},
            lambda h: h.tenant == "zeta" and h.batch_id == "b1" and since <= h.occurred_at < until,
        ),
    )
    for given, fits in filters:
        kept = [one for one in told if fits(one.head)]
        assert kept
        found = report(connection, by, **given)
        assert as_dict(found) == grouped(kept, by)
        assert found.totals == naive(kept)


def test_no_lines_no_rows(connection):
    """Nothing is invented for tenants, batches or days without lines."""
    nobody: tuple[dict[str, Any], ...] = ({}, {"tenant": "nobody"}, {"batch": "b9"})
    for given in nobody:
        found = report(connection, [Dimension.TENANT], **given)
        assert (found.rows, found.totals) == ((), NOTHING)
        assert report(connection, [], **given).rows == ()
    assert NOTHING.saving_share is None


def test_names_are_values_and_never_sql(connection):
    """A tenant's name with quotes and a percent sign is a name."""
    odd = "o'hara %s\"); DROP TABLE ledger_line --"
    post(connection, charge(charged(1, tenant=odd), Usage(output=1), RATES))
    found = report(connection, [Dimension.TENANT], tenant=odd)
    assert [row.values for row in found.rows] == [(odd,)]


def test_days_are_those_of_utc(connection):
    """A call one second before midnight in UTC is of the day before, whatever the session's or the caller's zone."""
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    tokyo = timezone(timedelta(hours=9))
    for number, at in enumerate((midnight - timedelta(seconds=1), midnight, midnight.astimezone(tokyo)), 1):
        post(connection, charge(charged(number, occurred_at=at), Usage(output=1), RATES))
    for zone in ("UTC", "Asia/Tokyo", "America/Los_Angeles"):
        connection.execute(text(f"SET LOCAL TIME ZONE '{zone}'"))
        found = report(connection, [Dimension.DAY])
        assert [(row.values, row.figures.calls) for row in found.rows] == [
            ((date(2026, 11, 23),), 1),
            ((date(2026, 11, 24),), 2),
        ]
    assert report(connection, [], since=midnight.astimezone(tokyo)).totals.calls == 2


def test_cheap_attempt_that_failed_counts_against_the_cheap_route(connection):
    """The failed call has cost and no baseline; the accepted escalation has both."""
    cheap = charged(1, model="cheap", purpose="answer")
    dear = charged(2, model="dear", purpose="escalation")
    post(connection, charge(cheap, Usage(output=1_000), RATES))
    post(connection, charge(dear, Usage(output=2_000), RATES))
    accept(connection, dear, 1_000_000_000)
    found = report(connection, [Dimension.MODEL])
    assert [(row.values[0], row.figures.saving_pico, row.figures.saving_share) for row in found.rows] == [
        ("cheap", -300_000_000, None),
        ("dear", 400_000_000, Decimal("0.4000")),
    ]
    assert (found.totals.saving_pico, found.totals.saving_share) == (100_000_000, Decimal("0.1000"))


def test_uncertain_calls_cost_and_save_nothing(connection):
    """What may be billed is shown beside what is; once reversed it is gone."""
    accruals = accrue(charged(1), Usage(input=100, output=10), RATES)
    post(connection, accruals)
    totals = report(connection, []).totals
    assert (totals.settled_pico, totals.accrued_pico, totals.saving_pico) == (0, 13_000_000, -13_000_000)
    assert (totals.calls, totals.input_tokens, totals.accepted) == (1, 100, 0)
    post(connection, map(reverse, accruals))
    totals = report(connection, []).totals
    assert (totals.total_pico, totals.input_tokens, totals.saving_pico, totals.calls) == (0, 0, 0, 1)


def test_a_late_charge_of_another_day_counts_its_call_once_in_all(connection):
    """A call whose lines fall on two days is a call of each, one in all, and its answer is counted once."""
    head = charged(1)
    accruals = accrue(head, Usage(output=10), RATES)
    later = charge(replace(head, occurred_at=AT + timedelta(days=1)), Usage(output=12), RATES)
    post(connection, [*accruals, *map(reverse, accruals), *later])
    accept(connection, head, 10**9)
    found = report(connection, [Dimension.DAY])
    assert [(row.figures.calls, row.figures.accepted) for row in found.rows] == [(1, 1), (1, 0)]
    assert (found.totals.calls, found.totals.accepted, found.totals.baseline_pico) == (1, 1, 10**9)


def test_sums_beyond_a_bigint_are_exact(connection):
    """Largest amounts, quantities and baselines add up without an overflow or a lost digit."""
    for number in (1, 2, 3):
        head = charged(number, job_id=number)
        (line,) = charge(head, Usage(output=1), RATES)
        post(connection, [replace(line, amount_pico=MAX_PICO, quantity=MAX_PICO)])
        accept(connection, head, MAX_PICO)
    totals = report(connection, []).totals
    assert (totals.settled_pico, totals.output_tokens, totals.baseline_pico) == (3 * MAX_PICO,) * 3


def test_rows_stand_in_the_order_of_their_values(connection):
    """Sorted by the dimensions in the order asked for; what has no project comes last."""
    for number, (tenant, project) in enumerate((("b", "p"), ("a", None), ("b", None), ("a", "q"), ("a", "p")), 1):
        post(connection, charge(charged(number, tenant=tenant, project=project), Usage(output=1), RATES))
    found = report(connection, [Dimension.PROJECT, Dimension.TENANT])
    assert [row.values for row in found.rows] == [("p", "a"), ("p", "b"), ("q", "a"), (None, "a"), (None, "b")]


def test_questions_that_make_no_sense_are_refused(connection):
    """Times without an offset, dimensions twice and unknown ones are errors with a name."""
    with pytest.raises(ValueError, match="since needs an offset"):
        report(connection, [], since=AT.replace(tzinfo=None))
    with pytest.raises(ValueError, match="until needs an offset"):
        report(connection, [], until=AT.replace(tzinfo=None))
    with pytest.raises(ValueError, match="each dimension once"):
        report(connection, [Dimension.DAY, Dimension.DAY])
    with pytest.raises(ValueError, match="'colour' is not a valid Dimension"):
        report(connection, ["colour"])  # type: ignore[list-item]


FIGURES = Figures(2, 100, 10, 1, 30, 3_000_000, 1, 1, 8_000_000, ("a@1", "b@2"))


def test_json_has_exact_amounts_and_labels_estimates():
    """Twelve decimals, days as text, and the word estimate on what is one."""
    found = Report((Dimension.DAY, Dimension.PROJECT), (Row((date(2026, 11, 23), None), FIGURES),), FIGURES).as_json()
    assert found["by"] == ["day", "project"]
    assert found["rows"][0] == {"day": "2026-11-23", "project": None} | found["totals"]
    assert found["totals"] == {
        "calls": 2,
        "input_tokens": 100,
        "cached_read_tokens": 10,
        "cache_write_tokens": 1,
        "output_tokens": 30,
        "settled_usd": "0.000003000000",
        "accrued_usd": "0.000000000001",
        "total_usd": "0.000003000001",
        "accepted": 1,
        "baseline_estimate_usd": "0.000008000000",
        "saving_estimate_usd": "0.000004999999",
        "saving_estimate_share": "0.6250",
        "baseline_cards": ["a@1", "b@2"],
    }


def test_csv_is_safe_in_a_spreadsheet():
    """Each row is as wide as the header; a name that looks like a formula is text; amounts stay numbers."""
    loss = replace(FIGURES, baseline_pico=0, baseline_cards=())
    rows = (Row(("=HYPERLINK(1)", None), FIGURES), Row(("plain", date(2026, 11, 23)), loss))
    header, first, second = Report((Dimension.TENANT, Dimension.DAY), rows, FIGURES).as_csv()
    assert header[:3] == ("tenant", "day", "calls")
    assert {len(header), len(first), len(second)} == {15}
    assert (first[:3], first[-1]) == (("'=HYPERLINK(1)", "", "2"), "a@1 b@2")
    named = dict(zip(header, second, strict=True))
    assert (named["day"], named["saving_estimate_usd"]) == ("2026-11-23", "-0.000003000001")
    assert (named["saving_estimate_share"], named["baseline_cards"]) == ("", "")
