"""Bulk rows under one system prompt: what the system asks decides, what a row quotes is data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from routing.assess import RuleAssessor
from routing.prompt import read_prompt
from schemas.facts import JobFacts
from schemas.vocabulary import Stakes

TAG = (
    "Tag the customer's message with the one intent that fits best. Answer with the label alone, exactly as written: "
    "card_arrival, lost_or_stolen_card, visa_or_mastercard, terminate_account, request_refund, verify_my_identity."
)
BIRTHDAY = "You write the birthday e-mails of ACME Retail: two warm sentences, no discount unless one is given."
ASSESSOR = RuleAssessor()


def stakes(system: str, row: str) -> Stakes:
    body = {"messages": [{"role": "system", "content": system}, {"role": "user", "content": row}]}
    return ASSESSOR.assess([(read_prompt(body), JobFacts.model_validate({}))])[0].stakes


@pytest.mark.parametrize(
    "row",
    [
        "Is there a way I can get a Visa card?",
        "People are using my debit card - help!",
        "I want to terminate my account, what do I owe?",
        "There is a strange charge on my statement, can I get my money back?",
    ],
)
def test_a_row_to_be_tagged_is_data_whatever_it_asks(row: str) -> None:
    """Tagging a message by intent is low, a bank customer's too, and names of labels ask nothing."""
    assert stakes(TAG, row) is Stakes.LOW


def test_a_person_at_risk_inside_a_row_is_high_all_the_same() -> None:
    """Nobody would want that row filed by a cheap model."""
    assert stakes(TAG, "I took all my pills an hour ago. goodbye") is Stakes.HIGH


def test_a_system_prompt_that_decides_makes_its_rows_high() -> None:
    """The same customer's words, with a decision asked of the model."""
    decide = "You decide for the bank whether the customer's dispute is granted. Answer with: granted, denied."
    assert stakes(decide, "There is a strange charge on my statement, can I get my money back?") is Stakes.HIGH


def test_templated_mails_are_low_for_every_row() -> None:
    """A birthday template with harmless fields stays low."""
    assert stakes(BIRTHDAY, "Customer: Chidi\nLikes: board games\nCustomer since: 2022") is Stakes.LOW


def test_the_demos_routine_rows_are_not_sent_to_frontier_models() -> None:
    """Of the retailer's rows in the example batch, at most one in fifty comes out high."""
    path = Path(__file__).parents[3] / "examples" / "mixed_bulk.jsonl"
    bodies = [json.loads(line)["body"] for line in path.read_text("utf-8").splitlines()]
    rows = [body for body in bodies if body["metadata"]["tenant"] == "acme-retail"]
    found = ASSESSOR.assess([(read_prompt(body), JobFacts.model_validate({})) for body in rows])
    assert len(rows) > 300
    assert sum(assessment.stakes is Stakes.HIGH for assessment in found) <= len(rows) / 50
