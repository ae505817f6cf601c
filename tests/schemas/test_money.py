"""Money: lines against a slow reference, and amounts as people and files write them."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.money import MAX_PICO, PICO_PER_USD, line_amount, pico_from_usd, usd_exact, usd_short

prices = st.decimals(0, 10_000, places=12)
quantities = st.integers(0, 10**8)


def reference(quantity: int, price: Decimal) -> int:
    """The amount in exact fractions; ``round`` of a fraction goes half to even."""
    return round(Fraction(price) * quantity / 1_000_000 * PICO_PER_USD)


@given(quantities, prices)
def test_line_amount_is_the_exact_product_rounded_once(quantity, price):
    """The fast way equals the slow one."""
    assert line_amount(quantity, price) == reference(quantity, price)


@pytest.mark.parametrize(
    ("quantity", "price", "amount"),
    [
        (1_000_000, "2.50", 2_500_000_000_000),
        (1, "2.50", 2_500_000),
        (0, "2.50", 0),
        (7, "0", 0),
        (1, "0.0000005", 0),
        (3, "0.0000005", 2),
        (5, "0.0000005", 2),
        (1, "0.000000500001", 1),
        (1, "0.000000499999", 0),
    ],
)
def test_line_amount_by_hand(quantity, price, amount):
    """Halves go to the even neighbour, anything beyond a half goes up."""
    assert line_amount(quantity, Decimal(price)) == amount


@given(quantities, quantities, prices, prices)
def test_line_amount_is_monotone(less, more, cheap, dear):
    """More units or a higher price never cost less."""
    (less, more), (cheap, dear) = sorted((less, more)), sorted((cheap, dear))
    assert line_amount(less, cheap) <= line_amount(more, cheap) <= line_amount(more, dear)


@given(quantities, prices)
def test_line_amount_ignores_the_surrounding_context(quantity, price):
    """A caller's coarse decimal context changes no amount."""
    with localcontext(prec=3):
        amount = line_amount(quantity, price)
    assert amount == reference(quantity, price)


def test_line_amount_ends_where_a_column_ends():
    """The largest amount fits; one more is refused by name, and so is a negative quantity."""
    assert line_amount(MAX_PICO, Decimal(1) / 1_000_000) == MAX_PICO
    with pytest.raises(OverflowError, match="exceed what a ledger line can hold"):
        line_amount(MAX_PICO, Decimal("0.000001000001"))
    with pytest.raises(OverflowError, match="the quantity exceeds what a ledger line can hold"):
        line_amount(MAX_PICO + 1, Decimal(0))
    with pytest.raises(OverflowError):
        line_amount(10**80, Decimal("0.01"))
    with pytest.raises(ValueError, match="must not be negative"):
        line_amount(-1, Decimal(1))


@given(st.integers(0, MAX_PICO))
def test_exact_text_reads_back(pico):
    """What files hold is read back to the pico-dollar."""
    assert pico_from_usd(usd_exact(pico)) == pico


@pytest.mark.parametrize(
    ("text", "pico"),
    [("12.50", 12_500_000_000_000), ("0", 0), ("1e-12", 1), ("0.000000000001", 1), ("9223372.036854775807", MAX_PICO)],
)
def test_amounts_that_are_read(text, pico):
    """Plain and scientific spellings of whole pico-dollars."""
    assert pico_from_usd(text) == pico


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not an amount"),
        ("ten", "not an amount"),
        ("1,50", "not an amount"),
        ("-1", "not a positive amount"),
        ("NaN", "not a positive amount"),
        ("sNaN", "not a positive amount"),
        ("Infinity", "not a positive amount"),
        ("0.0000000000001", "at least 10"),
        ("9223372.036854775808", "at most"),
        ("1e30", "at most"),
        ("1e999999", "at most"),
        ("1e-999999", "at least 10"),
        ("1." + "0" * 61 + "1", "at least 10"),
        ("1." + "0" * 63 + "1", "not an amount"),
        ("1" * 100_000, "not an amount"),
    ],
)
def test_amounts_that_are_refused(text, says):
    """Everything else is a ``ValueError`` that says why."""
    with pytest.raises(ValueError, match=says):
        pico_from_usd(text)


@pytest.mark.parametrize(
    ("pico", "text"),
    [
        (3_000_000, "0.000003000000"),
        (0, "0.000000000000"),
        (-1, "-0.000000000001"),
        (10**24, "1000000000000.000000000000"),
    ],
)
def test_exact_text(pico, text):
    """Twelve decimals, whatever the size, and the sign in front."""
    assert usd_exact(pico) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        ("0", "0.0000"),
        ("0.00004999", "<0.0001"),
        ("0.00005", "0.0000"),
        ("0.000051", "0.0001"),
        ("0.00015", "0.0002"),
        ("9.99995", "10.0000"),
        ("10", "10.00"),
        ("10.005", "10.00"),
        ("1234567.899", "1,234,567.90"),
        ("-0.5", "-0.5000"),
        ("-0.00001", "-<0.0001"),
    ],
)
def test_short_text(usd, text):
    """Four decimals below ten dollars, two from there on."""
    assert usd_short(int(Decimal(usd) * PICO_PER_USD)) == text
