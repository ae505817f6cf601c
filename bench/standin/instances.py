"""Instances of a JSON Schema, made from a seed: valid for the keywords that structured outputs allow, else close."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, floor
from typing import Any

_DEEPEST = 8
_MOST_VALUES = 5_000
_LONGEST_TEXT = 20_000
_WORDS = ("sample", "figure", "answer", "entry", "plain", "steady", "report", "signal", "track", "wagon")
_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:30:00Z",
    "time": "09:30:00Z",
    "duration": "P3D",
    "email": "standin@example.org",
    "hostname": "standin.example.org",
    "ipv4": "192.0.2.7",
    "ipv6": "2001:db8::7",
    "uri": "https://standin.example.org/",
    "uuid": "6f1c1f2e-7d3b-4c39-9a52-0c5d6c1b2a10",
}


class SchemaTooLargeError(ValueError):
    """The smallest instance of the schema is larger than the stand-in makes."""


def instance(schema: Any, seed: int) -> Any:
    """A value for the schema, the same for the same seed. Raises ``SchemaTooLargeError``.

    Known: type, enum, const, properties, required, items, prefixItems, min/maxItems, uniqueItems, min/maxLength,
    format, minimum, maximum, their exclusive forms, multipleOf, anyOf, oneOf, allOf, and $ref within the document.
    """
    return _Maker(schema, seed).value(schema, 0)


class _Maker:
    def __init__(self, root: Any, seed: int) -> None:
        self._root = root
        self._seed = seed
        self._made = 0

    def _draw(self, count: int) -> int:
        """The next number below ``count``."""
        self._seed = (self._seed * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self._seed >> 33) % count

    def value(self, schema: Any, depth: int) -> Any:
        self._made += 1
        if self._made > _MOST_VALUES or depth > 4 * _DEEPEST:
            raise SchemaTooLargeError(f"an instance has over {_MOST_VALUES} values or over {4 * _DEEPEST} levels")
        schema = self._resolved(schema)
        fixed = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(fixed, list) and fixed:
            return fixed[self._draw(len(fixed))]
        for choice in ("anyOf", "oneOf"):
            options = schema.get(choice)
            if isinstance(options, list) and options:
                shared = {key: value for key, value in schema.items() if key != choice}
                return self.value(_merged(shared, self._resolved(self._shallowest(options, depth))), depth + 1)
        makers: dict[str, Callable[[], Any]] = {
            "object": lambda: self._object(schema, depth),
            "array": lambda: self._array(schema, depth),
            "number": lambda: self._number(schema, False),
            "integer": lambda: self._number(schema, True),
            "string": lambda: self._string(schema),
            "boolean": lambda: bool(self._draw(2)),
            "null": lambda: None,
        }
        return makers[_kind(schema)]()

    def _resolved(self, schema: Any) -> dict[str, Any]:
        """The schema with its ``$ref`` followed and its ``allOf`` folded in."""
        for _ in range(_DEEPEST):
            if not isinstance(schema, Mapping):
                return {}
            rest = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
            reference, parts = schema.get("$ref"), schema.get("allOf")
            more = [self._looked_up(reference)] if isinstance(reference, str) else []
            more += parts if isinstance(parts, list) else []
            if not more:
                return rest
            for part in more:
                rest = _merged(rest, part)
            schema = rest
        return {}

    def _looked_up(self, reference: str) -> Any:
        found = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        return found if reference.startswith("#") else None

    def _shallowest(self, options: list[Any], depth: int) -> Any:
        """Any option; deep down one that ends a recursion, if there is one."""
        if depth < _DEEPEST:
            return options[self._draw(len(options))]
        ending = [option for option in options if isinstance(option, Mapping) and option.get("type") == "null"]
        return (ending or options)[0]

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        required = [name for name in schema.get("required", ()) if isinstance(name, str)]
        names = required if depth >= _DEEPEST else list(dict.fromkeys([*properties, *required]))
        return {name: self.value(properties.get(name, {}), depth + 1) for name in names}

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        least, most = _count(schema, "minItems", 0), _count(schema, "maxItems", _MOST_VALUES)
        first = schema.get("prefixItems")
        first = first if isinstance(first, list) else []
        wanted = least if depth >= _DEEPEST else max(least, len(first), min(most, 1 + self._draw(2)))
        rest = schema.get("items", {})
        if rest is False:
            wanted = min(wanted, len(first))
        if wanted > _MOST_VALUES:
            raise SchemaTooLargeError(f"an array of over {_MOST_VALUES} items")
        values: list[Any] = []
        for place in range(min(wanted, most)):
            item = first[place] if place < len(first) else rest
            made = self.value(item, depth + 1)
            for _ in range(20 if schema.get("uniqueItems") is True else 0):
                if made not in values:
                    break
                made = self.value(item, depth + 1)
            values.append(made)
        return values

    def _string(self, schema: Mapping[str, Any]) -> str:
        form = schema.get("format")
        if isinstance(form, str) and form in _FORMATS:
            return _FORMATS[form]
        least, most = _count(schema, "minLength", 0), _count(schema, "maxLength", _LONGEST_TEXT)
        if least > _LONGEST_TEXT:
            raise SchemaTooLargeError(f"a text of over {_LONGEST_TEXT} characters")
        text = f"{_WORDS[self._draw(len(_WORDS))]} {_WORDS[self._draw(len(_WORDS))]}"
        while len(text) < least:
            text += " " + _WORDS[self._draw(len(_WORDS))]
        return text[: max(least, min(most, len(text)))] if len(text) > most else text

    def _number(self, schema: Mapping[str, Any], whole: bool) -> int | float:
        low, high = _bound(schema, "minimum"), _bound(schema, "maximum")
        above, below = _bound(schema, "exclusiveMinimum"), _bound(schema, "exclusiveMaximum")
        step = _bound(schema, "multipleOf")
        grid = step if step is not None and step > 0 else 1
        if above is not None and (low is None or above >= low):
            low = (floor(above / grid) + 1) * grid
        if below is not None and (high is None or below <= high):
            high = (ceil(below / grid) - 1) * grid
        if low is None:
            low = high - 100 * grid if high is not None else 0
        start = ceil(low / grid) * grid
        if high is not None and start > high:  # no multiple fits, as between 0.2 and 0.8: the middle of the open range
            bottom = above if above is not None else low
            top = below if below is not None else high
            return (bottom + top) / 2 if not whole else ceil(bottom)
        room = 100 if high is None else min(int((high - start) / grid), 100)
        number = start + self._draw(room + 1) * grid
        return int(number) if whole or number == int(number) else number


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((entry for entry in kind if entry != "null"), "null")
    if isinstance(kind, str) and kind in ("object", "array", "string", "number", "integer", "boolean", "null"):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    return "number" if "minimum" in schema or "maximum" in schema else "string"


def _merged(schema: Mapping[str, Any], other: Any) -> dict[str, Any]:
    """Both schemas at once, as far as properties and required go; else the first one's word holds."""
    if not isinstance(other, Mapping):
        return dict(schema)
    merged = {**other, **schema}
    if isinstance(schema.get("properties"), Mapping) and isinstance(other.get("properties"), Mapping):
        merged["properties"] = {**other["properties"], **schema["properties"]}
    if isinstance(schema.get("required"), list) and isinstance(other.get("required"), list):
        merged["required"] = [*other["required"], *schema["required"]]
    return merged


def _bound(schema: Mapping[str, Any], key: str) -> int | float | None:
    value = schema.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 else None


def _count(schema: Mapping[str, Any], key: str, default: int) -> int:
    value = schema.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else default
