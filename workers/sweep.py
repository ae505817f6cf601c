"""The sweeper: takes over what fell silent, announces what is due, finishes what has ended. One at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, text

from ledger import journal
from ledger.posting import Posting, accrue
from routing.cards import Card
from schemas.database import query
from schemas.storable import as_json
from schemas.usage import Usage
from schemas.vocabulary import AttemptState
from workers.batch_rulebook import rulebook_of
from workers.bell import Bell
from workers.calls import Outcome, OutcomeKind
from workers.claimed import charged_for
from workers.rulebook import Rulebook
from workers.settings import ConfigurationError
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
    leases = _step("take_over", lambda: _take_over_all(engine, rulebook))
    _step("deadlines", lambda: _pass_deadlines(engine))
    _step("holds", lambda: _expire_holds(engine))
    _step("chunks", lambda: _end_chunks(engine))
    batches = _step("ring_batches", bell.ring_unplanned)
    chunks = _step("ring_chunks", bell.ring_due)
    return Swept(True, leases, batches, chunks, _step("finish", lambda: finish_batches(engine, None)))


def _step(name: str, take: Callable[[], int]) -> int:
    """Take a step. One that fails doesn't keep the others from being taken: work would stand still for one bad row."""
    try:
        return take()
    except Exception as error:  # noqa: BLE001 - logged by its type, and taken again in the next round
        _log.error("sweep.step_failed", step=name, error=type(error).__name__)
        return 0


def finish_batches(engine: Engine, batches: Sequence[str] | None) -> int:
    """Finish those of ``batches`` (None: of all) whose jobs have all ended; returns how many."""
    with engine.begin() as connection:
        given = {"batches": None if batches is None else sorted(batches)}
        finished = connection.execute(query("workers", "finish_batches"), given).all()
    for row in finished:
        _log.info("batch.finished", batch_id=row.batch_id)
    return len(finished)


def _pass_deadlines(engine: Engine) -> int:
    with engine.begin() as connection:
        late = connection.execute(query("workers", "pass_deadlines")).all()
    for row in late:
        _log.warning("job.ended", state="parked", reason="deadline_passed", batch_id=row.batch_id, job_id=row.id)
    return len(late)


def _expire_holds(engine: Engine) -> int:
    with engine.begin() as connection:
        return connection.execute(query("workers", "expire_holds")).rowcount


def _end_chunks(engine: Engine) -> int:
    """End what a worker did not come to end: it died, or the chunk's last job ended elsewhere."""
    with engine.begin() as connection:
        return connection.execute(query("workers", "end_chunks"), {"chunks": None}).rowcount


def _take_over_all(engine: Engine, rulebook: Rulebook) -> int:
    leases = 0
    while taken := _take_over(engine, rulebook):
        leases += taken
    return leases


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
        lines = [p for r in rows if r.attempt_id in closed for p in _accrual(connection, r, rulebook)]
        journal.post(connection, lines)
    _log.warning("lease.taken_over", jobs=len(rows))
    for row, verdict in zip(rows, verdicts, strict=True):
        if verdict.reason is not None:
            fields = {"batch_id": row.batch_id, "job_id": row.job_id, "attempt_id": row.attempt_id}
            _log.warning("job.ended", state=verdict.job.value, reason=verdict.reason, **fields)
    return len(rows)


def _accrual(connection: Connection, row: Any, rulebook: Rulebook) -> tuple[Posting, ...]:
    card = _card(connection, row, rulebook)
    if card is None:
        _log.error("accrual.unpriced", attempt_id=row.attempt_id, card=row.card)
        return ()
    charged = charged_for(
        row,
        provider=row.provider,
        endpoint=row.endpoint,
        model=row.model,
        purpose=row.purpose,
        card=row.card,
        at=row.sent_at,
    )
    return accrue(charged, Usage(input=row.estimated_input, output=row.estimated_output), card.rates(row.sent_at))


def _card(connection: Connection, row: Any, rulebook: Rulebook) -> Card | None:
    """The card a call left by: this process's catalogue, else the one its batch was planned by, may have it."""
    try:
        return rulebook.catalogue.card(row.card)
    except KeyError:
        pass
    try:
        planned_by = rulebook_of(connection, row.batch_id)
        return None if planned_by is None else planned_by.catalogue.card(row.card)
    except (KeyError, ConfigurationError):
        return None


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
