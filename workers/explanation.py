"""Why a job went where it went, as frozen values: nothing in them quotes a prompt or an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from routing.assessment import Assessment
from schemas.money import usd_exact
from schemas.vocabulary import AttemptState, JobState, Tier


@dataclass(frozen=True, slots=True)
class Subject:
    """The job that is explained: what its producer said of it, and how it stands."""

    job_id: int
    batch_id: str
    line: int
    custom_id: str
    state: JobState
    reason: str | None
    says: str | None
    tenant: str
    cost_centre: str
    project: str | None
    producer: str | None
    declared_stakes: str | None
    declared_data_class: str | None
    deadline: str | None
    budget_usd: str | None
    template: str | None
    asked_model: str
    prompt_tokens: int
    next_attempt_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        found = {name: getattr(self, name) for name in self.__slots__}
        return found | {"state": self.state.value, "next_attempt_at": _iso(self.next_attempt_at)}


@dataclass(frozen=True, slots=True)
class Qualified:
    """An endpoint that may take a stage's call. ``call_pico`` is the expected cost of the call alone; ``expected_pico``
    adds the chance and the cost of an escalation. ``rates`` are in USD per million tokens, by meter."""

    endpoint: str
    model: str
    card: str
    rates: Mapping[str, str]
    call_pico: int
    expected_pico: int
    worst_pico: int

    def as_json(self) -> dict[str, Any]:
        return {
            "endpoint": self.endpoint,
            "model": self.model,
            "card": self.card,
            "usd_per_million": dict(self.rates),
            "call_estimate_usd": usd_exact(self.call_pico),
            "expected_usd": usd_exact(self.expected_pico),
            "worst_usd": usd_exact(self.worst_pico),
        }


@dataclass(frozen=True, slots=True)
class Excluded:
    """An endpoint that does not qualify, and why. ``call_pico`` is what its call would cost, None without a price."""

    endpoint: str
    code: str
    says: str
    call_pico: int | None
    cheaper: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "endpoint": self.endpoint,
            "code": self.code,
            "says": self.says,
            "call_estimate_usd": None if self.call_pico is None else usd_exact(self.call_pico),
            "cheaper": self.cheaper,
        }


@dataclass(frozen=True, slots=True)
class StageExplained:
    """One call of the route: who qualifies (cheapest first), and what ruled out the others.

    ``skipped``: nobody qualifies for it, so the job goes straight to the next stage.
    """

    number: int
    at_least: Tier
    models: str
    checked: bool
    skipped: bool
    qualified: tuple[Qualified, ...]
    excluded: tuple[Excluded, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "stage": self.number,
            "at_least": self.at_least.value,
            "models": self.models,
            "checked": self.checked,
            "skipped": self.skipped,
            "qualified": [one.as_json() for one in self.qualified],
            "ruled_out": [one.as_json() for one in self.excluded],
        }


@dataclass(frozen=True, slots=True)
class LineExplained:
    """One ledger line of a call: quantity times price is the amount, quantised once, from ``debit`` to ``credit``."""

    meter: str
    kind: str
    quantity: int
    usd_per_million: Decimal
    amount_pico: int
    debit: str
    credit: str

    def as_json(self) -> dict[str, Any]:
        return {
            "meter": self.meter,
            "kind": self.kind,
            "quantity": self.quantity,
            "usd_per_million": f"{self.usd_per_million:f}",
            "amount_usd": usd_exact(self.amount_pico),
            "debit": self.debit,
            "credit": self.credit,
        }


@dataclass(frozen=True, slots=True)
class AttemptExplained:
    """One call to a provider. Amounts are None where it has no ledger line of that kind."""

    number: int
    stage: int
    purpose: str
    endpoint: str
    model: str
    served_model: str | None
    standin: bool
    state: AttemptState
    outcome: str | None
    status: int | None
    request_id: str | None
    finish_reason: str | None
    tokens: Mapping[str, int | None]
    flaws: tuple[str, ...]
    latency_ms: int | None
    card: str
    settled_pico: int | None
    accrued_pico: int | None
    sent_at: datetime
    accepted: bool
    lines: tuple[LineExplained, ...]

    @property
    def cost_pico(self) -> int:
        return (self.settled_pico or 0) + (self.accrued_pico or 0)

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "stage": self.stage + 1,
            "purpose": self.purpose,
            "endpoint": self.endpoint,
            "model": self.model,
            "served_model": self.served_model,
            "standin": self.standin,
            "state": self.state.value,
            "outcome": self.outcome,
            "status": self.status,
            "request_id": self.request_id,
            "finish_reason": self.finish_reason,
            "tokens": dict(self.tokens),
            "flaws": list(self.flaws),
            "latency_ms": self.latency_ms,
            "card": self.card,
            "settled_usd": usd_exact(self.settled_pico or 0),
            "accrued_usd": usd_exact(self.accrued_pico or 0),
            "sent_at": self.sent_at.isoformat(),
            "accepted": self.accepted,
            "lines": [line.as_json() for line in self.lines],
        }


@dataclass(frozen=True, slots=True)
class Rederived:
    """The decision made again from what was stored. ``same``: it is the stored one; else ``differs`` names its fields.

    ``impossible`` says why it could not be made again; ``same`` is False then.
    """

    same: bool
    differs: tuple[str, ...] = ()
    impossible: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"same": self.same, "differs": list(self.differs), "impossible": self.impossible}


@dataclass(frozen=True, slots=True)
class Versions:
    """What decided: short digests of policy and catalogue, and when (the instant that prices were taken at)."""

    policy: str
    catalogue: str
    at: datetime

    def as_json(self) -> dict[str, Any]:
        return {"policy": self.policy, "catalogue": self.catalogue, "decided_at": self.at.isoformat()}


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known of one job. ``decision`` is the stored one (``routing.decision.Decision.as_json``).

    ``use_case`` is the row of the policy that fits it. A job that isn't planned yet has no decision and no stages.
    """

    subject: Subject
    assessment: Assessment
    decision: Mapping[str, Any] | None
    use_case: str | None
    versions: Versions | None
    stages: tuple[StageExplained, ...]
    rederived: Rederived
    attempts: tuple[AttemptExplained, ...]
    baseline_pico: int | None
    baseline_card: str | None

    @property
    def cost_pico(self) -> int:
        return sum(attempt.cost_pico for attempt in self.attempts)

    def as_json(self) -> dict[str, Any]:
        return {
            "job": self.subject.as_json(),
            "assessment": self.assessment.as_json(),
            "decision": None if self.decision is None else dict(self.decision),
            "use_case": self.use_case,
            "versions": self.versions and self.versions.as_json(),
            "rederived": self.rederived.as_json(),
            "stages": [stage.as_json() for stage in self.stages],
            "attempts": [attempt.as_json() for attempt in self.attempts],
            "cost_usd": usd_exact(self.cost_pico),
            "baseline_estimate_usd": None if self.baseline_pico is None else usd_exact(self.baseline_pico),
            "baseline_card": self.baseline_card,
        }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
