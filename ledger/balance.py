"""The trial balance: every account of the ledger with what it was debited and credited."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from schemas.database import query


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """One account (see ``ledger.accounts``), in pico-USD. Expenses have a positive balance, what is owed a negative."""

    account: str
    debit_pico: int
    credit_pico: int

    @property
    def balance_pico(self) -> int:
        return self.debit_pico - self.credit_pico


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """All accounts, in the order of their names."""

    accounts: tuple[AccountBalance, ...]

    @property
    def debit_pico(self) -> int:
        return sum(row.debit_pico for row in self.accounts)

    @property
    def credit_pico(self) -> int:
        return sum(row.credit_pico for row in self.accounts)

    @property
    def balanced(self) -> bool:
        """Whether all debits equal all credits; the form of a line sees to it, so a False means broken books."""
        return self.debit_pico == self.credit_pico


def trial_balance(connection: Connection) -> TrialBalance:
    """The trial balance of the whole ledger."""
    rows = connection.execute(query("ledger", "balance"))
    return TrialBalance(tuple(AccountBalance(row.account, int(row.debit_pico), int(row.credit_pico)) for row in rows))
