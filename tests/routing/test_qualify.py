"""What rules an endpoint out: quality, source, place, ability, price and reach, each with its code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from routing.policy import ModelSource
from routing.qualify import Demand, qualifying, too_long
from schemas.vocabulary import DataClass, Feature, Tier
from tests.routing.asking import changed_policy, inputs
from tests.routing.small_catalogue import (
    CLOSED_CN,
    FRONTIER_ANYWHERE,
    FRONTIER_US,
    OPEN_ANYWHERE,
    OPEN_CN,
    OPEN_CN_IN_US,
    OPEN_LOCAL,
    OPEN_US,
    PLACES,
    SMALL,
)

ANYTHING = Demand(Tier.OPEN, ModelSource.ANY, DataClass.PUBLIC, frozenset())


def codes(demand: Demand, **given) -> dict[str, str]:
    """What rules each endpoint out, by its id; those that pass are checked to be all the others."""
    known = inputs(**given)
    passed, out = qualifying(demand, known)
    assert {e.id for e in passed} | {r.endpoint for r in out} == {e.id for e in known.catalogue.endpoints}
    assert len(passed) + len(out) == len(known.catalogue.endpoints)
    return {ruled_out.endpoint: ruled_out.code for ruled_out in out}


def test_whoever_demands_nothing_gets_everything():
    """Public data, any model, no features: all endpoints pass, in the order of the catalogue."""
    assert [e.id for e in qualifying(ANYTHING, inputs())[0]] == [p.id for p in PLACES]


def test_models_below_the_tier_are_out():
    """A model answers no job above its own tier."""
    assert set(codes(replace(ANYTHING, at_least=Tier.FRONTIER))) == {p.id for p in PLACES if p.tier != "frontier"}
    assert set(codes(replace(ANYTHING, at_least=Tier.FRONTIER)).values()) == {"below_tier"}


@pytest.mark.parametrize(
    ("source", "fits"),
    [
        (ModelSource.CLOSED, {CLOSED_CN, SMALL, FRONTIER_US, FRONTIER_ANYWHERE}),
        (ModelSource.OPEN, {OPEN_US, OPEN_CN, OPEN_CN_IN_US, OPEN_ANYWHERE, OPEN_LOCAL}),
        (ModelSource.OPEN_OR_CHINESE, {OPEN_US, OPEN_CN, OPEN_CN_IN_US, OPEN_ANYWHERE, OPEN_LOCAL, CLOSED_CN}),
        (ModelSource.ANY, set(PLACES)),
    ],
)
def test_source_of_models(source, fits):
    """Closed, open, open or Chinese, any: by weights and by the developer's country, never by the vendor."""
    assert set(codes(replace(ANYTHING, models=source))) == {p.id for p in PLACES if p not in fits}


@pytest.mark.parametrize(
    ("data_class", "hosts"),
    [
        (DataClass.PUBLIC, {"US", "CN", "ZZ", "local"}),
        (DataClass.INTERNAL, {"US", "CN", "ZZ", "local"}),
        (DataClass.PERSONAL, {"US", "local"}),
        (DataClass.SPECIAL, {"US", "local"}),
        (DataClass.SECRET, {"local"}),
    ],
)
def test_place_by_data_class(data_class, hosts):
    """Personal data never runs in China, secrets only on one's own hardware, an unknown place takes neither."""
    out = codes(replace(ANYTHING, data_class=data_class))
    assert set(out) == {p.id for p in PLACES if p.host not in hosts}
    assert {out[p.id] for p in PLACES if p.id in out and p.host == "ZZ"} <= {"host_unknown"}
    assert {out[p.id] for p in PLACES if p.id in out and p.host != "ZZ"} <= {"host_country"}


def test_members_of_the_eu_are_in_the_eu():
    """Where the policy says EU, Germany is meant too; Switzerland isn't, and EU is no part of Germany."""
    hosts = ("DE", "EU", "CH", "SG")
    places = [replace(OPEN_US, id=f"{host.lower()}/llama", host=host) for host in hosts]
    row = '{ class = "secret",   hosts = ["local"] }'
    for listed, fits in (("EU", {"DE", "EU"}), ("DE", {"DE"}), ("CH", {"CH"})):
        policy = changed_policy((row, row.replace("local", listed)))
        out = codes(replace(ANYTHING, data_class=DataClass.SECRET), places=places, policy=policy)
        assert set(out) == {f"{host.lower()}/llama" for host in hosts if host not in fits}


def test_developer_s_country_can_be_excluded():
    """A policy may keep a class of data from models developed somewhere, wherever they run."""
    row = '{ class = "internal" }'
    policy = changed_policy((row, '{ class = "internal", not_developed_in = ["CN", "EU"] }'))
    out = codes(replace(ANYTHING, data_class=DataClass.INTERNAL), policy=policy)
    assert out == {p.id: "developer_country" for p in PLACES if p.country in ("CN", "FR")}


def test_missing_features_are_named():
    """A request for pictures and tools goes where both are had, and the reason names what is missing."""
    demand = replace(ANYTHING, needs=frozenset({Feature.VISION, Feature.TOOLS}))
    _, out = qualifying(demand, inputs())
    assert {r.endpoint: (r.code, r.says) for r in out} == {
        p.id: ("feature", "lacks vision") for p in PLACES if "vision" not in p.features
    }


def test_no_price_no_dispatch():
    """Without an approved card that holds now an endpoint takes nothing."""
    places = [replace(OPEN_US, approved=False), OPEN_CN]
    assert codes(ANYTHING, places=places) == {OPEN_US.id: "no_price"}


def test_unreachable_endpoints_say_why():
    """What can't be called is out, in the words of whoever found out."""
    _, out = qualifying(ANYTHING, inputs(unreachable={OPEN_CN.id: "no key: set SOME_KEY"}))
    assert [(r.endpoint, r.code, r.says) for r in out] == [(OPEN_CN.id, "unreachable", "no key: set SOME_KEY")]


def test_only_the_model_asked_for():
    """A job that names a model goes to its endpoints only."""
    out = codes(replace(ANYTHING, only_model="llama"))
    assert out == {p.id: "not_asked_for" for p in PLACES if p.model != "llama"}


def test_first_reason_is_the_weightiest():
    """An endpoint that fails in many ways is out for its quality before its place, and its place before its price."""
    worst = replace(OPEN_CN, approved=False)
    demand = Demand(Tier.FRONTIER, ModelSource.CLOSED, DataClass.SECRET, frozenset({Feature.VISION}), "opus")
    found = [codes(demand, places=[worst])[worst.id]]
    changes: tuple[dict[str, Any], ...] = (
        {"only_model": None},
        {"at_least": Tier.OPEN},
        {"models": ModelSource.ANY},
        {"data_class": DataClass.PUBLIC},
        {"needs": frozenset()},
    )
    for change in changes:
        demand = replace(demand, **change)
        found.append(codes(demand, places=[worst])[worst.id])
    assert found == ["not_asked_for", "below_tier", "model_source", "host_country", "feature", "no_price"]


@pytest.mark.parametrize(
    ("prompt", "answer", "code"),
    [
        (168_000, 32_000, None),
        (168_001, 32_000, "context_length"),
        (200_000, 0, None),
        (1, 32_001, "output_length"),
    ],
)
def test_length_at_its_bounds(prompt, answer, code):
    """Prompt and answer must fit together, and the answer into what the endpoint gives; equal fits."""
    given = inputs()
    found = too_long(given.catalogue.endpoint(OPEN_US.id), prompt, answer, given)
    assert (found and found.code) == code
