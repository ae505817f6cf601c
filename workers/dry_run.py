"""The dry run: everything but the dispatch. Jobs are assessed and decided by the code that plans live, and added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ledger.posting import baseline
from routing.assessment import Assessment, Assessor
from routing.choose import Chooser
from routing.decision import Decision, Parked
from routing.prompt import read_prompt
from schemas.lines import ParsedJob
from schemas.money import usd_exact
from schemas.problems import Problem
from schemas.usage import Usage
from schemas.vocabulary import Stakes, Tier
from workers.assessing import AssessedJob, assess_jobs, template_of
from workers.plan_inputs import BatchInputs
from workers.planning import Budget, decide
from workers.settle import Reference

#: Jobs that are assessed together.
_BLOCK = 500


@dataclass(frozen=True, slots=True)
class Planned:
    """What would become of one line. ``baseline_pico`` is an estimate: the expected tokens on the reference model."""

    line: int
    custom_id: str
    assessment: Assessment
    decision: Decision
    parked: Parked | None
    baseline_pico: int

    @property
    def endpoint(self) -> str | None:
        """Where the first call would go; None where it would be parked."""
        return None if self.parked else self.decision.stages[0].candidates[0].endpoint

    def as_json(self) -> dict[str, Any]:
        parked = self.parked
        return {
            "line": self.line,
            "custom_id": self.custom_id,
            "stakes": self.assessment.stakes.value,
            "domain": self.assessment.domain.value,
            "data_class": self.assessment.data_class.value,
            "tier": self.decision.tier.value,
            "endpoint": self.endpoint,
            "expected_usd": usd_exact(0 if parked else self.decision.expected_pico),
            "worst_usd": usd_exact(0 if parked else self.decision.worst_pico),
            "baseline_estimate_usd": usd_exact(self.baseline_pico),
            "parked": parked and parked.code,
            "says": parked and parked.says,
            "price_estimate_usd": usd_exact(parked.price_pico) if parked and parked.price_pico is not None else None,
            "decision": self.decision.as_json(),
        }


def count_templates(items: Iterable[ParsedJob | Problem]) -> Counter[str]:
    """The jobs of a batch by template: what a decision must know of the other lines before it is made."""
    counted: Counter[str] = Counter()
    for item in items:
        if isinstance(item, ParsedJob):
            template = template_of(item.facts, read_prompt(item.body))
            if template is not None:
                counted[template] += 1
    return Counter({template: jobs for template, jobs in counted.items() if jobs > 1})


def dry_run(
    items: Iterable[ParsedJob | Problem],
    known: BatchInputs,
    budget: Budget,
    assessors: Sequence[Assessor],
    reference: Reference,
) -> Iterator[Planned | Problem]:
    """Plan the lines of a batch in order; problems are passed on. Memory does not grow with the batch."""
    chooser, left = Chooser(known.inputs), iter(items)
    while block := list(islice(left, _BLOCK)):
        jobs = [item for item in block if isinstance(item, ParsedJob)]
        assessed = iter(assess_jobs(jobs, assessors, known.inputs.policy))
        for item in block:
            yield item if isinstance(item, Problem) else _planned(next(assessed), known, chooser, budget, reference)


def _planned(job: AssessedJob, known: BatchInputs, chooser: Chooser, budget: Budget, reference: Reference) -> Planned:
    decision, parked = decide(job.question(known.templates), chooser, budget)
    tokens = Usage(input=job.prompt_tokens, output=decision.output_tokens)
    estimate = 0 if parked else baseline(tokens, reference.rates)
    return Planned(job.line, job.custom_id, job.assessment, decision, parked, estimate)


@dataclass
class Share:
    """What jobs that share something come to, in pico-USD."""

    jobs: int = 0
    expected_pico: int = 0
    worst_pico: int = 0
    baseline_pico: int = 0

    def add(self, planned: Planned) -> None:
        self.jobs += 1
        self.expected_pico += planned.decision.expected_pico
        self.worst_pico += planned.decision.worst_pico
        self.baseline_pico += planned.baseline_pico

    def as_json(self) -> dict[str, Any]:
        return {
            "jobs": self.jobs,
            "expected_usd": usd_exact(self.expected_pico),
            "worst_usd": usd_exact(self.worst_pico),
            "baseline_estimate_usd": usd_exact(self.baseline_pico),
        }


@dataclass
class Reason:
    """Jobs that would be parked for one reason; ``says`` and ``example`` (a custom_id) are the first one's."""

    says: str
    example: str
    jobs: int = 0
    priced: int = 0
    price_pico: int = 0


@dataclass
class Forecast:
    """The sum of a dry run: by stakes and tier, by tier and endpoint, and what would be parked."""

    total: Share = field(default_factory=Share)
    groups: dict[tuple[Stakes, Tier], Share] = field(default_factory=dict)
    endpoints: dict[tuple[Tier, str], Share] = field(default_factory=dict)
    parked: dict[str, Reason] = field(default_factory=dict)
    jobs: int = 0

    def add(self, planned: Planned) -> None:
        self.jobs += 1
        endpoint, parked = planned.endpoint, planned.parked
        if parked is not None:
            reason = self.parked.setdefault(parked.code, Reason(parked.says, planned.custom_id))
            reason.jobs += 1
            if parked.price_pico is not None:
                reason.priced += 1
                reason.price_pico += parked.price_pico
        if endpoint is not None:
            tier = planned.decision.tier
            self.total.add(planned)
            self.groups.setdefault((planned.assessment.stakes, tier), Share()).add(planned)
            self.endpoints.setdefault((tier, endpoint), Share()).add(planned)

    def as_json(self) -> dict[str, Any]:
        return {
            "jobs": self.jobs,
            "dispatched": self.total.as_json(),
            "groups": [
                {"stakes": stakes.value, "tier": tier.value, **share.as_json()}
                for (stakes, tier), share in sorted(self.groups.items(), key=lambda g: (-g[0][0].rank, -g[0][1].rank))
            ],
            "endpoints": [
                {"tier": tier.value, "endpoint": endpoint, **share.as_json()}
                for (tier, endpoint), share in sorted(self.endpoints.items(), key=lambda e: (-e[0][0].rank, e[0][1]))
            ],
            "parked": [
                {
                    "reason": code,
                    "jobs": reason.jobs,
                    "says": reason.says,
                    "example": reason.example,
                    "price_estimate_usd": usd_exact(reason.price_pico) if reason.priced else None,
                }
                for code, reason in sorted(self.parked.items(), key=lambda p: (-p[1].jobs, p[0]))
            ],
        }
