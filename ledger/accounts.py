"""The names of accounts. No part of a name holds a colon (``schemas.facts.Name``), so a code reads back exactly."""

from __future__ import annotations


def expense(tenant: str, cost_centre: str) -> str:
    """What a cost centre of a tenant has used."""
    return f"expense:{tenant}:{cost_centre}"


def payable(provider: str) -> str:
    """What a provider has said it bills."""
    return f"payable:{provider}"


def accrued(provider: str) -> str:
    """What a provider may bill: calls whose fate is unknown, at their estimate."""
    return f"accrued:{provider}"
