"""From an attempt to its ledger lines: pure, one line a meter, balanced by construction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ledger import accounts
from routing.cards import Rates
from schemas.money import line_amount
from schemas.usage import Usage
from schemas.vocabulary import EntryKind, Meter


@dataclass(frozen=True, slots=True)
class Charged:
    """What an attempt's lines say besides quantity and price: who pays whom, for what, when.

    ``note`` names who declared the stakes lower than found and who approved it, where that happened.
    """

    attempt_id: int
    job_id: int
    batch_id: str
    tenant: str
    cost_centre: str
    project: str | None
    provider: str
    endpoint: str
    model: str
    tier: str
    purpose: str
    card: str
    occurred_at: datetime
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """One ledger line: ``amount_pico`` from ``debit`` to ``credit``; ``quantity`` in tokens (requests for the fee)."""

    charged: Charged
    meter: Meter
    kind: EntryKind
    debit: str
    credit: str
    amount_pico: int
    quantity: int
    usd_per_million: Decimal


def charge(charged: Charged, usage: Usage, rates: Rates) -> tuple[Posting, ...]:
    """The lines of a billed attempt. A meter that counted nothing has no line; a free one has a line of zero."""
    return tuple(_lines(charged, usage, rates, EntryKind.CHARGE, accounts.payable(charged.provider)))


def accrue(charged: Charged, estimate: Usage, rates: Rates) -> tuple[Posting, ...]:
    """The lines of an uncertain attempt, at its estimated usage."""
    return tuple(_lines(charged, estimate, rates, EntryKind.ACCRUAL, accounts.accrued(charged.provider)))


def reverse(accrual: Posting) -> Posting:
    """The line that takes an accrual back: the same amount from credit to debit."""
    if accrual.kind is not EntryKind.ACCRUAL:
        raise ValueError(f"a {accrual.kind} line is not reversed by this")
    return Posting(
        charged=accrual.charged,
        meter=accrual.meter,
        kind=EntryKind.REVERSAL,
        debit=accrual.credit,
        credit=accrual.debit,
        amount_pico=accrual.amount_pico,
        quantity=accrual.quantity,
        usd_per_million=accrual.usd_per_million,
    )


def baseline(usage: Usage, rates: Rates) -> int:
    """What the same tokens would have cost at ``rates`` in pico-USD, all prompt tokens uncached: an estimate."""
    return line_amount(usage.prompt, rates.input) + line_amount(usage.output, rates.output)


def _lines(charged: Charged, usage: Usage, rates: Rates, kind: EntryKind, credit: str) -> Iterator[Posting]:
    debit = accounts.expense(charged.tenant, charged.cost_centre)
    fee = ((Meter.FEE, 1),) if rates.fee else ()
    for meter, quantity in (*usage.by_meter(), *fee):
        if quantity:
            price = rates.of(meter)
            yield Posting(charged, meter, kind, debit, credit, line_amount(quantity, price), quantity, price)
