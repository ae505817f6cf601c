"""Every endpoint of the shipped catalogue is spoken to in its own dialect."""

from __future__ import annotations

from importlib.resources import files

import pytest

from routing.catalogue import Endpoint
from routing.catalogue_parse import parse_catalogue
from schemas.vocabulary import Protocol
from workers.providers.dialect import openai_dialect, takes_sampling

ENDPOINTS = parse_catalogue(files("routing.data").joinpath("catalogue.toml").read_text("utf-8"), "shipped").endpoints
SAMPLING = {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias"}
LOGPROBS = {"logprobs", "top_logprobs"}
NEW, OLD = "max_completion_tokens", "max_tokens"

#: What a provider's hosts take, by provider: the name of the output cap. One that is missing here has to be looked up.
CAPS = {
    "openai": NEW, "openai-eu": NEW,
    "alibaba": OLD, "deepseek": OLD, "fireworks": OLD, "fireworks-us": OLD, "google": OLD, "groq": OLD, "local": OLD,
    "minimax": OLD, "mistral": OLD, "mistral-eu": OLD, "moonshotai": OLD, "ovhcloud": OLD, "together": OLD, "zai": OLD,
}  # fmt: skip
#: What a model refuses, by its name at the provider; all others take everything.
DROPS = {
    "gpt-5.4": SAMPLING | LOGPROBS,
    "gpt-5.2": SAMPLING | LOGPROBS,
    "gpt-5-mini": SAMPLING | LOGPROBS,
    "kimi-k2.5": SAMPLING,
}


def of(protocol: Protocol) -> list[Endpoint]:
    return [endpoint for endpoint in ENDPOINTS if endpoint.protocol is protocol]


@pytest.mark.parametrize("endpoint", of(Protocol.OPENAI), ids=lambda endpoint: endpoint.id)
def test_an_openai_compatible_endpoint_has_its_dialect(endpoint: Endpoint) -> None:
    """The cap is named as the provider names it, and only fields that the model refuses are left out."""
    assert endpoint.provider in CAPS, "look up which output cap this provider takes, and add it here"
    dialect = openai_dialect(endpoint.base_url or "http://127.0.0.1:8000/v1", endpoint.remote_model)
    assert dialect.cap_field == CAPS[endpoint.provider]
    assert dialect.drops == DROPS.get(endpoint.remote_model, set())


@pytest.mark.parametrize("endpoint", of(Protocol.ANTHROPIC), ids=lambda endpoint: endpoint.id)
def test_the_claude_models_of_the_catalogue_take_sampling(endpoint: Endpoint) -> None:
    """None of the shipped ones is of the generation that refuses it."""
    assert takes_sampling(endpoint.remote_model)


def test_openai_s_models_refuse_the_old_cap() -> None:
    """Those that OpenAI itself serves are all of its reasoning models."""
    hosted = [endpoint for endpoint in ENDPOINTS if endpoint.provider.startswith("openai")]
    assert hosted
    assert all(endpoint.remote_model.startswith("gpt-5") for endpoint in hosted)


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("claude-opus-4-6", True),
        ("claude-opus-4-7", False),
        ("claude-sonnet-5", False),
        ("claude-haiku-4-5-20251001", True),
    ],
)
def test_newer_claude_models_refuse_sampling(model: str, takes: bool) -> None:
    """Known by their names, with and without a date."""
    assert takes_sampling(model) == takes


@pytest.mark.parametrize(
    ("base_url", "model", "cap", "drops"),
    [
        ("https://x.openai.azure.com/v1", "my-deployment", NEW, set()),
        ("https://gateway.example/v1", "openai/gpt-5.4", NEW, SAMPLING | LOGPROBS),
        ("https://gateway.example/v1", "gpt-5.1-chat", NEW, set()),
        ("https://gateway.example/v1", "openai/gpt-oss-120b", OLD, set()),
        ("https://gateway.example/v1", "o3-mini", NEW, SAMPLING | LOGPROBS),
        ("http://[broken", "any", OLD, set()),
    ],
)
def test_elsewhere_the_model_s_name_tells(base_url: str, model: str, cap: str, drops: set[str]) -> None:
    """Azure takes the new cap for all, a gateway for OpenAI's reasoning models, open weights the old one."""
    dialect = openai_dialect(base_url, model)
    assert (dialect.cap_field, set(dialect.drops)) == (cap, drops)
