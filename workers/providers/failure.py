"""What an answer that is not a success means: refused for good, not taken now, or unknown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from workers.calls import Outcome, OutcomeKind

#: The longest wait that a provider may ask for, in seconds; a retry that comes too early costs one more refusal.
RETRY_AFTER_CAP_S = 900.0

_WORD = re.compile(r"[a-z0-9_.-]{1,64}")
_NAME = re.compile(r"[A-Za-z0-9_./:@+-]{1,128}")
_NOT_NOW = frozenset({408, 409, 425, 429})
#: A gateway gave up waiting for the model, which may have run to its end and been charged.
_GATEWAY_TIMEOUTS = frozenset({504, 524})
_TOO_LONG = re.compile(
    r"maximum context length|context[ _]length|context window|prompt is too long|input is too long|too many tokens"
    r"|exceeds? the (maximum|max) (number of|input) tokens"
)
_TOO_LONG_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
_CONTENT_CODES = frozenset(
    {
        "content_filter",
        "content_policy_violation",
        "data_inspection_failed",
        "datainspectionfailed",
        "moderation",
        "sensitive_words_detected",
        "1301",
    }
)
_CONTENT_MESSAGE = re.compile(r"content exists risk|content management policy|flagged by (our )?moderation")
_NO_CREDIT = frozenset({"insufficient_quota", "exceeded_current_quota_error", "insufficient_balance"})


class UntranslatableError(ValueError):
    """A request that the target's protocol can't express. ``code`` is a short machine word; no text of the job."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the request can't be expressed in the endpoint's protocol: {code}")
        self.code = code


def failed(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """The outcome of an answer whose status is not 2xx.

    Redirects aren't followed: the call was not taken. 408, 409, 425, 429 and 5xx mean not now; 504 and 524 are sent by
    a gateway that stopped waiting, so what the model did is unknown. Other 4xx are for good: ``context_length`` when
    the request is too long, ``content_filter`` (with ``refused``) when declined on content, else ``http_400`` or
    ``http_400:code`` with the provider's own machine code. Its message may quote the prompt, so it is read, not kept.
    """
    code, message = _error(body)
    wait = retry_after(headers)
    request_id = request_id_of(headers)
    plain = f"http_{status}"
    if status in _GATEWAY_TIMEOUTS:
        return Outcome(
            OutcomeKind.UNCERTAIN, status=status, error_code=plain, request_id=request_id, retry_after_s=wait
        )
    if not 400 <= status < 500 or status in _NOT_NOW:
        word = "quota_exhausted" if status == 429 and code in _NO_CREDIT else plain
        return Outcome(
            OutcomeKind.UNAVAILABLE, status=status, error_code=word, request_id=request_id, retry_after_s=wait
        )
    refused = code in _CONTENT_CODES or bool(_CONTENT_MESSAGE.search(message))
    if refused:
        word = "content_filter"
    elif status == 413 or code in _TOO_LONG_CODES or (status in (400, 422) and _TOO_LONG.search(message)):
        word = "context_length"
    else:
        word = f"{plain}:{code}" if code else plain
    return Outcome(OutcomeKind.REJECTED, status=status, error_code=word, request_id=request_id, refused=refused)


def _error(body: bytes) -> tuple[str, str]:
    """The machine code (empty unless a short word) and the lower-case message of an error body."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", ""
    if not isinstance(parsed, dict):
        return "", ""
    error = parsed.get("error")
    source: dict[str, Any] = error if isinstance(error, dict) else parsed
    code = ""
    for field in ("code", "type"):
        value = source.get(field)
        if isinstance(value, str) and _WORD.fullmatch(value.lower()):
            code = value.lower()
            break
    message = source.get("message") or (error if isinstance(error, str) else "")
    return code, message[:4096].lower() if isinstance(message, str) else ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the provider asks to wait, 0 to ``RETRY_AFTER_CAP_S``; ``None`` where it asks nothing readable.

    ``retry-after-ms`` wins over ``retry-after``. A date is taken relative to the answer's own ``Date``, which spares
    us the difference of the clocks; without one it is ignored. ``headers`` has lower-case or case-insensitive keys.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return min(milliseconds / 1000, RETRY_AFTER_CAP_S)
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is None and value is not None:
        until, now = http_date(value), http_date(headers.get("date"))
        seconds = max(0.0, until - now) if until is not None and now is not None else None
    return None if seconds is None else min(seconds, RETRY_AFTER_CAP_S)


def _number(text: str | None) -> float | None:
    # the pattern keeps out inf, nan, signs and numbers long enough to be an attack
    if text is None or not re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text.strip()):
        return None
    return float(text)


def http_date(text: str | None) -> float | None:
    """Seconds since 1970 of an HTTP date, or ``None``."""
    if not text or len(text) > 64:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def request_id_of(headers: Mapping[str, str]) -> str:
    """The provider's id of the request, empty unless it is a plain word."""
    return plain_name(headers.get("x-request-id") or headers.get("request-id"))


def plain_name(value: Any) -> str:
    """``value`` where it is a short name of ASCII letters, digits and ``_./:@+-``, else empty."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else ""


def uncertain(code: str, status: int, headers: Mapping[str, str]) -> Outcome:
    """The request was taken and no complete, countable answer came."""
    return Outcome(OutcomeKind.UNCERTAIN, status=status, error_code=code, request_id=request_id_of(headers))
