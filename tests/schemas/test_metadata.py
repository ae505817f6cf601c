"""Routing facts: a slip of the pen never drops a declared fact."""

from __future__ import annotations

import pytest

from schemas.facts import JobFacts
from schemas.metadata import KNOWN, MAX_KEYS, RULES, read_facts


def wrong(**metadata) -> list[str]:
    read = read_facts(metadata, {})
    return [] if isinstance(read, JobFacts) else [key for key, _ in read]


def test_every_fact_has_its_rule_in_words():
    """An error about any fact says what the fact may hold."""
    assert set(RULES) == KNOWN


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("stake", "stakes"),
        ("Stakes", "stakes"),
        ("tenat", "tenant"),
        ("tenant_id", "tenant"),
        ("cost_center", "cost_centre"),
        ("costCentre", "cost_centre"),
        ("data-class", "data_class"),
        ("dataclass", "data_class"),
        ("budget", "budget_usd"),
        ("dead_line", "deadline"),
        ("template", "template_id"),
        ("label", "labels"),
    ],
)
def test_a_near_miss_of_a_fact_is_refused_with_what_was_meant(slip, meant):
    """A declared fact under a wrong name is not taken for a key of the producer's own."""
    assert wrong(**{slip: "x"}) == [meant]


@pytest.mark.parametrize(
    "key", ["product", "row", "customer", "status", "source", "order_id", "region", "x_stakeholder"]
)
def test_a_producer_s_own_keys_are_kept(key):
    """What resembles no fact passes and is kept."""
    read = read_facts({key: "v"}, {})
    assert isinstance(read, JobFacts)
    assert read.model_extra == {key: "v"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tenant", ""),
        ("tenant", " "),
        ("cost_centre", "a:b"),
        ("project", "x" * 129),
        ("tenant", "a\nb"),
        ("cost_centre", "a\x00b"),
        ("stakes", "severe"),
        ("data_class", "SECRET"),
        ("deadline", "20301201"),
        ("deadline", "2030-12-01"),
        ("deadline", "2030-12-01T08:00:00"),
        ("deadline", "2030-13-01T08:00:00Z"),
        ("budget_usd", "1e999999"),
        ("budget_usd", "12,50"),
        ("budget_usd", "-1"),
        ("budget_usd", "NaN"),
        ("budget_usd", "9999999"),
        ("budget_usd", "0.0000000000001"),
        ("pattern", "(" * 250 + ")" * 250 + "("),
        ("pattern", "a{99999999999}"),
        ("pattern", "x" * 513),
        ("pattern", r"(a)\1"),
        ("pattern", "(?:(?:(?:){4000}){4000}){4000}"),
        ("language", "english"),
        ("stakes", 3),
        ("stakes", None),
        ("labels", ["a"]),
        ("labels", "x" * 4097),
    ],
)
def test_a_wrong_value_is_told_by_its_fact(key, value):
    """Neither a wrong type nor a hostile value gets through, or further than its own error."""
    assert wrong(**{key: value}) == [key]


@pytest.mark.parametrize(
    ("pattern", "word"), [(r"(a)\1", "back-reference"), ("(", "not a regular"), ("x" * 513, "512")]
)
def test_a_pattern_is_told_what_is_supported(pattern, word):
    """What is wrong with a pattern is said beside what a pattern may be, and the pattern is not quoted."""
    ((key, says),) = read_facts({"pattern": pattern}, {})
    assert key == "pattern"
    assert word in says
    assert "without look-around" in says
    assert pattern not in says or pattern == "("


def test_right_values_are_read():
    """Each fact takes the form that its rule describes."""
    read = read_facts(
        {
            "tenant": "individual/ada",
            "deadline": "2030-12-01T08:00:00+02:00",
            "budget_usd": "9223371.5",
            "pattern": "[A-Z]{2}",
            "language": "de",
            "labels": "yes,no",
        },
        {"cost_centre": "cc", "tenant": "other"},
    )
    assert isinstance(read, JobFacts)
    assert (read.tenant, read.cost_centre, read.budget_pico) == ("individual/ada", "cc", 9223371500000000000)
    assert read.deadline is not None


def test_all_wrong_entries_are_told_together():
    """A slip does not hide a wrong value beside it."""
    assert wrong(cost_center="a", stakes="severe", budget_usd="x", row="1") == ["cost_centre", "stakes", "budget_usd"]


def test_keys_are_limited_in_number_and_length():
    """Metadata is no place for bulk."""
    assert wrong(**{f"k{i}": "v" for i in range(MAX_KEYS + 1)}) == [""]
    assert wrong(**{"k" * 65: "v"}) == [""]
    assert wrong(**{"": "v"}) == [""]
