"""The decision: tiers by the policy's table, floors that hold, and the cheapest endpoint that qualifies."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.choose import Chooser
from routing.decision import Learned
from schemas.money import usd_exact
from schemas.vocabulary import DataClass, Domain, Feature, Stakes, Tier
from tests.routing.asking import POLICY, assessed, changed_policy, decide, endpoints, inputs, question
from tests.routing.small_catalogue import (
    AT,
    FRONTIER_ANYWHERE,
    FRONTIER_US,
    OPEN_CN,
    OPEN_LOCAL,
    OPEN_US,
    PLACES,
    SMALL,
    small_catalogue,
)

BUILDER = "individual/ada"
OPEN_ALONE = changed_policy(('"open-alone", tenants = []', '"open-alone", tenants = ["frugal-*"]'))


@pytest.mark.parametrize(
    ("stakes", "domain", "complexity", "tenant", "rule", "tier"),
    [
        (Stakes.HIGH, Domain.HEALTHCARE, 0.1, "clinic", "clinical-support", Tier.FRONTIER),
        (Stakes.HIGH, Domain.LEGAL, 0.1, "firm", "legal-financial", Tier.FRONTIER),
        (Stakes.HIGH, Domain.INSURANCE, 0.1, "firm", "legal-financial", Tier.FRONTIER),
        (Stakes.HIGH, Domain.CREATIVE, 0.1, "firm", "other-high-stakes", Tier.FRONTIER),
        (Stakes.MEDIUM, Domain.FINANCE, 0.75, "firm", "hard-legal-financial", Tier.FRONTIER),
        (Stakes.MEDIUM, Domain.FINANCE, 0.74, "firm", "general-productivity", Tier.HYBRID),
        (Stakes.MEDIUM, Domain.CODE, 1.0, "firm", "general-productivity", Tier.HYBRID),
        (Stakes.LOW, Domain.GENERAL, 0.85, "firm", "hard-routine", Tier.HYBRID),
        (Stakes.LOW, Domain.HEALTHCARE, 0.2, "clinic", "routine", Tier.OPEN),
        (Stakes.MEDIUM, Domain.GENERAL, 0.9, BUILDER, "individual-builder", Tier.OPEN),
        (Stakes.MEDIUM, Domain.GENERAL, 0.2, "frugal-one", "open-alone", Tier.OPEN),
    ],
)
def test_first_row_that_fits_gives_the_tier(stakes, domain, complexity, tenant, rule, tier):  # noqa: PLR0917 - a row
    """Each row of the founding table is reached by the work it names."""
    asked = question(assessed(stakes, domain=domain, complexity=complexity), tenant=tenant)
    found = decide(asked, inputs(policy=OPEN_ALONE))
    assert (found.rule, found.tier, found.parked) == (rule, tier, None)


def test_stages_call_whom_the_policy_names():
    """Open calls open or Chinese models, hybrid adds a closed one behind a check, frontier is closed and unchecked."""
    low = decide(question())
    assert set(endpoints(low)) == {p.id for p in PLACES if p.weights == "open" or p.country == "CN"}
    medium = decide(question(assessed(Stakes.MEDIUM)))
    assert [stage.checked for stage in medium.stages] == [True, False]
    assert endpoints(medium, 1) == [SMALL.id, FRONTIER_ANYWHERE.id, FRONTIER_US.id]
    high = decide(question(assessed(Stakes.HIGH)))
    assert [endpoints(high), len(high.stages), high.stages[0].checked] == [["zz/opus", "us/opus"], 1, False]


def test_cheapest_that_qualifies_comes_first():
    """Candidates stand by what the job is expected to cost there."""
    found = decide(question())
    costs = [candidate.expected_pico for candidate in found.stages[0].candidates]
    assert costs == sorted(costs)
    assert (endpoints(found)[0], found.expected_pico) == (OPEN_CN.id, costs[0])


def test_floor_holds_when_a_rule_says_less():
    """A row that gives high stakes a cheap tier is overruled by the floor."""
    policy = changed_policy(
        ('tier = "frontier", stakes = ["high"], domains = ["healthcare"]', 'tier = "open", stakes = ["high"]')
    )
    found = decide(question(assessed(Stakes.HIGH)), inputs(policy=policy))
    assert (found.rule, found.floor, found.tier) == ("clinical-support", Tier.FRONTIER, Tier.FRONTIER)


def test_open_alone_is_the_tenant_s_own_floor_for_medium_stakes_only():
    """A tenant may accept open models for medium stakes; its high stakes still demand the frontier."""
    given_ = inputs(policy=OPEN_ALONE)
    assert decide(question(assessed(Stakes.MEDIUM), tenant="frugal-one"), given_).floor is Tier.OPEN
    assert decide(question(assessed(Stakes.MEDIUM), tenant="lavish"), given_).floor is Tier.HYBRID
    assert decide(question(assessed(Stakes.HIGH), tenant="frugal-one"), given_).tier is Tier.FRONTIER


def test_high_stakes_of_an_individual_builder_are_parked_with_the_frontier_s_price():
    """Never quietly downgraded: the reason and the price of the tier that would do."""
    found = decide(question(assessed(Stakes.HIGH), tenant=BUILDER))
    parked = found.parked
    assert parked is not None
    assert (parked.code, parked.endpoint, found.stages, found.worst_pico) == ("above_ceiling", "zz/opus", (), 0)
    assert parked.price_pico == decide(question(assessed(Stakes.HIGH))).expected_pico == 10_000_000_000
    assert "pays for open at most" in parked.says
    assert "0.0100 USD" in parked.says


def test_ceiling_s_reason_does_not_blame_the_stakes_for_what_was_asked():
    """A builder that asks for a dear model is told that the model is above the ceiling."""
    parked = decide(question(asked="opus", tenant=BUILDER)).parked
    assert parked is not None
    assert (parked.code, parked.says.split(";")[0]) == ("above_ceiling", "it asks for opus in tier frontier")


@pytest.mark.parametrize("asked", ["open", "hybrid", "llama", "mini", "mini-latest"])
def test_asking_below_the_floor_parks_with_the_price(asked):
    """A tier or model that the stakes don't allow is not used, and not quietly replaced by a dearer one."""
    parked = decide(question(assessed(Stakes.HIGH), asked=asked)).parked
    assert parked is not None
    assert (parked.code, parked.endpoint, parked.price_pico) == ("below_floor", "zz/opus", 10_000_000_000)
    assert "high stakes demand at least frontier" in parked.says


