"""JSON Schema validation whose work is bounded, and which fetches nothing.

A small schema can ask for endless work (references that double at every level, comparisons of each with each, patterns
that backtrack), and both the schema and the value come from outside. So each application of a keyword, each pattern
and each report of an error costs steps, and a check that uses up its steps is given up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import orjson
from jsonschema import validators
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from referencing import Registry

from schemas.linear_pattern import TooLongError, linear_pattern

#: How much of each kind of work is one step, about as long as one application of a keyword takes.
_MEMBERS_A_STEP = 16
_BYTES_A_STEP = 64
_MOVES_A_STEP = 20

#: Keywords that compare a value with one of the schema's, part by part.
_COMPARING = frozenset({"const", "enum"})

_steps_left: ContextVar[int] = ContextVar("steps_left", default=0)

Keyword = Callable[[Any, Any, Any, Mapping[str, Any]], Iterator[ValidationError] | None]


class TooManyStepsError(Exception):
    """The check would take more steps than it was given."""


def validator(draft: type[Validator], schema: Any) -> Validator:
    """A validator of ``schema`` under the rules of ``draft``, whatever drafts the schema names inside."""
    nothing_to_fetch: Registry[Any] = Registry()
    return _bounded(draft)(schema, registry=nothing_to_fetch)


def first_error(checker: Validator, value: Any, steps: int) -> ValidationError | None:
    """The first thing wrong with ``value``. Raises ``TooManyStepsError``, ``RecursionError`` for a value too deep.

    ``ArithmeticError`` is raised where numbers are too large to be compared.
    """
    token = _steps_left.set(steps)
    try:
        return next(checker.iter_errors(value), None)
    except TooLongError:
        raise TooManyStepsError from None
    finally:
        _steps_left.reset(token)


@lru_cache(maxsize=16)
def _bounded(draft: type[Validator]) -> type[Validator]:
    keywords = {**draft.VALIDATORS, "pattern": _pattern, "uniqueItems": _unique_items}
    extend: Callable[..., type[Validator]] = validators.extend
    made = extend(draft, {word: _counted(keyword, word in _COMPARING) for word, keyword in keywords.items()})
    # The library's own would go over to the unbounded validator of whatever "$schema" it meets on its way.
    made.evolve = _evolve  # type: ignore[method-assign]
    return made


def _evolve(self: Any, **changes: Any) -> Any:
    given = {field.alias: getattr(self, field.name) for field in type(self).__attrs_attrs__ if field.init}
    return type(self)(**{**given, **changes})


def _spend(steps: int) -> None:
    left = _steps_left.get() - steps
    if left < 0:
        raise TooManyStepsError
    _steps_left.set(left)


def _counted(keyword: Keyword, comparing: bool) -> Keyword:
    def apply(checker: Any, value: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
        _spend(1 + (_members(value) + _members(instance)) // _MEMBERS_A_STEP)
        if comparing and isinstance(instance, list | dict):
            _spend(len(orjson.dumps(value)) // _BYTES_A_STEP)
        for error in keyword(checker, value, instance, schema) or ():
            _spend(len(error.message) // _BYTES_A_STEP)  # it quotes the value, all of it
            yield error

    return apply


def _members(value: Any) -> int:
    return len(value) if isinstance(value, list | dict) else 0


def _pattern(_checker: Any, pattern: Any, instance: Any, _schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    if isinstance(instance, str):
        found, moves = linear_pattern(pattern).searched(instance)
        _spend(moves // _MOVES_A_STEP)
        if not found:
            yield ValidationError("does not match")


def _unique_items(_checker: Any, wanted: Any, instance: Any, _schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    if wanted is True and isinstance(instance, list):
        try:
            texts = [orjson.dumps(_one_form(item), option=orjson.OPT_SORT_KEYS) for item in instance]
        except TypeError:
            raise RecursionError from None  # nested deeper than orjson writes
        _spend(sum(map(len, texts)) // _BYTES_A_STEP)
        if len(set(texts)) < len(texts):
            yield ValidationError("has equal items")


def _one_form(value: Any) -> Any:
    """The value with whole numbers written in one way, since 1.0 equals 1 in JSON Schema."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, list):
        return [_one_form(item) for item in value]
    if isinstance(value, dict):
        return {key: _one_form(inner) for key, inner in value.items()}
    return value
