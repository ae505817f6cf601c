"""The exported JSON Schemas."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from schemas.export import EXPORTED, exported, write
from schemas.output import AnswerError, OutputLine, Receipt
from schemas.vocabulary import JobState, Stakes
from tests.schemas.build import job, problems


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((EXPORTED / f"{name}.json").read_text(encoding="utf-8")))


def test_the_committed_files_are_what_the_code_exports(tmp_path):
    """A change of the wire is deliberate: run ``python -m schemas.export`` and read the difference."""
    write(tmp_path)
    assert {path.name for path in EXPORTED.iterdir()} == {path.name for path in tmp_path.iterdir()}
    for path in tmp_path.iterdir():
        assert (EXPORTED / path.name).read_bytes() == path.read_bytes(), path.name


def test_each_schema_is_valid_and_named_by_a_urn():
    """No schema leads to a web address of ours."""
    for name, text in exported().items():
        schema = json.loads(text)
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"urn:pointsman:schema:v1:{name.removesuffix('.json')}"


@pytest.mark.parametrize(
    "line",
    [
        job(),
        job(metadata=None),
        job(metadata={"labels": "a,b", "budget_usd": "1.5", "row": "1"}),
        job(metadata={"labels": ["a"]}),
        job(metadata={"stakes": None}),
        job(metadata={"budget_usd": "1e9"}),
        job(metadata={"row": 1}),
        job(n=2),
        job(stream=True),
        job(messages=[]),
        job("") | {"method": "POST"},
        job() | {"extra": 1},
    ],
)
def test_a_producer_that_checks_with_the_schema_and_our_reader_agree(line):
    """What the exported schema refuses, the reader refuses; and these that it takes, the reader takes."""
    assert validator("job_line").is_valid(line) == (problems(line) == [])


def test_a_message_and_a_result_fit_their_schemas():
    """The other two shapes hold what they describe."""
    assert validator("submission").is_valid({"batch_id": "b", "lines": [job(), "{}"]})
    assert not validator("submission").is_valid({"batch_id": "b b", "lines": []})
    parked = Receipt(state=JobState.PARKED, stakes=Stakes.HIGH)
    line = OutputLine(id="o", custom_id="a", error=AnswerError(code="parked", message="m"), pointsman=parked)
    validator("output_line").validate(json.loads(line.as_line()))
