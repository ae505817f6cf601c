"""From a decoded line to a job: every field that can be wrong, and all of them at once."""

from __future__ import annotations

import pytest

from schemas.job import JobLine
from schemas.lines import ParsedJob
from schemas.vocabulary import DataClass, Stakes
from tests.schemas.build import job, parse, problems

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def asks(schema):
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def test_a_good_line_becomes_a_job_without_its_metadata():
    """The body keeps what goes to a provider; the facts go their own way."""
    parsed = parse(job(temperature=0.2, metadata={"tenant": "acme", "stakes": "low", "labels": "a, b", "row": "7"}))
    assert isinstance(parsed, ParsedJob)
    assert (parsed.custom_id, parsed.model, parsed.line) == ("job-1", "auto", 1)
    assert parsed.body == job(temperature=0.2)["body"]
    assert (parsed.facts.tenant, parsed.facts.stakes, parsed.facts.labels) == ("acme", Stakes.LOW, ("a", "b"))
    assert parsed.facts.model_extra == {"row": "7"}


def test_what_a_line_leaves_out_is_filled_in():
    """Model, method, url and metadata have defaults, a null metadata too, and the batch gives the facts."""
    line = job("a", metadata=None)
    del line["method"], line["url"], line["body"]["model"]
    parsed = parse(line, tenant="acme", project="p")
    assert isinstance(parsed, ParsedJob)
    assert parsed.body["model"] == parsed.model == "auto"
    assert (parsed.facts.tenant, parsed.facts.project, parsed.facts.cost_centre) == ("acme", "p", "unassigned")


def test_a_line_s_own_facts_win_over_those_of_the_batch():
    """A default fills a gap and overrides nothing."""
    parsed = parse(job(metadata={"tenant": "own", "data_class": "personal"}), tenant="batch")
    assert isinstance(parsed, ParsedJob)
    assert (parsed.facts.tenant, parsed.facts.data_class) == ("own", DataClass.PERSONAL)


@pytest.mark.parametrize("model", ["auto", "open", "hybrid", "frontier", "claude-opus-4-6"])
def test_routes_and_catalogue_models_are_known(model):
    """``auto``, the tiers and the names given are taken."""
    assert problems(job(model=model)) == []


