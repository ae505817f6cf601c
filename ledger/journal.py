"""Writing ledger lines, inside the caller's transaction, and reading accruals back for their reversal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection

from ledger.posting import Charged, Posting
from schemas.database import query
from schemas.vocabulary import EntryKind, Meter

_CHARGED = tuple(field.name for field in fields(Charged))


def post(connection: Connection, postings: Iterable[Posting]) -> None:
    """Write lines; a line that is there already stays as it is."""
    rows = [_row(posting) for posting in postings]
    if rows:
        connection.execute(query("ledger", "post"), rows)


def accruals_of(connection: Connection, attempts: Sequence[int]) -> list[Posting]:
    """The accrual lines of attempts, as they were posted."""
    rows = connection.execute(query("ledger", "accruals"), {"attempts": list(attempts)}).mappings()
    return [
        Posting(
            charged=Charged(**{name: row[name] for name in _CHARGED}),
            meter=Meter(row["meter"]),
            kind=EntryKind(row["kind"]),
            debit=row["debit"],
            credit=row["credit"],
            amount_pico=row["amount_pico"],
            quantity=row["quantity"],
            usd_per_million=row["usd_per_million"],
        )
        for row in rows
    ]


def _row(posting: Posting) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(posting.charged, name) for name in _CHARGED}
    row |= {"meter": posting.meter.value, "kind": posting.kind.value, "debit": posting.debit}
    row |= {"credit": posting.credit, "amount_pico": posting.amount_pico, "quantity": posting.quantity}
    row["usd_per_million"] = posting.usd_per_million
    return row
