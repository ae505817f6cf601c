"""Anthropic Messages: ``POST {base_url}/v1/messages`` (``/messages`` where ``base_url`` ends in ``/v1`` already).

The job's Chat Completions body is translated there, and the answer back to a ``chat.completion`` object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from schemas.usage import Usage
from workers.calls import Call, Outcome, OutcomeKind
from workers.providers.anthropic_messages import conversation, tool_choice, tools
from workers.providers.anthropic_schema import output_format
from workers.providers.dialect import takes_sampling
from workers.providers.failure import failed, http_date, plain_name, request_id_of, uncertain
from workers.providers.openai import count, encoded, header_key, output_cap, parsed

API_VERSION = "2023-06-01"

# pause_turn comes only with server tools, which no job of ours has; a turn that didn't end is a cut one
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def build(call: Call) -> tuple[str, dict[str, str], bytes]:
    """The URL, headers and body of a call. Raises ``UntranslatableError`` for what the protocol can't express.

    Left out, since the protocol has no place for them: penalties, logit bias, log probabilities, seed, ``user``,
    stop sequences of white space only. Of temperature (capped at 1) and ``top_p`` one is sent, for models that take
    either.
    """
    target, source = call.target, call.body
    system, messages = conversation(source)
    body: dict[str, Any] = {"model": target.remote_model, "max_tokens": output_cap(call), "messages": messages}
    schema, instruction = output_format(source.get("response_format"))
    if schema is not None:
        body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    if instruction:
        system = f"{system}\n\n{instruction}" if system else instruction
    if system:
        body["system"] = system
    _tools(source, body)
    _sampling(source, target.remote_model, body)
    base = target.base_url
    headers = {
        "content-type": "application/json",
        "accept": "application/json",
        "anthropic-version": API_VERSION,
        "idempotency-key": call.key,
    }
    if target.api_key:
        headers["x-api-key"] = header_key(target.api_key)
    return f"{base}/messages" if base.endswith("/v1") else f"{base}/v1/messages", headers, encoded(body)


def _tools(source: Mapping[str, Any], body: dict[str, Any]) -> None:
    declared = tools(source.get("tools"))
    if declared:
        body["tools"] = declared
        choice = tool_choice(source.get("tool_choice"), parallel=source.get("parallel_tool_calls") is not False)
        if choice is not None:
            body["tool_choice"] = choice


def _sampling(source: Mapping[str, Any], model: str, body: dict[str, Any]) -> None:
    stop = source.get("stop")
    sequences = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    sequences = [text for text in sequences if isinstance(text, str) and text.strip()]
    if sequences:
        body["stop_sequences"] = sequences
    if not takes_sampling(model):
        return
    temperature, top_p = source.get("temperature"), source.get("top_p")
    if isinstance(temperature, int | float):
        body["temperature"] = min(temperature, 1)
    elif isinstance(top_p, int | float):
        body["top_p"] = top_p


def read(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """What came of a call, from its whole answer. ``headers`` has lower-case or case-insensitive keys."""
    if not 200 <= status < 300:
        return failed(status, headers, body)
    answer = parsed(body)
    if answer is None:
        return uncertain("unreadable_answer", status, headers)
    usage = read_usage(answer.get("usage"))
    content = answer.get("content")
    if not isinstance(content, list):
        code = "provider_error" if answer.get("error") else "no_content"
        return Outcome(OutcomeKind.UNCERTAIN, usage, status=status, error_code=code, request_id=request_id_of(headers))
    blocks = [block for block in content if isinstance(block, dict)]
    text = "".join(
        block["text"] for block in blocks if block.get("type") == "text" and isinstance(block.get("text"), str)
    )
    stop_reason = answer.get("stop_reason")
    finish = _FINISH.get(stop_reason, plain_name(stop_reason)) if isinstance(stop_reason, str) else ""
    return Outcome(
        OutcomeKind.UNCERTAIN if usage is None else OutcomeKind.ANSWERED,
        usage=usage,
        completion=_completion(answer, http_date(headers.get("date")), _message(text, blocks), finish, usage),
        text=text,
        finish_reason=finish,
        refused=finish == "content_filter",
        status=status,
        error_code="no_usage" if usage is None else "",
        request_id=request_id_of(headers),
        served_model=plain_name(answer.get("model")),
    )


def _message(text: str, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """The assistant message in OpenAI's form; thinking blocks are not part of an answer."""
    message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None}
    calls = [
        {
            "id": plain_name(block.get("id")),
            "type": "function",
            "function": {"name": plain_name(block.get("name")), "arguments": orjson.dumps(block.get("input")).decode()},
        }
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    if calls:
        message["tool_calls"] = calls
    elif not text:
        message["content"] = ""
    return message


def _completion(
    answer: Mapping[str, Any],
    date: float | None,
    message: Mapping[str, Any],
    finish: str,
    usage: Usage | None,
) -> dict[str, Any]:
    completion: dict[str, Any] = {
        "id": plain_name(answer.get("id")),
        "object": "chat.completion",
        "created": int(date or 0),
        "model": plain_name(answer.get("model")),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
    }
    if usage is not None:
        completion["usage"] = {
            "prompt_tokens": usage.prompt,
            "completion_tokens": usage.output,
            "total_tokens": usage.prompt + usage.output,
            "prompt_tokens_details": {"cached_tokens": usage.cached_read, "cache_write_tokens": usage.cache_write},
        }
    return completion


def read_usage(usage: Any) -> Usage | None:
    """Token counts of a ``usage`` object; ``None`` where the two main counts are missing.

    ``input_tokens`` excludes what was read from the cache (``cache_read_input_tokens``) and written to it
    (``cache_creation_input_tokens``); ``output_tokens`` includes thinking.
    """
    if not isinstance(usage, dict):
        return None
    prompt, output = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    if prompt is None or output is None:
        return None
    read_from = count(usage.get("cache_read_input_tokens")) or 0
    written = count(usage.get("cache_creation_input_tokens")) or 0
    return Usage(prompt, read_from, written, output)
