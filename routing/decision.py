"""What was decided about a job, as frozen values that explain themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from routing.assessment import Assessment
from routing.catalogue import Catalogue
from routing.policy import Policy
from schemas.facts import JobFacts
from schemas.vocabulary import Feature, Tier


@dataclass(frozen=True, slots=True)
class Question:
    """All that a decision reads of one job. Token counts are ``routing.tokens``'; ``max_output`` is the job's own cap.

    ``template`` names what rows of one template share; ``prefix_tokens`` of the prompt are that shared part, and
    ``repeats`` tells whether other jobs of the batch share it too (so providers may read it from their cache).
    """

    facts: JobFacts
    assessment: Assessment
    asked_model: str
    needs: frozenset[Feature]
    prompt_tokens: int
    prefix_tokens: int
    max_output: int | None
    template: str | None
    repeats: bool


@dataclass(frozen=True, slots=True)
class Learned:
    """What came back for one tenant, template and model: answers, their output tokens in all, how many had a flaw."""

    answers: int
    output_tokens: int
    flawed: int


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """All that decisions read besides the job: kept with the batch, so that each can be made again.

    ``unreachable`` maps endpoints to why they can't be called (no key, say). ``learned`` is by (tenant, template), then
    by model.
    """

    policy: Policy
    catalogue: Catalogue
    at: datetime
    unreachable: Mapping[str, str] = field(default_factory=dict)
    learned: Mapping[tuple[str, str], Mapping[str, Learned]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An endpoint that qualifies, with what the job is expected to cost there and at the very most, in pico-USD."""

    endpoint: str
    model: str
    card: str
    expected_pico: int
    worst_pico: int


@dataclass(frozen=True, slots=True)
class StageChoice:
    """One call of the route: the endpoints that qualify, cheapest first. ``checked``: a flawed answer escalates."""

    at_least: Tier
    checked: bool
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Parked:
    """Why a job isn't dispatched, in a code and in words, and what it would cost where it may run, if anywhere."""

    code: str
    says: str
    endpoint: str | None = None
    price_pico: int | None = None


@dataclass(frozen=True, slots=True)
class RuledOut:
    """An endpoint that does not qualify for a stage, and why."""

    endpoint: str
    code: str
    says: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a job goes. ``parked`` is None when it is dispatched; costs are in pico-USD and cover all stages."""

    rule: str
    profile: str
    floor: Tier
    tier: Tier
    stages: tuple[StageChoice, ...]
    parked: Parked | None
    output_tokens: int
    expected_pico: int
    worst_pico: int

    def as_json(self) -> dict[str, Any]:
        """What is stored with the job: enough to dispatch by; the rest is made again from the inputs."""
        parked = self.parked
        return {
            "rule": self.rule,
            "profile": self.profile,
            "floor": self.floor.value,
            "tier": self.tier.value,
            "stages": [
                {
                    "at_least": s.at_least.value,
                    "checked": s.checked,
                    "endpoints": [c.endpoint for c in s.candidates],
                    "expected_pico": [c.expected_pico for c in s.candidates],
                    "worst_pico": [c.worst_pico for c in s.candidates],
                }
                for s in self.stages
            ],
            "parked": parked
            and {
                "code": parked.code,
                "says": parked.says,
                "endpoint": parked.endpoint,
                "price_pico": parked.price_pico,
            },
            "output_tokens": self.output_tokens,
            "expected_pico": self.expected_pico,
            "worst_pico": self.worst_pico,
        }
