"""The five rows of the founding table, each from a submitted line to a paid result."""

from __future__ import annotations

from typing import Any

import pytest

from routing.catalogue import Model
from schemas.vocabulary import Tier, Weights
from tests.system.conftest import Trial, job

pytestmark = pytest.mark.system


def answered_by(yard: Trial, batch_id: str, custom_id: str) -> Model:
    """The model whose answer became the job's result."""
    row = yard.one(
        "SELECT a.model, a.standin FROM result r JOIN attempt a ON a.id = r.attempt_id JOIN job j ON j.id = r.job_id"
        " WHERE j.batch_id = :batch AND j.custom_id = :custom",
        batch=batch_id,
        custom=custom_id,
    )
    assert row.standin
    return yard.runtime.rulebook.catalogue.model(row.model)


def is_open_or_chinese(model: Model) -> bool:
    return model.weights is Weights.OPEN or model.developer_country == "CN"


def test_complex_legal_or_financial_reasoning_goes_to_a_closed_frontier_model(yard: Trial) -> None:
    """Whether a clause binds, and which deduction may be claimed, are decided by a closed frontier model."""
    asks = {
        "clause": "Our supplier's contract caps liability at the fees paid. Does clause 9.2 still bind us after the "
        "gross negligence in May, and should we sue before the limitation period ends?",
        "deduction": "Which of these two deductions may I claim for the home office, and how must I treat the rest?",
    }
    yard.submit([job(name, ask, tenant="northwind") for name, ask in asks.items()], "row-legal")
    jobs = yard.finished("row-legal")
    for name in asks:
        assert (jobs[name].stakes, jobs[name].tier, jobs[name].state) == ("high", "frontier", "done")
        model = answered_by(yard, "row-legal", name)
        assert (model.tier, model.weights) == (Tier.FRONTIER, Weights.CLOSED)


def test_healthcare_inference_and_clinical_support_goes_to_a_closed_frontier_model(yard: Trial) -> None:
    """A dosing question and a grave one without a clinical word both reach a closed frontier model."""
    asks = {
        "dose": "Is 40 mg safe with warfarin for my patient?",
        "grave": "She took twelve of them an hour ago, what now?",
    }
    yard.submit([job(name, ask, tenant="st-mary-hospital") for name, ask in asks.items()], "row-clinical")
    jobs = yard.finished("row-clinical")
    for name in asks:
        assert (jobs[name].stakes, jobs[name].tier, jobs[name].state) == ("high", "frontier", "done")
        model = answered_by(yard, "row-clinical", name)
        assert (model.tier, model.weights) == (Tier.FRONTIER, Weights.CLOSED)


def test_routine_crm_and_templated_emails_go_to_open_weight_or_chinese_models(yard: Trial) -> None:
    """A birthday e-mail, to a cardiologist too, and the tagging of a ticket cost what an open-weight model costs."""
    lines = [
        job("birthday", "Write a short, cheerful birthday e-mail to our customer Dana.", tenant="acme-retail"),
        job("doctor", "Write a two-line birthday card for Dr. Weiss, our cardiologist customer.", tenant="acme-retail"),
        job(
            "ticket",
            "Classify the intent of this ticket: 'When will my new card arrive?'",
            system="You tag customer support tickets. Answer with one of: card_arrival, card_lost, refund.",
            tenant="acme-retail",
            labels="card_arrival, card_lost, refund",
        ),
    ]
    yard.submit(lines, "row-routine")
    jobs = yard.finished("row-routine")
    for name, row in jobs.items():
        assert (name, row.stakes, row.tier, row.state) == (name, "low", "open", "done")
        assert is_open_or_chinese(answered_by(yard, "row-routine", name))


def test_general_productivity_goes_hybrid_and_only_a_failed_check_reaches_a_closed_model(yard: Trial) -> None:
    """Of two drafts, the one whose open-weight answer is empty is answered by a closed model; both calls are paid."""
    open_models = [e.id for e in yard.runtime.rulebook.catalogue.endpoints if _tier(yard, e.model) is Tier.OPEN]
    yard.standin.set_faults([{"match": {"endpoint": e, "contains": "MARK-7"}, "fault": "empty"} for e in open_models])
    ask = "Draft a summary of this quarter's project status for the internal newsletter: the warehouse move is on time."
    yard.submit([job("good", ask, tenant="midtown"), job("flawed", f"{ask} MARK-7", tenant="midtown")], "row-hybrid")
    jobs = yard.finished("row-hybrid")
    yard.standin.set_faults([])
    assert {(r.stakes, r.tier, r.state) for r in jobs.values()} == {("medium", "hybrid", "done")}
    assert is_open_or_chinese(answered_by(yard, "row-hybrid", "good"))
    assert answered_by(yard, "row-hybrid", "flawed").weights is Weights.CLOSED
    assert len(yard.attempts("row-hybrid", "good")) == 1
    first, second = yard.attempts("row-hybrid", "flawed")
    assert (first.flaws, first.state, second.purpose, second.state) == (["empty"], "billed", "escalation", "billed")
    for attempt in (first, second):
        assert (
            yard.one("SELECT sum(amount_pico) AS pico FROM ledger_line WHERE attempt_id = :id", id=attempt.id).pico > 0
        )


def test_general_productivity_stays_on_open_weight_alone_where_the_tenant_says_so(yard: Trial) -> None:
    """A tenant whose profile accepts open weight alone for medium stakes gets one unchecked call."""
    yard.submit(
        [job("draft", "Summarise the attached meeting notes for the team.", tenant="individual/ada")], "row-alone"
    )
    row = yard.finished("row-alone")["draft"]
    assert (row.stakes, row.tier, row.state) == ("medium", "open", "done")
    assert is_open_or_chinese(answered_by(yard, "row-alone", "draft"))


def test_individual_builders_use_open_weight_and_their_high_stakes_jobs_are_parked_with_the_price(yard: Trial) -> None:
    """A hobby question is answered by an open-weight model; a dosing question is parked with reason and price."""
    lines = [
        job("hobby", "Write a limerick about my cat and her sourdough starter.", tenant="individual/ada"),
        job(
            "dose", "How many mg of ibuprofen can I give my 4-year-old daughter every 4 hours?", tenant="individual/ada"
        ),
    ]
    yard.submit(lines, "row-individual")
    jobs = yard.finished("row-individual")
    assert (jobs["hobby"].tier, jobs["hobby"].state) == ("open", "done")
    assert is_open_or_chinese(answered_by(yard, "row-individual", "hobby"))
    parked = jobs["dose"]
    assert (parked.stakes, parked.state, parked.reason, parked.attempts) == ("high", "parked", "above_ceiling", 0)
    price: dict[str, Any] = parked.decision["parked"]
    catalogue = yard.runtime.rulebook.catalogue
    assert catalogue.model(catalogue.endpoint(price["endpoint"]).model).tier is Tier.FRONTIER
    assert price["price_pico"] > 0
    told = yard.one("SELECT detail FROM event WHERE batch_id = 'row-individual' AND kind = 'jobs_parked'")
    assert told.detail == {"jobs": {"above_ceiling": 1}}


def _tier(yard: Trial, model: str) -> Tier:
    return yard.runtime.rulebook.catalogue.model(model).tier
