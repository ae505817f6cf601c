"""OpenAI-compatible Chat Completions: ``POST {base_url}/chat/completions``.

``base_url`` is as the provider documents it, with its ``/v1`` or whatever it has instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from schemas.usage import Usage
from workers.calls import Call, Outcome, OutcomeKind
from workers.providers.dialect import openai_dialect
from workers.providers.failure import UntranslatableError, failed, plain_name, request_id_of, uncertain

#: A count above this is no count.
MAX_TOKENS = 10**9

# Routing facts never leave the house; streaming and several choices are not how jobs are run.
_KEPT_BACK = frozenset({"metadata", "model", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens"})
_FINISH = {
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "max_length": "length",
    "model_length": "length",
    "sensitive": "content_filter",
}
#: The provider broke off: the answer is no answer, and whether it is charged is not known.
_BROKEN_OFF = frozenset({"error", "insufficient_system_resource", "network_error"})


def build(call: Call) -> tuple[str, dict[str, str], bytes]:
    """The URL, headers and body of a call.

    The job's body is passed on without its metadata, for the target's model and with an output cap always, so that
    the worst case is bounded. Raises ``UntranslatableError`` for a body that is not JSON.
    """
    target = call.target
    dialect = openai_dialect(target.base_url, target.remote_model)
    left_out = _KEPT_BACK | dialect.drops if dialect.drops else _KEPT_BACK
    body = {field: value for field, value in call.body.items() if field not in left_out and value is not None}
    body["model"] = target.remote_model
    body[dialect.cap_field] = output_cap(call)
    headers = {"content-type": "application/json", "accept": "application/json", "idempotency-key": call.key}
    if target.api_key:
        headers["authorization"] = f"Bearer {header_key(target.api_key)}"
    return f"{target.base_url}/chat/completions", headers, encoded(body)


def output_cap(call: Call) -> int:
    """The producer's cap in tokens, or the target's default."""
    cap: int = call.body.get("max_completion_tokens") or call.body.get("max_tokens") or call.target.default_max_output
    return cap


def header_key(api_key: str) -> str:
    """The key, fit for a header. Raises ``UntranslatableError`` for one with line ends or letters outside ASCII."""
    if not api_key.isascii() or not api_key.isprintable():
        raise UntranslatableError("api_key")
    return api_key


def encoded(body: Mapping[str, Any]) -> bytes:
    """JSON of a body. Raises ``UntranslatableError`` for what JSON can't hold (a lone surrogate, a huge integer)."""
    try:
        return orjson.dumps(body)
    except (TypeError, RecursionError):
        raise UntranslatableError("not_json") from None


def read(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """What came of a call, from its whole answer. ``headers`` has lower-case or case-insensitive keys.

    An answer without usage is kept but ``uncertain`` (``no_usage``): it can't be billed exactly.
    """
    if not 200 <= status < 300:
        return failed(status, headers, body)
    answer = parsed(body)
    if answer is None:
        return uncertain("unreadable_answer", status, headers)
    usage = read_usage(answer.get("usage"))
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        code = "provider_error" if answer.get("error") else "no_choices"
        return Outcome(OutcomeKind.UNCERTAIN, usage, status=status, error_code=code, request_id=request_id_of(headers))
    given = choice.get("finish_reason")
    finish = _FINISH.get(given, given) if isinstance(given, str) else ""
    if finish in _BROKEN_OFF:
        return Outcome(
            OutcomeKind.UNCERTAIN, usage, status=status, error_code="provider_error", request_id=request_id_of(headers)
        )
    if finish != given and finish:
        answer = {**answer, "choices": [{**choice, "finish_reason": finish}]}
    refusal = message.get("refusal")
    refusal = refusal if isinstance(refusal, str) else ""
    return Outcome(
        OutcomeKind.UNCERTAIN if usage is None else OutcomeKind.ANSWERED,
        usage=usage,
        completion=answer,
        text=_text(message.get("content")) or refusal,
        finish_reason=finish,
        refused=bool(refusal) or finish == "content_filter",
        status=status,
        error_code="no_usage" if usage is None else "",
        request_id=request_id_of(headers),
        served_model=plain_name(answer.get("model")),
    )


def parsed(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, or ``None``. Leading blank lines, DeepSeek's keep-alive, are skipped."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):  # Mistral's reasoning models answer in parts
        return "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))
    return ""


def count(value: Any) -> int | None:
    """``value`` where it is a credible token count, else ``None``."""
    return value if type(value) is int and 0 <= value <= MAX_TOKENS else None


def read_usage(usage: Any) -> Usage | None:
    """Token counts of a ``usage`` object, each token in one meter; ``None`` where the two main counts are missing.

    Prompt: ``prompt_tokens`` includes cached tokens. Read from the cache are ``prompt_tokens_details.cached_tokens``
    (OpenAI, xAI, Mistral, Zhipu, Alibaba), ``prompt_cache_hit_tokens`` (DeepSeek) or ``cached_tokens`` beside it
    (Moonshot). Written to it are ``cache_write_tokens`` (OpenAI from GPT-5.6 on, OpenRouter) or
    ``cache_creation_input_tokens`` (Alibaba), in the details. Where these exceed the prompt they can't be a part of
    it, and all of the prompt counts as uncached.

    Output: reasoning is inside ``completion_tokens`` with OpenAI, DeepSeek, Alibaba and Moonshot. xAI counts it
    beside it, and Gemini's compatible endpoint too, there without a detail; both include it in ``total_tokens``. So
    what ``total_tokens`` has beyond prompt and completion is added where it equals the reasoning tokens or none are
    reported.
    """
    if not isinstance(usage, dict):
        return None
    prompt, completion = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, dict) else {}
    read_from = (
        count(details.get("cached_tokens"))
        or count(usage.get("prompt_cache_hit_tokens"))
        or count(usage.get("cached_tokens"))
        or 0
    )
    written = max(count(details.get("cache_write_tokens")) or 0, count(details.get("cache_creation_input_tokens")) or 0)
    if read_from + written > prompt:
        read_from = written = 0
    output = completion
    total = count(usage.get("total_tokens"))
    if total is not None and total > prompt + completion:
        beyond = total - prompt - completion
        output_details = usage.get("completion_tokens_details")
        reasoning = count(output_details.get("reasoning_tokens")) if isinstance(output_details, dict) else None
        if reasoning is None or reasoning == beyond:
            output += beyond
    return Usage(prompt - read_from - written, read_from, written, output)