def test_asking_for_a_higher_tier_raises():
    """A producer may ask for more than the stakes demand."""
    assert decide(question(asked="frontier")).tier is Tier.FRONTIER
    assert len(decide(question(asked="hybrid")).stages) == 2


def test_asking_for_a_model_holds_the_job_to_it():
    """Every endpoint of the named model and no other; an alias means the same model."""
    for name in ("opus", "opus-latest"):
        assert endpoints(decide(question(asked=name))) == ["zz/opus", "us/opus"]
    assert endpoints(decide(question(asked="llama"))) == [OPEN_US.id, OPEN_LOCAL.id]
    assert endpoints(decide(question(asked="mini"))) == [SMALL.id]


def test_asked_open_model_at_medium_stakes_is_checked_and_escalates():
    """The model asked for answers first; what stands behind the check is the policy's own second stage."""
    found = decide(question(assessed(Stakes.MEDIUM), asked="llama"))
    assert (found.tier, [s.checked for s in found.stages]) == (Tier.HYBRID, [True, False])
    assert endpoints(found) == [OPEN_US.id, OPEN_LOCAL.id]
    assert endpoints(found, 1)[0] == SMALL.id


def test_asked_model_that_does_not_qualify_is_not_replaced():
    """A job held to one model is parked when that model can't take it, though another could."""
    found = decide(question(assessed(Stakes.MEDIUM), asked="llama", needs=[Feature.VISION]))
    assert found.parked is not None
    assert found.parked.code == "none_qualifies"


