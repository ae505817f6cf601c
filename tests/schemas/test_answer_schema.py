"""The JSON Schema of an answer: sound, and nothing to fetch."""

from __future__ import annotations

import json

import pytest
from jsonschema.validators import (
    Draft4Validator,
    Draft6Validator,
    Draft7Validator,
    Draft201909Validator,
    Draft202012Validator,
)

from schemas import answer_schema
from schemas.answer_schema import MAX_SCHEMA_DEPTH, schema_problem

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
NAMED = {"properties", "dependencies", "dependentSchemas"}
LISTS = {"allOf", "anyOf", "oneOf", "prefixItems"}
DRAFTS = {
    DRAFT_4: Draft4Validator,
    "http://json-schema.org/draft-06/schema#": Draft6Validator,
    DRAFT_7: Draft7Validator,
    "https://json-schema.org/draft/2019-09/schema": Draft201909Validator,
    "https://json-schema.org/draft/2020-12/schema": Draft202012Validator,
}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {"$ref": {"type": "string"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}},
        {"$id": "https://example.org/a", "$ref": "#/$defs/a", "$defs": {"a": {}}},
        {"components": {"a": {"type": "string"}}, "$ref": "#/components/a"},
        {"properties": {"patternProperties": {}, "$schema": {}, "$id": {"type": "string"}}},
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
        ({"pattern": "("}, "not a regular expression"),
        ({"pattern": "a{99999999999}"}, "not a regular expression"),
        ({"properties": {"a": {"pattern": "(?=x)"}}}, "without look-around"),
        ({"patternProperties": {"x": True}}, "patternProperties"),
        ({"$ref": "https://example.org/schema.json"}, "outside"),
        ({"allOf": [{"$ref": "other.json"}]}, "outside"),
        ({"$ref": "#/$defs/missing"}, "nowhere"),
        ({"$ref": "#/allOf/x", "allOf": [{}]}, "nowhere"),
        ({"$ref": "#/title", "title": "a"}, "nowhere"),
        ({"$defs": {"a": {"$anchor": "here"}}, "$ref": "#here"}, "anchor"),
        ({"$dynamicRef": "#"}, "$dynamicRef"),
        ({"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveRef": "#"}, "$recursiveRef"),
        ({"$ref": "#"}, "circle"),
        ({"allOf": [{"anyOf": [{"$ref": "#/allOf/0"}]}]}, "circle"),
        ({"$schema": []}, "draft"),
        ({"$schema": "https://example.org/mine"}, "draft"),
        ({"$schema": "http://["}, "draft"),
        ({"$schema": "http://json-schema.org/draft-03/schema#"}, "draft"),
        ({"properties": {"a": {"$id": "b"}}}, "below its top"),
        ({"properties": {"a": {"$schema": DRAFT_7}}}, "below its top"),
        ({"$schema": DRAFT_4, "properties": {"a": {"id": "b"}}}, "below its top"),
        ({"components": {"a": {"type": "strng"}}, "$ref": "#/components/a"}, 'keyword "type"'),
        ({"const": {"patternProperties": {}}, "$ref": "#/const"}, "patternProperties"),
        ({"$id": 5}, "not a valid"),
        ({"enum": ["x" * 300_000]}, "bytes"),
        ({"const": object()}, "not JSON"),
        pytest.param({"allOf": [True] * 50_000}, "too many parts", marks=pytest.mark.no_cover),
        ({"anyOf": [{"pattern": f"[a-c]{{{n}}}"} for n in range(1, 300)]}, "too large together"),
        ({"$defs": {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(50)} | {"d50": {}}}, "more than 40"),
    ],
)
def test_unsound_schemas_are_told(schema, says):
    """The sentence says what is wrong; asking again gives the same sentence."""
    assert says in (schema_problem(schema) or "")
    assert schema_problem(schema) == schema_problem(dict(schema))


def test_the_schema_s_own_names_are_not_quoted():
    """Property names may be private too."""
    assert "hunter2" not in (schema_problem({"properties": {"hunter2": {"type": "hunter2"}}}) or "")


def test_nesting_has_an_end():
    """A schema may be as deep as the limit, and no deeper."""
    schema = {"type": "string"}
    for _ in range(MAX_SCHEMA_DEPTH - 1):
        schema = {"not": schema}
    assert schema_problem({"items": schema}) is not None
    assert "levels deep" in schema_problem({"const": [[schema]]})
    assert "levels deep" in schema_problem({"const": json.loads("[" * 300 + "]" * 300)})


@pytest.mark.parametrize("draft", DRAFTS)
def test_no_keyword_hides_what_can_not_be_run(draft):
    """Under each keyword that a draft's validator follows, a pattern that can't be run is found."""
    hidden = {"pattern": "(?=a)"}
    for word in set(DRAFTS[draft].VALIDATORS) - {"const", "enum"}:
        held = {"a": hidden} if word in NAMED else [hidden] if word in LISTS else hidden
        assert schema_problem({"$schema": draft, word: held}) is not None, word
    for held in (hidden, [hidden]):
        assert schema_problem({"$schema": draft, "items": held}) is not None


def test_a_draft_s_own_rules_hold():
    """What stands beside a reference counts from 2019 on and not before."""
    schema = {"$ref": "#/definitions/a", "allOf": [{"$ref": "#"}], "definitions": {"a": {}}}
    assert schema_problem({"$schema": DRAFT_7, **schema}) is None
    assert "circle" in schema_problem(schema)


def test_the_last_verdicts_are_kept():
    """However many schemas come, only so many verdicts are kept, and an old schema is judged again."""
    for number in range(600):
        assert schema_problem({"const": number}) is None
    assert schema_problem({"const": 0}) is None
    assert len(answer_schema._VERDICTS._kept) == answer_schema._KEPT
