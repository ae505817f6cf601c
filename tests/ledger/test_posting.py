"""From an attempt to its lines: exact, one a meter, balanced by construction."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.posting import accrue, baseline, charge, reverse
from routing.cards import Rates
from schemas.usage import Usage
from schemas.vocabulary import EntryKind, Meter
from tests.ledger.books import RATES, charged

prices = st.decimals(0, 1_000, places=12)
rates = st.builds(Rates, prices, prices, prices, prices, prices)
tokens = st.integers(0, 2_000_000)
usages = st.builds(Usage, tokens, tokens, tokens, tokens)


def test_charge_by_hand():
    """One line a meter that counted, from the cost centre's expense to what the provider is owed."""
    lines = charge(charged(7), Usage(input=1_000, cached_read=200, cache_write=0, output=30), RATES)
    assert [(line.meter, line.quantity, line.usd_per_million, line.amount_pico) for line in lines] == [
        (Meter.INPUT, 1_000, Decimal("0.10"), 100_000_000),
        (Meter.CACHED_READ, 200, Decimal("0.01"), 2_000_000),
        (Meter.OUTPUT, 30, Decimal("0.30"), 9_000_000),
    ]
    assert {(line.debit, line.credit, line.kind) for line in lines} == {
        ("expense:acme:sales", "payable:prov", EntryKind.CHARGE)
    }
    assert {line.charged for line in lines} == {charged(7)}


def test_meters_that_counted_nothing_have_no_line():
    """No usage, no line; usage at a price of zero has a line of zero."""
    assert charge(charged(), Usage(), RATES) == ()
    (line,) = charge(charged(), Usage(output=5), replace(RATES, output=Decimal(0)))
    assert (line.meter, line.quantity, line.amount_pico) == (Meter.OUTPUT, 5, 0)


def test_fee_is_one_request():
    """A fee is priced for a million requests and charged for one, even when no token was counted."""
    (line,) = charge(charged(), Usage(), replace(RATES, fee=Decimal(5_000)))
    assert (line.meter, line.quantity, line.amount_pico) == (Meter.FEE, 1, 5_000_000_000)


@given(usages, rates)
def test_lines_are_exact(usage, given_rates):
    """Each line is quantity times price, rounded once; quantities are what was counted."""
    lines = charge(charged(), usage, given_rates)
    assert len({line.meter for line in lines}) == len(lines)
    assert {line.meter: line.quantity for line in lines if line.meter is not Meter.FEE} == {
        meter: quantity for meter, quantity in usage.by_meter() if quantity
    }
    for line in lines:
        assert line.amount_pico == round(Fraction(given_rates.of(line.meter)) * line.quantity * 1_000_000)


@given(usages, rates)
def test_accrual_and_reversal_net_to_zero(usage, given_rates):
    """Every account stands where it stood once an accrual was taken back."""
    accruals = accrue(charged(), usage, given_rates)
    assert {line.credit for line in accruals} <= {"accrued:prov"}
    balances: Counter[str] = Counter()
    for line in (*accruals, *map(reverse, accruals)):
        balances[line.debit] += line.amount_pico
        balances[line.credit] -= line.amount_pico
    assert not any(balances.values())
    assert {reverse(line).kind for line in accruals} <= {EntryKind.REVERSAL}


def test_only_accruals_are_reversed():
    """A charge is corrected otherwise; a reversal of a reversal would be an accrual in disguise."""
    (accrual,) = accrue(charged(), Usage(output=1), RATES)
    (line,) = charge(charged(), Usage(output=1), RATES)
    for other in (line, reverse(accrual)):
        with pytest.raises(ValueError, match="is not reversed by this"):
            reverse(other)


def test_baseline_prices_all_prompt_tokens_uncached():
    """The estimate takes no discount for a cache that the reference model never filled."""
    usage = Usage(input=100, cached_read=200, cache_write=300, output=10)
    assert baseline(usage, RATES) == 600 * 100_000 + 10 * 300_000


def test_amounts_beyond_a_column_are_refused():
    """A line that no column could hold is an error before it is a row."""
    with pytest.raises(OverflowError):
        charge(charged(), Usage(output=10**13), replace(RATES, output=Decimal(1_000_000)))
