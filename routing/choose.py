"""The decision: which tier a job's stakes demand, and the cheapest endpoints that qualify for it.

One code path serves live routing, the dry run and the explanation of what was decided before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from routing.catalogue import Endpoint, Model
from routing.decision import Candidate, Decision, Parked, PlanInputs, Question, RuledOut, StageChoice
from routing.policy import ModelSource, Profile, Rule, Stage
from routing.price import Sizes, Tariff, failure_chance, sizes
from routing.qualify import Demand, qualifying, too_long
from schemas.money import usd_short
from schemas.vocabulary import Tier

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class _Route:
    """The tier a job takes, the stages of it, and the one model it is held to, if the producer named one."""

    rule: Rule
    profile: Profile
    floor: Tier
    tier: Tier
    stages: tuple[Stage, ...]
    only_model: str | None
    parked: Parked | None


class Chooser:
    """Decides jobs under one set of inputs. Equal questions get equal decisions; it keeps only what it can remake."""

    def __init__(self, inputs: PlanInputs) -> None:
        self._inputs = inputs
        self._qualified: dict[Demand, tuple[tuple[Endpoint, ...], tuple[RuledOut, ...]]] = {}
        self._tariffs: dict[str, tuple[str, Tariff]] = {}

    def decide(self, question: Question) -> Decision:
        """Where the job goes, or why it is parked. Raises nothing for a validated job."""
        route = self._route(question)
        size = sizes(question, self._inputs)
        if route.parked is not None:
            return self._decision(route, (), self._priced(route, route.parked, question, size), size)
        stages = self._stages(route, question, size)
        return self._decision(route, stages, self._parked_after(route, stages, question), size)

    def ruled_out(self, question: Question) -> tuple[tuple[int, RuledOut], ...]:
        """What ruled out every endpoint that is not a candidate, with the number of the stage."""
        route, size = self._route(question), sizes(question, self._inputs)
        found: list[tuple[int, RuledOut]] = []
        for stage in route.stages:
            demand = self._demand(stage, route, question)
            passed, out = self._qualifying(demand)
            long = [self._too_long(endpoint, size) for endpoint in passed]
            found += [(stage.stage, r) for r in (*out, *long) if r is not None]
        return tuple(found)

    def _route(self, question: Question) -> _Route:
        policy, assessed = self._inputs.policy, question.assessment
        profile = policy.profile_of(question.facts.tenant)
        floor = policy.floor(assessed.stakes, profile)
        rule = next(
            r
            for r in policy.rules
            if r.fits(
                profile=profile.name,
                stakes=assessed.stakes,
                domain=assessed.domain,
                complexity=assessed.complexity,
            )
        )
        tier, only_model, parked = max(rule.tier, floor, key=lambda t: t.rank), None, None
        stages = policy.stages_of(tier)
        asked = question.asked_model
        if asked in tuple(Tier):
            tier = Tier(asked)
            stages = policy.stages_of(tier)
            if tier.rank < floor.rank:
                parked = _below_floor(f"tier {asked}", question, floor)
        elif asked != AUTO:
            model = self._inputs.catalogue.model(self._inputs.catalogue.resolve(asked) or asked)
            only_model = model.id
            tier, stages = self._held_to(model, floor)
            if not stages:
                parked = _below_floor(f"the model {model.id}, which stands in tier {model.tier}", question, floor)
        if parked is None and profile.ceiling is not None and tier.rank > profile.ceiling.rank:
            by = f"{assessed.stakes} stakes (rule {rule.id}) take" if asked == AUTO else f"it asks for {asked} in"
            pays = f"the profile {profile.name} pays for {profile.ceiling} at most"
            parked = Parked("above_ceiling", f"{by} tier {tier}; {pays}")
        if parked is None and question.facts.deadline is not None and question.facts.deadline <= self._inputs.at:
            parked = Parked("deadline_passed", "its deadline had passed when it was planned")
        return _Route(rule, profile, floor, tier, stages, only_model, parked)

    def _held_to(self, model: Model, floor: Tier) -> tuple[Tier, tuple[Stage, ...]]:
        """The tier and stages of a job that asks for one model; no stages where the floor forbids that model."""
        policy = self._inputs.policy
        if model.tier.rank >= floor.rank:
            source = policy.stages_of(floor)[-1].models if floor is Tier.FRONTIER else ModelSource.ANY
            return model.tier, (Stage(tier=model.tier, stage=1, at_least=floor, models=source),)
        if floor is Tier.HYBRID and len(policy.stages_of(floor)) > 1:
            first, second = policy.stages_of(floor)
            return floor, (first.model_copy(update={"models": ModelSource.ANY}), second)
        return floor, ()

    def _stages(self, route: _Route, question: Question, size: Sizes) -> tuple[StageChoice, ...]:
        later = 0
        chosen: list[StageChoice] = []
        for stage in reversed(route.stages):
            candidates = self._candidates(stage, route, question, size, later if stage.checked else 0)
            chosen.append(StageChoice(stage.at_least, stage.checked, candidates))
            later = candidates[0].expected_pico if candidates else 0
        chosen.reverse()
        # What nobody may answer first goes straight to the stronger model; a job held to one model waits for that one.
        while len(chosen) > 1 and not chosen[0].candidates and route.only_model is None:
            del chosen[0]
        return tuple(chosen)

    def _candidates(
        self, stage: Stage, route: _Route, question: Question, size: Sizes, escalation_pico: int
    ) -> tuple[Candidate, ...]:
        """The endpoints that qualify for a stage, by expected cost (with the chance to escalate), worst cost and id."""
        found: list[Candidate] = []
        for endpoint in self._qualifying(self._demand(stage, route, question))[0]:
            if self._too_long(endpoint, size) is not None:
                continue
            card, tariff = self._tariff(endpoint)
            expected = tariff.expected(size)
            if escalation_pico:
                expected += ceil(failure_chance(question, endpoint.model, self._inputs) * escalation_pico)
            found.append(Candidate(endpoint.id, endpoint.model, card, expected, tariff.worst(size)))
        return tuple(sorted(found, key=lambda c: (c.expected_pico, c.worst_pico, c.endpoint)))

    def _parked_after(self, route: _Route, stages: tuple[StageChoice, ...], question: Question) -> Parked | None:
        """Why a job that was given stages still can't go: nobody qualifies, or it may not cost that much."""
        if not stages[0].candidates:
            counts: dict[str, int] = {}
            for number, out in self.ruled_out(question):
                if number == route.stages[0].stage:
                    counts[out.code] = counts.get(out.code, 0) + 1
            why = ", ".join(f"{code} {n}" for code, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
            return Parked("none_qualifies", f"no endpoint qualifies for tier {route.tier} ({why})")
        budget, worst = question.facts.budget_pico, _worst(stages)
        if budget is not None and worst > budget:
            first = stages[0].candidates[0]
            says = f"may cost {usd_short(worst)} USD; its own budget is {usd_short(budget)} USD"
            return Parked("over_job_budget", says, first.endpoint, worst)
        return None

    def _priced(self, route: _Route, parked: Parked, question: Question, size: Sizes) -> Parked:
        """Add what the job would cost at its floor, so that the producer can decide."""
        wanted = max(route.tier, route.floor, key=lambda t: t.rank)
        open_route = replace(route, tier=wanted, stages=self._inputs.policy.stages_of(wanted), only_model=None)
        stages = self._stages(open_route, question, size)
        if not stages[0].candidates:
            return parked
        first = stages[0].candidates[0]
        says = f"{parked.says}; {first.endpoint} would cost about {usd_short(first.expected_pico)} USD"
        return replace(parked, says=says, endpoint=first.endpoint, price_pico=first.expected_pico)

    def _decision(self, route: _Route, stages: tuple[StageChoice, ...], parked: Parked | None, size: Sizes) -> Decision:
        goes = bool(stages) and parked is None
        return Decision(
            rule=route.rule.id,
            profile=route.profile.name,
            floor=route.floor,
            tier=route.tier,
            stages=stages,
            parked=parked,
            output_tokens=size.output,
            expected_pico=stages[0].candidates[0].expected_pico if goes else 0,
            worst_pico=_worst(stages) if goes else 0,
        )

    def _demand(self, stage: Stage, route: _Route, question: Question) -> Demand:
        only = route.only_model if stage is route.stages[0] else None
        return Demand(stage.at_least, stage.models, question.assessment.data_class, question.needs, only)

    def _qualifying(self, demand: Demand) -> tuple[tuple[Endpoint, ...], tuple[RuledOut, ...]]:
        if demand not in self._qualified:
            self._qualified[demand] = qualifying(demand, self._inputs)
        return self._qualified[demand]

    def _tariff(self, endpoint: Endpoint) -> tuple[str, Tariff]:
        if endpoint.id not in self._tariffs:
            card = self._inputs.catalogue.card_for(endpoint.id, self._inputs.at)
            if card is None:
                raise LookupError(f"{endpoint.id} qualified without a price card")
            self._tariffs[endpoint.id] = card.id, Tariff(card.rates(self._inputs.at))
        return self._tariffs[endpoint.id]

    def _too_long(self, endpoint: Endpoint, size: Sizes) -> RuledOut | None:
        return too_long(endpoint, size.worst_prompt, size.worst_output, self._inputs)


def _worst(stages: tuple[StageChoice, ...]) -> int:
    """The most that a job may cost when each stage is called once, at the dearest endpoint that it may fall back to."""
    return sum(max((c.worst_pico for c in stage.candidates), default=0) for stage in stages)


def _below_floor(asked: str, question: Question, floor: Tier) -> Parked:
    stakes = question.assessment.stakes
    return Parked("below_floor", f"the job asks for {asked}; its {stakes} stakes demand at least {floor}")
