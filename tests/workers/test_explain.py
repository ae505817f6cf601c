"""Explaining a job from stored facts."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from schemas.vocabulary import AttemptState
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
from workers.explain import explain
from workers.explain_words import story
from workers.explanation import Explanation
from workers.runtime import Runtime

pytestmark = pytest.mark.system


def _explain(runtime: Runtime, custom_id: str) -> Explanation:
    with runtime.engine.connect() as connection:
        found = explain(connection, batch_id="b", custom_id=custom_id)
    assert found is not None
    return found


def test_every_decision_comes_out_the_same_again(runtime: Runtime) -> None:
    """High, medium and low stakes, parked jobs, named tiers and models: made again from the stored facts, all agree."""
    jobs = [
        job("dose", DOSE),
        job("mail", MAIL),
        job("draft", DRAFT, budget_usd="0.5", deadline="2099-01-01T00:00:00Z"),
        job("solo", DOSE, tenant="individual/me"),
        job("late", MAIL, deadline="2001-01-01T00:00:00Z"),
        job("poor", DRAFT, budget_usd="0.000001"),
    ]
    for name, model in (("low-tier", "open"), ("named", "claude-sonnet-4-6"), ("named-open", "deepseek-v4.1-flash")):
        line = job(name, DRAFT)
        line["body"]["model"] = model
        jobs.append(line)
    take_in(runtime, "b", jobs, budget_pico=10**11)
    plan_batch(runtime, "b")
    found = [_explain(runtime, line["custom_id"]) for line in jobs]
    assert [(one.subject.custom_id, one.rederived) for one in found if not one.rederived.same] == []
    assert {one.subject.reason for one in found} >= {None, "above_ceiling", "deadline_passed", "over_job_budget"}
    assert all(stage.qualified or stage.excluded for one in found for stage in one.stages)


def test_a_decision_that_was_tampered_with_is_told(runtime: Runtime) -> None:
    """A stored decision that the facts don't bear out is named, field by field."""
    take_in(runtime, "b", [job("mail", MAIL)])
    plan_batch(runtime, "b")
    with runtime.engine.begin() as connection:
        connection.execute(text("""UPDATE job SET decision = jsonb_set(decision, '{tier}', '"frontier"')"""))
    found = _explain(runtime, "mail")
    assert (found.rederived.same, found.rederived.differs) == (False, ("tier",))


def test_each_cheaper_endpoint_has_a_reason_against_it(runtime: Runtime) -> None:
    """For high stakes nearly everything is cheaper; all of it is ruled out in words, none of it is a candidate."""
    take_in(runtime, "b", [job("dose", DOSE)])
    plan_batch(runtime, "b")
    (stage,) = _explain(runtime, "dose").stages
    best = stage.qualified[0]
    assert [one.expected_pico for one in stage.qualified] == sorted(one.expected_pico for one in stage.qualified)
    cheaper = [one for one in stage.excluded if one.cheaper]
    assert cheaper
    assert all(one.says and one.call_pico is not None and one.call_pico < best.call_pico for one in cheaper)
    everyone = {endpoint.id for endpoint in runtime.rulebook.catalogue.endpoints}
    assert {one.endpoint for one in (*stage.qualified, *stage.excluded)} == everyone
    assert "below_tier" in {one.code for one in cheaper}


def test_an_escalation_is_told_in_plain_words_with_the_cost_of_both_calls(runtime: Runtime) -> None:
    """Both calls, their flaws, cards, tokens and costs."""
    take_in(runtime, "b", [job("draft", DRAFT)])
    plan_batch(runtime, "b")
    call_all(runtime, "b", lambda claimed: flawed(claimed) if claimed.stage == 0 else answered(claimed))
    found = _explain(runtime, "draft")
    first, second = found.attempts
    assert (first.state, first.flaws, first.accepted) == (AttemptState.BILLED, ("empty",), False)
    assert (second.purpose, second.accepted, second.served_model) == ("escalation", True, "model-2026")
    assert first.tokens == {"input": 100, "cached_read": 0, "cache_write": 0, "output": 20}
    assert found.cost_pico == (first.settled_pico or 0) + (second.settled_pico or 0) > 0
    assert found.baseline_pico is not None
    told = "\n".join(story(found))
    assert "failed its check (empty), so the job went on to a stronger model" in told
    assert "answered by the stand-in, not by a model" in told
    assert len(found.stages) == 2


def test_a_call_of_unknown_fate_is_told_with_what_is_accrued(runtime: Runtime) -> None:
    """The words say that it may be charged and that the job waits."""
    take_in(runtime, "b", [job("mail", MAIL)])
    plan_batch(runtime, "b")
    call_all(runtime, "b", timed_out, rounds=1)
    told = "\n".join(story(_explain(runtime, "mail")))
    assert "(timeout); it may be charged" in told
    assert "It waits in the queue" in told


def test_a_job_that_is_not_planned_is_explained_as_far_as_it_goes(runtime: Runtime) -> None:
    """Its stakes are known, its decision is not."""
    take_in(runtime, "b", [job("dose", DOSE)])
    found = _explain(runtime, "dose")
    assert found.assessment.stakes == "high"
    assert (found.decision, found.rederived.impossible) == (None, "its batch isn't planned yet")
    assert any("no decision" in sentence for sentence in story(found))


def test_an_explanation_quotes_neither_prompt_nor_answer(runtime: Runtime) -> None:
    """A prompt's words are nowhere in it, nor those of metadata that only the producer reads."""
    take_in(runtime, "b", [job("mail", f"{MAIL} zebrafinch", note="okapi", labels="quokka,numbat")])
    plan_batch(runtime, "b")
    call_all(runtime, "b")
    found = _explain(runtime, "mail")
    written = json.dumps(found.as_json()) + " ".join(story(found))
    for secret in ("zebrafinch", "okapi", "quokka", "answer to"):
        assert secret not in written


def test_a_job_is_found_by_its_number_too(runtime: Runtime) -> None:
    """The number is unique over all batches; an unknown one is None."""
    take_in(runtime, "b", [job("mail", MAIL)])
    number = _explain(runtime, "mail").subject.job_id
    with runtime.engine.connect() as connection:
        found = explain(connection, job_id=number)
        assert found is not None
        assert found.subject.custom_id == "mail"
        assert explain(connection, job_id=number + 1) is None
        assert explain(connection, batch_id="b", custom_id="other") is None
