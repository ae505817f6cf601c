"""The JSON Schema a job asks its answer to follow: sound, small, and without anything to fetch.

What passes here can be checked against an answer (``routing.schema_conformance``), so that no answer is paid for and
then thrown away because of the schema. Every reason is said without quoting the schema, whose names may be private.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from threading import Lock
from typing import Any

import orjson
from jsonschema.protocols import Validator
from jsonschema.validators import (
    Draft3Validator,
    Draft4Validator,
    Draft6Validator,
    Draft7Validator,
    Draft201909Validator,
    Draft202012Validator,
    validator_for,
)

from schemas.bounded_validation import TooManyStepsError, first_error, validator
from schemas.schema_reach import reachable_problem

MAX_SCHEMA_BYTES = 256 * 1024
MAX_SCHEMA_DEPTH = 100
#: Steps for holding a schema against its draft's own: about 6,000 properties, two seconds.
_STEPS = 200_000
_KEPT = 512

_DRAFTS = (Draft202012Validator, Draft201909Validator, Draft7Validator, Draft6Validator, Draft4Validator)
_KEYWORDS = frozenset(word for draft in _DRAFTS for word in draft.VALIDATORS) | {"$defs", "definitions", "$schema"}


class _Verdicts:
    """The verdicts of the last ``_KEPT`` schemas: the rows of a batch mostly share theirs, and a check takes 1 ms."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, str | None] = OrderedDict()
        self._lock = Lock()

    def of(self, schema: Mapping[str, Any]) -> str | None:
        try:
            text = orjson.dumps(schema)
        except TypeError:
            return f"is nested more than {MAX_SCHEMA_DEPTH} levels deep, or is not JSON"
        if len(text) > MAX_SCHEMA_BYTES:
            return f"has {len(text)} bytes; at most {MAX_SCHEMA_BYTES} are taken"
        key = blake2b(text, digest_size=16).digest()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        verdict = _check(schema)
        with self._lock:
            self._kept[key] = verdict
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return verdict


_VERDICTS = _Verdicts()


def schema_problem(schema: Mapping[str, Any]) -> str | None:
    """What is wrong with an answer's JSON Schema, in a sentence that does not quote it; None when it is sound.

    Drafts 4 to 2020-12 by ``$schema``, 2020-12 without. A ``$ref`` must point into the schema itself.
    """
    return _VERDICTS.of(schema)


def draft_of(schema: Mapping[str, Any]) -> type[Validator] | None:
    """The draft that the schema is written in; None for one that is not known here."""
    if "$schema" not in schema:
        return Draft202012Validator
    if not isinstance(schema["$schema"], str):
        return None
    try:
        found = validator_for(schema, default=Draft3Validator)  # stands for "not known", as it isn't taken either
    except ValueError:  # not a URI
        return None
    return found if found in _DRAFTS else None


def _check(schema: Mapping[str, Any]) -> str | None:
    draft = draft_of(schema)
    if draft is None:
        return 'names a draft in "$schema" that is not known: take 2020-12, 2019-09, 7, 6 or 4, or leave it out'
    if _deeper_than(schema, MAX_SCHEMA_DEPTH):
        return f"is nested more than {MAX_SCHEMA_DEPTH} levels deep"
    return reachable_problem(schema, draft, lambda part: _against_draft(part, draft))


def _against_draft(part: Any, draft: type[Validator]) -> str | None:
    try:
        error = first_error(validator(draft, draft.META_SCHEMA), part, _STEPS)
    except (TooManyStepsError, RecursionError, ArithmeticError):
        return "has too many parts, or parts too deep, to be checked"
    if error is None:
        return None
    keyword = next((str(part) for part in reversed(error.absolute_path) if part in _KEYWORDS), "")
    where = f' at its keyword "{keyword}"' if keyword else ""
    return f"is not a valid JSON Schema{where} ({len(error.absolute_path)} levels in)"


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [inner for holder in level for inner in _items(holder) if isinstance(inner, Mapping | list)]
        if not level:
            return False
    return True


def _items(holder: Any) -> Any:
    return holder.values() if isinstance(holder, Mapping) else holder
