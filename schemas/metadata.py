"""The routing facts of a line, read from ``body.metadata``: a typo must not silently drop a declared fact."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from schemas.facts import JobFacts
from schemas.vocabulary import DataClass, Stakes

MAX_KEYS = 32
MAX_KEY_LENGTH = 64
#: In characters. OpenAI's own limit is 512; a list of labels may need more.
MAX_VALUE_LENGTH = 4096

_NAME = "must be 1 to 128 characters without a colon or line break, with no space at either end"
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
    "pattern": "must be a regular expression of at most 512 characters",
    "language": "must be a two-letter ISO 639-1 code in lower case, such as en",
}
KNOWN = frozenset(JobFacts.model_fields)
AMOUNT = re.compile(r"[0-9]{1,7}(\.[0-9]{1,12})?")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}")
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
        keys = dict.fromkeys(str(one["loc"][0]) for one in error.errors(include_url=False, include_input=False))
        # Our own words, since those of an error may quote the value.
        return faults + [(key, RULES.get(key, "is not what this fact may hold")) for key in keys]
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
    if key in _CHECKS and not _CHECKS[key](value.strip()):
        return key, RULES[key]
    return None


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError, FutureWarning):
        return False
    return True


# What pydantic alone would let through in a surprising way, or answer with something other than its own error:
# a bare number as a deadline (a Unix time), 1e999999 as an amount, a thousand parentheses as a pattern.
_CHECKS = {
    "budget_usd": lambda value: AMOUNT.fullmatch(value) is not None,
    "deadline": lambda value: TIME.match(value) is not None,
    "pattern": _compiles,
}


def _stem(key: str) -> str:
    return _SUFFIX.sub("", re.sub(r"[^a-z]", "", key.casefold()))


_STEMS = {_stem(key): key for key in sorted(KNOWN)}


@lru_cache(maxsize=4096)
def _meant(key: str) -> str | None:
    """The known key that ``key`` is a slip of (``cost_center``, ``tenat``, ``dataClass``), if any."""
    close = get_close_matches(_stem(key), _STEMS, n=1, cutoff=0.82)
    return _STEMS[close[0]] if close else None
