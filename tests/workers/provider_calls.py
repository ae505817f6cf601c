"""Calls and answers for the tests of the provider clients."""

from __future__ import annotations

from typing import Any

import orjson

from schemas.vocabulary import Protocol
from workers.calls import Call, Target

KEY = "sk-secret-123"


def a_call(
    body: dict[str, Any] | None = None,
    *,
    protocol: Protocol = Protocol.OPENAI,
    base_url: str = "https://api.example.com/v1",
    model: str = "remote-model",
    timeout_s: float = 10.0,
    api_key: str = KEY,
) -> Call:
    target = Target("ep", protocol, base_url, model, api_key, timeout_s, default_max_output=777)
    return Call(1, "key-1", target, {"messages": [{"role": "user", "content": "Hello"}]} | (body or {}))


def sent(built: tuple[str, dict[str, str], bytes]) -> dict[str, Any]:
    """The body that would be sent."""
    body: dict[str, Any] = orjson.loads(built[2])
    return body


def completion(**usage: Any) -> dict[str, Any]:
    return {
        "id": "c-1",
        "object": "chat.completion",
        "model": "served-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15} | usage,
    }
