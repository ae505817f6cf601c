"""Checking an answer against the job's JSON Schema, without network, in bounded time.

Each application of a keyword costs one of ``BUDGET`` steps, since a small schema can ask for endless work (references
that double at every level). Patterns run in linear time. A reference is never fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import orjson
from jsonschema import validators
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.exceptions import Unresolvable

from routing.linear_pattern import TooLongError, UnsupportedPatternError, linear_pattern

#: Applications of a keyword in one check, about a second.
BUDGET = 200_000
MAX_SCHEMA_BYTES = 256 * 1024
_MAX_DEPTH = 100

_steps_left: ContextVar[int] = ContextVar("steps_left", default=BUDGET)

Keyword = Callable[[Any, Any, Any, Mapping[str, Any]], Iterator[ValidationError] | None]


def schema_flaw(schema: Mapping[str, Any], value: Any) -> str | None:
    """Where and why ``value`` doesn't fit ``schema``, without quoting either's contents; ``None`` where it fits."""
    token = _steps_left.set(BUDGET)
    try:
        validator = _compiled(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS))
        error = next(validator.iter_errors(value), None)
    except TooLongError:
        return "the check against the JSON schema takes too many steps"
    except (Unresolvable, SchemaError, UnsupportedPatternError, RecursionError, TypeError, ValueError):
        return "the JSON schema can't be used"
    finally:
        _steps_left.reset(token)
    if error is None:
        return None
    # keyword and the schema's own path: neither holds a word of the answer
    path = "/".join(str(part) for part in list(error.absolute_schema_path)[:12])
    return f"the answer breaks {error.validator!s} at {path} of the schema"


def check_schema(schema: Any) -> str | None:
    """What is wrong with a schema that a job asks for, in one line naming the place; ``None`` where it can be used."""
    if not isinstance(schema, Mapping):
        return "json_schema.schema must be an object"
    try:
        text = orjson.dumps(schema)
    except (TypeError, RecursionError):
        return "json_schema.schema is nested too deeply or is not JSON"
    if len(text) > MAX_SCHEMA_BYTES:
        return f"json_schema.schema has {len(text)} bytes; at most {MAX_SCHEMA_BYTES} are taken"
    return _unusable(schema, schema, "$", 0) or _against_metaschema(orjson.loads(text))


def _against_metaschema(schema: Any) -> str | None:
    try:
        _validator_class(schema).check_schema(schema)
    except SchemaError as error:
        return (
            f"json_schema.schema is not a JSON Schema: {error.json_path} breaks {error.validator!s} of the metaschema"
        )
    except (Unresolvable, RecursionError):
        return "json_schema.schema is nested too deeply"
    return None


def _unusable(node: Any, root: Mapping[str, Any], path: str, depth: int) -> str | None:
    """The first thing in the schema that can't be checked safely here."""
    if depth > _MAX_DEPTH:
        return f"json_schema.schema is nested more than {_MAX_DEPTH} deep at {path[:200]}"
    if isinstance(node, list):
        parts = [(str(at), part) for at, part in enumerate(node)]
    elif isinstance(node, Mapping):
        problem = _unusable_here(node, root, path)
        if problem:
            return problem
        parts = [(word, part) for word, part in node.items() if word not in ("enum", "const", "default", "examples")]
    else:
        return None
    for name, part in parts:
        problem = _unusable(part, root, f"{path}.{name}", depth + 1)
        if problem:
            return problem
    return None


def _unusable_here(node: Mapping[str, Any], root: Mapping[str, Any], path: str) -> str | None:
    for word in ("$ref", "$dynamicRef", "$recursiveRef"):
        target = node.get(word)
        if isinstance(target, str) and not _resolves(target, root):
            return f"json_schema.schema: {word} at {path} leads nowhere inside the schema; references are never fetched"
    if isinstance(node.get("patternProperties"), Mapping):
        return f"json_schema.schema: patternProperties at {path} is not supported"
    pattern = node.get("pattern")
    if isinstance(pattern, str):
        try:
            linear_pattern(pattern)
        except UnsupportedPatternError as error:
            return f"json_schema.schema: pattern at {path} {error}"
    return None


def _resolves(target: str, root: Mapping[str, Any]) -> bool:
    if target == "#":
        return True
    if not target.startswith("#/"):
        return False
    node: Any = root
    for part in target[2:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping) and name in node:
            node = node[name]
        elif isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        else:
            return False
    return isinstance(node, Mapping | bool)


@lru_cache(maxsize=256)
def _compiled(text: bytes) -> Validator:
    schema = orjson.loads(text)
    empty: Registry[Any] = Registry()  # the default one would fetch what it doesn't know
    return _bounded(_validator_class(schema))(schema, registry=empty)


def _validator_class(schema: Any) -> type[Validator]:
    found: type[Validator] = validators.validator_for(schema, default=validators.Draft202012Validator)
    return found


@lru_cache(maxsize=16)
def _bounded(base: type[Validator]) -> type[Validator]:
    """The validator of a draft with every keyword counted, and its patterns run in linear time."""
    counted = {word: _counted(keyword) for word, keyword in base.VALIDATORS.items()}
    counted["pattern"] = _counted(_pattern)
    extend: Callable[..., type[Validator]] = validators.extend
    return extend(base, counted)


def _counted(keyword: Keyword) -> Keyword:
    def apply(validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError] | None:
        # "all unlike each other" compares each with each
        cost = 1 + (len(instance) ** 2 // 100 if value is True and isinstance(instance, list) else 0)
        left = _steps_left.get() - cost
        if left < 0:
            raise TooLongError
        _steps_left.set(left)
        return keyword(validator, value, instance, schema)

    return apply


def _pattern(
    _validator: Any, pattern: Any, instance: Any, _schema: Mapping[str, Any]
) -> Iterator[ValidationError] | None:
    if isinstance(instance, str) and not linear_pattern(pattern).search(instance):
        return iter((ValidationError("does not match"),))
    return None
