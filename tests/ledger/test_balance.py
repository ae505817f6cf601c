"""The trial balance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.balance import AccountBalance, TrialBalance, trial_balance
from ledger.journal import post
from ledger.posting import accrue, charge, reverse
from schemas.money import MAX_PICO
from schemas.usage import Usage
from schemas.vocabulary import Meter
from tests.ledger.books import RATES, charged
from tests.ledger.test_journal import line

pytestmark = pytest.mark.system


def test_empty_books_balance(connection):
    """No lines, no accounts, nothing owed."""
    found = trial_balance(connection)
    assert (found.accounts, found.debit_pico, found.credit_pico, found.balanced) == ((), 0, 0, True)


def test_each_account_by_hand(connection):
    """A charge of two meters, an accrual that stays and one that was taken back."""
    post(connection, charge(charged(1), Usage(input=1_000, output=100), RATES))
    post(connection, accrue(charged(2), Usage(input=10), RATES))
    taken_back = accrue(charged(3, cost_centre="ops"), Usage(output=20), RATES)
    post(connection, [*taken_back, *map(reverse, taken_back)])
    found = trial_balance(connection)
    assert found.accounts == (
        AccountBalance("accrued:prov", 6_000_000, 7_000_000),
        AccountBalance("expense:acme:ops", 6_000_000, 6_000_000),
        AccountBalance("expense:acme:sales", 131_000_000, 0),
        AccountBalance("payable:prov", 0, 130_000_000),
    )
    assert [account.balance_pico for account in found.accounts] == [-1_000_000, 0, 131_000_000, -130_000_000]
    assert (found.debit_pico, found.balanced) == (143_000_000, True)


def test_sums_beyond_a_bigint_are_exact(connection):
    """Many largest lines add up without an overflow or a lost digit."""
    post(connection, [replace(line(MAX_PICO), meter=meter) for meter in Meter])
    assert trial_balance(connection).debit_pico == len(Meter) * MAX_PICO


def test_broken_books_are_told():
    """Debits that differ from credits are no balance."""
    assert not TrialBalance((AccountBalance("a", 2, 0), AccountBalance("b", 0, 1))).balanced
