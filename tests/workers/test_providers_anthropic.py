"""Anthropic Messages: the translation there and back."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.usage import Usage
from schemas.vocabulary import Protocol
from tests.workers.provider_calls import KEY, a_call, sent
from workers.calls import OutcomeKind
from workers.providers.anthropic import build, read
from workers.providers.failure import UntranslatableError


def built(body: dict[str, Any], model: str = "claude-sonnet-4-5") -> dict[str, Any]:
    return sent(build(a_call(body, protocol=Protocol.ANTHROPIC, model=model)))


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
        ("https://api.deepseek.com/anthropic", "https://api.deepseek.com/anthropic/v1/messages"),
    ],
)
def test_url_and_headers(base_url: str, url: str) -> None:
    """A base with or without its version leads to the same place."""
    got, headers, _ = build(a_call(protocol=Protocol.ANTHROPIC, base_url=base_url))
    assert got == url
    assert headers["x-api-key"] == KEY
    assert headers["anthropic-version"] == "2023-06-01"
    assert headers["idempotency-key"] == "key-1"


def test_a_whole_conversation() -> None:
    """System, user with image, assistant with tool calls and the tools' answers find their places."""
    body = built(
        {
            "metadata": {"tenant": "acme"},
            "user": "u-1",
            "max_tokens": 9,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Look"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                    ],
                },
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
                        {"id": "t2", "type": "function", "function": {"name": "g", "arguments": ""}},
                    ],
                },
                {"role": "tool", "tool_call_id": "t1", "content": "one"},
                {"role": "tool", "tool_call_id": "t2", "content": [{"type": "text", "text": "two"}]},
                {"role": "developer", "content": [{"type": "text", "text": "In French."}]},
                {"role": "user", "content": "Go on"},
            ],
        }
    )
    assert body == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 9,
        "system": "Be brief.\n\nIn French.",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                    {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "one"},
                    {"type": "tool_result", "tool_use_id": "t2", "content": "two"},
                ],
            },
            {"role": "user", "content": "Go on"},
        ],
    }


