"""The result line."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from schemas.output import AnswerError, AnswerResponse, OutputLine, Receipt
from schemas.vocabulary import JobState, Stakes, Tier

DONE = Receipt(state=JobState.DONE, stakes=Stakes.LOW, tier=Tier.OPEN, endpoint="e", model="m", attempts=1)
PARKED = Receipt(state=JobState.PARKED, stakes=Stakes.HIGH, reason="needs the frontier tier")
RESPONSE = AnswerResponse(status_code=200, request_id="r", body={"choices": []})
ERROR = AnswerError(code="parked", message="needs the frontier tier")


def test_a_result_has_the_fields_of_an_openai_batch_output_line_and_a_receipt():
    """A reader of OpenAI's files finds what it looks for; the rest is in one object of our own."""
    line = json.loads(OutputLine(id="out_1", custom_id="a", response=RESPONSE, pointsman=DONE).as_line())
    assert list(line) == ["id", "custom_id", "response", "error", "pointsman"]
    assert line["response"] == {"status_code": 200, "request_id": "r", "body": {"choices": []}}
    assert line["error"] is None
    assert line["pointsman"]["cost_usd"] == "0.000000000000"


def test_a_line_stays_one_line():
    """Line breaks in an answer are escaped, other text stays as it is."""
    answer = AnswerResponse(status_code=200, request_id="r", body={"text": "a\nb é \u2028"})
    data = OutputLine(id="o", custom_id="a", response=answer, pointsman=DONE).as_line()
    assert data.count(b"\n") == 1
    assert json.loads(data)["response"]["body"]["text"] == "a\nb é \u2028"


@pytest.mark.parametrize(
    "parts",
    [
        {"pointsman": DONE},
        {"pointsman": DONE, "response": RESPONSE, "error": ERROR},
        {"pointsman": DONE, "error": ERROR},
        {"pointsman": PARKED},
        {"pointsman": PARKED, "response": RESPONSE},
    ],
)
def test_a_result_is_an_answer_or_an_error(parts):
    """A line that says both or neither can't be made."""
    with pytest.raises(ValidationError):
        OutputLine(id="o", custom_id="a", **parts)
    assert OutputLine(id="o", custom_id="a", pointsman=PARKED, error=ERROR).response is None


def test_a_cost_is_exact_text():
    """A rounded amount or a float is no cost."""
    with pytest.raises(ValidationError):
        Receipt(state=JobState.DONE, stakes=Stakes.LOW, cost_usd="0.01")


def test_an_answer_shows_in_no_repr():
    """A traceback may print the line."""
    secret = AnswerResponse(status_code=200, request_id="r", body={"text": "hunter2"})
    assert "hunter2" not in repr(OutputLine(id="o", custom_id="a", response=secret, pointsman=DONE))
