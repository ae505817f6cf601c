"""Chat Completions: what is sent, and what an answer means."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.usage import Usage
from tests.workers.provider_calls import KEY, a_call, completion, sent
from workers.calls import OutcomeKind
from workers.providers.failure import UntranslatableError
from workers.providers.openai import build, read, read_usage


def test_sends_the_body_for_the_target() -> None:
    """Metadata, streaming and choices stay behind; the model is the target's; the cap and the keys are there."""
    call = a_call(
        {"model": "auto", "metadata": {"tenant": "acme"}, "stream": False, "n": 1, "temperature": 0, "seed": None}
    )
    url, headers, _ = built = build(call)
    assert url == "https://api.example.com/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["idempotency-key"] == "key-1"
    assert sent(built) == {
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0,
        "model": "remote-model",
        "max_tokens": 777,
    }


def test_no_key_no_header() -> None:
    """A local server without a key gets no authorization header."""
    assert "authorization" not in build(a_call(api_key=""))[1]


@pytest.mark.parametrize("given", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(
    ("base_url", "model", "field"),
    [
        ("https://api.openai.com/v1", "gpt-4o", "max_completion_tokens"),
        ("https://api.openai.com/v1", "gpt-5.2", "max_completion_tokens"),
        ("https://x.openai.azure.com/openai/v1", "mine", "max_completion_tokens"),
        ("https://openrouter.ai/api/v1", "openai/gpt-5-mini", "max_completion_tokens"),
        ("http://127.0.0.1:1/v1", "o3-mini", "max_completion_tokens"),
        ("https://openrouter.ai/api/v1", "openai/gpt-oss-120b", "max_tokens"),
        ("https://api.deepseek.com", "deepseek-chat", "max_tokens"),
        ("https://notapi.openai.com.example/v1", "x", "max_tokens"),
        ("http://localhost:11434/v1", "qwen3:8b", "max_tokens"),
    ],
)
def test_cap_field(given: str, base_url: str, model: str, field: str) -> None:
    """The producer's cap goes out under the one name that the endpoint knows."""
    body = sent(build(a_call({given: 5}, base_url=base_url, model=model)))
    assert body[field] == 5
    assert len({"max_tokens", "max_completion_tokens"} & set(body)) == 1


@pytest.mark.parametrize(
    ("model", "kept"), [("gpt-5.1", False), ("gpt-5-chat-latest", True), ("kimi-k2.6", False), ("qwen3-max", True)]
)
def test_sampling_is_left_out_where_refused(model: str, kept: bool) -> None:
    """A temperature doesn't make a job fail because the model chosen takes none."""
    assert ("temperature" in sent(build(a_call({"temperature": 0.2}, model=model)))) is kept


def test_what_is_not_json_is_refused_before_it_leaves() -> None:
    """A lone surrogate and a key with a line end are told, without their text."""
    with pytest.raises(UntranslatableError, match="not_json"):
        build(a_call({"user": "\ud800"}))
    with pytest.raises(UntranslatableError, match="api_key") as caught:
        build(a_call(api_key="sk\nx-evil: 1"))
    assert "evil" not in str(caught.value)


def test_reads_an_answer() -> None:
    """A complete answer with usage is answered, with its ids."""
    outcome = read(200, {"x-request-id": "req_1"}, b"\n\n" + orjson.dumps(completion()))
    assert outcome.kind is OutcomeKind.ANSWERED
    assert (outcome.text, outcome.finish_reason, outcome.refused) == ("Hi", "stop", False)
    assert outcome.usage == Usage(input=10, output=5)
    assert (outcome.request_id, outcome.served_model, outcome.status) == ("req_1", "served-model", 200)
    assert outcome.completion == completion()


def _with(**change: Any) -> bytes:
    answer = completion()
    answer["choices"][0]["message"] |= change.pop("message", {})
    answer["choices"][0] |= change.pop("choice", {})
    return orjson.dumps(answer | change)


@pytest.mark.parametrize(
    ("body", "text", "finish", "refused"),
    [
        (_with(message={"content": None, "refusal": "No."}), "No.", "stop", True),
        (_with(choice={"finish_reason": "content_filter"}), "Hi", "content_filter", True),
        (_with(choice={"finish_reason": "eos_token"}), "Hi", "stop", False),
        (_with(choice={"finish_reason": None}), "Hi", "", False),
        (_with(message={"content": [{"type": "thinking"}, {"type": "text", "text": "Yo"}]}), "Yo", "stop", False),
        (
            _with(message={"content": None, "tool_calls": []}, choice={"finish_reason": "tool_calls"}),
            "",
            "tool_calls",
            False,
        ),
    ],
)
def test_reads_endings(body: bytes, text: str, finish: str, refused: bool) -> None:
    """Refusals are answers, other servers' words for the end are OpenAI's, parts are joined."""
    outcome = read(200, {}, body)
    assert outcome.kind is OutcomeKind.ANSWERED
    assert (outcome.text, outcome.finish_reason, outcome.refused) == (text, finish, refused)
    assert outcome.completion is not None
    assert (outcome.completion["choices"][0]["finish_reason"] or "") == finish


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (_with(usage=None), "no_usage"),
        (_with(usage={"prompt_tokens": -1, "completion_tokens": 5}), "no_usage"),
        (_with(usage={"prompt_tokens": 10**18, "completion_tokens": 5}), "no_usage"),
        (_with(usage={"prompt_tokens": True, "completion_tokens": 5}), "no_usage"),
        (_with(choices=[]), "no_choices"),
        (_with(choices=[1]), "no_choices"),
        (b'{"error": {"message": "secret prompt", "code": 502}}', "provider_error"),
        (_with(choice={"finish_reason": "error"}), "provider_error"),
        (_with(choice={"finish_reason": "insufficient_system_resource"}), "provider_error"),
        (b'{"choices": [', "unreadable_answer"),
        (b"<html>", "unreadable_answer"),
        (b"", "unreadable_answer"),
        (b"[" * 5000, "unreadable_answer"),
        (b'"\xff"', "unreadable_answer"),
        (b"[1]", "unreadable_answer"),
    ],
)
def test_what_can_not_be_counted_is_uncertain(body: bytes, code: str) -> None:
    """A success that can't be read or billed exactly may still be charged."""
    outcome = read(200, {}, body)
    assert (outcome.kind, outcome.error_code) == (OutcomeKind.UNCERTAIN, code)