def test_nothing_but_a_system_message() -> None:
    """A body with only a system message asks with it, since the protocol wants a user's turn."""
    body = built({"messages": [{"role": "system", "content": "Say hi"}]})
    assert body["messages"] == [{"role": "user", "content": "Say hi"}]
    assert "system" not in body


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (None, None, None),
        ("auto", None, {"type": "auto"}),
        ("none", None, {"type": "none"}),
        ("required", None, {"type": "any"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"type": "function", "function": {"name": "f"}},
            False,
            {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_tools(choice: Any, parallel: bool | None, expected: Any) -> None:
    """Tools and the choice among them are translated."""
    tool = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
    body = built({"tools": [tool], "tool_choice": choice, "parallel_tool_calls": parallel})
    assert body["tools"] == [{"name": "f", "description": "d", "input_schema": {"type": "object"}}]
    assert body.get("tool_choice") == expected


@pytest.mark.parametrize(
    ("given", "model", "expected"),
    [
        ({"temperature": 1.7}, "claude-sonnet-4-5", {"temperature": 1}),
        ({"temperature": 0, "top_p": 0.5}, "claude-sonnet-4-5", {"temperature": 0}),
        ({"top_p": 0.5}, "claude-opus-4-20250514", {"top_p": 0.5}),
        ({"temperature": 0, "top_p": 0.5}, "claude-opus-4-7", {}),
        ({"temperature": 0}, "claude-opus-5", {}),
        ({"stop": "END"}, "claude-opus-5", {"stop_sequences": ["END"]}),
        ({"stop": ["\n", "a"]}, "claude-opus-5", {"stop_sequences": ["a"]}),
    ],
)
def test_sampling_and_stops(given: dict[str, Any], model: str, expected: dict[str, Any]) -> None:
    """One sampling field at most, in range, and none for models that refuse them."""
    body = built(given, model)
    assert {key: body[key] for key in ("temperature", "top_p", "stop_sequences") if key in body} == expected


def _asked(schema: Any) -> dict[str, Any]:
    return built({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}})


def test_schema_is_closed_and_its_bounds_left_out() -> None:
    """A schema goes to structured outputs with its objects closed and without the bounds unknown there."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1},
            "s": {"type": "string", "format": "date"},
            "t": {"type": "string", "format": "regex", "pattern": "x"},
            "l": {"type": "array", "items": {"$ref": "#/$defs/p"}, "minItems": 2},
            "o": {"oneOf": [{"type": "null"}, {"const": 1}]},
        },
        "required": ["n"],
        "$defs": {"p": {"type": "object", "properties": {"a": {"enum": ["minimum"]}}}},
    }
    body = _asked(schema)
    assert "system" not in body
    assert body["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "n": {"type": "integer"},
                "s": {"type": "string", "format": "date"},
                "t": {"type": "string"},
                "l": {"type": "array", "items": {"$ref": "#/$defs/p"}},
                "o": {"anyOf": [{"type": "null"}, {"const": 1}]},
            },
            "required": ["n"],
            "$defs": {
                "p": {"type": "object", "properties": {"a": {"enum": ["minimum"]}}, "additionalProperties": False}
            },
        },
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "object", "properties": {"a": {"not": {}}}},
        {"type": "object", "properties": {"a": {"$ref": "#"}}},
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/t"}},
            "$defs": {"t": {"type": "object", "properties": {"b": {"$ref": "#/$defs/t"}}}},
        },
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}},
    ],
)
def test_what_structured_outputs_can_not_say_is_asked_in_words(schema: dict[str, Any]) -> None:
    """Open maps, negation and recursion go into the system text with the whole schema."""
    body = _asked(schema)
    assert "output_config" not in body
    assert orjson.dumps(schema, option=orjson.OPT_SORT_KEYS).decode() in body["system"]


def test_json_object_is_asked_in_words() -> None:
    """The protocol has no plain JSON mode."""
    body = built({"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "x"}]})
    assert "JSON object" in body["system"]


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"role": "function", "content": "x", "name": "f"}], "message_role"),
        ([{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}], "content_part"),
        ([{"role": "user", "content": None}], "content"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/a.png"}}]}], "image_url"),
        ([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}], "tool_call_arguments"),
        ([{"role": "system", "content": [{"type": "image_url"}]}], "content_part"),
    ],
)
def test_what_can_not_be_said(messages: list[dict[str, Any]], code: str) -> None:
    """What the protocol has no form for is refused by name before it leaves."""
    with pytest.raises(UntranslatableError) as caught:
        built({"messages": messages})
    assert caught.value.code == code


def answer(**change: Any) -> bytes:
    return orjson.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "model": "claude-x",
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}],
            "stop_reason": "end_turn",
            "usage": {
                "input_tokens": 3,
                "cache_read_input_tokens": 20,
                "cache_creation_input_tokens": 100,
                "output_tokens": 7,
            },
        }
        | change
    )


def test_reads_an_answer() -> None:
    """The answer comes back as a chat.completion, with each token in one meter."""
    outcome = read(200, {"request-id": "req_9", "date": "Thu, 01 Jan 1970 00:01:00 GMT"}, answer())
    assert outcome.kind is OutcomeKind.ANSWERED
    assert outcome.usage == Usage(input=3, cached_read=20, cache_write=100, output=7)
    assert outcome.request_id == "req_9"
    assert outcome.completion == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": 60,
        "model": "claude-x",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 123,
            "completion_tokens": 7,
            "total_tokens": 130,
            "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 100},
        },
    }


@pytest.mark.parametrize(
    ("reason", "finish", "refused"),
    [
        ("stop_sequence", "stop", False),
        ("max_tokens", "length", False),
        ("model_context_window_exceeded", "length", False),
        ("pause_turn", "length", False),
        ("refusal", "content_filter", True),
        ("brand_new", "brand_new", False),
        (None, "", False),
    ],
)
def test_stop_reasons(reason: str | None, finish: str, refused: bool) -> None:
    """Stop reasons are in OpenAI's words."""
    outcome = read(200, {}, answer(stop_reason=reason))
    assert (outcome.finish_reason, outcome.refused) == (finish, refused)


def test_tool_use() -> None:
    """Tool use becomes tool calls with JSON arguments."""
    blocks = [{"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]
    outcome = read(200, {}, answer(content=blocks, stop_reason="tool_use"))
    assert outcome.completion is not None
    message = outcome.completion["choices"][0]["message"]
    assert message["tool_calls"] == [
        {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    ]
    assert (message["content"], outcome.finish_reason) == (None, "tool_calls")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (answer(usage={"input_tokens": 1}), "no_usage"),
        (answer(content=None), "no_content"),
        (b'{"type": "error", "error": {"type": "api_error"}}', "provider_error"),
        (b"{", "unreadable_answer"),
    ],
)
def test_what_can_not_be_counted_is_uncertain(body: bytes, code: str) -> None:
    """A success that can't be read or billed exactly may still be charged."""
    outcome = read(200, {}, body)
    assert (outcome.kind, outcome.error_code) == (OutcomeKind.UNCERTAIN, code)


@pytest.mark.parametrize(
    ("status", "error", "kind", "code"),
    [
        (
            400,
            {"type": "invalid_request_error", "message": "prompt is too long: 2 > 1"},
            OutcomeKind.REJECTED,
            "context_length",
        ),
        (
            400,
            {"type": "invalid_request_error", "message": "SECRET"},
            OutcomeKind.REJECTED,
            "http_400:invalid_request_error",
        ),
        (529, {"type": "overloaded_error", "message": "x"}, OutcomeKind.UNAVAILABLE, "http_529"),
    ],
)
def test_failures(status: int, error: dict[str, str], kind: OutcomeKind, code: str) -> None:
    """Failures mean what they mean everywhere."""
    outcome = read(status, {}, orjson.dumps({"type": "error", "error": error}))
    assert (outcome.kind, outcome.error_code) == (kind, code)
