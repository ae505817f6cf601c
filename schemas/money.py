"""Money: whole pico-US-dollars (10^-12 USD) in ``int``, unit prices in ``Decimal``, never a float.

One line is quantised once, half to even; sums are exact.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext
from typing import NewType

#: An amount of money in 10^-12 US dollars.
PicoUSD = NewType("PicoUSD", int)

PICO_PER_USD = 10**12
#: The largest amount that a ``BIGINT`` column can hold, about 9.2 million USD.
MAX_PICO = 2**63 - 1
_TOKENS_PER_PRICE_UNIT = 1_000_000
#: Characters enough for any amount that fits, and few enough that arithmetic on them is exact.
_MAX_TEXT = 64


def line_amount(quantity: int, usd_per_million: Decimal) -> PicoUSD:
    """The amount of one line: ``quantity`` units at a price in USD per million units, quantised half to even.

    Raises ``OverflowError`` where the amount does not fit a ``BIGINT``, ``ValueError`` for a negative quantity.
    """
    if quantity < 0:
        raise ValueError(f"quantity must not be negative: {quantity}")
    if quantity > MAX_PICO:
        raise OverflowError("the quantity exceeds what a ledger line can hold")
    with localcontext(prec=60):
        exact = usd_per_million * quantity * (PICO_PER_USD // _TOKENS_PER_PRICE_UNIT)
        amount = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
    if amount > MAX_PICO:
        raise OverflowError(f"{quantity} units at {usd_per_million} USD per million exceed what a ledger line can hold")
    return PicoUSD(amount)


def pico_from_usd(text: str) -> PicoUSD:
    """A positive decimal number of US dollars, such as ``12.50``, as pico-USD. Raises ``ValueError`` for all else."""
    if len(text) > _MAX_TEXT:
        raise ValueError(f"not an amount in US dollars: longer than {_MAX_TEXT} characters")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"not an amount in US dollars: {text!r}") from None
    if not value.is_finite() or value < 0:
        raise ValueError(f"not a positive amount in US dollars: {text!r}")
    if value > MAX_PICO:
        raise ValueError(f"an amount is at most {MAX_PICO // PICO_PER_USD} US dollars: {text!r}")
    with localcontext(prec=2 * _MAX_TEXT):
        pico = value * PICO_PER_USD
        if pico != pico.to_integral_value():
            raise ValueError(f"an amount is at least 10^-12 US dollars: {text!r}")
    if pico > MAX_PICO:
        raise ValueError(f"an amount is at most {MAX_PICO // PICO_PER_USD} US dollars: {text!r}")
    return PicoUSD(int(pico))


def usd_exact(pico: int) -> str:
    """The amount in US dollars with all twelve decimals, for files that machines read: ``0.000003000000``."""
    sign = "-" if pico < 0 else ""
    whole, part = divmod(abs(pico), PICO_PER_USD)
    return f"{sign}{whole}.{part:012d}"


def usd_short(pico: int) -> str:
    """The amount for people: two decimals from ten dollars on, four below it, half to even; ``<0.0001`` when tiny."""
    if pico < 0:
        return "-" + usd_short(-pico)
    if 0 < pico < PICO_PER_USD // 20_000:
        return "<0.0001"
    places = 2 if pico >= 10 * PICO_PER_USD else 4
    with localcontext(prec=60):
        value = Decimal(pico) / PICO_PER_USD
        return f"{value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN):,}"
