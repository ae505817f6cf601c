"""All that a check against a schema can come to, references followed: is each part of it one that we can run?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jsonschema.protocols import Validator
from jsonschema.validators import Draft201909Validator, Draft202012Validator
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from schemas.linear_pattern import SUPPORTED, UnsupportedPatternError, linear_pattern

#: Schemas applied to one and the same value, each by way of the one before.
MAX_CHAIN = 40
#: What all patterns of a schema may take to compile together, in states.
_MAX_PATTERN_WORK = 20_000

_BESIDE_REFS = (Draft202012Validator, Draft201909Validator)  # the others ignore what stands beside a "$ref"
_SAME_VALUE = ("not", "if", "then", "else")
_SAME_VALUE_LISTS = ("allOf", "anyOf", "oneOf")
_SAME_VALUE_NAMED = ("dependentSchemas", "dependencies")


def reachable_problem(
    root: Mapping[str, Any], draft: type[Validator], against_draft: Callable[[Any], str | None]
) -> str | None:
    """What is wrong with a schema or anything that its references lead to; None when all of it can be run.

    ``against_draft`` tells what makes a part no schema of its draft. Nothing here quotes the schema.
    """
    return _Reach(root, draft).problem(against_draft)


class _Reach:
    def __init__(self, root: Mapping[str, Any], draft: type[Validator]) -> None:
        self._root = root
        self._spec = specification_with(draft.META_SCHEMA["$schema"])
        self._id = "id" if self._spec.name == "draft-04" else "$id"
        self._beside_refs = draft in _BESIDE_REFS
        self._lists = [word for word in _SAME_VALUE_LISTS if word in draft.VALIDATORS]
        self._named = [word for word in _SAME_VALUE_NAMED if word in draft.VALIDATORS]
        self._resolver = Registry[Any]().with_resource("", self._spec.create_resource(root)).resolver()
        self._seen: dict[int, Mapping[str, Any]] = {}
        self._targets: dict[int, Any] = {}
        self._patterns: set[str] = set()
        self._work = 0

    def problem(self, against_draft: Callable[[Any], str | None]) -> str | None:
        pending: list[Any] = [self._root]
        while pending:
            part = pending.pop()
            if id(part) in self._seen:
                continue
            found = against_draft(part) or self._walk(part, pending)
            if found:
                return found
        heights: dict[int, int] = {}
        try:
            for node in self._seen.values():
                self._height(node, heights, 0)
        except RecursionError:
            return (
                f'holds "$ref"s that go round in a circle, or lead through more than {MAX_CHAIN} schemas for one value'
            )
        return None

    def _walk(self, part: Any, pending: list[Any]) -> str | None:
        """Look at a part and the schemas inside it; where their references lead is added to ``pending``."""
        stack, met = [part], []
        while stack:
            node = stack.pop()
            if not isinstance(node, Mapping) or id(node) in self._seen:
                continue
            self._seen[id(node)] = node
            met.append(node)
            if found := self._unusable(node) or self._bad_pattern(node.get("pattern")):
                return found
            stack.extend(self._spec.subresources_of(node))
        for node in met:
            if "$ref" in node:
                if found := self._follow(node):
                    return found
                pending.append(self._targets[id(node)])
        return None

    def _unusable(self, node: Mapping[str, Any]) -> str | None:
        if "patternProperties" in node:
            return 'holds "patternProperties", which is not supported: name the properties, or use "propertyNames"'
        if "$dynamicRef" in node or "$recursiveRef" in node:
            return 'holds a "$dynamicRef" or "$recursiveRef", which are not supported: use "$ref"'
        if node is not self._root and ("$schema" in node or isinstance(node.get(self._id), str)):
            return f'holds a "$schema" or "{self._id}" below its top, which is not supported'
        return None

    def _bad_pattern(self, pattern: Any) -> str | None:
        if not isinstance(pattern, str) or pattern in self._patterns:
            return None
        try:
            self._work += linear_pattern(pattern).work
        except UnsupportedPatternError as error:
            return f'holds a "pattern" that {error}; it must be {SUPPORTED}'
        self._patterns.add(pattern)
        return "holds patterns that are too large together" if self._work > _MAX_PATTERN_WORK else None

    def _follow(self, node: Mapping[str, Any]) -> str | None:
        """Find what a node's reference leads to."""
        ref = node["$ref"]
        if not isinstance(ref, str) or not ref.startswith("#"):
            return 'holds a "$ref" that leads outside of the schema; nothing is fetched, so put it under "$defs"'
        if ref != "#" and not ref.startswith("#/"):
            return 'holds a "$ref" to an anchor, which is not supported; write a path such as "#/$defs/name"'
        try:
            target = self._resolver.lookup(ref).contents
        except (Unresolvable, LookupError, ValueError, TypeError, AttributeError):
            target = None
        if not isinstance(target, Mapping | bool):
            return 'holds a "$ref" that leads nowhere'
        self._targets[id(node)] = target
        return None

    def _height(self, node: Any, heights: dict[int, int], above: int) -> int:
        """How many schemas follow for the same value. Raises ``RecursionError`` beyond ``MAX_CHAIN``."""
        known = heights.get(id(node))
        if known is None:
            if above > MAX_CHAIN:
                raise RecursionError
            below = (self._height(inner, heights, above + 1) for inner in self._same_value(node))
            known = heights[id(node)] = 1 + max(below, default=0)
        if above + known > MAX_CHAIN:
            raise RecursionError
        return known

    def _same_value(self, node: Any) -> list[Any]:
        """The schemas that a schema applies to the very value that it is applied to."""
        if not isinstance(node, Mapping):
            return []
        found = [self._targets[id(node)]] if "$ref" in node else []
        if found and not self._beside_refs:
            return found
        found += [node[word] for word in _SAME_VALUE if word in node]
        for word in self._lists:
            found += node.get(word, ())
        for word in self._named:
            found += node.get(word, {}).values()
        # one that was not met stands under a word that means nothing in this draft
        return [inner for inner in found if id(inner) in self._seen]
