"""Answers held against the job's JSON Schema."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.schema_conformance import schema_flaw
from schemas.answer_schema import schema_problem

# Bounded work is measured here in seconds, and tracing each line of it takes five times as long.
pytestmark = pytest.mark.no_cover

DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def test_says_where_without_quoting() -> None:
    """The place in the schema and the keyword are named, the answer's words aren't."""
    schema = {"properties": {"name": {"type": "string", "pattern": "^[A-Z]"}}}
    assert schema_flaw(schema, {"name": "Ada"}) is None
    said = schema_flaw(schema, {"name": "patient Doe"})
    assert said == "the answer breaks pattern at properties/name/pattern of the schema"


@pytest.mark.timeout(30)
def test_a_schema_can_not_ask_for_endless_work() -> None:
    """References that double at every level end at the budget."""
    defs: dict[str, Any] = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(19)}
    bomb = {"$defs": defs | {"d19": {"type": "integer"}}, "$ref": "#/$defs/d0"}
    assert schema_problem(bomb) is None
    assert "too many steps" in (schema_flaw(bomb, 1) or "")


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "schema", [{"$ref": "#"}, {"$ref": "#/$defs/none"}, {"$ref": "other.json"}, {"type": "strange"}]
)
def test_what_intake_refuses_is_not_run(schema: dict[str, Any]) -> None:
    """Endless, dangling and unsound schemas never reach the check, and no answer fits them."""
    assert schema_problem(schema) is not None
    assert schema_flaw(schema, 1) == "the JSON schema can't be used"


def test_a_schema_that_is_no_json_is_not_run() -> None:
    """What can't be written as JSON can't be asked for."""
    assert schema_flaw({"const": object()}, 1) == "the JSON schema can't be used"


def test_references_are_never_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checking against a schema that refers elsewhere opens no connection."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert schema_flaw({"$ref": "http://127.0.0.1:9/schema.json"}, {}) is not None


@pytest.mark.timeout(10)
def test_a_draft_named_in_the_schema_brings_no_other_engine() -> None:
    """A reference back to a root that names its draft stays with patterns in linear time."""
    schema = {"$schema": DRAFT_7, "properties": {"a": {"$ref": "#"}}, "pattern": "(a+)+$"}
    assert "pattern" in (schema_flaw(schema, {"a": "a" * 60 + "!"}) or "")
    assert schema_flaw(schema, {"a": {"a": "a" * 60}}) is None


def test_answers_nested_without_end_are_told() -> None:
    """An answer that is too deep for the check is a flaw of its own."""
    value: dict[str, Any] = {}
    for _ in range(900):
        value = {"child": value}
    assert "too deeply" in (schema_flaw({"properties": {"child": {"$ref": "#"}}}, value) or "")


def test_numbers_too_large_are_told() -> None:
    """A number that no float can hold is no crash."""
    assert "too large" in (schema_flaw({"multipleOf": 0.5}, 10**400) or "")
    assert schema_flaw({"multipleOf": 1e-300}, 1e300) is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text("ab$#/", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
schemas_ = st.recursive(
    st.booleans()
    | st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array", "string", "integer", "strange"]),
            "$ref": st.sampled_from(["#", "#/$defs/a", "#/$defs/b", "#/not", "#/items", "#/const", "#here", "x.json"]),
            "pattern": st.sampled_from(["a+", "^b", "(?=a)", "(a", "[[a]", "(a)\\1"]),
            "const": json_values,
            "enum": st.lists(json_values, max_size=3),
            "uniqueItems": st.booleans(),
            "multipleOf": st.sampled_from([1, 0.5]),
            "$id": st.sampled_from(["https://e.org/a", "#b", 5]),
            "$schema": st.sampled_from([DRAFT_7, "https://json-schema.org/draft/2020-12/schema", "nowhere", 3]),
            "$dynamicRef": st.just("#"),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from(["a", "b", "$ref"]), inner, max_size=2),
            "patternProperties": st.dictionaries(st.just("a"), inner, max_size=1),
            "$defs": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "items": inner,
            "not": inner,
            "if": inner,
            "then": inner,
            "dependentSchemas": st.dictionaries(st.sampled_from("ab"), inner, max_size=1),
            "unevaluatedProperties": inner,
            "propertyNames": inner,
            "contains": inner,
            "x-own": inner,
            "$ref": st.sampled_from(["#", "#/$defs/a", "#/x-own", "#/properties/a", "#/allOf/0", "#/allOf/x"]),
            "$schema": st.just(DRAFT_7),
        },
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(schema=schemas_.filter(lambda schema: isinstance(schema, dict)), value=json_values)
def test_what_intake_takes_can_be_checked(schema: dict[str, Any], value: Any) -> None:
    """Any schema is either refused at intake or can be held against any answer, without a crash in either."""
    usable = schema_problem(schema) is None
    said = schema_flaw(schema, value)
    assert said != "the answer is nested too deeply to check against the JSON schema"
    assert usable == (said != "the JSON schema can't be used")
