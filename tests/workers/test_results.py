"""The results of a batch."""

from __future__ import annotations

import pytest

from schemas.output import OutputLine
from schemas.vocabulary import BatchState, JobState
from tests.workers.settled_batches import (
    DOSE,
    DRAFT,
    MAIL,
    answered,
    call_all,
    flawed,
    job,
    plan_batch,
    rejected,
    take_in,
)
from workers.results import output_lines, problems, readiness
from workers.runtime import Runtime

pytestmark = pytest.mark.system


def test_lines_come_in_the_order_of_the_input_whatever_ended_first(runtime: Runtime) -> None:
    """Jobs of several lanes end in any order; their results stand as the file had them."""
    jobs = [job(f"row-{n}", (DOSE, MAIL, DRAFT)[n % 3]) for n in range(30)]
    take_in(runtime, "b", jobs)
    plan_batch(runtime, "b")
    call_all(runtime, "b")
    lines = _lines(runtime)
    assert [line.custom_id for line in lines] == [f"row-{n}" for n in range(30)]
    assert all(line.response and line.pointsman.standin for line in lines)
    first = lines[0]
    assert first.response is not None
    assert first.response.status_code == 200
    assert first.response.request_id.startswith("req-")
    assert first.response.body["choices"][0]["message"]["content"] == "answer to row-0"


def test_a_job_without_an_answer_has_an_error_and_what_it_cost(runtime: Runtime) -> None:
    """Parked and failed jobs keep their place, with code and sentence."""
    take_in(runtime, "b", [job("parked", DOSE, tenant="individual/me"), job("failed", MAIL)])
    plan_batch(runtime, "b")
    call_all(runtime, "b", rejected)
    parked, failed = _lines(runtime)
    assert parked.error is not None
    assert (parked.error.code, parked.pointsman.state) == ("above_ceiling", JobState.PARKED)
    assert "would cost" in parked.error.message
    assert failed.error is not None
    assert (failed.error.code, failed.pointsman.state) == ("http_422", JobState.FAILED)
    assert failed.pointsman.cost_usd == "0.000000000000"


def test_an_escalated_job_pays_for_both_calls_and_names_the_flaws(runtime: Runtime) -> None:
    """The receipt sums over all attempts and names the endpoint that was accepted."""
    take_in(runtime, "b", [job("draft", DRAFT)])
    plan_batch(runtime, "b")
    call_all(runtime, "b", lambda claimed: flawed(claimed) if claimed.stage == 0 else answered(claimed))
    (line,) = _lines(runtime)
    receipt = line.pointsman
    assert (receipt.attempts, receipt.escalated, receipt.flaws) == (2, True, ("empty",))
    assert receipt.endpoint is not None
    assert float(receipt.cost_usd) > 0


def test_an_unfinished_batch_gives_what_has_ended(runtime: Runtime) -> None:
    """Jobs that wait are left out, and the readiness says so."""
    take_in(runtime, "b", [job("parked", DOSE, tenant="individual/me"), job("waits", MAIL)])
    plan_batch(runtime, "b")
    assert [line.custom_id for line in _lines(runtime)] == ["parked"]
    with runtime.engine.connect() as connection:
        ready = readiness(connection, "b")
        assert ready is not None
        assert (ready.state, ready.jobs, ready.ended, ready.finished) == (BatchState.PLANNED, 2, 1, False)
        assert readiness(connection, "other") is None


def test_problems_come_in_the_order_of_the_lines(runtime: Runtime) -> None:
    """What intake found wrong is kept with line, code and field."""
    take_in(runtime, "b", [job("a", MAIL), "{", job("a", MAIL)])
    with runtime.engine.connect() as connection, problems(connection, "b") as listed:
        found = [(one.line, one.code.value, one.custom_id) for one in listed]
    assert found == [(2, "invalid_json", None), (3, "duplicate_custom_id", "a")]


def test_pages_join_without_a_gap(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page ends fall anywhere; no line is lost or told twice."""
    monkeypatch.setattr("workers.results._PAGE", 3)
    take_in(runtime, "b", [job(f"row-{n}", DOSE, tenant="individual/me") for n in range(7)])
    plan_batch(runtime, "b")
    assert [line.custom_id for line in _lines(runtime)] == [f"row-{n}" for n in range(7)]


def test_a_reader_of_problems_may_stop_early(runtime: Runtime) -> None:
    """The cursor is closed with its context, not when somebody collects it."""
    take_in(runtime, "b", [job("a", MAIL), "{", "["])
    with runtime.engine.connect() as connection:
        with problems(connection, "b") as listed:
            assert next(listed).line == 2
        assert readiness(connection, "b") is not None


def _lines(runtime: Runtime) -> list[OutputLine]:
    with runtime.engine.connect() as connection:
        return list(output_lines(connection, "b"))
