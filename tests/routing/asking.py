"""Questions to decide and the inputs they are decided by, with what a test doesn't care about filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from routing.assessment import Assessment
from routing.choose import Chooser
from routing.decision import Decision, Learned, PlanInputs, Question
from routing.policy import Policy, parse_policy
from schemas.facts import JobFacts
from schemas.vocabulary import DataClass, Domain, Feature, Stakes
from tests.routing.small_catalogue import AT, PLACES, Place, small_catalogue

POLICY_TEXT = files("routing.data").joinpath("policy.toml").read_text("utf-8")
POLICY = parse_policy(POLICY_TEXT, "policy.toml")


def changed_policy(*changes: tuple[str, str]) -> Policy:
    """The shipped policy with words of its text replaced; each must be there."""
    text = POLICY_TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse_policy(text, "changed.toml")


def assessed(
    stakes: Stakes = Stakes.LOW,
    *,
    domain: Domain = Domain.GENERAL,
    complexity: float = 0.2,
    data_class: DataClass = DataClass.INTERNAL,
) -> Assessment:
    """An assessment without reasons."""
    return Assessment(stakes, 0.0, 0.0, complexity, domain, data_class, (), "tests-1")


def question(
    assessment: Assessment | None = None,
    *,
    asked: str = "auto",
    needs: Iterable[Feature] = (),
    prompt_tokens: int = 1_000,
    prefix_tokens: int = 0,
    max_output: int | None = None,
    template: str | None = None,
    repeats: bool = False,
    **facts: Any,
) -> Question:
    """A question; ``facts`` are those of ``JobFacts``."""
    return Question(
        facts=JobFacts.model_validate(facts),
        assessment=assessment or assessed(),
        asked_model=asked,
        needs=frozenset(needs),
        prompt_tokens=prompt_tokens,
        prefix_tokens=prefix_tokens,
        max_output=max_output,
        template=template,
        repeats=repeats,
    )


def inputs(
    places: Iterable[Place] = PLACES,
    *,
    policy: Policy = POLICY,
    unreachable: Mapping[str, str] | None = None,
    learned: Mapping[tuple[str, str], Mapping[str, Learned]] | None = None,
) -> PlanInputs:
    """What decisions read besides the job."""
    return PlanInputs(policy, small_catalogue(places), AT, unreachable or {}, learned or {})


def decide(asked: Question, given: PlanInputs | None = None) -> Decision:
    """The decision of one question."""
    return Chooser(given or inputs()).decide(asked)


def endpoints(decision: Decision, stage: int = 0) -> list[str]:
    """The candidates of a stage, cheapest first."""
    return [candidate.endpoint for candidate in decision.stages[stage].candidates]
