"""Checking an answer against the job's JSON Schema: without network, in bounded time.

What may be asked for is settled at intake (``schemas.answer_schema``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from schemas.answer_schema import draft_of, schema_problem
from schemas.bounded_validation import TooManyStepsError, first_error, validator

#: Steps of one check, about a second.
BUDGET = 200_000
#: Levels of an answer that is checked at all. A deeper one could exhaust Python's stack inside a compiled library,
#: which ends in a panic that no ``except Exception`` catches.
MOST_LEVELS = 64


def schema_flaw(schema: Mapping[str, Any], value: Any) -> str | None:
    """Where and why ``value`` doesn't fit ``schema``, without quoting either's contents; ``None`` where it fits."""
    try:
        compiled = _compiled(orjson.dumps(schema))
    except TypeError:
        compiled = None
    if compiled is None:
        return "the JSON schema can't be used"
    try:
        error = _first_error(compiled, value)
    except TooManyStepsError:
        return "the check against the JSON schema takes too many steps"
    except RecursionError:
        return "the answer is nested too deeply to check against the JSON schema"
    except ArithmeticError:
        return "the answer or the JSON schema holds a number too large to check"
    if error is None:
        return None
    # keyword and the schema's own path: neither holds a word of the answer
    path = "/".join(str(part) for part in list(error.absolute_schema_path)[:12])
    return f"the answer breaks {error.validator!s} at {path} of the schema"


def _first_error(compiled: Validator, value: Any) -> ValidationError | None:
    if _deeper_than(value, MOST_LEVELS):
        raise RecursionError
    return first_error(compiled, value, BUDGET)


def _deeper_than(value: Any, levels: int) -> bool:
    """Whether lists and objects stand in one another more than ``levels`` deep; without recursion of its own."""
    layer = [value]
    for _ in range(levels):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, list | dict)
        ]
        if not layer:
            return False
    return True


@lru_cache(maxsize=256)
def _compiled(text: bytes) -> Validator | None:
    """The validator of a schema; ``None`` for one that intake would refuse."""
    schema = orjson.loads(text)
    draft = draft_of(schema)
    return None if draft is None or schema_problem(schema) else validator(draft, schema)
