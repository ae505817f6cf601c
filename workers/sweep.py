"""The sweeper: takes over what fell silent, announces what is due, finishes what has ended. One at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Engine, text

from ledger import journal
from ledger.posting import Posting, accrue
from schemas.database import query
from schemas.storable import as_json
from schemas.usage import Usage
from schemas.vocabulary import AttemptState
from workers.bell import Bell
from workers.calls import Outcome, OutcomeKind
from workers.claimed import charged_for
from workers.rulebook import Rulebook
from workers.verdict import Verdict, again

_log = structlog.get_logger(__name__)
#: Whoever holds this advisory lock sweeps.
_LOCK = 7_011_002
_PAGE = 500
_LOST = Outcome(OutcomeKind.UNCERTAIN, error_code="lease_lost")


@dataclass(frozen=True, slots=True)
class Swept:
    """What one round did. ``swept`` is False when another sweeper was at it."""

    swept: bool
    leases: int = 0
    batches: int = 0
    chunks: int = 0
    finished: int = 0


def sweep(engine: Engine, bell: Bell, rulebook: Rulebook) -> Swept:
    """One round. Every step is a transaction of its own, so dying between them loses nothing."""
    with engine.connect() as guard:
        if not guard.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}).scalar_one():
            return Swept(swept=False)
        guard.commit()
        try:
            return _round(engine, bell, rulebook)
        finally:
            guard.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            guard.commit()


def _round(engine: Engine, bell: Bell, rulebook: Rulebook) -> Swept:
    leases = 0
    while taken := _take_over(engine, rulebook):
        leases += taken
    with engine.begin() as connection:
        late = connection.execute(query("workers", "pass_deadlines")).all()
        connection.execute(query("workers", "expire_holds"))
        if late:
            connection.execute(query("workers", "end_chunks"), {"chunks": sorted({row.chunk_id for row in late})})
    batches = bell.ring_unplanned()
    chunks = bell.ring_due()
    return Swept(True, leases, batches, chunks, finish_batches(engine, None))


def finish_batches(engine: Engine, batches: Sequence[str] | None) -> int:
    """Finish those of ``batches`` (None: of all) whose jobs have all ended; returns how many."""
    with engine.begin() as connection:
        given = {"batches": None if batches is None else sorted(batches)}
        finished = connection.execute(query("workers", "finish_batches"), given).all()
    for row in finished:
        _log.info("batch.finished", batch_id=row.batch_id)
    return len(finished)


def _take_over(engine: Engine, rulebook: Rulebook) -> int:
    """Take a page of jobs from workers that fell silent. What was under way is uncertain, and accrued."""
    with engine.begin() as connection:
        rows = connection.execute(query("workers", "expired_leases"), {"page": _PAGE}).all()
        if not rows:
            return 0
        verdicts = [again(r.attempt_id, r.attempts, r.stage, _LOST, rulebook.policy.retries) for r in rows]
        jobs = [_job(row, verdict) for row, verdict in zip(rows, verdicts, strict=True)]
        connection.execute(query("workers", "settle_jobs"), {"jobs": as_json(jobs)})
        attempts = as_json([_attempt(row.attempt_id) for row in rows])
        closed = {r.id for r in connection.execute(query("workers", "close_attempts"), {"attempts": attempts})}
        journal.post(connection, [p for row in rows if row.attempt_id in closed for p in _accrual(row, rulebook)])
    _log.warning("lease.taken_over", jobs=len(rows))
    return len(rows)


def _accrual(row: Any, rulebook: Rulebook) -> tuple[Posting, ...]:
    charged = charged_for(
        row,
        provider=row.provider,
        endpoint=row.endpoint,
        model=row.model,
        purpose=row.purpose,
        card=row.card,
        at=row.sent_at,
    )
    rates = rulebook.catalogue.card(row.card).rates(row.sent_at)
    return accrue(charged, Usage(input=row.estimated_input, output=row.estimated_output), rates)


def _job(row: Any, verdict: Verdict) -> dict[str, Any]:
    return {
        "id": row.job_id,
        "token": str(row.lease_token),
        "state": verdict.job.value,
        "reason": verdict.reason,
        "reason_says": verdict.says,
        "delay_s": verdict.delay_s,
        "stage": verdict.stage,
    }


def _attempt(attempt_id: int) -> dict[str, Any]:
    return {"id": attempt_id, "state": AttemptState.UNCERTAIN.value, "outcome": _LOST.error_code, "flaws": []}
