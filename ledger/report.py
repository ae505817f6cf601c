"""What was spent, by whom and on what, beside what the reference frontier model would have cost.

Every figure comes from ledger lines and accepted results; a job that has no line is in no group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, RowMapping

from schemas.database import query
from schemas.money import usd_exact


class Dimension(StrEnum):
    """What a report can group by. ``day`` is the day in UTC on which the call was made."""

    COST_CENTRE = "cost_centre"
    TENANT = "tenant"
    PROJECT = "project"
    PROVIDER = "provider"
    ENDPOINT = "endpoint"
    MODEL = "model"
    TIER = "tier"
    PURPOSE = "purpose"
    BATCH = "batch"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums of one group; amounts in pico-USD.

    ``calls`` have at least one ledger line; tokens are charged ones plus those accrued and not reversed.
    ``settled_pico`` is what providers billed, ``accrued_pico`` what they may still bill for calls of unknown fate.
    ``accepted`` answers bring ``baseline_pico``, an *estimate*: the same tokens at the reference frontier model's
    prices, by ``baseline_cards``. A call without an accepted answer costs and has no baseline, so cheap calls that
    failed their check count against the route that made them, and uncertain calls save nothing.
    """

    calls: int
    input_tokens: int
    cached_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    settled_pico: int
    accrued_pico: int
    accepted: int
    baseline_pico: int
    baseline_cards: tuple[str, ...]

    @property
    def total_pico(self) -> int:
        return self.settled_pico + self.accrued_pico

    @property
    def saving_pico(self) -> int:
        """The estimated saving; negative where the route cost more than the reference model would have."""
        return self.baseline_pico - self.total_pico

    @property
    def saving_share(self) -> Decimal | None:
        """The estimated saving as a share of the baseline, to four decimals; None where there is no baseline."""
        if not self.baseline_pico:
            return None
        with localcontext(prec=60):
            share = Decimal(self.saving_pico) / self.baseline_pico
            return share.quantize(Decimal("0.0001"), rounding=ROUND_HALF_EVEN)

    def as_json(self) -> dict[str, Any]:
        """Amounts as text in US dollars with twelve decimals; what is an estimate is named so."""
        share = self.saving_share
        return {
            "calls": self.calls,
            "input_tokens": self.input_tokens,
            "cached_read_tokens": self.cached_read_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "output_tokens": self.output_tokens,
            "settled_usd": usd_exact(self.settled_pico),
            "accrued_usd": usd_exact(self.accrued_pico),
            "total_usd": usd_exact(self.total_pico),
            "accepted": self.accepted,
            "baseline_estimate_usd": usd_exact(self.baseline_pico),
            "saving_estimate_usd": usd_exact(self.saving_pico),
            "saving_estimate_share": None if share is None else str(share),
            "baseline_cards": list(self.baseline_cards),
        }


@dataclass(frozen=True, slots=True)
class Row:
    """One group: the values of the report's dimensions, in their order, and its figures. A job may have no project."""

    values: tuple[str | date | None, ...]
    figures: Figures


@dataclass(frozen=True, slots=True)
class Report:
    """Rows in the order of their values, those without a value last; ``totals`` count each call once."""

    by: tuple[Dimension, ...]
    rows: tuple[Row, ...]
    totals: Figures

    def as_json(self) -> dict[str, Any]:
        return {
            "by": [dimension.value for dimension in self.by],
            "rows": [
                {name.value: _json_value(value) for name, value in zip(self.by, row.values, strict=True)}
                | row.figures.as_json()
                for row in self.rows
            ],
            "totals": self.totals.as_json(),
        }

    def as_csv(self) -> Iterator[tuple[str, ...]]:
        """A header and a row a group, without totals.

        A name that a spreadsheet would take for a formula gets an apostrophe before it.
        """
        yield (*(dimension.value for dimension in self.by), *self.totals.as_json())
        for row in self.rows:
            yield (*map(_cell, row.values), *map(_plain, row.figures.as_json().values()))


def report(
    connection: Connection,
    by: Sequence[Dimension],
    *,
    tenant: str | None = None,
    batch: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Report:
    """The ledger grouped by ``by`` (one group of everything where it is empty).

    ``since`` (included) and ``until`` (not included) bound when calls were made; both need an offset from UTC.
    Raises ``ValueError`` for times without one and for a dimension named twice.
    """
    dimensions = tuple(Dimension(name) for name in by)
    if len(set(dimensions)) < len(dimensions):
        raise ValueError("a report groups by each dimension once")
    for name, at in (("since", since), ("until", until)):
        if at is not None and at.tzinfo is None:
            raise ValueError(f"{name} needs an offset from UTC")
    asked = {"by": [dimension.value for dimension in dimensions], "tenant": tenant, "batch": batch}
    found = connection.execute(query("ledger", "report"), asked | {"since": since, "until": until}).mappings().all()
    rows = [Row(tuple(row[name.value] for name in dimensions), _figures(row)) for row in found if not row["whole"]]
    totals = next(_figures(row) for row in found if row["whole"])
    return Report(dimensions, tuple(sorted(rows, key=lambda row: tuple(map(_order, row.values)))), totals)


def _figures(row: RowMapping) -> Figures:
    return Figures(
        calls=row["calls"],
        input_tokens=int(row["input_tokens"]),
        cached_read_tokens=int(row["cached_read_tokens"]),
        cache_write_tokens=int(row["cache_write_tokens"]),
        output_tokens=int(row["output_tokens"]),
        settled_pico=int(row["settled_pico"]),
        accrued_pico=int(row["accrued_pico"]),
        accepted=row["accepted"],
        baseline_pico=int(row["baseline_pico"]),
        baseline_cards=tuple(sorted(row["baseline_cards"])),
    )


def _order(value: str | date | None) -> tuple[bool, str]:
    return value is None, str(value)


def _json_value(value: str | date | None) -> str | None:
    return value.isoformat() if isinstance(value, date) else value


def _cell(value: str | date | None) -> str:
    text = _json_value(value) or ""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _plain(value: int | str | list[str] | None) -> str:
    return "" if value is None else " ".join(value) if isinstance(value, list) else str(value)
