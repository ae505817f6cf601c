"""Price cards: what one endpoint charges, from when, on whose word. Prices are ``Decimal``, read from text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from schemas.vocabulary import Meter

Line = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True, pattern=r"^[^\n\r]+$")]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._/@-]{0,127}$")]

#: The end of a card that has none.
NEVER = datetime.max.replace(tzinfo=UTC)

_PRICE = re.compile(r"\d{1,6}(\.\d{1,12})?", re.ASCII)
_HOURS = re.compile(r"(\d\d)-(\d\d)", re.ASCII)
_REQUESTS_PER_PRICE_UNIT = 1_000_000


def _price(value: Any) -> Any:
    if isinstance(value, Decimal) and not value.is_signed() and value.is_finite():
        value = format(value, "f") if value.as_tuple().exponent in range(-12, 7) else ""
    elif not isinstance(value, str):
        raise ValueError('write it as text in quotes, such as "2.50", so that no digit is lost')
    if not _PRICE.fullmatch(value):
        raise ValueError('must be a positive number of US dollars with a point, such as "2.50" (at most 12 decimals)')
    return Decimal(value)


def utc_instant(value: Any) -> Any:
    """A date (its midnight UTC) or a date and time with an offset, as a ``datetime`` in UTC; else ``ValueError``."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("needs an offset from UTC, such as 2026-08-16T00:00:00Z")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            raise ValueError("is outside the years 1 to 9999") from None
    if isinstance(value, date):
        return datetime.combine(value, time.min, UTC)
    raise ValueError("must be a date without quotes, such as 2026-08-16, or a date and time with an offset")


def plain_date(value: Any) -> Any:
    """A date, never a date and time; else ``ValueError``."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("must be a date without quotes, such as 2026-08-16")


Price = Annotated[Decimal, BeforeValidator(_price)]
Instant = Annotated[datetime, BeforeValidator(utc_instant)]
Day = Annotated[date, BeforeValidator(plain_date)]


class Weekday(StrEnum):
    """Days in UTC, in the order of ``datetime.weekday``."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_WEEKDAYS = tuple(Weekday)


def _hours(value: Any) -> Any:
    found = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    start, end = int(found[1]), int(found[2])
    if not start < end <= 24:
        raise ValueError('must run forward within one day, such as "01-04"; split a window at midnight into two')
    return value


#: Whole hours of a day in UTC, the end not included: ``01-04`` is 01:00:00 up to just before 04:00:00.
Hours = Annotated[str, StringConstraints(pattern=r"^\d\d-\d\d$"), BeforeValidator(_hours)]


@dataclass(frozen=True, slots=True)
class Rates:
    """What each meter costs at one instant, all in USD per million units (``schemas.money.line_amount`` takes them).

    Token meters are per million tokens, ``fee`` per million requests.
    """

    input: Decimal
    cached_read: Decimal
    cache_write: Decimal
    output: Decimal
    fee: Decimal = Decimal(0)

    def of(self, meter: Meter) -> Decimal:
        """The price of one meter."""
        rate: Decimal = getattr(self, meter.value)
        return rate


class TokenPrices(BaseModel):
    """Prices in USD per million tokens. A cache price left out is the input price: no discount is assumed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Price
    cached_read: Price | None = None
    cache_write: Price | None = None
    output: Price

    def with_fee(self, fee: Decimal) -> Rates:
        """These prices beside a fee in USD per million requests."""
        return Rates(
            input=self.input,
            cached_read=self.input if self.cached_read is None else self.cached_read,
            cache_write=self.input if self.cache_write is None else self.cache_write,
            output=self.output,
            fee=fee,
        )


class Peak(TokenPrices):
    """Dearer (or cheaper) hours: prices that hold on these weekdays in these hours, both in UTC."""

    weekdays: tuple[Weekday, ...] = Field(min_length=1)
    hours_utc: tuple[Hours, ...] = Field(min_length=1)

    def holds(self, at: datetime) -> bool:
        """Whether an instant in UTC is within the window."""
        return _WEEKDAYS[at.weekday()] in self.weekdays and any(
            int(hours[:2]) <= at.hour < int(hours[3:]) for hours in self.hours_utc
        )


class Card(TokenPrices):
    """A dated price of one endpoint: the only thing a charge may be priced by.

    It holds from ``valid_from`` up to, not including, ``valid_until``; a card without an end ends where the next
    approved card of its endpoint begins. ``recorded_on`` is when it came into this catalogue. A card that nobody
    has approved prices nothing. ``fee_usd_per_request`` is in USD for one request.
    """

    id: Id
    endpoint: Id
    valid_from: Instant
    valid_until: Instant | None = None
    recorded_on: Day
    approved_by: Line | None = None
    source: Line
    fee_usd_per_request: Price = Decimal(0)
    peak: Peak | None = None

    @model_validator(mode="after")
    def _runs_forward(self) -> Card:
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValueError("valid_until must be later than valid_from")
        return self

    @property
    def order(self) -> tuple[datetime, date]:
        """A card supersedes those of its endpoint that come before it in this order."""
        return self.valid_from, self.recorded_on

    @property
    def approved(self) -> bool:
        return self.approved_by is not None

    def in_peak(self, at: datetime) -> bool:
        """Whether the peak prices hold at an instant (with an offset; ``ValueError`` without one)."""
        instant = utc_instant(at)
        return self.peak is not None and self.peak.holds(instant)

    def rates(self, at: datetime) -> Rates:
        """The prices at an instant (with an offset; ``ValueError`` without one). It need not be within validity."""
        at_peak = self.in_peak(at)
        prices: TokenPrices = self.peak if self.peak is not None and at_peak else self
        return prices.with_fee(self.fee_usd_per_request * _REQUESTS_PER_PRICE_UNIT)


def ends(cards: Sequence[Card], place: int) -> datetime:
    """When a card stops to hold, given all approved cards of its endpoint in ``Card.order``; year 9999 for never.

    Its own ``valid_until`` rules; without one it is where the next card in order begins. Two cards of the same order
    don't supersede each other: both hold, which is an overlap.
    """
    card = cards[place]
    if card.valid_until is not None:
        return card.valid_until
    later = (other.valid_from for other in cards[place + 1 :] if other.order > card.order)
    return next(later, NEVER)
