"""The JSON Schema of an answer: sound, and nothing to fetch."""

from __future__ import annotations

import pytest

from schemas.answer_schema import schema_problem


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {"$ref": {"type": "string"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}},
        {"$defs": {"a": {"$anchor": "here"}}, "$ref": "#here"},
        {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {}}, "$ref": "#/definitions/a"},
        {"properties": {"child": {"$ref": "#"}}},
        {"const": {"$ref": "elsewhere"}},
    ],
)
def test_sound_schemas_pass(schema):
    """References into the schema itself are fine, and names are not references."""
    assert schema_problem(schema) is None


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "strng"}, 'keyword "type"'),
        ({"properties": {"a": {"minimum": "1"}}}, 'keyword "minimum"'),
        ({"pattern": "("}, 'keyword "pattern"'),
        ({"pattern": "a{99999999999}"}, "can be checked"),
        ({"$ref": "https://example.org/schema.json"}, "outside"),
        ({"allOf": [{"$ref": "other.json"}]}, "outside"),
        ({"$ref": "#/$defs/missing"}, "nowhere"),
        ({"$schema": []}, "can be checked"),
    ],
)
def test_unsound_schemas_are_told(schema, says):
    """The sentence says what is wrong; asking again gives the same sentence."""
    assert says in (schema_problem(schema) or "")
    assert schema_problem(schema) == schema_problem(dict(schema))


def test_the_schema_s_own_names_are_not_quoted():
    """Property names may be private too."""
    assert "hunter2" not in (schema_problem({"properties": {"hunter2": {"type": "hunter2"}}}) or "")