def test_an_unknown_model_gets_the_nearest_name():
    """A slip of the pen is answered with what was likely meant."""
    parsed = parse(job(model="claude-opus-46"))
    assert isinstance(parsed, tuple)
    assert parsed[0].code == "unknown_model"
    assert "did you mean claude-opus-4-6?" in parsed[0].says
    assert "auto, frontier, hybrid, open" in str(parse(job(model="zzz")))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"messages": []}, [("empty_messages", "body.messages")]),
        ({"messages": [{"role": "user", "content": " \n"}]}, [("empty_messages", "body.messages")]),
        ({"messages": [{"role": "user"}]}, [("empty_messages", "body.messages")]),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
            [("empty_messages", "body.messages")],
        ),
        ({"messages": "hi"}, [("invalid_field", "body.messages")]),
        ({"messages": None}, [("invalid_field", "body.messages")]),
        ({"messages": [{"content": "x"}]}, [("missing_field", "body.messages[0].role")]),
        ({"messages": [{"role": "user", "content": 7}]}, [("invalid_field", "body.messages[0].content")]),
        ({"messages": [{"role": "user", "content": ["x"]}]}, [("invalid_field", "body.messages[0].content")]),
        ({"messages": [{"role": "boss", "content": "x"}]}, [("invalid_field", "body.messages[0].role")]),
        ({"model": ""}, [("invalid_field", "body.model")]),
        ({"model": 5}, [("invalid_field", "body.model")]),
        ({"model": None}, [("invalid_field", "body.model")]),
        ({"max_tokens": "5"}, [("invalid_field", "body.max_tokens")]),
        ({"max_tokens": True}, [("invalid_field", "body.max_tokens")]),
        ({"max_completion_tokens": 0}, [("invalid_field", "body.max_completion_tokens")]),
        ({"stream": True}, [("streaming_unsupported", "body.stream")]),
        ({"n": 2}, [("several_choices_unsupported", "body.n")]),
        ({"n": True}, [("several_choices_unsupported", "body.n")]),
        ({"response_format": "json"}, [("invalid_field", "body.response_format")]),
        ({"response_format": {"type": "xml"}}, [("invalid_field", "body.response_format")]),
        ({"response_format": {"type": "json_schema"}}, [("bad_schema", "body.response_format.json_schema.schema")]),
        ({"response_format": asks({"type": "strng"})}, [("bad_schema", "body.response_format.json_schema.schema")]),
        ({"metadata": []}, [("invalid_metadata", "body.metadata")]),
        ({"metadata": {"tenant": "a:b"}}, [("invalid_metadata", "body.metadata.tenant")]),
    ],
)
def test_each_fault_of_a_body_has_its_code_and_field(body, expected):
    """A wrong value is told once, by the code and the path that name it."""
    assert problems(job(**body)) == expected


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
        {"messages": [{"role": "system", "content": None}, {"role": "user", "content": "x", "name": "n"}]},
        {"stream": False, "n": 1, "max_tokens": 5, "tools": [], "temperature": 0},
        {"stream": None, "n": None, "max_tokens": None, "response_format": None},
        {"response_format": asks(SCHEMA)},
        {"response_format": {"type": "json_object"}},
    ],
)
def test_what_openai_takes_is_taken(body):
    """Other fields pass as they came, and the line is one that the published model takes too."""
    assert problems(job(**body)) == []
    JobLine.model_validate(job(**body))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"custom_id": ""}, [("invalid_field", "custom_id")]),
        ({"custom_id": 7}, [("invalid_field", "custom_id")]),
        ({"custom_id": "x" * 257}, [("invalid_field", "custom_id")]),
        ({"custom_id": "a\x1b[2J"}, [("invalid_field", "custom_id")]),
        ({"method": "GET"}, [("unsupported_method", "method")]),
        ({"method": []}, [("unsupported_method", "method")]),
        ({"url": "/v1/embeddings"}, [("unsupported_url", "url")]),
        ({"body": []}, [("invalid_field", "body")]),
        ({"priority": 1}, [("unknown_field", "priority")]),
        ({"a stray text": 1}, [("unknown_field", "(a field)")]),
    ],
)
def test_each_fault_of_the_envelope_has_its_code_and_field(change, expected):
    """The four fields of a line are checked, and there is no fifth."""
    assert problems(job() | change) == expected


def test_missing_fields_are_told():
    """An empty object lacks both fields that have no default."""
    assert problems({}) == [("missing_field", "custom_id"), ("missing_field", "body")]
    assert problems({"custom_id": "a", "body": {}}) == [("missing_field", "body.messages")]


def test_all_faults_of_a_line_are_told_together():
    """One round trip is enough to repair a line."""
    line = job(stream=True, n=3, model="nonesuch", metadata={"stakes": "huge", "cost_center": "x"}) | {"url": "/x"}
    assert [code for code, _ in problems(line)] == [
        "unsupported_url",
        "streaming_unsupported",
        "several_choices_unsupported",
        "unknown_model",
        "invalid_metadata",
        "invalid_metadata",
    ]


def test_a_line_with_thousands_of_faults_tells_twenty():
    """The report stays readable, and says how many there are more."""
    parsed = parse(job(messages=[{"role": "boss", "content": "x"}] * 5000))
    assert isinstance(parsed, tuple)
    assert len(parsed) == 21
    assert "4980 more" in parsed[-1].says


def test_a_problem_reads_as_one_line():
    """Line, code, field and sentence, in this order."""
    parsed = parse(job(stream=True))
    assert isinstance(parsed, tuple)
    assert str(parsed[0]) == (
        "line 1: streaming_unsupported: body.stream: must be false or left out: a batch has no one to stream to"
    )
    assert parsed[0].as_json()["custom_id"] == "job-1"
