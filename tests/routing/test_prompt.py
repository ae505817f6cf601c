"""Reading a request: texts by role, what it needs of a model, and what models read besides."""

from __future__ import annotations

import json

import pytest

from routing.prompt import read_prompt
from schemas.vocabulary import Feature


def user(content) -> dict:
    """A message of a user."""
    return {"role": "user", "content": content}


def test_texts_by_role():
    """System and developer messages join, the rest keep their order, the last user message is the ask."""
    prompt = read_prompt(
        {
            "messages": [
                {"role": "system", "content": "S"},
                user("one"),
                {"role": "developer", "content": "D"},
                {"role": "assistant", "content": "two"},
                user("three"),
                {"role": "assistant", "content": None},
            ]
        }
    )
    assert prompt.system == "S\nD"
    assert prompt.turns == (("user", "one"), ("assistant", "two"), ("user", "three"), ("assistant", ""))
    assert prompt.last_user == "three"
    assert prompt.text == "S\nD\none\ntwo\nthree\n"
    assert (prompt.needs, prompt.max_output, prompt.attached, prompt.images) == (frozenset(), None, "", 0)


def test_parts_of_a_message():
    """Text parts join, pictures are counted and need a model that sees; other parts are passed over."""
    parts = [
        {"type": "text", "text": "what is"},
        {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}},
        {"type": "text", "text": "this?"},
        {"type": "text", "text": 7},
        {"type": "input_audio"},
        {},
    ]
    prompt = read_prompt({"messages": [user(parts), user([parts[1]])]})
    assert prompt.turns == (("user", "what is\nthis?"), ("user", ""))
    assert (prompt.images, prompt.needs) == (2, frozenset({Feature.VISION}))


@pytest.mark.parametrize(
    ("response_format", "schema", "json_object", "needs"),
    [
        (None, None, False, set()),
        ({"type": "text"}, None, False, set()),
        ({"type": "json_object"}, None, True, set()),
        (
            {"type": "json_schema", "json_schema": {"schema": {"type": "array"}}},
            {"type": "array"},
            True,
            {"json_schema"},
        ),
        ({"type": "json_schema", "json_schema": {}}, {}, True, {"json_schema"}),
        ({"type": "json_schema"}, {}, True, {"json_schema"}),
        ("json_object", None, False, set()),
    ],
)
def test_json_asked_for(response_format, schema, json_object, needs):
    """A schema is a feature to look for; a request for some JSON object is not."""
    prompt = read_prompt({"messages": [user("x")], "response_format": response_format})
    assert (prompt.json_schema, prompt.json_object, prompt.needs) == (schema, json_object, needs)


def test_tools_and_schema_are_attached():
    """Tools, tool calls and a schema are read by the model too, so they are there to be counted."""
    tools = [{"type": "function", "function": {"name": "weiß", "parameters": {"type": "object"}}}]
    calls = [{"id": "c1", "type": "function", "function": {"name": "weiß", "arguments": "{}"}}]
    wanted = {"type": "object"}
    prompt = read_prompt(
        {
            "messages": [user("x"), {"role": "assistant", "content": None, "tool_calls": calls}],
            "tools": tools,
            "response_format": {"type": "json_schema", "json_schema": {"schema": wanted}},
        }
    )
    assert prompt.needs == {Feature.TOOLS, Feature.JSON_SCHEMA}
    assert [json.loads(line) for line in prompt.attached.splitlines()] == [tools, calls, wanted]
    assert "weiß" in prompt.attached
    assert "weiß" not in prompt.text


@pytest.mark.parametrize(
    ("body", "cap"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7}, 7),
        ({"max_tokens": 5, "max_completion_tokens": 7}, 7),
    ],
)
def test_cap_of_the_answer(body, cap):
    """The newer name of the cap wins over the older one."""
    assert read_prompt({"messages": [user("x")], **body}).max_output == cap
