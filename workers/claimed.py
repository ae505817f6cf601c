"""A job that this worker holds a lease on, with the call that is about to leave for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from ledger.posting import Charged
from routing.catalogue import Endpoint
from schemas.database import query
from schemas.usage import Usage


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as the decision stored it."""

    checked: bool
    endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class ClaimedJob:
    """A claimed job. ``attempt`` counts its calls from 1, ``stage`` from 0; ``charged`` heads its ledger lines."""

    job_id: int
    token: UUID
    custom_id: str
    attempt: int
    stage: int
    stages: tuple[Stage, ...]
    body: Mapping[str, Any]
    facts: Mapping[str, Any]
    template: str | None
    estimate: Usage
    charged: Charged

    @property
    def attempt_id(self) -> int:
        return self.charged.attempt_id

    @property
    def checked(self) -> bool:
        """Whether a flawed answer of this stage escalates."""
        return self.stages[self.stage].checked


def claim(
    connection: Connection,
    chunk_id: int,
    endpoint: Endpoint,
    card: str,
    *,
    standin: bool,
    want: int,
    token: UUID,
    lease_s: int,
    spent: int | None = None,
) -> list[ClaimedJob]:
    """Claim up to ``want`` due jobs of a chunk for one endpoint. Their attempts are written: commit before calling.

    ``spent``: jobs whose calls failed that often at this endpoint are left for another one; None leaves none.
    """
    given = {
        "chunk": chunk_id,
        "want": want,
        "token": token,
        "lease_s": lease_s,
        "endpoint": endpoint.id,
        "model": endpoint.model,
        "provider": endpoint.provider,
        "standin": standin,
        "card": card,
        "spent": spent,
    }
    rows = connection.execute(query("workers", "claim"), given)
    return [_claimed(row, token, endpoint, card) for row in rows]


def charged_for(
    row: Any, *, provider: str, endpoint: str, model: str, purpose: str, card: str, at: datetime
) -> Charged:
    """The head of an attempt's ledger lines, from a row with the job's and the attempt's columns."""
    return Charged(
        attempt_id=row.attempt_id,
        job_id=row.job_id,
        batch_id=row.batch_id,
        tenant=row.tenant,
        cost_centre=row.cost_centre,
        project=row.project,
        provider=provider,
        endpoint=endpoint,
        model=model,
        tier=row.tier,
        purpose=purpose,
        card=card,
        occurred_at=at,
        note=lowered_by(row.assessment["reasons"]),
    )


def lowered_by(reasons: Sequence[Mapping[str, str]]) -> str | None:
    """Who lowered the stakes by permission, in the words of the assessment; None where nobody did."""
    return next((reason["says"] for reason in reasons if reason["code"] == "declared.stakes.lowered"), None)


def _claimed(row: Any, token: UUID, endpoint: Endpoint, card: str) -> ClaimedJob:
    decision = row.decision
    return ClaimedJob(
        job_id=row.job_id,
        token=token,
        custom_id=row.custom_id,
        attempt=row.attempts,
        stage=row.stage,
        stages=tuple(Stage(s["checked"], tuple(s["endpoints"])) for s in decision["stages"]),
        body=row.body,
        facts=row.facts,
        template=row.template,
        estimate=Usage(input=row.prompt_tokens, output=decision["output_tokens"]),
        charged=charged_for(
            row,
            provider=endpoint.provider,
            endpoint=endpoint.id,
            model=endpoint.model,
            purpose="answer" if row.stage == 0 else "escalation",
            card=card,
            at=row.sent_at,
        ),
    )
