"""Batches that are accepted, planned and settled on a real database, their calls' outcomes made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from routing.verify import Flaw, FlawCode
from schemas.lines import lines_of
from schemas.usage import Usage
from workers.calls import Outcome, OutcomeKind
from workers.claimed import ClaimedJob, claim
from workers.intake import Order, Receipt, accept
from workers.planning import plan
from workers.runtime import Runtime
from workers.settings import load_settings
from workers.settle import Settled, settle
from workers.sweep import finish_batches
from workers.verdict import judge

MAIL = "Write a birthday e-mail to a customer of our shop."
DOSE = "Is 40 mg safe with warfarin for my patient? Diagnose and prescribe."
DRAFT = "Summarise this internal memo about the office move for my team lead."

Answer = Callable[[ClaimedJob], tuple[Outcome, tuple[Flaw, ...]]]


def make_runtime(database_url: str, broker_url: str = "") -> Runtime:
    """A runtime in which the stand-in answers for every remote endpoint; nobody listens at its address."""
    settings = load_settings(standin_url="http://127.0.0.1:9")
    return Runtime(settings, database_url, broker_url, "test")


def job(custom_id: str, ask: str, **metadata: str) -> dict[str, Any]:
    """A job line."""
    body: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": ask}], "metadata": metadata}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def jsonl(jobs: Iterable[Any]) -> str:
    """Job lines as the text of a bulk file; strings stay as they are."""
    return "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in jobs)


def take_in(runtime: Runtime, batch_id: str, jobs: Iterable[Any], budget_pico: int | None = None) -> Receipt:
    """Accept a batch."""
    order = Order(batch_id, "function", {}, budget_pico)
    return accept(runtime.engine, order, lines_of(jobs), runtime.rulebook, runtime.assessors)


def plan_batch(runtime: Runtime, batch_id: str) -> None:
    """Plan a batch as a worker would."""
    assert plan(runtime.engine, batch_id, runtime.rulebook, runtime.reach, chunk_jobs=64, hold_days=7)


def answered(job: ClaimedJob) -> tuple[Outcome, tuple[Flaw, ...]]:
    """A sound answer."""
    message = {"role": "assistant", "content": f"answer to {job.custom_id}"}
    outcome = Outcome(
        OutcomeKind.ANSWERED,
        usage=Usage(input=100, output=20),
        completion={"object": "chat.completion", "choices": [{"index": 0, "message": message}]},
        text=message["content"],
        finish_reason="stop",
        status=200,
        request_id=f"req-{job.attempt_id}",
        served_model="model-2026",
        latency_s=0.25,
    )
    return outcome, ()


def flawed(job: ClaimedJob) -> tuple[Outcome, tuple[Flaw, ...]]:
    """An answer that fails its check."""
    return answered(job)[0], (Flaw(FlawCode.EMPTY, "says nothing"),)


def timed_out(job: ClaimedJob) -> tuple[Outcome, tuple[Flaw, ...]]:
    """A call whose fate is unknown."""
    return Outcome(OutcomeKind.UNCERTAIN, error_code="timeout", latency_s=1.0), ()


def rejected(job: ClaimedJob) -> tuple[Outcome, tuple[Flaw, ...]]:
    """A request that the provider refuses for good."""
    return Outcome(OutcomeKind.REJECTED, status=422, error_code="http_422"), ()


def call_all(runtime: Runtime, batch_id: str, answer: Answer = answered, *, rounds: int = 5) -> None:
    """Claim whatever is due, settle it with made-up outcomes, and finish the batch when all of it has ended."""
    for _ in range(rounds):
        with runtime.engine.connect() as connection:
            chunks = connection.execute(
                text("SELECT id, endpoints FROM chunk WHERE batch_id = :b AND ended_at IS NULL ORDER BY id"),
                {"b": batch_id},
            ).all()
        for chunk in chunks:
            _call_chunk(runtime, chunk.id, chunk.endpoints[0], answer)
    finish_batches(runtime.engine, [batch_id])


def _call_chunk(runtime: Runtime, chunk_id: int, endpoint_id: str, answer: Answer) -> None:
    now = datetime.now(UTC)
    catalogue, retries = runtime.rulebook.catalogue, runtime.rulebook.policy.retries
    endpoint, card = catalogue.endpoint(endpoint_id), catalogue.card_for(endpoint_id, now)
    assert card is not None
    with runtime.engine.begin() as connection:
        jobs = claim(connection, chunk_id, endpoint, card.id, standin=True, want=1000, token=uuid4(), lease_s=60)
    settled = []
    for claimed in jobs:
        outcome, flaws = answer(claimed)
        settled.append(Settled(claimed, outcome, flaws, judge(claimed, outcome, flaws, retries), card.rates(now)))
    if settled:
        with runtime.engine.begin() as connection:
            settle(connection, settled, runtime.reference(now), catalogue)
