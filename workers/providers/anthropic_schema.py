"""``response_format`` for Anthropic: a schema that ``output_config.format`` takes, or else words in the system text.

Structured outputs there want every object closed and know a part of JSON Schema. Bounds they don't know are left out:
the answer is checked against the job's own schema afterwards. What can't be left out without changing the shape
(open maps, ``not``, ``if``, recursion) goes into the system text with the whole schema instead, which any model takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from workers.providers.failure import UntranslatableError

_OBJECT_ONLY = "Answer with one JSON object and nothing else: no words around it, no code fence."
_BY_SCHEMA = "Answer with one JSON value that this JSON Schema accepts and nothing else, no code fence:\n"

_BOUNDS = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "maxItems",
        "uniqueItems",
        "$schema",
        "$id",
        "$comment",
        "examples",
        "readOnly",
        "writeOnly",
        "deprecated",
    }
)
_AS_IS = frozenset({"type", "enum", "const", "default", "required", "title", "description"})
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
_HOLDS_SCHEMAS = frozenset({"properties", "$defs", "definitions", "items", "anyOf", "oneOf", "allOf"})
_MAX_DEPTH = 64


class _NotExpressibleError(Exception):
    pass


def output_format(response_format: Any) -> tuple[dict[str, Any] | None, str]:
    """A schema for ``output_config.format`` (or ``None``) and an instruction for the system text (or empty).

    Raises ``UntranslatableError`` for a schema that is not JSON.
    """
    if not isinstance(response_format, Mapping):
        return None, ""
    if response_format.get("type") == "json_object":
        return None, _OBJECT_ONLY
    wrapper = response_format.get("json_schema")
    schema = wrapper.get("schema") if isinstance(wrapper, Mapping) else None
    if response_format.get("type") != "json_schema" or not isinstance(schema, Mapping):
        return None, ""
    try:
        text = orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)
    except (TypeError, RecursionError):
        raise UntranslatableError("json_schema") from None
    closed = _closed(text)
    return (None, _BY_SCHEMA + text.decode()) if closed is None else (closed, "")


@lru_cache(maxsize=256)
def _closed(text: bytes) -> dict[str, Any] | None:
    """The schema with its objects closed and its bounds left out, or ``None``. Shared: not to be changed."""
    root = orjson.loads(text)
    try:
        closed = _close(root, 0)
        _refuse_recursion(closed)
    except _NotExpressibleError:
        return None
    return closed if closed.get("type") == "object" else None


def _close(schema: Any, depth: int) -> dict[str, Any]:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        raise _NotExpressibleError
    out: dict[str, Any] = {}
    for word, value in schema.items():
        if word in _AS_IS:
            out[word] = value
        elif word in _HOLDS_SCHEMAS:
            _close_into(out, word, value, depth + 1)
        elif not _may_be_left_out(word, value):
            if not _kept(word, value):
                raise _NotExpressibleError
            out[word] = value
    if "properties" in out:
        out["additionalProperties"] = False
    elif _is_object(out.get("type")):
        raise _NotExpressibleError  # a free map: closing it would leave only {}
    return out


def _close_into(out: dict[str, Any], word: str, value: Any, depth: int) -> None:
    if word == "items":
        out[word] = _close(value, depth)
    elif word in ("properties", "$defs", "definitions") and isinstance(value, dict):
        out[word] = {name: _close(part, depth) for name, part in value.items()}
    elif word in ("anyOf", "oneOf", "allOf") and isinstance(value, list):
        # no branch can be told from another by the generator, so "exactly one" is checked afterwards
        out["allOf" if word == "allOf" else "anyOf"] = [_close(part, depth) for part in value]
    else:
        raise _NotExpressibleError


def _kept(word: str, value: Any) -> bool:
    if word == "$ref":
        return isinstance(value, str) and value.startswith(("#/$defs/", "#/definitions/"))
    return (word == "format" and value in _FORMATS) or (word == "minItems" and value in (0, 1))


def _may_be_left_out(word: str, value: Any) -> bool:
    if word == "format":
        return value not in _FORMATS
    if word == "minItems":
        return value not in (0, 1)
    return word in _BOUNDS or (word == "additionalProperties" and value is False)


def _is_object(kind: Any) -> bool:
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


def _refuse_recursion(root: dict[str, Any]) -> None:
    """Raises where a definition leads back to itself or to nothing."""
    finished: set[str] = set()

    def follow(node: Any, path: tuple[str, ...]) -> None:
        if isinstance(node, list):
            for part in node:
                follow(part, path)
        elif isinstance(node, dict):
            target = node.get("$ref")
            if isinstance(target, str) and target not in finished:
                if target in path or len(path) > _MAX_DEPTH:
                    raise _NotExpressibleError
                _, group, name = (*target.split("/", 2), "")[:3]
                definitions = root.get(group)
                if not isinstance(definitions, dict) or name not in definitions:
                    raise _NotExpressibleError
                follow(definitions[name], (*path, target))
                finished.add(target)
            for word, part in node.items():
                if word not in ("$defs", "definitions", "enum", "const", "default"):
                    follow(part, path)

    follow(root, ())
