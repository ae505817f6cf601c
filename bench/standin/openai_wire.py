"""The OpenAI Chat Completions protocol: a request read, an answer and an error written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from bench.standin.answers import Answer
from bench.standin.asks import Ask, Prompt, RefusedRequestError, content_text, field
from bench.standin.counting import Counts

PATH = "/chat/completions"
REQUEST_ID = "x-request-id"
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_FINISH = {"stop": "stop", "length": "length", "tool": "tool_calls", "refusal": "content_filter"}
_ERROR_TYPES = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def read(body: Mapping[str, Any]) -> Ask:
    """Read the body of a request. Raises ``RefusedRequestError``."""
    model = field(body, "model", str, needed=True)
    messages = field(body, "messages", list, needed=True)
    if not messages:
        raise RefusedRequestError("messages must not be empty", param="messages")
    if body.get("stream"):
        raise RefusedRequestError("the stand-in does not stream; leave stream out", param="stream")
    if body.get("n") not in (None, 1):
        raise RefusedRequestError("the stand-in makes one choice; leave n out", param="n")
    prompt = Prompt()
    tools = field(body, "tools", list)
    if tools:
        prompt.add_json("tools", tools)
    for place, message in enumerate(messages):
        where = f"messages[{place}]"
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise RefusedRequestError(f"{where} must be an object with a known role", param=where)
        text, _ = content_text(message.get("content"), where)
        if message.get("tool_calls"):
            text += orjson.dumps(message["tool_calls"], option=orjson.OPT_SORT_KEYS).decode()
        prompt.add(message["role"], text)
    schema, json_object = _format(field(body, "response_format", dict))
    if schema is not None:
        prompt.add_json("schema", schema)
    cap = field(body, "max_completion_tokens", int) or field(body, "max_tokens", int)
    effort = field(body, "reasoning_effort", str)
    tool = _forced(body.get("tool_choice"), tools or [])
    return prompt.ask(model, cap, schema=schema, json_object=json_object, tool=tool, effort=effort)


def _format(response_format: Mapping[str, Any] | None) -> tuple[Mapping[str, Any] | None, bool]:
    if response_format is None:
        return None, False
    if response_format.get("type") != "json_schema":
        return None, response_format.get("type") == "json_object"
    wrapper = field(response_format, "json_schema", dict, needed=True)
    return wrapper.get("schema") if isinstance(wrapper.get("schema"), dict) else {}, False


def _forced(choice: Any, tools: list[Any]) -> tuple[str, Any] | None:
    """The tool that must be called, with its schema."""
    wanted = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    if wanted is None and choice != "required":
        return None
    functions = [
        tool["function"] for tool in tools if isinstance(tool, dict) and isinstance(tool.get("function"), dict)
    ]
    for function in functions:
        if isinstance(function.get("name"), str) and wanted in (None, function["name"]):
            return function["name"], function.get("parameters", {})
    raise RefusedRequestError("tool_choice names no tool of the request", param="tool_choice")


def completion(ask: Ask, answer: Answer, counts: Counts | None, reference: str, created: int) -> bytes:
    """The body of an answer; without ``counts`` it has no usage. ``created`` is in Unix seconds."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text.decode(), "refusal": None}
    if answer.finish == "refusal":
        message |= {"content": None, "refusal": answer.text.decode()}
    elif answer.tool is not None:
        function = {"name": answer.tool, "arguments": answer.text.decode()}
        message |= {
            "content": None,
            "tool_calls": [{"id": f"call_{reference}", "type": "function", "function": function}],
        }
    body = {
        "id": f"chatcmpl-{reference}",
        "object": "chat.completion",
        "created": created,
        "model": ask.model,
        "system_fingerprint": "standin",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH[answer.finish]}],
    }
    if counts is not None:
        body["usage"] = {
            "prompt_tokens": counts.prompt,
            "completion_tokens": counts.output,
            "total_tokens": counts.prompt + counts.output,
            "prompt_tokens_details": {"cached_tokens": counts.cached_read},
            "completion_tokens_details": {"reasoning_tokens": counts.reasoning},
        }
    return orjson.dumps(body)


def error(status: int, says: str, reference: str, *, param: str | None = None, code: str | None = None) -> bytes:
    """The body of an error; its number goes in the ``x-request-id`` header."""
    kind, usual = _ERROR_TYPES.get(status, ("invalid_request_error" if status < 500 else "server_error", None))
    return orjson.dumps({"error": {"message": says, "type": kind, "param": param, "code": code or usual}})
