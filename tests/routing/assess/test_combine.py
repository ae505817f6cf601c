"""Combining assessments and laying declared facts on top: upwards, and down only by permission."""

from __future__ import annotations

from itertools import product

import pytest

from routing.assess import Permission, combine, declare
from routing.assessment import Assessment, Reason
from schemas.facts import JobFacts
from schemas.vocabulary import DataClass, Domain, Stakes


def found(stakes: Stakes, data: DataClass = DataClass.INTERNAL, **changes) -> Assessment:
    given = {"p_high": 0.3, "p_low": 0.3, "complexity": 0.2, "domain": Domain.GENERAL, "assessor": "rules-1"}
    reasons = (Reason("default", "stakes", "no rule"),)
    return Assessment(stakes=stakes, data_class=data, reasons=reasons, **{**given, **changes})


def test_assessors_combine_upwards():
    """Highest stakes and its domain, greatest complexity, most restricted data, joined versions."""
    rules = found(Stakes.HIGH, p_high=0.9, p_low=0.02, domain=Domain.LEGAL)
    model = found(Stakes.LOW, DataClass.SPECIAL, p_high=0.1, p_low=0.8, complexity=0.7, assessor="model-1")
    both = combine([model, rules])
    assert (both.stakes, both.domain, both.data_class) == (Stakes.HIGH, Domain.LEGAL, DataClass.SPECIAL)
    assert (both.p_high, both.p_low, both.complexity) == (0.9, 0.02, 0.7)
    assert both.assessor == "model-1+rules-1"


def test_combining_one_changes_nothing_and_none_is_an_error():
    """One assessment stays as it is; without any there is nothing to decide from."""
    one = found(Stakes.MEDIUM)
    assert combine([one]) == one
    with pytest.raises(ValueError, match="at least one"):
        combine([])


@pytest.mark.parametrize(("was", "said"), list(product(Stakes, Stakes)))
def test_declared_stakes_never_lower_without_permission(was, said):
    """Whatever is declared, the level without permission is the higher of the two."""
    level = declare(found(was), JobFacts(stakes=said), None).stakes
    assert level is max(was, said, key=lambda s: s.rank)


@pytest.mark.parametrize(("was", "said", "floor"), list(product(Stakes, Stakes, Stakes)))
def test_permission_lowers_no_further_than_it_says(was, said, floor):
    """With permission a lower declaration holds down to the permission's own level, with both names in the reason."""
    done = declare(found(was), JobFacts(stakes=said, producer="crm"), Permission(floor, "R. Officer"))
    if said.rank >= was.rank:
        assert done.stakes is said
    else:
        assert done.stakes is min(was, max(said, floor, key=lambda s: s.rank), key=lambda s: s.rank)
    if done.stakes.rank < was.rank:
        assert done.reasons[-1].code == "declared.stakes.lowered"
        assert "crm" in done.reasons[-1].says
        assert "R. Officer" in done.reasons[-1].says


@pytest.mark.parametrize(("was", "said"), list(product(DataClass, DataClass)))
def test_a_declared_data_class_lowers_only_internal_to_public(was, said):
    """A declared class raises; it lowers nothing but the class of data in which nothing was found."""
    done = declare(found(Stakes.LOW, was), JobFacts(data_class=said), None)
    public = (was, said) == (DataClass.INTERNAL, DataClass.PUBLIC)
    assert done.data_class is (said if public else max(was, said, key=lambda d: d.rank))
    assert (len(done.reasons) == 1) is (was is said)


def test_nothing_declared_changes_nothing():
    """Without declared facts the finding passes through untouched."""
    one = found(Stakes.HIGH)
    assert declare(one, JobFacts(), Permission(Stakes.LOW, "R. Officer")) is one
