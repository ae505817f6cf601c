"""Attempts and results for the tests of the ledger, with what a test doesn't care about filled in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Connection, insert, text

from ledger.posting import Charged
from routing.cards import Rates
from schemas.tables import batch, result

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
RATES = Rates(Decimal("0.10"), Decimal("0.01"), Decimal("0.125"), Decimal("0.30"))

_CHARGED = Charged(
    attempt_id=1,
    job_id=1,
    batch_id="b1",
    tenant="acme",
    cost_centre="sales",
    project=None,
    provider="prov",
    endpoint="prov/model",
    model="model",
    tier="open",
    purpose="answer",
    card="prov/model@2026",
    occurred_at=AT,
)


def charged(attempt_id: int = 1, **changes: object) -> Charged:
    """The head of an attempt's lines."""
    return replace(_CHARGED, attempt_id=attempt_id, **changes)  # type: ignore[arg-type]


def accept(connection: Connection, head: Charged, baseline_pico: int, card: str = "reference@2026") -> None:
    """Write an attempt's answer as its job's result, with the rows that it needs."""
    at = {"tenant": head.tenant, "state": "accepted", "way_in": "function", "content_digest": "d", "jobs": 1}
    here = connection.execute(text("SELECT 1 FROM batch WHERE id = :id"), {"id": head.batch_id}).scalar()
    if here is None:
        connection.execute(insert(batch).values(id=head.batch_id, bad_lines=0, **at))
    connection.execute(
        text(
            "INSERT INTO job (id, batch_id, line, custom_id, body, asked_model, facts, tenant, cost_centre, stakes,"
            " assessment, state, prompt_tokens, prefix_tokens, ended_at) OVERRIDING SYSTEM VALUE VALUES"
            " (:id, :batch, :id, :name, '{}', 'auto', '{}', :tenant, :centre, 'low', '{}', 'done', 1, 0, now())"
        ),
        {
            "id": head.job_id,
            "batch": head.batch_id,
            "name": f"c{head.job_id}",
            "tenant": head.tenant,
            "centre": head.cost_centre,
        },
    )
    connection.execute(
        text(
            "INSERT INTO attempt (id, job_id, batch_id, number, stage, purpose, endpoint, model, provider, standin,"
            " state, lease_token, estimated_input, estimated_output, card, sent_at) OVERRIDING SYSTEM VALUE VALUES"
            " (:id, :job, :batch, 1, 0, 'answer', 'e', 'm', 'p', true, 'billed', gen_random_uuid(), 1, 1, 'k', now())"
        ),
        {"id": head.attempt_id, "job": head.job_id, "batch": head.batch_id},
    )
    row = {"completion": {}, "baseline_pico": baseline_pico, "baseline_card": card}
    connection.execute(insert(result).values(job_id=head.job_id, attempt_id=head.attempt_id, **row))
