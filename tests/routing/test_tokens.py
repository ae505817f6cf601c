"""Counting tokens offline."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.prompt import read_prompt
from routing.tokens import PER_IMAGE, PER_MESSAGE, count_prompt, count_text, worst_prompt


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("hello", 1), ("hello world", 2), ("antidisestablishmentarianism", 6)]
)
def test_known_counts(text, tokens):
    """Counts of o200k for words that can be looked up."""
    assert count_text(text) == tokens


def test_special_tokens_in_a_text_are_plain_text():
    """A text that spells a control token is counted as text and raises nothing."""
    assert count_text("<|endoftext|>") > 1


def test_prompt_counts_all_a_model_reads():
    """Each message has a few tokens of its own; tools and pictures count; the system prompt is the prefix."""
    plain = {"messages": [{"role": "system", "content": "hello"}, {"role": "user", "content": "hello world"}]}
    total, prefix = count_prompt(read_prompt(plain))
    assert (total, prefix) == (1 + 2 + 2 * PER_MESSAGE, 1 + PER_MESSAGE)
    tools = [{"type": "function", "function": {"name": "hello"}}]
    armed = read_prompt(plain | {"tools": tools})
    assert count_prompt(armed) == (total + count_text(armed.attached), prefix)
    assert count_text(armed.attached) > 5
    seen = {"messages": [{"role": "user", "content": [{"type": "image_url"}, {"type": "image_url"}]}]}
    assert count_prompt(read_prompt(seen)) == (PER_MESSAGE + 2 * PER_IMAGE, 0)


@given(st.integers(0, 10**9))
def test_worst_prompt_is_a_third_more_rounded_up(tokens):
    """Never less than four thirds, never a whole token more."""
    assert 0 <= worst_prompt(tokens) - Fraction(tokens) * 4 / 3 < 1


@given(st.text(max_size=200))
def test_no_text_has_more_tokens_than_bytes(text):
    """A token is at least a byte, so a count is bounded by the text's length."""
    assert count_text(text) <= len(text.encode())
