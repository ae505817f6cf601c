"""Validation with a budget."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema.validators import Draft7Validator, Draft202012Validator

from schemas.bounded_validation import TooManyStepsError, first_error, validator

# Bounded work is measured here in seconds, and tracing each line of it takes five times as long.
pytestmark = pytest.mark.no_cover

STEPS = 200_000


def wrong(schema: object, value: object, steps: int = STEPS) -> str | None:
    error = first_error(validator(Draft202012Validator, schema), value, steps)
    return None if error is None else str(error.validator)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"enum": list(range(40_000))}}, [39_999] * 100_000),
        ({"anyOf": [{"type": "integer"}] * 200}, ["x" * 1_000_000]),
        ({"items": {"pattern": "^(a*b?){200}$"}}, ["a" * 400] * 100),
        ({"items": {"pattern": "(a*b?){200}c"}}, ["a" * 400_000]),
        ({"allOf": [{"const": [[0] * 50_000]}] * 200}, [[0] * 50_000]),
    ],
)
def test_no_keyword_works_without_end(schema: object, value: object) -> None:
    """Long lists to compare with, reports that quote the value, patterns and large constants all cost steps."""
    with pytest.raises(TooManyStepsError):
        wrong(schema, value)


def test_plain_checks_are_far_from_the_budget() -> None:
    """Ten thousand rows of an ordinary table pass within the steps of one check."""
    row = {
        "type": "object",
        "properties": {"n": {"pattern": "^[A-Z]{2}[0-9]+$"}, "q": {"minimum": 0}},
        "required": ["n"],
    }
    assert wrong({"type": "array", "items": row}, [{"n": "AB1234", "q": 3}] * 10_000) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, -0.0, 1.0, 0.5]) | st.text("ab", max_size=1),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(json_values, max_size=5))
def test_unique_items_are_those_of_the_library(items: list[object]) -> None:
    """Equality by canonical text gives what comparing each with each gives."""
    theirs = Draft202012Validator({"uniqueItems": True}).is_valid(items)
    assert (wrong({"uniqueItems": True}, items) is None) == theirs


@pytest.mark.timeout(20)
def test_many_unlike_items_are_compared_at_once() -> None:
    """A hundred thousand different objects don't take a comparison of each with each."""
    assert wrong({"uniqueItems": True}, [{"a": number} for number in range(100_000)]) is None
    assert wrong({"uniqueItems": False}, [1, 1]) is None


def test_items_nested_too_deeply_are_told() -> None:
    """What is too deep to be written down is too deep to be compared."""
    value: list[object] = []
    for _ in range(300):
        value = [value]
    with pytest.raises(RecursionError):
        wrong({"uniqueItems": True}, [value])


@pytest.mark.timeout(10)
def test_the_validator_never_changes() -> None:
    """A draft named anywhere in the schema doesn't bring back the library's own backtracking patterns."""
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {
            "a": {"$ref": "#"},
            "b": {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": "(a+)+$"},
        },
        "pattern": "(a+)+$",
    }
    checker = validator(Draft7Validator, schema)
    for name in "ab":
        error = first_error(checker, {name: "a" * 60 + "!"}, STEPS)
        assert error is not None
        assert error.validator == "pattern"
