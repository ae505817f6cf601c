"""Reading how batches stand: the list of recent ones, and one in detail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from schemas.database import query
from schemas.vocabulary import BatchState, JobState, Stakes, Tier
from workers.batch_rulebook import rulebook_of
from workers.batch_status import BatchLine, BatchStatus, Calls, Ending, Event, Group, Waiting
from workers.settings import ConfigurationError


def recent(connection: Connection, *, tenant: str | None, most: int) -> tuple[BatchLine, ...]:
    """The newest batches, newest first."""
    rows = connection.execute(query("workers", "status_recent"), {"tenant": tenant, "most": most})
    return tuple(
        BatchLine(
            id=row.id,
            tenant=row.tenant,
            state=BatchState(row.state),
            way_in=row.way_in,
            jobs=row.jobs,
            bad_lines=row.bad_lines,
            done=row.done,
            parked=row.parked,
            failed=row.failed,
            spent_pico=int(row.pico),
            budget_pico=row.budget_pico,
            accepted_at=row.accepted_at,
            finished_at=row.finished_at,
        )
        for row in rows
    )


def events(connection: Connection, batch_id: str) -> tuple[Event, ...]:
    """What was told of a batch. One whose message was refused has events and no more."""
    rows = connection.execute(query("workers", "status_events"), {"batch": batch_id})
    return tuple(Event(row.kind, row.detail, row.at) for row in rows)


def batch_status(connection: Connection, batch_id: str) -> BatchStatus | None:
    """One batch in full; None where there is none."""
    given = {"batch": batch_id}
    row = connection.execute(query("workers", "status_batch"), given).one_or_none()
    if row is None:
        return None
    baselines = {(b.stakes, b.tier): b for b in connection.execute(query("workers", "status_baselines"), given)}
    cards = tuple(sorted({card for b in baselines.values() for card in b.cards}))
    calls = connection.execute(query("workers", "status_calls"), given).one()
    return BatchStatus(
        id=row.id,
        tenant=row.tenant,
        state=BatchState(row.state),
        way_in=row.way_in,
        jobs=row.jobs,
        bad_lines=row.bad_lines,
        budget_pico=row.budget_pico,
        held_pico=row.hold_pico if row.hold_state in ("active", "review") else 0,
        hold_state=row.hold_state,
        accepted_at=row.accepted_at,
        planned_at=row.planned_at,
        finished_at=row.finished_at,
        groups=_groups(connection, given, baselines),
        endings=tuple(
            Ending(JobState(e.state), e.reason or e.state, e.jobs, e.says or "", e.example, e.priced, int(e.price_pico))
            for e in connection.execute(query("workers", "status_reasons"), given)
        ),
        waiting=tuple(
            Waiting(w.endpoint, w.outcome, w.jobs, w.due_at, bool(w.due))
            for w in connection.execute(query("workers", "status_waiting"), given)
        ),
        calls=Calls(calls.made, calls.under_way, calls.uncertain, calls.unbilled, calls.standin),
        events=events(connection, batch_id),
        baseline_cards=cards,
        baseline_models=_models_of(connection, batch_id, cards),
    )


def _groups(
    connection: Connection, given: Mapping[str, Any], baselines: Mapping[tuple[str, str | None], Any]
) -> tuple[Group, ...]:
    """The jobs by stakes (high first) and tier (frontier first), with tokens and money."""
    states: dict[tuple[str, str | None], Counter[JobState]] = {}
    escalated: Counter[tuple[str, str | None]] = Counter()
    for row in connection.execute(query("workers", "status_jobs"), given):
        states.setdefault((row.stakes, row.tier), Counter())[JobState(row.state)] += row.jobs
        escalated[row.stakes, row.tier] += row.escalated
    costs = {(c.stakes, c.tier): c for c in connection.execute(query("workers", "status_costs"), given)}
    groups = [
        _group(key, counted, escalated[key], costs.get(key), baselines.get(key)) for key, counted in states.items()
    ]
    return tuple(sorted(groups, key=lambda g: (-g.stakes.rank, -(g.tier.rank if g.tier else -1))))


def _group(key: tuple[str, str | None], states: Counter[JobState], escalated: int, cost: Any, baseline: Any) -> Group:
    return Group(
        stakes=Stakes(key[0]),
        tier=Tier(key[1]) if key[1] else None,
        states=dict(states),
        escalated=escalated,
        input_tokens=int(cost.input_tokens) if cost else 0,
        output_tokens=int(cost.output_tokens) if cost else 0,
        settled_pico=int(cost.settled_pico) if cost else 0,
        accrued_pico=int(cost.accrued_pico) if cost else 0,
        baseline_pico=int(baseline.baseline_pico) if baseline else 0,
    )


def _models_of(connection: Connection, batch_id: str, cards: tuple[str, ...]) -> tuple[str, ...]:
    """The models whose prices these cards are, in the catalogue that the batch was planned by."""
    try:
        rulebook = rulebook_of(connection, batch_id) if cards else None
        catalogue = rulebook and rulebook.catalogue
        return tuple(sorted({catalogue.endpoint(catalogue.card(c).endpoint).model for c in cards})) if catalogue else ()
    except (ConfigurationError, KeyError):
        return ()