def test_hybrid_goes_straight_to_the_second_stage_when_nobody_qualifies_for_the_first():
    """No open model sees pictures: the closed model of the same tier answers, and nothing is checked in vain."""
    found = decide(question(assessed(Stakes.MEDIUM), needs=[Feature.VISION]))
    assert (found.tier, found.parked, len(found.stages), found.stages[0].checked) == (Tier.HYBRID, None, 1, False)
    assert endpoints(found) == ["zz/opus", "us/opus"]


def test_hybrid_without_anybody_to_escalate_to_still_tries():
    """Secret data stays on one's own hardware; its last stage is empty, so a failed check can't be passed over."""
    found = decide(question(assessed(Stakes.MEDIUM, data_class=DataClass.SECRET)))
    assert (endpoints(found), endpoints(found, 1), found.stages[0].checked) == ([OPEN_LOCAL.id], [], True)


def test_nobody_qualifies_names_what_speaks_against_each():
    """The reason counts the codes of what ruled endpoints out, most frequent first."""
    found = decide(question(assessed(Stakes.HIGH, data_class=DataClass.SECRET)))
    assert found.parked is not None
    assert found.parked.code == "none_qualifies"
    assert found.parked.says == "no endpoint qualifies for tier frontier (below_tier 7, host_country 1, host_unknown 1)"


@pytest.mark.no_cover
def test_complexity_raises_and_never_lowers():
    """The tier only rises with complexity, for all stakes and domains."""
    for stakes in Stakes:
        for domain in Domain:
            ranks = [
                decide(question(assessed(stakes, domain=domain, complexity=step / 10))).tier.rank for step in range(11)
            ]
            assert ranks == sorted(ranks)
            assert ranks[0] >= POLICY.floors[stakes].rank


def test_job_budget_parks_what_may_cost_more():
    """The job's own budget is held against the worst case; equal is within."""
    worst = decide(question()).worst_pico
    assert decide(question(budget_usd=usd_exact(worst))).parked is None
    parked = decide(question(budget_usd=usd_exact(worst - 1))).parked
    assert parked is not None
    assert (parked.code, parked.endpoint, parked.price_pico) == ("over_job_budget", OPEN_CN.id, worst)


def test_job_budget_never_lowers_the_tier():
    """A budget too small for the frontier parks the job; it buys no cheaper model."""
    found = decide(question(assessed(Stakes.HIGH), budget_usd="0.000001"))
    assert found.parked is not None
    assert (found.tier, found.parked.endpoint) == (Tier.FRONTIER, "zz/opus")


@pytest.mark.parametrize(("seconds", "parks"), [(-1, True), (0, True), (1, False)])
def test_deadline_that_has_passed_parks(seconds, parks):
    """At its deadline a job is too late."""
    found = decide(question(deadline=(AT + timedelta(seconds=seconds)).isoformat()))
    assert (found.parked is not None and found.parked.code == "deadline_passed") is parks


def test_expected_cost_is_by_hand():
    """1,000 tokens in and the assumed 300 out on the small model: 500 plus 1,200 micro-dollars."""
    found = decide(question(assessed(Stakes.MEDIUM), asked="mini"))
    assert found.expected_pico == 1_000 * 500_000 + 300 * 4_000_000
    assert found.worst_pico == 1_334 * 500_000 + 2_048 * 4_000_000


def test_expected_cost_of_hybrid_has_the_chance_to_escalate():
    """The first call's cost and a tenth of the second's, as the policy assumes."""
    found = decide(question(assessed(Stakes.MEDIUM)))
    first, second = 1_000 * 100_000 + 300 * 300_000, 1_000 * 500_000 + 300 * 4_000_000
    assert found.expected_pico == first + second // 10
    assert found.worst_pico == sum(max(c.worst_pico for c in stage.candidates) for stage in found.stages)


def test_chance_to_escalate_can_turn_the_order():
    """A cheap model whose answers keep failing is dearer in the end than one that costs more a call."""
    seen = {("default", "t1"): {"deepseek": Learned(90, 27_000, 90), "llama": Learned(90, 27_000, 0)}}
    asked = question(assessed(Stakes.MEDIUM), template="t1")
    assert endpoints(decide(asked))[0] == OPEN_CN.id
    assert endpoints(decide(asked, inputs(learned=seen)))[0] == OPEN_US.id


