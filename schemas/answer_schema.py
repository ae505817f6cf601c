"""The JSON Schema a job asks its answer to follow: sound, and without anything to fetch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from threading import Lock
from typing import Any

import orjson
from jsonschema.exceptions import SchemaError, UnknownType
from jsonschema.validators import Draft202012Validator, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

_KEPT = 512


class _Verdicts:
    """The verdicts of the last ``_KEPT`` schemas: the rows of a batch mostly share theirs, and a check takes 1 ms."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, str | None] = OrderedDict()
        self._lock = Lock()

    def of(self, schema: dict[str, Any]) -> str | None:
        key = blake2b(orjson.dumps(schema), digest_size=16).digest()
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


def schema_problem(schema: dict[str, Any]) -> str | None:
    """What is wrong with an answer's JSON Schema, in a sentence that does not quote it; None when it is sound.

    Drafts 3 to 2020-12 by ``$schema``, 2020-12 without. A ``$ref`` must point into the schema itself.
    """
    return _VERDICTS.of(schema)


def _check(schema: dict[str, Any]) -> str | None:
    try:
        validator = validator_for(schema, default=Draft202012Validator)
        validator.check_schema(schema)
    except SchemaError as error:
        depth = len(error.absolute_path)
        keyword = next((str(part) for part in reversed(error.absolute_path) if part in _KEYWORDS), "")
        where = f' at its keyword "{keyword}"' if keyword else ""
        return f"is not a valid JSON Schema{where} ({depth} levels in)"
    except (RecursionError, OverflowError, UnknownType, ValueError, TypeError):
        return "is not a JSON Schema that can be checked"
    resolver = Registry().with_resource("", DRAFT202012.create_resource(schema)).resolver()
    for ref in _refs(schema):
        if not isinstance(ref, str) or not ref.startswith("#"):
            return 'holds a "$ref" that leads outside of the schema; nothing is fetched, so put it under "$defs"'
        try:
            resolver.lookup(ref)
        except (Unresolvable, ValueError, TypeError, KeyError, RecursionError):
            return 'holds a "$ref" that leads nowhere'
    return None


_KEYWORDS = frozenset(Draft202012Validator.VALIDATORS) | {"$defs", "definitions", "title", "description"}


_NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})


def _refs(schema: Any) -> Iterator[Any]:
    stack = [schema]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            for key, value in item.items():
                if key in ("$ref", "$dynamicRef"):
                    yield value
                elif key in _NAMED_SCHEMAS and isinstance(value, Mapping):
                    stack.extend(value.values())  # the keys are names here, "$ref" too
                elif key not in ("const", "enum", "default", "examples"):
                    stack.append(value)
        elif isinstance(item, list):
            stack.extend(item)
