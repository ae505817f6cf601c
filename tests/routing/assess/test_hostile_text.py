"""Text made to be slow costs no more than its length."""

from __future__ import annotations

from time import process_time

import pytest

from tests.routing.assess.prompts import assess

MEGABYTE = 1_000_000
PARTS = [
    "a", " ", "1", "1 ", '"', " '", "```", "{", "<<", "a@", "a.", "is ", "took can should i take mg safe ", "text: ",
    "password is ", "AB12 CD34 ", "+1 (", "http://a:", "12 street name ", "eyJaaaaaaaa.", "-----BEGIN ", " a. b. c. ",
    "吃多少药", "هل ", "क्या ", "Mr. ",
]  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_a_megabyte_of_one_thing_is_read_in_bounded_time(part):
    """A megabyte of any of these takes under three seconds of processor time (half a second when nothing else runs)."""
    text = part * (MEGABYTE // len(part))
    start = process_time()
    assess(text)
    assert process_time() - start < 3