def test_history_of_another_tenant_or_template_teaches_nothing():
    """What came back counts for its own tenant and template."""
    seen = {("other", "t1"): {"deepseek": Learned(90, 9, 90)}, ("default", "t2"): {"deepseek": Learned(90, 9, 90)}}
    asked = question(assessed(Stakes.MEDIUM), template="t1")
    assert decide(asked, inputs(learned=seen)) == decide(asked)


def test_cached_prefix_makes_an_endpoint_cheaper():
    """Where rows share a long prefix, the endpoint with a price for cached reads wins."""
    cheap_cache = replace(OPEN_US, id="us/cached", model="cached", input="0.12", output="0.30", cached="0.001")
    given_ = inputs([OPEN_CN, cheap_cache])
    alone = question(prompt_tokens=20_000, prefix_tokens=19_000)
    assert endpoints(decide(alone, given_))[0] == OPEN_CN.id
    assert endpoints(decide(replace(alone, repeats=True), given_))[0] == "us/cached"


@pytest.mark.no_cover
@settings(max_examples=25, deadline=None)
@given(st.permutations(PLACES))
def test_order_of_the_catalogue_does_not_matter(places):
    """The same entries in another order give the same decision."""
    for stakes in Stakes:
        assert decide(question(assessed(stakes)), inputs(places)) == decide(question(assessed(stakes)))


def test_ties_break_by_name():
    """Endpoints of equal cost stand in the order of their ids, whichever was written first."""
    twins = [replace(OPEN_US, id=f"{name}/llama") for name in ("b", "a", "c")]
    assert endpoints(decide(question(), inputs(twins))) == ["a/llama", "b/llama", "c/llama"]


def test_equal_questions_get_equal_decisions():
    """A chooser that has decided much else decides like a fresh one."""
    chooser = Chooser(inputs())
    asked = [question(assessed(s, data_class=d)) for s in Stakes for d in DataClass]
    assert [chooser.decide(a) for a in asked] == [decide(a) for a in asked] == [chooser.decide(a) for a in asked]


def test_open_model_that_caught_up_qualifies_by_a_change_of_file():
    """One word in the catalogue and one in the policy, and an open model takes high stakes."""
    promoted = [replace(p, tier="frontier") if p.model == "llama" else p for p in PLACES]
    closed_row = '{ tier = "frontier", stage = 1, at_least = "frontier", models = "closed" }'
    policy = changed_policy((closed_row, closed_row.replace("closed", "any")))
    high = question(assessed(Stakes.HIGH))
    assert endpoints(decide(high, inputs(promoted))) == ["zz/opus", "us/opus"]
    found = decide(high, inputs(promoted, policy=policy))
    assert (endpoints(found)[:2], found.parked) == ([OPEN_US.id, OPEN_LOCAL.id], None)
    assert small_catalogue(promoted).version != small_catalogue().version


def test_answer_longer_than_an_endpoint_gives_rules_it_out():
    """A cap above what an endpoint answers would be refused there, so it isn't sent there."""
    brief = replace(OPEN_CN, max_output=4_000)
    assert endpoints(decide(question(max_output=4_000), inputs([brief, OPEN_US])))[0] == brief.id
    chooser = Chooser(inputs([brief, OPEN_US]))
    assert endpoints(chooser.decide(question(max_output=4_001))) == [OPEN_US.id]
    assert [(n, out.code) for n, out in chooser.ruled_out(question(max_output=4_001))] == [(1, "output_length")]


