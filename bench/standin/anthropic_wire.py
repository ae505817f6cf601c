"""The Anthropic Messages protocol: a request read, an answer and an error written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from bench.standin.answers import Answer
from bench.standin.asks import Ask, Prompt, RefusedRequestError, content_text, field
from bench.standin.counting import Counts

PATH = "/messages"
REQUEST_ID = "request-id"
_FINISH = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use", "refusal": "refusal"}
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def read(body: Mapping[str, Any]) -> Ask:
    """Read the body of a request. Raises ``RefusedRequestError``."""
    model = field(body, "model", str, needed=True)
    cap = field(body, "max_tokens", int, needed=True)
    messages = field(body, "messages", list, needed=True)
    if not messages:
        raise RefusedRequestError("messages must not be empty", param="messages")
    if body.get("stream"):
        raise RefusedRequestError("the stand-in does not stream; leave stream out", param="stream")
    prompt = Prompt()
    tools = field(body, "tools", list) or []
    if tools:
        marked = any(isinstance(tool, dict) and tool.get("cache_control") is not None for tool in tools)
        prompt.add_json("tools", tools, marked)
    if body.get("system") is not None:
        prompt.add("system", *content_text(body["system"], "system"))
    for place, message in enumerate(messages):
        where = f"messages.{place}"
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
            raise RefusedRequestError(f"{where}.role must be user or assistant", param=where)
        prompt.add(message["role"], *content_text(message.get("content"), where))
    config = field(body, "output_config", dict) or {}
    form = config.get("format") or body.get("output_format")
    schema = form.get("schema") if isinstance(form, dict) and form.get("type") == "json_schema" else None
    if isinstance(schema, dict):
        prompt.add_json("schema", schema)
    else:
        schema = None
    return prompt.ask(model, cap, schema=schema, tool=_forced(body.get("tool_choice"), tools))


def _forced(choice: Any, tools: list[Any]) -> tuple[str, Any] | None:
    """The tool that must be called, with its schema."""
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in ("any", "tool"):
        return None
    for tool in tools:
        if (
            isinstance(tool, dict)
            and isinstance(tool.get("name"), str)
            and (kind == "any" or tool["name"] == choice.get("name"))
        ):
            return tool["name"], tool.get("input_schema", {})
    raise RefusedRequestError("tool_choice names no tool of the request", param="tool_choice")


def completion(ask: Ask, answer: Answer, counts: Counts | None, reference: str, created: int) -> bytes:
    """The body of an answer; without ``counts`` it has no usage. The protocol has no time of creation."""
    content: list[dict[str, Any]] = []
    if answer.tool is not None:
        given = orjson.loads(answer.text) if answer.finish == "tool" else {}
        content.append({"type": "tool_use", "id": f"toolu_{reference}", "name": answer.tool, "input": given})
    elif answer.text and answer.finish != "refusal":
        content.append({"type": "text", "text": answer.text.decode(), "citations": None})
    body: dict[str, Any] = {
        "id": f"msg_{reference}",
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": content,
        "stop_reason": _FINISH[answer.finish],
        "stop_sequence": None,
    }
    if answer.finish == "refusal":
        body["stop_details"] = {"type": "refusal", "category": None, "explanation": answer.text.decode()}
    if counts is not None:
        body["usage"] = {
            "input_tokens": counts.input,
            "cache_creation_input_tokens": counts.cache_write,
            "cache_read_input_tokens": counts.cached_read,
            "output_tokens": counts.output,
        }
    return orjson.dumps(body)


def error(status: int, says: str, reference: str, *, param: str | None = None, code: str | None = None) -> bytes:
    """The body of an error; the field at fault is named in the message, as this protocol has no place for it."""
    kind = _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    says = f"{param}: {says}" if param is not None and not says.startswith(param) else says
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": says}, "request_id": reference})
