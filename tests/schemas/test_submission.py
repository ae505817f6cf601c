"""The ``pointsman.submit`` message."""

from __future__ import annotations

import pytest

from schemas.problems import Problem
from schemas.submission import Submission, read_submission
from tests.schemas.build import job


def told(**message) -> list[tuple[str, str]]:
    read = read_submission(message)
    return [] if isinstance(read, Submission) else [(problem.code.value, problem.field) for problem in read]


def test_a_message_with_lines_is_read():
    """The least a producer sends is its key and its lines."""
    read = read_submission({"batch_id": "nightly:2026-10-01", "lines": [job()]})
    assert isinstance(read, Submission)
    assert read.defaults == {}
    assert read.strict is False


def test_a_message_with_a_file_and_defaults_is_read():
    """The batch's facts are handed on as strings, as lines have them."""
    read = read_submission(
        {
            "batch_id": "b",
            "file": "/data/in.jsonl",
            "sha256": "0" * 64,
            "tenant": "acme",
            "cost_centre": "care",
            "project": "p",
            "budget_usd": "12.50",
            "deadline": "2030-01-01T00:00:00Z",
            "strict": True,
        }
    )
    assert isinstance(read, Submission)
    assert read.defaults == {
        "tenant": "acme",
        "cost_centre": "care",
        "project": "p",
        "deadline": "2030-01-01T00:00:00+00:00",
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"batch_id": "a b"}, [("invalid_field", "batch_id")]),
        ({"batch_id": "a\n"}, [("invalid_field", "batch_id")]),
        ({"batch_id": "x" * 129}, [("invalid_field", "batch_id")]),
        ({"batch_id": None}, [("invalid_field", "batch_id")]),
        ({"file": "/x"}, [("invalid_field", "")]),
        ({"lines": None}, [("invalid_field", "")]),
        ({"lines": None, "file": "in.jsonl"}, [("invalid_field", "file")]),
        ({"lines": None, "file": "/a\0b"}, [("invalid_field", "file")]),
        ({"lines": {}}, [("invalid_field", "lines")]),
        ({"sha256": "0" * 64}, [("invalid_field", "sha256")]),
        ({"sha256": "xyz"}, [("invalid_field", "sha256")]),
        ({"tenant": "a:b"}, [("invalid_field", "tenant")]),
        ({"budget_usd": 12.5}, [("invalid_field", "budget_usd")]),
        ({"budget_usd": "1e999999"}, [("invalid_field", "budget_usd")]),
        ({"deadline": "2030-01-01T00:00:00"}, [("invalid_field", "deadline")]),
        ({"deadline": 1893456000}, [("invalid_field", "deadline")]),
        ({"strict": "yes"}, [("invalid_field", "strict")]),
        ({"budget": "1"}, [("unknown_field", "budget")]),
        ({"strict": 3, "tenant": ""}, [("invalid_field", "tenant"), ("invalid_field", "strict")]),
    ],
)
def test_each_fault_of_a_message_is_told(change, expected):
    """A wrong message is refused as a whole, by field."""
    assert told(**({"batch_id": "b", "lines": [job()]} | change)) == expected


@pytest.mark.parametrize("message", [None, [], "x", 3])
def test_a_message_that_is_no_object_is_told(message):
    """Whatever comes over the broker is answered with a problem."""
    read = read_submission(message)
    assert isinstance(read, tuple)
    assert isinstance(read[0], Problem)


def test_a_missing_key_says_what_it_is():
    """The first error that a new producer meets tells how a key looks."""
    assert "1 to 128" in str(read_submission({"lines": []}))


def test_the_lines_show_in_no_repr():
    """A message holds prompts, and a traceback may print the message."""
    read = read_submission({"batch_id": "b", "lines": ["hunter2"]})
    assert "hunter2" not in repr(read)
    assert "hunter2" not in repr(read_submission({"batch_id": "hunter2 ", "lines": "hunter2", "strict": "hunter2"}))
