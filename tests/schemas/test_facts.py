"""Routing facts, read by themselves."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from schemas.facts import AMOUNT, JobFacts

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x202E, 0x2066)]


def told(key: str, value: object) -> str:
    """What is said about one value."""
    with pytest.raises(ValidationError) as caught:
        JobFacts.model_validate({key: value})
    ((where, says),) = [(error["loc"], error["msg"]) for error in caught.value.errors()]
    assert where == (key,)
    return says


@pytest.mark.parametrize("key", ["tenant", "cost_centre", "project", "producer", "template_id"])
@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_no_name_holds_a_control_character(key, control):
    """Control characters, line breaks and reversals of direction would garble a report or split a log line."""
    told(key, f"a{control}b")


@pytest.mark.parametrize("name", ["a", "Straße 7/b", "成本中心", "a b", "o'brien & co.", "🚂"])
def test_names_are_anything_else(name):
    """A name may hold spaces, signs and any script; spaces around it are taken off."""
    assert JobFacts.model_validate({"tenant": f" {name} "}).tenant == name


def test_the_pattern_of_a_name_is_one_for_all_readers():
    """The exported pattern says the same to other engines of regular expressions."""
    pattern = JobFacts.model_json_schema()["properties"]["tenant"]["pattern"]
    for control in CONTROLS:
        assert re.search(pattern, f"a{control}b") is None
    assert re.search(pattern, "Straße 7/b") is not None


@pytest.mark.parametrize(
    "value",
    [1893456000, 1893456000.5, "1893456000", "20300101", "2030-01-01", "2030-01-01T00:00:00", "2030-01-01T00:00Z", True,
     "2030-13-01T00:00:00Z", "2030-01-01T00:00:00+0100", "２０３０-01-01T00:00:00Z", datetime(2030, 1, 1)],  # noqa: DTZ001
)  # fmt: skip
def test_a_deadline_is_rfc_3339(value):
    """Numbers, dates alone and times without seconds or an offset are refused."""
    told("deadline", value)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("2030-01-01T00:00:00Z", datetime(2030, 1, 1, tzinfo=UTC)),
        (" 2030-01-01t02:00:00.5+02:00 ", datetime(2030, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        (datetime(2030, 1, 1, tzinfo=timezone(timedelta(hours=1))), datetime(2029, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_deadlines_are_read(value, meant):
    """What is written with an offset is that moment."""
    assert JobFacts.model_validate({"deadline": value}).deadline == meant


def test_facts_come_back_from_where_they_are_stored():
    """What is written as JSON is read again as the same facts."""
    given = {
        "deadline": "2030-01-01T00:00:00.5+02:00",
        "budget_usd": "0.5",
        "pattern": "a+",
        "labels": "a,b",
        "own": "x",
    }
    facts = JobFacts.model_validate(given)
    assert JobFacts.model_validate(facts.model_dump(mode="json")) == facts


@pytest.mark.parametrize("value", ["1e999999", "1e3", "-1", "NaN", "1_000", "12,5", "9999999", "0.0000000000001", ""])
def test_a_budget_is_a_plain_amount(value):
    """No exponents, signs, separators, or more than a ledger line holds."""
    told("budget_usd", value)


def test_amounts_are_plain_digits():
    """Digits of other scripts, which Decimal would read, are no amount."""
    assert not AMOUNT.fullmatch("١٢")
    assert AMOUNT.fullmatch("12.5")


def test_a_pattern_is_one_that_can_be_run():
    """What can't be matched in linear time is refused with what can."""
    assert JobFacts.model_validate({"pattern": "[a-z]+"}).pattern == "[a-z]+"
    says = told("pattern", r"(hunter)\1")
    assert "back-reference" in says
    assert "without look-around" in says
    assert "hunter" not in says
