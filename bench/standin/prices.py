"""The stand-in's own reading of the price cards, apart from the ledger's, so that the two books can disagree.

Unit prices become whole or fractional pico-USD (10^-12 USD) a token, as exact ``Fraction`` values.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from fractions import Fraction
from typing import Any

METERS = ("input", "cached_read", "cache_write", "output", "fee")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PICO_A_TOKEN = 10**6  # 1 USD a million tokens is 10^6 pico-USD a token
_PICO_A_USD = 10**12
_AMOUNT = re.compile(r"\d{1,6}(\.\d{1,12})?", re.ASCII)
_WINDOW = re.compile(r"([01]\d|2[0-4])-([01]\d|2[0-4])", re.ASCII)
_FOREVER = datetime.max.replace(tzinfo=UTC)


class PriceFileError(ValueError):
    """The price file cannot be used; the message names the entry and the field."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Pico-USD for one token of each token meter, and for one request (``fee``): exact, whole where it is whole."""

    input: Fraction | int
    cached_read: Fraction | int
    cache_write: Fraction | int
    output: Fraction | int
    fee: Fraction | int

    def amounts(self, counts: Mapping[str, int]) -> dict[str, int]:
        """The bill lines of one call: whole pico-USD by meter, each rounded once, half to even."""
        return {meter: round(getattr(self, meter) * counts[meter]) for meter in METERS}


@dataclass(frozen=True, slots=True)
class Card:
    """A price with its validity, ``[begins, ends)`` in UTC; ``peak`` are other rates in some hours of some days."""

    name: str
    begins: datetime
    ends: datetime
    usual: Rates
    peak: Rates | None
    peak_days: frozenset[int]
    peak_hours: frozenset[int]

    def rates(self, at: datetime) -> Rates:
        if self.peak is not None and at.weekday() in self.peak_days and at.hour in self.peak_hours:
            return self.peak
        return self.usual


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model at one provider, with its cards by the time they begin."""

    name: str
    provider: str
    remote_model: str
    protocol: str
    cards: tuple[Card, ...]

    def card(self, at: datetime) -> Card | None:
        """The card that holds at an instant, None where there is none."""
        for card in reversed(self.cards):
            if card.begins <= at < card.ends:
                return card
        return None


class Prices:
    """All endpoints of a price file, found by provider, the provider's name of the model, and protocol."""

    def __init__(self, endpoints: tuple[Endpoint, ...]) -> None:
        self._by_name: dict[tuple[str, str, str], Endpoint] = {}
        for endpoint in endpoints:
            key = (endpoint.provider, endpoint.remote_model, endpoint.protocol)
            if key in self._by_name:
                other = self._by_name[key].name
                raise PriceFileError(
                    f"endpoints {other!r} and {endpoint.name!r} have the same provider, remote_model and protocol: "
                    "a bill could not tell them apart"
                )
            self._by_name[key] = endpoint

    def __len__(self) -> int:
        return len(self._by_name)

    def find(self, provider: str, model: str, protocol: str) -> Endpoint | None:
        return self._by_name.get((provider, model, protocol))


