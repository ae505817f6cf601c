"""How batches stand."""

from __future__ import annotations

import pytest

from schemas.vocabulary import BatchState, JobState, Stakes, Tier
from tests.workers.settled_batches import (
    DOSE,
    DRAFT,
    MAIL,
    answered,
    call_all,
    flawed,
    job,
    plan_batch,
    take_in,
    timed_out,
)
from workers.progress import eta, progress
from workers.runtime import Runtime
from workers.status import batch_status, events, recent

pytestmark = pytest.mark.system


def test_groups_hold_every_job_once_with_its_tokens_and_cost(runtime: Runtime) -> None:
    """Stakes by tier, high first; sums agree with the ledger's lines."""
    jobs = [job("dose", DOSE), job("mail", MAIL), job("draft", DRAFT), job("solo", DOSE, tenant="individual/me")]
    take_in(runtime, "b", [*jobs, "{"], budget_pico=10**12)
    plan_batch(runtime, "b")
    call_all(runtime, "b", lambda claimed: flawed(claimed) if claimed.checked else answered(claimed))
    with runtime.engine.connect() as connection:
        status = batch_status(connection, "b")
    assert status is not None
    assert (status.state, status.jobs, status.bad_lines) == (BatchState.FINISHED, 4, 1)
    assert sum(group.jobs for group in status.groups) == 4
    assert (status.count(JobState.DONE), status.count(JobState.PARKED)) == (3, 1)
    assert status.groups[0].stakes is Stakes.HIGH
    assert status.groups[0].tier is Tier.FRONTIER
    assert status.escalated == 1
    assert sum(group.input_tokens for group in status.groups) == 400
    assert sum(group.output_tokens for group in status.groups) == 80
    assert status.settled_pico > 0
    assert status.accrued_pico == 0
    assert status.baseline_models == ("claude-opus-4-6",)
    # 100 tokens in at 5 and 20 out at 25 USD per million, three times
    assert status.baseline_pico == 3 * (100 * 5_000_000 + 20 * 25_000_000)
    (ending,) = status.endings
    assert (ending.state, ending.code, ending.jobs, ending.example) == (JobState.PARKED, "above_ceiling", 1, "solo")
    assert ending.price_pico > 0
    assert status.calls.standin == status.calls.made == 4
    assert [event.kind for event in status.events] == ["jobs_parked", "finished"]
    assert (status.budget_pico, status.held_pico) == (10**12, 0)


def test_spend_of_unknown_fate_is_shown_apart_and_what_waits_says_why(runtime: Runtime) -> None:
    """An uncertain call is accrued; its job waits with the code of what happened."""
    take_in(runtime, "b", [job("mail", MAIL)], budget_pico=10**12)
    plan_batch(runtime, "b")
    call_all(runtime, "b", timed_out, rounds=1)
    with runtime.engine.connect() as connection:
        status = batch_status(connection, "b")
        seen = progress(connection, "b")
    assert status is not None
    assert status.settled_pico == 0
    assert status.accrued_pico > 0
    assert status.calls.uncertain == 1
    assert status.held_pico > 0
    (waiting,) = status.waiting
    assert (waiting.outcome, waiting.jobs) == ("timeout", 1)
    assert waiting.endpoint is not None
    assert waiting.due_at is not None
    assert seen is not None
    assert (seen.accrued_pico, seen.settled_pico, seen.ended) == (status.accrued_pico, 0, 0)


def test_an_accepted_batch_has_no_tier_yet(runtime: Runtime) -> None:
    """Before the plan, jobs count by their stakes alone."""
    take_in(runtime, "b", [job("mail", MAIL)])
    with runtime.engine.connect() as connection:
        status, seen = batch_status(connection, "b"), progress(connection, "b")
    assert status is not None
    assert [(group.tier, group.jobs) for group in status.groups] == [(None, 1)]
    assert seen is not None
    assert seen.by == {(None, JobState.ACCEPTED): 1}
    assert seen.eta_s is None


def test_recent_batches_come_newest_first_and_by_tenant(runtime: Runtime) -> None:
    """The list is bounded and can be narrowed."""
    for name in ("one", "two", "three"):
        take_in(runtime, name, [job("mail", MAIL)])
    with runtime.engine.connect() as connection:
        assert [line.id for line in recent(connection, tenant=None, most=2)] == ["three", "two"]
        assert recent(connection, tenant="nobody", most=2) == ()


def test_there_is_nothing_to_tell_of_an_unknown_batch(runtime: Runtime) -> None:
    """None, not an error."""
    with runtime.engine.connect() as connection:
        assert batch_status(connection, "b") is None
        assert progress(connection, "b") is None
        assert events(connection, "b") == ()


@pytest.mark.parametrize(
    ("left", "lately", "planned_s", "expected"),
    [(0, 0, 0.0, 0.0), (10, 0, 60.0, None), (10, 5, 0.0, None), (100, 30, 600.0, 100.0), (100, 50, 10.0, 20.0)],
)
def test_the_time_left_follows_the_pace_of_the_last_half_minute(
    left: int, lately: int, planned_s: float, expected: float | None
) -> None:
    """No pace, no guess; a batch younger than the window is measured over its own age."""
    assert eta(left, lately, planned_s) == expected
