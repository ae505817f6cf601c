"""The catalogue that ships, and how entries are looked up."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
from pydantic import BaseModel

from routing.catalogue import RESERVED_NAMES, Catalogue
from routing.catalogue_check import Severity, check, supported_tier
from routing.catalogue_parse import parse_catalogue
from schemas.vocabulary import Feature, Tier, Weights

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEXT = (files("routing") / "data" / "catalogue.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return parse_catalogue(TEXT, "catalogue.toml")


def test_shipped_catalogue_has_no_errors_or_warnings(shipped: Catalogue) -> None:
    """Every entry that ships can be used today."""
    assert [str(finding) for finding in check(shipped, AT) if finding.severity is not Severity.NOTE] == []


def test_shipped_catalogue_covers_what_was_asked(shipped: Catalogue) -> None:
    """Three closed frontier developers, two closed small models, eight open-weight ones and five Chinese developers."""
    closed_frontier = {m.developer for m in shipped.models if m.weights is Weights.CLOSED and m.tier is Tier.FRONTIER}
    assert closed_frontier >= {"Anthropic", "OpenAI", "Google"}
    assert sum(m.weights is Weights.CLOSED and m.tier is Tier.HYBRID for m in shipped.models) >= 2
    open_weights = [m for m in shipped.models if m.weights is Weights.OPEN]
    assert len(open_weights) >= 8
    assert len({m.developer for m in open_weights if m.developer_country == "CN"}) >= 5
    assert {m.developer for m in open_weights} >= {"Meta", "OpenAI", "Mistral AI"}
    assert {e.base_url_env for e in shipped.endpoints} >= {"VLLM_URL", "OLLAMA_URL", "LLAMACPP_URL"}


def test_each_tier_has_a_known_place_in_europe_or_america(shipped: Catalogue) -> None:
    """Data that needs a known jurisdiction finds an endpoint in each tier without a server of one's own."""
    placed = {shipped.model(e.model).tier for e in shipped.endpoints if e.host_country in ("US", "EU")}
    assert placed == set(Tier)


def test_long_context_surcharges_are_out_of_reach(shipped: Catalogue) -> None:
    """Endpoints whose price rises with the length stay below the rise."""
    assert shipped.context_of(shipped.endpoint("openai/gpt-5.4")) == 272_000
    assert shipped.context_of(shipped.endpoint("google/gemini-3.1-pro")) == 200_000


def test_lookups(shipped: Catalogue) -> None:
    """Ids and aliases resolve to ids; endpoints know their model's figures unless they narrow them."""
    assert shipped.resolve("claude-opus-4.6") == shipped.resolve("claude-opus-4-6") == "claude-opus-4-6"
    assert shipped.resolve("auto") is None
    assert shipped.names() >= {"gpt-5.4", "gemini-3.1-pro-preview"}
    assert not shipped.names() & RESERVED_NAMES
    assert [e.id for e in shipped.endpoints_of("kimi-k2.5")] == ["moonshotai/kimi-k2.5", "fireworks/kimi-k2.5"]
    assert shipped.endpoints_of("nobody") == ()
    assert Feature.JSON_SCHEMA not in shipped.features_of(shipped.endpoint("deepseek/deepseek-v4-pro"))
    assert Feature.JSON_SCHEMA in shipped.features_of(shipped.endpoint("together/deepseek-v4-pro"))
    assert shipped.max_output_of(shipped.endpoint("groq/gpt-oss-120b")) == 65_536
    assert shipped.card("openai/gpt-5.2@2025-12-11").endpoint == "openai/gpt-5.2"
    with pytest.raises(KeyError):
        shipped.model("claude-opus-4.6")


def test_version_follows_the_text(shipped: Catalogue) -> None:
    """The same text gives the same version, any change another one."""
    assert parse_catalogue(TEXT, "elsewhere.toml").version == shipped.version
    assert parse_catalogue(TEXT + "\n", "catalogue.toml").version != shipped.version
    assert len(shipped.version) == 12


def test_one_word_promotes_a_model_that_has_caught_up(shipped: Catalogue) -> None:
    """GLM-5.1 stands in the frontier tier after a change of its tier in the text, with nothing to complain about."""
    assert supported_tier(shipped.model("glm-5.1"), shipped.bars) is Tier.FRONTIER
    head, mark, tail = TEXT.partition('id = "glm-5.1"')
    promoted = parse_catalogue(head + mark + tail.replace('tier = "open"', 'tier = "frontier"', 1), "catalogue.toml")
    assert promoted.model("glm-5.1").tier is Tier.FRONTIER
    assert promoted.version != shipped.version
    assert not [f for f in check(promoted, AT) if f.severity is Severity.ERROR]


def test_a_promotion_without_the_scores_is_an_error() -> None:
    """Llama 3.3 can't be promoted by its word alone."""
    head, mark, tail = TEXT.partition('id = "llama-3.3-70b"')
    promoted = parse_catalogue(head + mark + tail.replace('tier = "open"', 'tier = "hybrid"', 1), "catalogue.toml")
    errors = [f for f in check(promoted, AT) if f.severity is Severity.ERROR]
    assert [f.entry for f in errors] == ["[[model]] llama-3.3-70b"]


def test_no_float_anywhere(shipped: Catalogue) -> None:
    """Neither the file nor what is read from it holds a float."""

    def leaves(value: Any) -> Iterator[Any]:
        if isinstance(value, BaseModel):
            value = {name: getattr(value, name) for name in type(value).model_fields}
        if isinstance(value, dict):
            for item in value.values():
                yield from leaves(item)
        elif isinstance(value, list | tuple | frozenset):
            for item in value:
                yield from leaves(item)
        else:
            yield value

    assert not [leaf for leaf in leaves(tomllib.loads(TEXT)) if isinstance(leaf, float)]
    read = list(leaves(shipped))
    assert not [leaf for leaf in read if isinstance(leaf, float)]
    assert any(isinstance(leaf, Decimal) for leaf in read)


def test_shipped_text_names_no_secret_and_no_path() -> None:
    """Keys are named by their variable, and sources are public."""
    assert "/work" not in TEXT
    assert "sk-" not in TEXT
