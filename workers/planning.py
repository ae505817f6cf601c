"""Planning a batch: each job gets its tier and its ranked endpoints, and the worst case is held, in one step."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, text

from routing.choose import Chooser
from routing.decision import Decision, Parked, Question
from routing.prompt import read_prompt
from schemas.database import query
from schemas.facts import JobFacts
from schemas.money import MAX_PICO, usd_short
from schemas.storable import as_json
from schemas.vocabulary import Tier
from workers.chunks import new_chunk
from workers.plan_inputs import BatchInputs, gather
from workers.reach import Reach
from workers.rulebook import Rulebook
from workers.stored import assessment_from

_log = structlog.get_logger(__name__)
_PAGE = 2000


@dataclass
class Budget:
    """What the jobs of one batch may still cost at the most, in pico-USD; None is no limit."""

    limit_pico: int | None
    held_pico: int = 0

    def take(self, decision: Decision) -> Parked | None:
        """Hold a job's worst case, or say that the budget has no room for it."""
        # Without a limit of its own a batch holds at most what an amount can be.
        limit = MAX_PICO if self.limit_pico is None else self.limit_pico
        if self.held_pico + decision.worst_pico > limit:
            left = usd_short(limit - self.held_pico)
            says = f"may cost {usd_short(decision.worst_pico)} USD; {left} USD of the batch's budget are not held"
            return Parked("over_budget", says, decision.stages[0].candidates[0].endpoint, decision.expected_pico)
        self.held_pico += decision.worst_pico
        return None


@dataclass
class _Chunks:
    """Opens chunks for jobs that share batch, lane and ranked endpoints, each up to a size."""

    connection: Connection
    batch_id: str
    size: int
    _open: dict[tuple[Tier, tuple[str, ...]], list[int]] = field(default_factory=dict)

    def place(self, decision: Decision) -> int:
        key = decision.tier, tuple(c.endpoint for c in decision.stages[0].candidates)
        chunk = self._open.get(key)
        if chunk is None or chunk[1] >= self.size:
            chunk = [new_chunk(self.connection, self.batch_id, key[0], 0, key[1]), 0]
            self._open[key] = chunk
        chunk[1] += 1
        return chunk[0]


def plan(engine: Engine, batch_id: str, rulebook: Rulebook, reach: Reach, *, chunk_jobs: int, hold_days: int) -> bool:
    """Plan an accepted batch in one transaction. False when there is nothing to do: planned already, or under way."""
    with engine.begin() as connection:
        batch = connection.execute(query("workers", "lock_accepted_batch"), {"id": batch_id}).one_or_none()
        if batch is None:
            return False
        # The database's clock decides: workers' clocks may differ.
        at = connection.execute(text("SELECT now()")).scalar_one()
        known = gather(connection, batch_id, rulebook, reach.unreachable, at)
        budget = Budget(batch.budget_pico)
        parked = _decide_all(connection, batch_id, known, budget, chunk_jobs)
        digests = _keep(connection, rulebook)
        connection.execute(
            query("workers", "batch_planned"), {"id": batch_id, "inputs": as_json(known.as_json()), **digests}
        )
        if budget.held_pico:
            hold = {"batch_id": batch_id, "amount_pico": budget.held_pico, "days": hold_days}
            connection.execute(query("workers", "place_hold"), hold)
        if parked:
            tell(connection, batch_id, "jobs_parked", {"jobs": parked})
    return True


def decide(question: Question, chooser: Chooser, budget: Budget) -> tuple[Decision, Parked | None]:
    """One job's decision under the batch's budget: what live planning and the dry run both call."""
    decision = chooser.decide(question)
    return decision, decision.parked or budget.take(decision)


def question_of(row: Any, known: BatchInputs) -> Question:
    """The question that a stored job asks, as it was asked at plan time."""
    prompt = read_prompt(row.body)
    return Question(
        facts=JobFacts.model_validate(row.facts),
        assessment=assessment_from(row.assessment),
        asked_model=row.asked_model,
        needs=prompt.needs,
        prompt_tokens=row.prompt_tokens,
        prefix_tokens=row.prefix_tokens,
        max_output=prompt.max_output,
        template=row.template,
        repeats=known.templates[row.template] > 1,
    )


def tell(connection: Connection, batch_id: str, kind: str, detail: Mapping[str, Any]) -> None:
    """Record an event of a batch; each kind is told once."""
    connection.execute(query("workers", "tell"), {"batch_id": batch_id, "kind": kind, "detail": as_json(detail)})


def _decide_all(
    connection: Connection, batch_id: str, known: BatchInputs, budget: Budget, chunk_jobs: int
) -> dict[str, int]:
    """Decide every job, page by page; return how many were parked, by reason."""
    chooser, chunks = Chooser(known.inputs), _Chunks(connection, batch_id, chunk_jobs)
    parked_jobs: dict[str, int] = {}
    after = 0
    while True:
        page = {"batch": batch_id, "after": after, "page": _PAGE}
        rows = connection.execute(query("workers", "jobs_to_plan"), page).all()
        if not rows:
            return parked_jobs
        after = rows[-1].line
        decided = []
        for row in rows:
            decision, parked = _decide(row, known, chooser, budget)
            if parked is not None:
                parked_jobs[parked.code] = parked_jobs.get(parked.code, 0) + 1
            chunk = chunks.place(decision) if decision is not None and parked is None else None
            decided.append(_stored(row.id, decision, parked, chunk))
        connection.execute(query("workers", "store_decisions"), {"decisions": as_json(decided)})


def _decide(row: Any, known: BatchInputs, chooser: Chooser, budget: Budget) -> tuple[Decision | None, Parked | None]:
    """One stored job's decision. A job that can't be decided is parked: it must not hold up its batch."""
    try:
        return decide(question_of(row, known), chooser, budget)
    except Exception as error:  # noqa: BLE001 - any bug of a decision is the one job's trouble
        _log.error("job.undecided", job_id=row.id, error=type(error).__name__)
        return None, Parked("undecided", "it could not be decided where this job may go; please report this as a fault")


def _stored(job_id: int, decision: Decision | None, parked: Parked | None, chunk_id: int | None) -> dict[str, Any]:
    return {
        "id": job_id,
        "decision": decision and decision.as_json(),
        "tier": decision and decision.tier.value,
        "expected_pico": decision.expected_pico if decision else 0,
        "worst_pico": decision.worst_pico if decision else 0,
        "reason": parked and parked.code,
        "reason_says": parked and parked.says,
        "chunk_id": chunk_id,
    }


def _keep(connection: Connection, rulebook: Rulebook) -> dict[str, str]:
    """Store the texts that decided, once each; return their full digests."""
    digests: dict[str, str] = {}
    for kind, content in (("policy", rulebook.policy_text), ("catalogue", rulebook.catalogue_text)):
        digest = hashlib.sha256(content.encode()).hexdigest()
        connection.execute(query("workers", "keep_rulebook"), {"digest": digest, "kind": kind, "content": content})
        digests[f"{kind}_digest"] = digest
    return digests
