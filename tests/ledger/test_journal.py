"""Lines in the database: written once, exact to the last digit, and never changed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from ledger.journal import accruals_of, post
from ledger.posting import Posting, accrue, charge, reverse
from schemas.money import MAX_PICO
from schemas.tables import ledger_line
from schemas.usage import Usage
from schemas.vocabulary import EntryKind, Meter
from tests.ledger.books import AT, RATES, charged

pytestmark = pytest.mark.system

USAGE = Usage(input=1_000, cached_read=200, cache_write=30, output=4)


def rows(connection):
    """All lines, oldest first."""
    return connection.execute(select(ledger_line).order_by(ledger_line.c.id)).all()


def test_lines_are_written_as_posted(connection):
    """Every column has what the posting said, and the database's own clock when it was recorded."""
    price = Decimal("0.123456789012")
    head = charged(7, project="p1", note="lowered by bot, approved by A. Risk")
    (posting,) = charge(head, Usage(output=5), replace(RATES, output=price))
    post(connection, [posting])
    (row,) = rows(connection)
    assert (row.amount_pico, row.quantity, row.usd_per_million) == (617_284, 5, price)
    assert (row.debit, row.credit, row.meter, row.kind) == ("expense:acme:sales", "payable:prov", "output", "charge")
    assert (row.attempt_id, row.project, row.note, row.occurred_at) == (7, "p1", head.note, AT)
    assert row.recorded_at > AT.replace(year=2020)


def test_nothing_is_posted_for_nothing(connection):
    """No postings, no statement, no row."""
    post(connection, [])
    assert rows(connection) == []


def test_posting_again_changes_nothing(connection):
    """The same attempt, meter and kind is written once, also when it comes with another amount."""
    lines = charge(charged(1), USAGE, RATES)
    post(connection, lines)
    before = rows(connection)
    post(connection, lines)
    post(connection, [replace(lines[0], amount_pico=1)])
    post(connection, [*lines, *charge(charged(2), Usage(output=1), RATES)])
    assert rows(connection)[: len(before)] == before
    assert len(rows(connection)) == len(before) + 1


def test_accruals_read_back_as_they_were_posted(connection):
    """What is reversed is what was accrued; charges and other attempts are not among it."""
    accruals = accrue(charged(1), USAGE, replace(RATES, fee=Decimal("0.5")))
    post(connection, [*accruals, *accrue(charged(2), USAGE, RATES), *charge(charged(1), USAGE, RATES)])
    found = accruals_of(connection, [1])
    assert found == list(accruals)
    assert accruals_of(connection, []) == accruals_of(connection, [9]) == []
    post(connection, map(reverse, found))
    post(connection, map(reverse, accruals_of(connection, [1])))
    kinds = [row.kind for row in rows(connection) if row.attempt_id == 1]
    assert (kinds.count("accrual"), kinds.count("reversal"), kinds.count("charge")) == (5, 5, 4)


@pytest.mark.parametrize(
    "statement",
    [update(ledger_line).values(amount_pico=0), delete(ledger_line), text("TRUNCATE ledger_line")],
    ids=["update", "delete", "truncate"],
)
def test_lines_are_immutable(connection, statement):
    """Neither an update nor a delete nor a truncation gets past the trigger."""
    post(connection, charge(charged(), USAGE, RATES))
    before = rows(connection)
    with pytest.raises(DBAPIError, match="ledger lines are immutable"), connection.begin_nested():
        connection.execute(statement)
    assert rows(connection) == before


def line(amount: int) -> Posting:
    """A line of this amount, whatever its price says."""
    return Posting(charged(), Meter.OUTPUT, EntryKind.CHARGE, "expense:a:b", "payable:p", amount, 1, Decimal(1))


def test_amounts_at_the_ends_of_a_column(connection):
    """The largest BIGINT is written exactly; one more and one below zero are refused."""
    post(connection, [line(MAX_PICO)])
    assert rows(connection)[0].amount_pico == MAX_PICO
    with pytest.raises(DBAPIError, match="out of range"), connection.begin_nested():
        post(connection, [replace(line(MAX_PICO + 1), meter=Meter.INPUT)])
    with pytest.raises(IntegrityError, match="ledger_line_sign_check"), connection.begin_nested():
        post(connection, [replace(line(-1), meter=Meter.INPUT)])


@pytest.mark.parametrize(
    ("change", "constraint"),
    [({"credit": "expense:a:b"}, "ledger_line_accounts_check"), ({"quantity": -1}, "ledger_line_sign_check")],
)
def test_lines_that_cannot_be(connection, change, constraint):
    """A line moves money between two accounts, for a quantity."""
    with pytest.raises(IntegrityError, match=constraint):
        post(connection, [replace(line(1), **change)])
