"""How a batch stands, as frozen values: its jobs by stakes and tier, what they cost, why some of them wait or ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.money import usd_exact
from schemas.vocabulary import BatchState, JobState, Stakes, Tier


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One batch of a list. ``spent_pico`` is billed and accrued."""

    id: str
    tenant: str
    state: BatchState
    way_in: str
    jobs: int
    bad_lines: int
    done: int
    parked: int
    failed: int
    spent_pico: int
    budget_pico: int | None
    accepted_at: datetime
    finished_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        return {
            "batch": self.id,
            "tenant": self.tenant,
            "state": self.state.value,
            "way_in": self.way_in,
            "jobs": self.jobs,
            "bad_lines": self.bad_lines,
            "done": self.done,
            "parked": self.parked,
            "failed": self.failed,
            "spent_usd": usd_exact(self.spent_pico),
            "budget_usd": _usd(self.budget_pico),
            "accepted_at": self.accepted_at.isoformat(),
            "finished_at": _iso(self.finished_at),
        }


@dataclass(frozen=True, slots=True)
class Group:
    """The jobs of a batch of one level of stakes and one tier (None: not planned yet). ``states`` counts them.

    Input tokens include cached ones. ``accrued_pico`` is for calls whose fate is unknown. ``baseline_pico`` is an
    estimate: the tokens of the accepted answers on the reference model.
    """

    stakes: Stakes
    tier: Tier | None
    states: Mapping[JobState, int]
    escalated: int
    input_tokens: int
    output_tokens: int
    settled_pico: int
    accrued_pico: int
    baseline_pico: int

    @property
    def jobs(self) -> int:
        return sum(self.states.values())

    @property
    def cost_pico(self) -> int:
        return self.settled_pico + self.accrued_pico

    @property
    def saving_pico(self) -> int:
        """Estimated; negative where the route cost more than the reference model would have."""
        return self.baseline_pico - self.cost_pico

    def as_json(self) -> dict[str, Any]:
        return {
            "stakes": self.stakes.value,
            "tier": self.tier and self.tier.value,
            "jobs": self.jobs,
            "states": {state.value: count for state, count in self.states.items()},
            "escalated": self.escalated,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "settled_usd": usd_exact(self.settled_pico),
            "accrued_usd": usd_exact(self.accrued_pico),
            "baseline_estimate_usd": usd_exact(self.baseline_pico),
            "saving_estimate_usd": usd_exact(self.saving_pico),
        }


@dataclass(frozen=True, slots=True)
class Ending:
    """Why some jobs are parked or failed. ``says`` and ``example`` (a custom_id) are the first one's.

    ``price_pico`` is what the ``priced`` ones of them are expected to cost where they may run.
    """

    state: JobState
    code: str
    jobs: int
    says: str
    example: str
    priced: int
    price_pico: int

    def as_json(self) -> dict[str, Any]:
        return {
            "state": self.state.value,
            "reason": self.code,
            "jobs": self.jobs,
            "says": self.says,
            "example": self.example,
            "price_estimate_usd": usd_exact(self.price_pico) if self.priced else None,
        }


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why some jobs wait in the queue: how their last call ended (None: not called yet); ``due_at`` is the first's."""

    endpoint: str | None
    outcome: str | None
    jobs: int
    due_at: datetime | None
    due: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "endpoint": self.endpoint,
            "outcome": self.outcome,
            "jobs": self.jobs,
            "due_at": _iso(self.due_at),
            "due": self.due,
        }


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of a batch so far. ``standin`` of them went to the stand-in in a provider's place."""

    made: int
    under_way: int
    uncertain: int
    unbilled: int
    standin: int


@dataclass(frozen=True, slots=True)
class Event:
    """Something told of a batch, once."""

    kind: str
    detail: Mapping[str, Any]
    at: datetime

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "detail": dict(self.detail), "at": self.at.isoformat()}


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """One batch in full. ``held_pico`` is what its hold keeps of the budget, 0 when it is released.

    ``baseline_models`` names the reference models of ``baseline_cards``, where the stored catalogue knows them.
    """

    id: str
    tenant: str
    state: BatchState
    way_in: str
    jobs: int
    bad_lines: int
    budget_pico: int | None
    held_pico: int
    hold_state: str | None
    accepted_at: datetime
    planned_at: datetime | None
    finished_at: datetime | None
    groups: tuple[Group, ...]
    endings: tuple[Ending, ...]
    waiting: tuple[Waiting, ...]
    calls: Calls
    events: tuple[Event, ...]
    baseline_cards: tuple[str, ...]
    baseline_models: tuple[str, ...]

    def count(self, *states: JobState) -> int:
        """How many jobs are in any of these states."""
        return sum(group.states.get(state, 0) for group in self.groups for state in states)

    @property
    def settled_pico(self) -> int:
        return sum(group.settled_pico for group in self.groups)

    @property
    def accrued_pico(self) -> int:
        return sum(group.accrued_pico for group in self.groups)

    @property
    def cost_pico(self) -> int:
        return self.settled_pico + self.accrued_pico

    @property
    def baseline_pico(self) -> int:
        return sum(group.baseline_pico for group in self.groups)

    @property
    def escalated(self) -> int:
        return sum(group.escalated for group in self.groups)

    def as_json(self) -> dict[str, Any]:
        return {
            "batch": self.id,
            "tenant": self.tenant,
            "state": self.state.value,
            "way_in": self.way_in,
            "jobs": self.jobs,
            "bad_lines": self.bad_lines,
            "states": {state.value: n for state in JobState if (n := self.count(state))},
            "escalated": self.escalated,
            "input_tokens": sum(group.input_tokens for group in self.groups),
            "output_tokens": sum(group.output_tokens for group in self.groups),
            "settled_usd": usd_exact(self.settled_pico),
            "accrued_usd": usd_exact(self.accrued_pico),
            "total_usd": usd_exact(self.cost_pico),
            "budget_usd": _usd(self.budget_pico),
            "held_usd": usd_exact(self.held_pico),
            "hold": self.hold_state,
            "baseline_estimate_usd": usd_exact(self.baseline_pico),
            "saving_estimate_usd": usd_exact(self.baseline_pico - self.cost_pico),
            "baseline_models": list(self.baseline_models),
            "baseline_cards": list(self.baseline_cards),
            "calls": {name: getattr(self.calls, name) for name in Calls.__slots__},
            "groups": [group.as_json() for group in self.groups],
            "endings": [ending.as_json() for ending in self.endings],
            "waiting": [waiting.as_json() for waiting in self.waiting],
            "events": [event.as_json() for event in self.events],
            "accepted_at": self.accepted_at.isoformat(),
            "planned_at": _iso(self.planned_at),
            "finished_at": _iso(self.finished_at),
        }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _usd(pico: int | None) -> str | None:
    return None if pico is None else usd_exact(pico)
