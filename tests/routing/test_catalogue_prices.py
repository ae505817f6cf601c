"""A second opinion on every price that ships, from two independent price lists.

Each endpoint is either compared or named with the reason why it is not, so that a new one can't slip by.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import model_prices
import pytest
from genai_prices.data import providers
from genai_prices.types import TieredPrices

from routing.cards import Rates
from routing.catalogue import Catalogue
from routing.catalogue_parse import parse_catalogue
from tests.routing.test_catalogue import TEXT

SHIPPED: Catalogue = parse_catalogue(TEXT, "catalogue.toml")
OFF_PEAK = datetime(2026, 11, 23, 12, tzinfo=UTC)
PEAK = datetime(2026, 11, 23, 2, tzinfo=UTC)
WEEKEND = datetime(2026, 11, 21, 2, tzinfo=UTC)

#: Provider and model of genai-prices.
GENAI = {
    "anthropic/claude-opus-4-6": ("anthropic", "claude-opus-4-6"),
    "anthropic/claude-sonnet-4-6": ("anthropic", "claude-sonnet-4-6"),
    "anthropic/claude-haiku-4-5": ("anthropic", "claude-haiku-4-5"),
    "openai/gpt-5.4": ("openai", "gpt-5.4"),
    "openai/gpt-5.2": ("openai", "gpt-5.2"),
    "openai/gpt-5-mini": ("openai", "gpt-5-mini"),
    "openai-eu/gpt-5-mini": ("openai", "gpt-5-mini"),
    "google/gemini-3.1-pro": ("google", "gemini-3.1-pro-preview"),
    "google/gemini-3-flash": ("google", "gemini-3-flash-preview"),
    "deepseek/deepseek-v4-pro": ("deepseek", "deepseek-v4-pro"),
    "deepseek/deepseek-v4.1-flash": ("deepseek", "deepseek-flash"),
    "together/deepseek-v4-pro": ("together", "deepseek-ai/DeepSeek-V4-Pro-0813"),
    "together/deepseek-v4.1-flash": ("together", "deepseek-ai/DeepSeek-V4.1-Flash"),
    "together/gpt-oss-120b": ("together", "openai/gpt-oss-120b"),
    "fireworks-us/deepseek-v4.1-flash": ("fireworks", "deepseek-v4p1-flash-us"),
    "fireworks/deepseek-v3.2": ("fireworks", "deepseek-v3p2"),
    "fireworks/kimi-k2.5": ("fireworks", "kimi-k2p5"),
    "fireworks/glm-5.1": ("fireworks", "glm-5p1"),
    "fireworks/glm-4.7": ("fireworks", "glm-4p7"),
    "moonshotai/kimi-k2.5": ("moonshotai", "kimi-k2.5"),
    "zai/glm-5.1": ("zai", "GLM-5.1"),
    "zai/glm-4.7": ("zai", "GLM-4.7"),
    "minimax/minimax-m2": ("minimax", "MiniMax-M2"),
    "groq/gpt-oss-120b": ("groq", "openai/gpt-oss-120b"),
    "groq/llama-3.3-70b": ("groq", "llama-3.3-70b-versatile"),
    "ovhcloud/qwen3.5-397b-a17b": ("ovhcloud", "Qwen3.5-397B-A17B"),
    "ovhcloud/gpt-oss-120b": ("ovhcloud", "gpt-oss-120b"),
    "ovhcloud/llama-3.3-70b": ("ovhcloud", "Meta-Llama-3_3-70B-Instruct"),
    "ovhcloud/mistral-small-3.2": ("ovhcloud", "Mistral-Small-3.2-24B-Instruct-2506"),
    "mistral/mistral-large-3": ("mistral", "mistral-large-2512"),
}

#: Provider and model of model-prices, which knows developers' own platforms only.
MODEL_PRICES = {
    **{
        name: pair
        for name, pair in GENAI.items()
        if pair[0] in {"anthropic", "openai", "google", "deepseek", "mistral"}
    },
    "moonshotai/kimi-k2.5": ("moonshotai", "kimi-k2.5"),
    "zai/glm-5.1": ("zai", "glm-5.1"),
    "zai/glm-4.7": ("zai", "glm-4.7"),
    "minimax/minimax-m2": ("minimax", "MiniMax-M2"),
    "alibaba/qwen3.5-397b-a17b": ("alibaba", "qwen3.5-397b-a17b"),
}

#: Endpoints whose price is another's times a surcharge that the provider states.
SURCHARGED = {
    "anthropic-us/claude-opus-4-6": ("anthropic/claude-opus-4-6", Decimal("1.1")),
    "anthropic-us/claude-sonnet-4-6": ("anthropic/claude-sonnet-4-6", Decimal("1.1")),
    "openai-eu/gpt-5.4": ("openai/gpt-5.4", Decimal("1.1")),
    "mistral-eu/mistral-large-3": ("mistral/mistral-large-3", Decimal("1.1")),
}

#: Meters on which a list and a card differ, and why.
EXPLAINED = {
    ("model-prices", "zai/glm-5.1", "cache_write"): "free as a promotion; the card takes the input price",
    ("model-prices", "zai/glm-4.7", "cache_write"): "free as a promotion; the card takes the input price",
}


def shipped(name: str, at: datetime = OFF_PEAK) -> Rates:
    card = SHIPPED.card_for(name, at)
    assert card is not None
    return card.rates(at)


def by_genai(name: str, at: datetime) -> dict[str, Decimal]:
    provider_id, model_id = GENAI[name]
    (provider,) = (p for p in providers if p.id == provider_id)
    (model,) = (m for m in provider.models if m.id == model_id)
    prices = model.get_prices(at)
    read = {"input": prices.input_mtok, "output": prices.output_mtok}
    read |= {"cached_read": prices.cache_read_mtok, "cache_write": prices.cache_write_mtok}
    base = {meter: price.base if isinstance(price, TieredPrices) else price for meter, price in read.items()}
    return {meter: price for meter, price in base.items() if price is not None}


def by_model_prices(name: str, at: datetime) -> dict[str, Decimal]:
    provider, model = MODEL_PRICES[name]
    rates = model_prices.rates(model, at=at, provider=provider)
    assert rates is not None
    assert (rates.provider, rates.removed_suffix) == (provider, "")
    read = {"input": rates.input, "output": rates.output}
    read |= {"cached_read": rates.cache_read, "cache_write": rates.cache_write}
    return {meter: Decimal(repr(price)) for meter, price in read.items() if price is not None}


def differing(source: str, name: str, other: dict[str, Decimal], at: datetime) -> list[str]:
    rates = shipped(name, at)
    return [m for m, price in other.items() if getattr(rates, m) != price and (source, name, m) not in EXPLAINED]


def test_every_endpoint_has_a_second_opinion_or_a_reason() -> None:
    """No remote endpoint is priced by this catalogue alone."""
    remote = {endpoint.id for endpoint in SHIPPED.endpoints if not endpoint.local}
    assert remote == GENAI.keys() | MODEL_PRICES.keys() | SURCHARGED.keys()


@pytest.mark.parametrize("name", sorted(GENAI))
def test_genai_prices_agrees(name: str) -> None:
    """Each meter that genai-prices prices has the same price in the card."""
    assert differing("genai-prices", name, by_genai(name, OFF_PEAK), OFF_PEAK) == []


@pytest.mark.parametrize("name", sorted(MODEL_PRICES))
def test_model_prices_agrees(name: str) -> None:
    """Each meter that model-prices prices has the same price in the card, or a written reason."""
    assert differing("model-prices", name, by_model_prices(name, OFF_PEAK), OFF_PEAK) == []


@pytest.mark.parametrize("name", ["deepseek/deepseek-v4-pro", "deepseek/deepseek-v4.1-flash"])
def test_peak_prices_agree(name: str) -> None:
    """At peak both lists agree; on a weekend model-prices, which knows weekdays, does."""
    assert differing("genai-prices", name, by_genai(name, PEAK), PEAK) == []
    assert differing("model-prices", name, by_model_prices(name, PEAK), PEAK) == []
    assert differing("model-prices", name, by_model_prices(name, WEEKEND), WEEKEND) == []
    assert shipped(name, PEAK).output == 2 * shipped(name, WEEKEND).output


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 6, 1, 2, tzinfo=UTC),  # flat, before peak hours
        datetime(2026, 8, 16, 15, 59, 59, tzinfo=UTC),  # the last flat second
        datetime(2026, 8, 16, 16, tzinfo=UTC),  # peak hours exist, this is none
        datetime(2026, 8, 17, 2, tzinfo=UTC),  # a Monday at peak
        datetime(2026, 8, 23, 2, tzinfo=UTC),  # a Sunday, exempt by then
        datetime(2026, 9, 7, 9, tzinfo=UTC),
    ],
)
def test_the_history_of_deepseek_agrees(at: datetime) -> None:
    """The three cards of DeepSeek V4 Pro follow model-prices through the change to peak hours."""
    name = "deepseek/deepseek-v4-pro"
    assert differing("model-prices", name, by_model_prices(name, at), at) == []


@pytest.mark.parametrize("name", sorted(SURCHARGED))
def test_surcharges_are_exact(name: str) -> None:
    """Each token meter is the base price times the surcharge."""
    base, factor = SURCHARGED[name]
    for meter in ("input", "cached_read", "cache_write", "output"):
        assert getattr(shipped(name), meter) == getattr(shipped(base), meter) * factor


def test_explanations_are_still_needed() -> None:
    """A reason goes when its difference does."""
    for _, name, meter in EXPLAINED:
        assert by_model_prices(name, OFF_PEAK)[meter] != getattr(shipped(name), meter)


def test_local_servers_cost_nothing_by_stated_source() -> None:
    """A zero price is a card too, and says whose hardware it is."""
    for endpoint in SHIPPED.endpoints:
        if endpoint.local:
            (card,) = SHIPPED.cards_of(endpoint.id)
            assert card.source == "own hardware, cost not metered"
            assert card.rates(OFF_PEAK) == Rates(*[Decimal(0)] * 4)
