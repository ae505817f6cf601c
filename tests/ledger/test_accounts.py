"""The names of accounts."""

from __future__ import annotations

from ledger import accounts


def test_codes_of_accounts():
    """A code names its kind first and reads back by its colons."""
    assert accounts.expense("acme", "sales") == "expense:acme:sales"
    assert accounts.payable("openai") == "payable:openai"
    assert accounts.accrued("openai") == "accrued:openai"
