"""How far a batch is: the few figures that a live display asks for often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from schemas.database import query
from schemas.vocabulary import ENDED, BatchState, JobState, Tier

#: Seconds over which the pace of a batch is measured.
_PACE_S = 30


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is. ``by`` counts jobs by tier (None: not planned yet) and state; times in seconds."""

    state: BatchState
    jobs: int
    by: Mapping[tuple[Tier | None, JobState], int]
    settled_pico: int
    accrued_pico: int
    budget_pico: int | None
    accepted_s: float
    eta_s: float | None

    @property
    def ended(self) -> int:
        return sum(count for (_, state), count in self.by.items() if state in ENDED)


def progress(connection: Connection, batch_id: str) -> Progress | None:
    """How far a batch is; None where there is none."""
    given = {"batch": batch_id, "window": _PACE_S}
    spent = connection.execute(query("workers", "status_spent"), {"batch": batch_id}).one_or_none()
    if spent is None:
        return None
    rows = connection.execute(query("workers", "status_progress"), given).all()
    by = {(Tier(row.tier) if row.tier else None, JobState(row.state)): int(row.jobs) for row in rows}
    left = sum(count for (_, state), count in by.items() if state not in ENDED)
    return Progress(
        state=BatchState(spent.state),
        jobs=spent.jobs,
        by=by,
        settled_pico=int(spent.settled_pico),
        accrued_pico=int(spent.accrued_pico),
        budget_pico=spent.budget_pico,
        accepted_s=float(spent.accepted_s),
        eta_s=eta(left, sum(int(row.lately) for row in rows), float(spent.planned_s)),
    )


def eta(left: int, lately: int, planned_s: float) -> float | None:
    """Seconds until ``left`` jobs have ended at the pace of ``lately``; None while no pace can be told."""
    if not left:
        return 0.0
    return left * min(planned_s, float(_PACE_S)) / lately if lately and planned_s > 0 else None
