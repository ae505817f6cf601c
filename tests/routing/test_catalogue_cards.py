"""Which card holds at an instant, and what it charges then."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.cards import Card
from routing.catalogue import Catalogue
from schemas.money import line_amount
from schemas.vocabulary import Meter

BASE = datetime(2026, 8, 16, 16, tzinfo=UTC)
TICK = timedelta(microseconds=1)
WEEK = ["mon", "tue", "wed", "thu", "fri"]


def card(name: str, **given: Any) -> Card:
    fields: dict[str, Any] = {
        "id": name,
        "endpoint": "e",
        "valid_from": BASE,
        "recorded_on": date(2026, 11, 23),
        "approved_by": "seed",
        "source": "a price list",
        "input": "1",
        "output": "2",
    }
    return Card.model_validate(fields | given)


def held(*cards: Card, at: datetime) -> str | None:
    found = Catalogue(version="v", cards=cards).card_for("e", at)
    return found.id if found else None


def test_a_card_holds_from_its_first_instant() -> None:
    """valid_from is inside, the microsecond before it is not."""
    assert held(card("a"), at=BASE) == "a"
    assert held(card("a"), at=BASE - TICK) is None
    assert held(card("a"), at=BASE + timedelta(days=9000)) == "a"


def test_a_card_ends_before_its_end() -> None:
    """valid_until is outside, the microsecond before it is inside."""
    end = BASE + timedelta(days=1)
    assert held(card("a", valid_until=end), at=end - TICK) == "a"
    assert held(card("a", valid_until=end), at=end) is None


def test_the_next_card_takes_over() -> None:
    """An open-ended card ends where the next begins, in whatever order the file has them."""
    later = BASE + timedelta(days=7)
    cards = card("new", valid_from=later), card("old")
    assert held(*cards, at=later - TICK) == "old"
    assert held(*cards, at=later) == "new"


def test_an_unapproved_card_prices_nothing_and_ends_nothing() -> None:
    """A draft beside an approved card changes nothing."""
    draft = card("draft", valid_from=BASE + timedelta(days=1), approved_by=None)
    assert held(card("a"), draft, at=BASE + timedelta(days=2)) == "a"
    assert held(draft, at=BASE + timedelta(days=2)) is None


def test_a_later_record_corrects_a_card_of_the_same_day() -> None:
    """Of two cards that begin together, the one recorded later holds; recorded together, neither does."""
    correction = card("b", recorded_on=date(2026, 11, 24))
    assert held(card("a"), correction, at=BASE) == "b"
    assert held(card("a"), card("b"), at=BASE) is None


def test_overlapping_cards_price_nothing() -> None:
    """Where an end is given and the next card begins before it, the overlap is closed, the rest is not."""
    end = BASE + timedelta(days=10)
    cards = card("a", valid_until=end), card("b", valid_from=BASE + timedelta(days=5))
    assert held(*cards, at=BASE) == "a"
    assert held(*cards, at=BASE + timedelta(days=5)) is None
    assert held(*cards, at=end) == "b"


def test_an_instant_needs_an_offset() -> None:
    """A time without an offset is refused, one with another offset means the same instant."""
    naive = BASE.replace(tzinfo=None)
    with pytest.raises(ValueError, match="offset"):
        held(card("a"), at=naive)
    with pytest.raises(ValueError, match="offset"):
        card("a").rates(naive)
    assert held(card("a"), at=BASE.astimezone(timezone(timedelta(hours=8)))) == "a"


PEAK = {"weekdays": WEEK, "hours_utc": ["01-04", "06-10"], "input": "10", "output": "20"}


@pytest.mark.parametrize(
    ("at", "peak"),
    [
        ("2026-11-23T00:59:59.999999+00:00", False),  # a Monday
        ("2026-11-23T01:00:00+00:00", True),
        ("2026-11-23T03:59:59.999999+00:00", True),
        ("2026-11-23T04:00:00+00:00", False),
        ("2026-11-23T05:59:59.999999+00:00", False),
        ("2026-11-23T06:00:00+00:00", True),
        ("2026-11-23T10:00:00+00:00", False),
        ("2026-11-27T09:59:59+00:00", True),  # Friday
        ("2026-11-28T02:00:00+00:00", False),  # Saturday
        ("2026-11-29T09:00:00+00:00", False),  # Sunday
        ("2026-11-23T09:00:00+08:00", True),  # 01:00 UTC
        ("2026-11-22T23:30:00-02:00", True),  # Sunday there, Monday 01:30 in UTC
    ],
)
def test_peak_hours(at: str, peak: bool) -> None:
    """Peak prices hold on the named weekdays and hours of UTC, whatever the offset of the instant."""
    priced = card("a", peak=PEAK)
    instant = datetime.fromisoformat(at)
    assert priced.in_peak(instant) is peak
    assert priced.rates(instant).output == (Decimal(20) if peak else Decimal(2))


def test_missing_cache_prices_are_the_input_price() -> None:
    """No discount is assumed, at peak neither."""
    monday = datetime(2026, 11, 23, 2, tzinfo=UTC)
    off, peak = card("a", cached_read="0.1").rates(BASE), card("a", cached_read="0.1", peak=PEAK).rates(monday)
    assert (off.cached_read, off.cache_write) == (Decimal("0.1"), Decimal(1))
    assert (peak.cached_read, peak.cache_write) == (Decimal(10), Decimal(10))


def test_fee_is_priced_like_the_other_meters() -> None:
    """A fee of one cent a request is a line of one cent."""
    rates = card("a", fee_usd_per_request="0.01").rates(BASE)
    assert line_amount(1, rates.of(Meter.FEE)) == 10**10
    assert line_amount(3, rates.of(Meter.OUTPUT)) == 3 * 2 * 10**6
    assert [rates.of(meter) for meter in Meter] == [1, 1, 1, 2, 10_000]


instants = st.integers(0, 40).map(lambda hours: BASE + timedelta(hours=hours))


@st.composite
def any_card(draw: st.DrawFn) -> Card:
    begins = draw(instants)
    length = draw(st.none() | st.integers(1, 20))
    return card(
        "x",
        valid_from=begins,
        valid_until=None if length is None else begins + timedelta(hours=length),
        recorded_on=date(2026, 11, draw(st.integers(1, 3))),
        approved_by=draw(st.sampled_from(["seed", None])),
    )


@settings(deadline=None)  # a loaded machine is no fault
@given(st.lists(any_card(), max_size=6), instants)
def test_one_card_or_none(drawn: list[Card], at: datetime) -> None:
    """A card is found exactly where one approved card holds, judged card by card from the rule in words."""
    cards = [each.model_copy(update={"id": f"c{number}"}) for number, each in enumerate(drawn)]
    approved = [each for each in cards if each.approved_by]

    def holds(each: Card) -> bool:
        if each.valid_from > at:
            return False
        if each.valid_until is not None:
            return at < each.valid_until
        later = [
            other
            for other in approved
            if (other.valid_from, other.recorded_on) > (each.valid_from, each.recorded_on) and other.valid_from <= at
        ]
        return not later

    holding = [each for each in approved if holds(each)]
    found = Catalogue(version="v", cards=tuple(cards)).card_for("e", at)
    assert found == (holding[0] if len(holding) == 1 else None)


@settings(deadline=None)  # a loaded machine is no fault
@given(st.decimals("0", "999999", places=9, allow_nan=False, allow_infinity=False))
def test_prices_are_read_exactly(price: Decimal) -> None:
    """What a card's text says is what it charges, to the last digit."""
    text = format(price, "f")
    assert card("a", input=text).rates(BASE).input == Decimal(text)


@pytest.mark.parametrize(
    "bad", [1, 2.5, "-1", "+1", "1e3", "1,5", " 1", "", "nan", "1.", ".5", "1" * 7, "١", True, None]
)
def test_no_other_prices(bad: object) -> None:
    """A price is a positive decimal number in quotes; numbers, signs, exponents and other digits are refused."""
    with pytest.raises(ValueError, match="input"):
        card("a", input=bad)