def test_an_answer_without_usage_is_kept() -> None:
    """The text isn't thrown away for want of a count."""
    outcome = read(200, {}, _with(usage=None))
    assert (outcome.text, outcome.usage) == ("Hi", None)
    assert outcome.completion is not None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 4}}, Usage(6, 4, 0, 5)),
        ({"prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}}, Usage(3, 4, 3, 5)),
        ({"prompt_tokens_details": {"cache_creation_input_tokens": 3}}, Usage(7, 0, 3, 5)),
        ({"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6}, Usage(6, 4, 0, 5)),
        ({"cached_tokens": 4}, Usage(6, 4, 0, 5)),
        ({"prompt_tokens_details": {"cached_tokens": 400}}, Usage(10, 0, 0, 5)),
        ({"prompt_tokens_details": None}, Usage(10, 0, 0, 5)),
        # OpenAI, DeepSeek: reasoning inside
        ({"completion_tokens_details": {"reasoning_tokens": 3}}, Usage(10, 0, 0, 5)),
        # xAI: reasoning beside
        ({"total_tokens": 115, "completion_tokens_details": {"reasoning_tokens": 100}}, Usage(10, 0, 0, 105)),
        # Gemini's compatible endpoint: beside, and only in the total
        ({"total_tokens": 115}, Usage(10, 0, 0, 105)),
        # a total that reasoning doesn't explain is left alone
        ({"total_tokens": 115, "completion_tokens_details": {"reasoning_tokens": 0}}, Usage(10, 0, 0, 5)),
    ],
)
def test_usage_of_each_provider(usage: dict[str, Any], expected: Usage) -> None:
    """Each token is in one meter, however a provider reports it."""
    assert read_usage(completion(**usage)["usage"]) == expected


def _error(**fields: Any) -> bytes:
    return orjson.dumps({"error": {"message": "you said: SECRET-PROMPT"} | fields})


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, _error(code="unsupported_value"), OutcomeKind.REJECTED, "http_400:unsupported_value"),
        (400, _error(code=None, type="invalid_request_error"), OutcomeKind.REJECTED, "http_400:invalid_request_error"),
        (400, _error(code="SECRET-PROMPT is long"), OutcomeKind.REJECTED, "http_400"),
        (400, b"SECRET-PROMPT", OutcomeKind.REJECTED, "http_400"),
        (400, b'{"object": "error", "type": "BadRequestError"}', OutcomeKind.REJECTED, "http_400:badrequesterror"),
        (400, _error(code="context_length_exceeded"), OutcomeKind.REJECTED, "context_length"),
        (400, _error(message="This model's maximum context length is 8192"), OutcomeKind.REJECTED, "context_length"),
        (413, b"", OutcomeKind.REJECTED, "context_length"),
        (400, _error(code="content_filter"), OutcomeKind.REJECTED, "content_filter"),
        (400, _error(message="Content Exists Risk"), OutcomeKind.REJECTED, "content_filter"),
        (401, _error(code="invalid_api_key"), OutcomeKind.REJECTED, "http_401:invalid_api_key"),
        (402, b"", OutcomeKind.REJECTED, "http_402"),
        (404, b"[]", OutcomeKind.REJECTED, "http_404"),
        (408, b"", OutcomeKind.UNAVAILABLE, "http_408"),
        (409, b"", OutcomeKind.UNAVAILABLE, "http_409"),
        (425, b"", OutcomeKind.UNAVAILABLE, "http_425"),
        (429, _error(code="rate_limit_exceeded"), OutcomeKind.UNAVAILABLE, "http_429"),
        (429, _error(code="insufficient_quota"), OutcomeKind.UNAVAILABLE, "quota_exhausted"),
        (500, b"", OutcomeKind.UNAVAILABLE, "http_500"),
        (503, b"<html>", OutcomeKind.UNAVAILABLE, "http_503"),
        (529, b"", OutcomeKind.UNAVAILABLE, "http_529"),
        (302, b"", OutcomeKind.UNAVAILABLE, "http_302"),
        (504, b"", OutcomeKind.UNCERTAIN, "http_504"),
        (524, b"", OutcomeKind.UNCERTAIN, "http_524"),
    ],
)
def test_what_a_failure_means(status: int, body: bytes, kind: OutcomeKind, code: str) -> None:
    """Each status means one thing, and no provider's message, which may echo the prompt, is kept."""
    outcome = read(status, {}, body)
    assert (outcome.kind, outcome.error_code, outcome.status) == (kind, code, status)
    assert outcome.refused == (code == "content_filter")
    assert "SECRET" not in f"{outcome.error_code}{outcome.text}{outcome.request_id}"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "30", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "86400"}, 900.0),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:30 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 09:00:00 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "9" * 5000}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    """Seconds, milliseconds and dates are read and capped; nonsense is nothing."""
    assert read(429, headers, b"").retry_after_s == expected


def test_ids_are_plain_words_only() -> None:
    """A header or model name that is no plain word isn't kept."""
    outcome = read(200, {"x-request-id": "you said: hello"}, _with(model="a b\nc"))
    assert (outcome.request_id, outcome.served_model) == ("", "")
