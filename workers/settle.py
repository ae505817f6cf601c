"""Settling: results, attempts and ledger lines of many calls in one transaction, behind the fence of their leases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ledger import journal
from ledger.posting import Posting, accrue, baseline, charge, reverse
from routing.cards import Card, Rates
from routing.catalogue import Catalogue
from routing.verify import Flaw
from schemas.database import query
from schemas.storable import as_json
from schemas.vocabulary import AttemptState, JobState, Tier
from workers.calls import Outcome
from workers.chunks import new_chunk
from workers.claimed import ClaimedJob
from workers.verdict import Verdict


@dataclass(frozen=True, slots=True, repr=False)
class Settled:
    """A call that has ended, judged and ready to be written. ``rates`` are those of its card when it left."""

    job: ClaimedJob
    outcome: Outcome
    flaws: tuple[Flaw, ...]
    verdict: Verdict
    rates: Rates


@dataclass(frozen=True, slots=True)
class Reference:
    """The frontier model that savings are measured against, with the prices valid now."""

    card: Card
    rates: Rates


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a transaction of settling did: calls (ids of attempts) whose jobs were still the caller's, and chunks opened
    for escalations."""

    owned: frozenset[int]
    opened: tuple[tuple[int, Tier], ...]


def settle(connection: Connection, calls: Sequence[Settled], reference: Reference, catalogue: Catalogue) -> Settlement:
    """Write everything about these calls. A job whose lease is gone keeps what others made of it; its spend is booked.

    The caller commits. Locks are taken in the order jobs, attempts, each by id, as the sweeper does.
    """
    given_back = {
        (row.id, row.token)
        for row in connection.execute(query("workers", "settle_jobs"), {"jobs": as_json([_job(c) for c in calls])})
    }
    owned = frozenset(c.job.attempt_id for c in calls if (c.job.job_id, c.job.token) in given_back)
    closed = {
        row.id: row.before
        for row in connection.execute(
            query("workers", "close_attempts"), {"attempts": as_json([_attempt(c) for c in calls])}
        )
    }
    fresh = [call for call in calls if call.job.attempt_id in closed]
    accepted = [call for call in fresh if call.verdict.accepted and call.job.attempt_id in owned]
    results = [_result(call, reference) for call in accepted]
    if results:
        connection.execute(query("workers", "accept_results"), {"results": as_json(results)})
    late = [attempt for attempt, before in closed.items() if before == AttemptState.UNCERTAIN]
    journal.post(connection, [line for call in fresh for line in _lines(call)])
    if late:
        journal.post(connection, [reverse(line) for line in journal.accruals_of(connection, late)])
    _learn(connection, fresh)
    escalated = [c for c in calls if c.job.attempt_id in owned and c.verdict.stage > c.job.stage]
    return Settlement(owned, _escalate(connection, escalated, catalogue))


def _job(call: Settled) -> dict[str, Any]:
    verdict = call.verdict
    return {
        "id": call.job.job_id,
        "token": str(call.job.token),
        "state": verdict.job.value,
        "reason": verdict.reason,
        "reason_says": verdict.says,
        "delay_s": verdict.delay_s,
        "stage": verdict.stage,
    }


def _attempt(call: Settled) -> dict[str, Any]:
    outcome, usage = call.outcome, call.outcome.usage
    return {
        "id": call.job.attempt_id,
        "state": call.verdict.attempt.value,
        "outcome": outcome.error_code or outcome.kind.value,
        "status": outcome.status,
        "request_id": outcome.request_id or None,
        "served_model": outcome.served_model or None,
        "finish_reason": outcome.finish_reason or None,
        "input_tokens": usage and usage.input,
        "cached_read_tokens": usage and usage.cached_read,
        "cache_write_tokens": usage and usage.cache_write,
        "output_tokens": usage and usage.output,
        "flaws": [flaw.code for flaw in call.flaws],
        "latency_ms": round(outcome.latency_s * 1000),
    }


def _result(call: Settled, reference: Reference) -> dict[str, Any]:
    usage = call.outcome.usage
    return {
        "job_id": call.job.job_id,
        "attempt_id": call.job.attempt_id,
        "completion": call.outcome.completion,
        "flaws": [flaw.code for flaw in call.flaws],
        "baseline_pico": baseline(usage, reference.rates) if usage else 0,
        "baseline_card": reference.card.id,
    }


def _lines(call: Settled) -> tuple[Posting, ...]:
    match call.verdict.attempt:
        case AttemptState.BILLED if call.outcome.usage is not None:
            return charge(call.job.charged, call.outcome.usage, call.rates)
        case AttemptState.UNCERTAIN:
            return accrue(call.job.charged, call.job.estimate, call.rates)
        case _:
            return ()


def _learn(connection: Connection, calls: Sequence[Settled]) -> None:
    """Add answers to what is known of their templates, in a fixed order so that two settlers can't deadlock."""
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for call in calls:
        usage = call.outcome.usage
        if call.job.template is not None and call.verdict.attempt is AttemptState.BILLED and usage is not None:
            row = sums[call.job.charged.tenant, call.job.template, call.job.charged.model]
            row[0] += 1
            row[1] += usage.output
            row[2] += bool(call.flaws)
    rows = [
        {"tenant": t, "template": name, "model": m, "answers": n, "output_tokens": tokens, "flawed": flawed}
        for (t, name, m), (n, tokens, flawed) in sorted(sums.items())
    ]
    if rows:
        connection.execute(query("workers", "learn"), rows)


def _escalate(connection: Connection, calls: Sequence[Settled], catalogue: Catalogue) -> tuple[tuple[int, Tier], ...]:
    """Give escalated jobs chunks of their own, in the lane of the models that take them on."""
    groups: dict[tuple[str, int, tuple[str, ...]], list[int]] = defaultdict(list)
    for call in calls:
        endpoints = call.job.stages[call.verdict.stage].endpoints
        groups[call.job.charged.batch_id, call.verdict.stage, endpoints].append(call.job.job_id)
    opened: list[tuple[int, Tier]] = []
    for (batch_id, stage, endpoints), jobs in groups.items():
        lane = _lane(endpoints, catalogue)
        chunk = new_chunk(connection, batch_id, lane, stage, endpoints)
        connection.execute(query("workers", "move_to_chunk"), {"chunk": chunk, "jobs": jobs})
        opened.append((chunk, lane))
    return tuple(opened)


def _lane(endpoints: Sequence[str], catalogue: Catalogue) -> Tier:
    """The lane of the first endpoint's model. A catalogue that was changed meanwhile may not know every endpoint."""
    known = {endpoint.id: endpoint for endpoint in catalogue.endpoints}
    first = next((known[name] for name in endpoints if name in known), None)
    return Tier.FRONTIER if first is None else catalogue.model(first.model).tier


def ended(calls: Sequence[Settled], settlement: Settlement) -> frozenset[str]:
    """The batches in which jobs ended with this settlement."""
    return frozenset(
        call.job.charged.batch_id
        for call in calls
        if call.job.attempt_id in settlement.owned and call.verdict.job is not JobState.QUEUED
    )
