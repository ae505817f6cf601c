"""The dry run decides what live planning decides."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from routing.decision import PlanInputs
from schemas.lines import lines_of, read_jobs
from schemas.problems import Problem
from tests.workers.settled_batches import DOSE, DRAFT, MAIL, job, plan_batch, take_in
from workers.dry_run import Forecast, Planned, count_templates, dry_run
from workers.plan_inputs import BatchInputs
from workers.planning import Budget
from workers.runtime import Runtime

pytestmark = pytest.mark.system

EXAMPLES = Path(__file__).parents[2] / "examples" / "mixed_bulk.jsonl"


@pytest.mark.no_cover
def test_it_decides_each_job_as_live_planning_does(runtime: Runtime) -> None:
    """The same lines, instant and reach: decisions, parked jobs and the held amount are equal, line by line."""
    # Every sixteenth of the examples keeps it short, and a budget parks some of them.
    lines: list[str] = EXAMPLES.read_text("utf-8").splitlines()[::16]
    budget_pico = 10**12 // 4
    take_in(runtime, "b", lines, budget_pico=budget_pico)
    plan_batch(runtime, "b")
    with runtime.engine.connect() as connection:
        at = connection.execute(text("SELECT plan_inputs ->> 'at' FROM batch")).scalar_one()
        stored = connection.execute(text("SELECT custom_id, decision, state, reason FROM job ORDER BY line")).all()
        held = connection.execute(text("SELECT amount_pico FROM hold")).scalar_one()
    planned, budget = _dry_run(runtime, lines, at, budget_pico)
    assert [one.custom_id for one in planned] == [row.custom_id for row in stored]
    for one, row in zip(planned, stored, strict=True):
        assert one.decision.as_json() == row.decision, one.custom_id
        assert (one.parked and one.parked.code) == row.reason, one.custom_id
    assert budget.held_pico == held
    assert {row.reason for row in stored} >= {None, "above_ceiling", "over_budget"}


def test_a_forecast_adds_up(runtime: Runtime) -> None:
    """Groups and endpoints each sum to the total; parked jobs cost nothing and name their price."""
    lines = [job("a", DOSE), job("b", MAIL), job("c", DRAFT), job("d", DOSE, tenant="individual/me")]
    planned, _ = _dry_run(runtime, lines, "2026-12-01T00:00:00+00:00", None)
    forecast = Forecast()
    for one in planned:
        forecast.add(one)
    assert (forecast.jobs, forecast.total.jobs) == (4, 3)
    for shares in (forecast.groups.values(), forecast.endpoints.values()):
        assert sum(share.jobs for share in shares) == 3
        assert sum(share.expected_pico for share in shares) == forecast.total.expected_pico > 0
        assert sum(share.worst_pico for share in shares) == forecast.total.worst_pico
    assert forecast.total.baseline_pico > forecast.total.expected_pico
    reason = forecast.parked["above_ceiling"]
    assert (reason.jobs, reason.example, reason.priced) == (1, "d", 1)
    assert reason.price_pico > 0


def test_problems_pass_through_in_their_place(runtime: Runtime) -> None:
    """A bad line is not planned and not lost."""
    found = _run(runtime, [job("a", MAIL), "{", job("b", MAIL)], "2026-12-01T00:00:00+00:00", None)[0]
    assert [type(one) for one in found] == [Planned, Problem, Planned]


def _dry_run(runtime: Runtime, lines: list[object], at: str, budget_pico: int | None) -> tuple[list[Planned], Budget]:
    found, budget = _run(runtime, lines, at, budget_pico)
    return [one for one in found if isinstance(one, Planned)], budget


def _run(
    runtime: Runtime, lines: list[object], at: str, budget_pico: int | None
) -> tuple[list[Planned | Problem], Budget]:
    rulebook, moment = runtime.rulebook, datetime.fromisoformat(at)

    def items():
        return read_jobs(lines_of(lines), model_names=rulebook.catalogue.names())

    inputs = PlanInputs(rulebook.policy, rulebook.catalogue, moment, runtime.reach.unreachable)
    budget = Budget(budget_pico)
    known = BatchInputs(inputs, count_templates(items()))
    return list(dry_run(items(), known, budget, runtime.assessors, runtime.reference(moment))), budget
