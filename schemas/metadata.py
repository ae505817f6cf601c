"""The routing facts of a line, read from ``body.metadata``: a typo must not silently drop a declared fact."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.facts import MAX_PATTERN, JobFacts
from schemas.linear_pattern import SUPPORTED
from schemas.vocabulary import DataClass, Stakes

MAX_KEYS = 32
MAX_KEY_LENGTH = 64
#: In characters. OpenAI's own limit is 512; a list of labels may need more.
MAX_VALUE_LENGTH = 4096

_NAME = "must be 1 to 128 characters without a colon or control character, with no space at either end"
RULES = {
    "tenant": _NAME,
    "cost_centre": _NAME,
    "project": _NAME,
    "producer": _NAME,
    "template_id": _NAME,
    "stakes": f"must be one of {', '.join(Stakes)}",
    "data_class": f"must be one of {', '.join(DataClass)}",
    "deadline": "must be an RFC 3339 time with an offset, such as 2026-12-01T08:00:00Z",
    "budget_usd": "must be an amount in US dollars such as 12.50, at most 9223371 and with at most 12 decimals",
    "labels": "must be a comma separated list of the allowed answers",
    "pattern": f"must be {SUPPORTED}, of at most {MAX_PATTERN} characters",
    "language": "must be a two-letter ISO 639-1 code in lower case, such as en",
}
KNOWN = frozenset(JobFacts.model_fields)
_SUFFIX = re.compile(r"(id|usd|name|code)$")


def read_facts(metadata: Mapping[str, Any], defaults: Mapping[str, str]) -> JobFacts | list[tuple[str, str]]:
    """The facts of one line, ``defaults`` filling what it leaves out; else (key, what is wrong) of each bad entry.

    The key is empty where it can't be named.
    """
    if len(metadata) > MAX_KEYS:
        return [("", f"holds more than {MAX_KEYS} keys")]
    wrong = {key: said for key, value in metadata.items() if (said := _wrong(key, value))}
    sound = {key: value for key, value in metadata.items() if key not in wrong} if wrong else metadata
    faults = list(wrong.values())
    try:
        facts = JobFacts.model_validate({**defaults, **sound})
    except ValidationError as error:
        told = {str(one["loc"][0]): one for one in error.errors(include_url=False, include_input=False)}
        return faults + [(key, _says(key, one)) for key, one in told.items()]
    return faults or facts


def _wrong(key: str, value: Any) -> tuple[str, str] | None:
    if not 0 < len(key) <= MAX_KEY_LENGTH:
        return "", f"a key must be 1 to {MAX_KEY_LENGTH} characters long"
    if key not in KNOWN and (meant := _meant(key)):
        return meant, f'a key looks like a slip of "{meant}": write "{meant}", or choose a more distinct name'
    named = key if key in KNOWN else ""
    if not isinstance(value, str):
        return named, "a value must be a string: put it in quotation marks"
    if len(value) > MAX_VALUE_LENGTH:
        return named, f"a value must be at most {MAX_VALUE_LENGTH} characters long"
    return None


def _says(key: str, error: ErrorDetails) -> str:
    """Our own words, since those of an error may quote the value; what is wrong with a pattern is said in ours."""
    if key == "pattern" and error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    return RULES.get(key, "is not what this fact may hold")


def _stem(key: str) -> str:
    return _SUFFIX.sub("", re.sub(r"[^a-z]", "", key.casefold()))


_STEMS = {_stem(key): key for key in sorted(KNOWN)}


@lru_cache(maxsize=4096)
def _meant(key: str) -> str | None:
    """The known key that ``key`` is a slip of (``cost_center``, ``tenat``, ``dataClass``), if any."""
    close = get_close_matches(_stem(key), _STEMS, n=1, cutoff=0.82)
    return _STEMS[close[0]] if close else None
