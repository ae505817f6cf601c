"""Complexity is ordered as a reader would order it, and is no measure of stakes."""

from __future__ import annotations

from schemas.vocabulary import Stakes
from tests.routing.assess.prompts import assess


def test_a_proof_is_harder_than_a_greeting():
    """Reasoning, maths and conditions raise the score, and the reasons name them."""
    hard = assess("Prove that the integral of x^2 + 3*x must be at least 4. First derive the limit, then compare both.")
    assert hard.complexity > assess("Say hello.").complexity + 0.3
    assert {"complexity.reasoning", "complexity.maths"} <= {r.code for r in hard.reasons}


def test_a_short_grave_question_is_simple_and_high():
    """What is easy can be high stakes."""
    found = assess("Is 40 mg safe with warfarin?")
    assert found.stakes is Stakes.HIGH
    assert found.complexity < 0.3