def test_decision_as_json_has_what_dispatch_needs():
    """What is stored names stages, endpoints and costs, and why a job is parked."""
    found = decide(question(assessed(Stakes.MEDIUM))).as_json()
    assert (found["tier"], found["floor"], found["parked"]) == ("hybrid", "hybrid", None)
    assert found["stages"][0]["endpoints"][0] == OPEN_CN.id
    assert found["stages"][1] == {
        "at_least": "hybrid",
        "checked": False,
        "endpoints": ["us/mini", "zz/opus", "us/opus"],
        "expected_pico": [1_700_000_000, 10_000_000_000, 12_500_000_000],
        "worst_pico": [8_859_000_000, 46_296_000_000, 57_870_000_000],
    }
    assert decide(question(assessed(Stakes.HIGH), asked="open")).as_json()["parked"]["code"] == "below_floor"


questions = st.builds(
    question,
    st.builds(
        assessed,
        st.sampled_from(Stakes),
        domain=st.sampled_from(Domain),
        complexity=st.floats(0, 1),
        data_class=st.sampled_from(DataClass),
    ),
    asked=st.sampled_from(["auto", *Tier, *sorted({p.model for p in PLACES}), "opus-latest"]),
    needs=st.sets(st.sampled_from(Feature)),
    prompt_tokens=st.integers(1, 300_000),
    max_output=st.none() | st.integers(1, 50_000),
    template=st.none() | st.just("t1"),
    tenant=st.sampled_from(["default", BUILDER, "frugal-one"]),
    budget_usd=st.none() | st.sampled_from(["0", "0.01", "5"]),
)
absent = st.dictionaries(st.sampled_from([p.id for p in PLACES]), st.just("no key"))
history = st.dictionaries(
    st.sampled_from([p.model for p in PLACES]),
    st.builds(Learned, st.integers(1, 50), st.integers(0, 9_999), st.just(0)),
)


@pytest.mark.no_cover
@settings(max_examples=300, deadline=None)
@given(questions, absent, history)
def test_nothing_puts_a_job_below_its_floor(asked, unreachable, learned):
    """Whatever is asked, away or learned: the last word is no model's below the floor, and every other is checked."""
    given_ = inputs(policy=OPEN_ALONE, unreachable=unreachable, learned={(asked.facts.tenant, "t1"): learned})
    found = decide(asked, given_)
    own = OPEN_ALONE.profile_of(asked.facts.tenant).medium_floor
    stakes = asked.assessment.stakes
    floor = own if stakes is Stakes.MEDIUM and own is not None else OPEN_ALONE.floors[stakes]
    assert (found.floor, found.tier.rank >= floor.rank or found.parked is not None) == (floor, True)
    if found.parked is None:
        assert found.stages
        assert [stage.checked for stage in found.stages] == [True] * (len(found.stages) - 1) + [False]
        for number, stage in enumerate(found.stages):
            for candidate in stage.candidates:
                tier = given_.catalogue.model(candidate.model).tier
                assert tier.rank >= floor.rank or number + 1 < len(found.stages)
                assert stakes is not Stakes.HIGH or tier is Tier.FRONTIER


@pytest.mark.no_cover
@settings(max_examples=300, deadline=None)
@given(questions, absent)
def test_every_endpoint_is_a_candidate_or_ruled_out(asked, unreachable):
    """Of each stage an explanation names every endpoint of the catalogue exactly once."""
    chooser = Chooser(inputs(policy=OPEN_ALONE, unreachable=unreachable))
    found = chooser.decide(asked)
    out: dict[int, list[str]] = {}
    for number, ruled_out in chooser.ruled_out(asked):
        assert ruled_out.says
        out.setdefault(number, []).append(ruled_out.endpoint)
    for place, stage in enumerate(reversed(found.stages)):
        number = max(out) - place  # a first stage that nobody qualifies for is left out of the decision
        assert sorted([*(c.endpoint for c in stage.candidates), *out[number]]) == sorted(p.id for p in PLACES)


@pytest.mark.no_cover
@settings(max_examples=100, deadline=None)
@given(questions)
def test_data_stays_where_its_class_may_go(asked):
    """No candidate runs where the policy doesn't let data of that class go."""
    given_ = inputs()
    row = POLICY.data_rule(asked.assessment.data_class)
    for stage in decide(asked, given_).stages:
        for candidate in stage.candidates:
            assert row.hosts is None or given_.catalogue.endpoint(candidate.endpoint).host_country in row.hosts
