"""The lexicon files and their pattern language."""

from __future__ import annotations

import pytest

from routing.assess.folding import flatten, fold
from routing.assess.lexicon import Kind, Lexicon


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon()


def codes(lexicon: Lexicon, text: str) -> set[str]:
    return {rule.code for rule in lexicon.find(fold(flatten(text))).rules}


def test_rules_have_unique_codes_and_say_something(lexicon):
    """A code names one rule, and each explains itself."""
    assert len({rule.code for rule in lexicon.rules}) == len(lexicon.rules)
    assert all(rule.says for rule in lexicon.rules)


@pytest.mark.parametrize("language", ["es", "de", "fr", "pt", "zh", "ja", "ar", "hi"])
def test_each_language_has_each_kind_that_decides(lexicon, language):
    """No language lacks person-at-risk, decision, personal, processing or templated rules."""
    kinds = {rule.kind for rule in lexicon.rules if rule.code.endswith((f".{language}", f"_{language}"))}
    assert kinds >= {Kind.GRAVE, Kind.DECISION, Kind.PERSONAL, Kind.PROCESS, Kind.MAKE, Kind.CLAIM}


def test_gaps_stems_and_accents(lexicon):
    """A gap spans its words and no more, a stem any ending, an accent makes no difference."""
    assert "ask.dosing" in codes(lexicon, "is it really safe for her to take 3 tablets")
    assert codes(lexicon, "¿Puedo demandar?") == codes(lexicon, "puedo demandar")
    assert "grave.zh" in codes(lexicon, "孩子 误吞 了电池")


def test_terms_only_leaves_rules_out(lexicon):
    """Counting terms alone gives the same weights."""
    text = fold(flatten("Should my patient stop warfarin?"))
    assert lexicon.find(text, terms_only=True).weights == lexicon.find(text).weights
    assert lexicon.find(text, terms_only=True).rules == ()
