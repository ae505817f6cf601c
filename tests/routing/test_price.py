"""What a call is expected to cost, and what it may cost at the most."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.posting import Charged, charge
from routing.cards import Rates
from routing.decision import Learned
from routing.price import CACHEABLE_TOKENS, Sizes, Tariff, failure_chance, output_tokens, sizes
from routing.tokens import worst_prompt
from schemas.usage import Usage
from tests.routing.asking import inputs, question
from tests.routing.small_catalogue import AT

RATES = Rates(Decimal("0.10"), Decimal("0.01"), Decimal("0.125"), Decimal("0.30"), Decimal(1000))


def test_expected_cost_by_hand():
    """Uncached and cached input, output and the fee of one request, in pico-dollars."""
    size = Sizes(prompt=1_000, cached=2_000, output=300, worst_prompt=0, worst_output=0)
    assert Tariff(RATES).expected(size) == 1_000 * 100_000 + 2_000 * 10_000 + 300 * 300_000 + 10**9


def test_worst_cost_takes_the_dearest_input_price():
    """At the very most every prompt token is written to the cache and the answer is as long as its cap."""
    size = Sizes(prompt=0, cached=0, output=0, worst_prompt=4_000, worst_output=2_048)
    assert Tariff(RATES).worst(size) == 4_000 * 125_000 + 2_048 * 300_000 + 10**9


def test_estimates_are_rounded_up():
    """A part of a pico-dollar counts as a whole one."""
    tariff = Tariff(Rates(*[Decimal("0.000000000001")] * 4))
    assert tariff.expected(Sizes(1, 0, 0, 0, 0)) == tariff.expected(Sizes(1_000_000, 0, 0, 0, 0)) == 1
    assert tariff.expected(Sizes(0, 0, 0, 0, 0)) == 0


def test_answers_of_unknown_length_are_as_long_as_the_policy_assumes():
    """Without history 300 tokens, never more than the job's own cap."""
    assert output_tokens(question(template="t"), inputs()) == 300
    assert output_tokens(question(template="t", max_output=50), inputs()) == 50


def test_length_is_learned_from_all_models_of_the_template():
    """Ten assumed answers against thirty that came back with 100 tokens each."""
    seen = {("default", "t"): {"a": Learned(20, 2_000, 0), "b": Learned(10, 1_000, 0)}}
    given_ = inputs(learned=seen)
    assert output_tokens(question(template="t"), given_) == (300 * 10 + 3_000) // 40
    assert output_tokens(question(template="u"), given_) == 300
    assert output_tokens(question(), given_) == 300


def test_chance_of_a_failed_check_is_learned_for_each_model():
    """Ten answers' worth of the assumed tenth against what this model's answers did."""
    given_ = inputs(learned={("default", "t"): {"a": Learned(30, 0, 15), "b": Learned(30, 0, 0)}})
    asked = question(template="t")
    assert failure_chance(asked, "a", given_) == Fraction(16, 40)
    assert failure_chance(asked, "b", given_) == Fraction(1, 40)
    assert failure_chance(asked, "c", given_) == Fraction(1, 10)


@pytest.mark.parametrize(
    ("prefix", "repeats", "cached"),
    [
        (CACHEABLE_TOKENS, True, CACHEABLE_TOKENS),
        (CACHEABLE_TOKENS - 1, True, 0),
        (CACHEABLE_TOKENS, False, 0),
    ],
)
def test_prefix_is_expected_from_the_cache_only_when_long_and_shared(prefix, repeats, cached):
    """Below 1,024 tokens, or alone in its batch, a prefix is paid in full."""
    size = sizes(question(prompt_tokens=5_000, prefix_tokens=prefix, repeats=repeats), inputs())
    assert (size.prompt, size.cached) == (5_000 - cached, cached)
    assert (size.worst_prompt, size.worst_output) == (6_667, 2_048)


prices = st.decimals(0, 999, places=6)


@given(
    st.builds(Rates, prices, prices, prices, prices, prices),
    st.integers(0, 100_000),
    st.integers(0, 100_000),
    st.integers(0, 100_000),
    st.integers(0, 4_096),
)
def test_no_charge_within_the_sizes_exceeds_the_worst_case(rates, fresh, cached, written, output):
    """However a provider splits the prompt over its meters, the ledger's lines stay within what was held."""
    prompt = fresh + cached + written
    charged = Charged(1, 1, "b", "t", "c", None, "p", "e", "m", "open", "answer", "card", AT)
    lines = charge(charged, Usage(fresh, cached, written, output), rates)
    held = Tariff(rates).worst(Sizes(0, 0, 0, worst_prompt(prompt), 4_096))
    assert sum(line.amount_pico for line in lines) <= held