def read_prices(text: str) -> Prices:
    """Read the ``[[endpoint]]`` and ``[[card]]`` tables of a catalogue. Raises ``PriceFileError``."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PriceFileError(f"not TOML: {error}") from None
    cards: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for place, entry in enumerate(_entries(tables, "card"), 1):
        if entry.get("approved_by"):
            cards[_text(entry, "endpoint", f"card {place}")].append(entry)
    endpoints = []
    for place, entry in enumerate(_entries(tables, "endpoint"), 1):
        name = _text(entry, "id", f"endpoint {place}")
        where = f"endpoint {name!r}"
        endpoints.append(
            Endpoint(
                name,
                _text(entry, "provider", where),
                _text(entry, "remote_model", where),
                _text(entry, "protocol", where),
                _cards(cards.get(name, []), where),
            )
        )
    if not endpoints:
        raise PriceFileError("there is no [[endpoint]] in it")
    return Prices(tuple(endpoints))


def _entries(tables: dict[str, Any], key: str) -> list[dict[str, Any]]:
    entries = tables.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise PriceFileError(f"[[{key}]] must be tables")
    return entries


def _text(entry: Mapping[str, Any], field: str, where: str) -> str:
    value = entry.get(field)
    if not isinstance(value, str) or not value:
        raise PriceFileError(f"{where}: {field} must be a text")
    return value


def _cards(entries: list[dict[str, Any]], where: str) -> tuple[Card, ...]:
    """Cards in order; one without an end ends where the next one that begins later begins."""
    begun = sorted(
        (_instant(entry.get("valid_from"), f"{where}: valid_from"), str(entry.get("recorded_on", "")), place)
        for place, entry in enumerate(entries)
    )
    cards = []
    for order, (begins, _, place) in enumerate(begun):
        entry = entries[place]
        name = _text(entry, "id", f"{where}: a card of it")
        later = [other for other, _, _ in begun[order + 1 :] if other > begins]
        if entry.get("valid_until") is not None:
            ends = _instant(entry["valid_until"], f"card {name!r}: valid_until")
        else:
            ends = min(later, default=_FOREVER)
        peak = entry.get("peak")
        cards.append(
            Card(
                name,
                begins,
                ends,
                _rates(entry, entry, f"card {name!r}"),
                None if peak is None else _rates(peak, entry, f"card {name!r}: peak"),
                frozenset() if peak is None else _peak_days(peak, f"card {name!r}: peak"),
                frozenset() if peak is None else _peak_hours(peak, f"card {name!r}: peak"),
            )
        )
    return tuple(cards)


def _rates(prices: Mapping[str, Any], card: Mapping[str, Any], where: str) -> Rates:
    plain = _usd(prices.get("input"), f"{where}: input")
    return Rates(
        input=_whole(plain * _PICO_A_TOKEN),
        cached_read=_whole(_usd(prices.get("cached_read"), f"{where}: cached_read", plain) * _PICO_A_TOKEN),
        cache_write=_whole(_usd(prices.get("cache_write"), f"{where}: cache_write", plain) * _PICO_A_TOKEN),
        output=_whole(_usd(prices.get("output"), f"{where}: output") * _PICO_A_TOKEN),
        fee=_whole(_usd(card.get("fee_usd_per_request"), f"{where}: fee_usd_per_request", Fraction(0)) * _PICO_A_USD),
    )


def _whole(price: Fraction) -> Fraction | int:
    """The same number; as an ``int`` where it is one, since that multiplies ten times faster."""
    return price.numerator if price.denominator == 1 else price


def _usd(value: Any, where: str, default: Fraction | None = None) -> Fraction:
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise PriceFileError(f'{where} must be an amount in US dollars in quotes, such as "2.50"')
    return Fraction(value)


def _instant(value: Any, where: str) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time.min, UTC)
    raise PriceFileError(f"{where} must be a date, or a date and time with an offset")


def _peak_days(peak: Mapping[str, Any], where: str) -> frozenset[int]:
    days = peak.get("weekdays")
    if not isinstance(days, list) or not all(day in _DAYS for day in days):
        raise PriceFileError(f"{where}: weekdays must be a list of {', '.join(_DAYS)}")
    return frozenset(_DAYS.index(day) for day in days)


def _peak_hours(peak: Mapping[str, Any], where: str) -> frozenset[int]:
    windows = peak.get("hours_utc")
    hours: set[int] = set()
    for window in windows if isinstance(windows, list) else [None]:
        found = _WINDOW.fullmatch(window) if isinstance(window, str) else None
        if found is None:
            raise PriceFileError(f'{where}: hours_utc must be a list of windows such as "01-04"')
        hours.update(range(int(found[1]), int(found[2])))
    return frozenset(hours)
