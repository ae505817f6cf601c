"""Patterns that can't run away."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.linear_pattern import LinearPattern, TooLongError, UnsupportedPatternError, linear_pattern

# Bounded work is measured here in seconds, and tracing each line of it takes five times as long.
pytestmark = pytest.mark.no_cover

PATTERNS = [
    r"a*b+c?",
    r"(ab|a)(bc|c)?",
    r"[a-c]{2,3}",
    r"[^a]*",
    r"a{2}|b{,2}|c{1,}",
    r"(?:a|b)*?c",
    r"(?P<x>a+)(b|)",
    r"^a.*c$",
    r"\bab\b.*|c\B.*",
    r"(a*)*",
    r"(a|a)*b",
    r"\w+\s?\d*",
    r"(?i)AB?c",
    r"(?s).+",
    r"[]a]+",
    r"a{b",
    r"\x61\u0062|\Ac\Z",
    r"(?a)\b\w+\b.*",
    r"a{٣}|b",
    r"",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=120, deadline=None)
@given(text=st.text(alphabet="abcAB1é \n]{", max_size=8))
def test_agrees_with_re(pattern: str, text: str) -> None:
    """Whole matches and searches come out as the standard library's."""
    assert linear_pattern(pattern).fullmatch(text) == (re.fullmatch(pattern, text) is not None)
    assert linear_pattern(pattern).search(text) == (re.search(pattern, text) is not None)


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|a)*b", r"(.*a){20}", r"(\w+\s?)*!"])
@pytest.mark.timeout(20)
def test_hostile_patterns_end(pattern: str) -> None:
    """Patterns that keep a backtracking engine busy for years are decided at once."""
    assert not LinearPattern(pattern).fullmatch("a" * 2000 + "\n\n")


def test_gives_up_in_the_end() -> None:
    """A text too long for the number of states is given up, not ground through."""
    with pytest.raises(TooLongError):
        LinearPattern(r"(a*b?){200}").fullmatch("a" * 100_000)


@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        (r"(a)\1", "back-reference"),
        (r"(?=a)b", "lookaround"),
        (r"(?P<x>a)(?P=x)", "back-reference"),
        (r"a++", "possessive"),
        (r"(?>a)", "atomic"),
        (r"a{3000}{3000}", "regular expression"),
        (r"(a{100}){100}", "too large"),
        (r"a{100000}", "repeats"),
        (r"(", "not a regular expression"),
        (r"(" * 51 + ")" * 51, "nested"),
        (r"(" * 700 + ")" * 700, "regular expression"),
        (r"(?:(?:(?:){4000}){4000}){4000}", "multiply"),
        (r"[ab]" * 65, "classes"),
        (r"a" * 2049, "characters"),
        (r"[[a]", "escape"),
        (r"[a&&b]", "escape"),
        (r"(?m)^a$", "flags"),
    ],
)
def test_says_what_is_not_supported(pattern: str, word: str) -> None:
    """What can't be run in linear time is refused with the reason."""
    with pytest.raises(UnsupportedPatternError, match=word):
        LinearPattern(pattern)


def test_what_is_wrong_is_said_without_the_pattern() -> None:
    """The words of ``re`` itself, which quote names, are not passed on."""
    with pytest.raises(UnsupportedPatternError) as caught:
        LinearPattern(r"(?P<hunter2>a)(?P<hunter2>b)")
    assert "hunter2" not in str(caught.value)


def test_tells_its_moves() -> None:
    """What a search took is told, and is more for a longer text."""
    assert linear_pattern("b").searched("ab")[0]
    assert linear_pattern("b").searched("a" * 100)[1] > linear_pattern("b").searched("a" * 10)[1] > 0
