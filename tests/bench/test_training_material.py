"""The material of the stakes model: sound, and each group on one side."""

from __future__ import annotations

import random
import re
from collections import Counter

from bench.training.material import FOLDER, Side, blurred, mistyped, read_examples

EXAMPLES = list(read_examples())


def test_every_line_is_an_example_and_no_id_comes_twice() -> None:
    """Reading checks levels, domains and data classes; there are several thousand."""
    assert len(EXAMPLES) > 7_000
    assert [name for name, count in Counter(e.id for e in EXAMPLES).items() if count > 1] == []
    assert all(e.text.strip() and e.why.strip() and 0 <= e.complexity <= 1 for e in EXAMPLES)


def test_no_group_stands_on_two_sides() -> None:
    """Nor does any text with its system prompt."""
    sides: dict[str, set[Side]] = {}
    for each in EXAMPLES:
        sides.setdefault(each.group, set()).add(each.side)
    assert {group for group, found in sides.items() if len(found) > 1} == set()
    texts: dict[str, set[Side]] = {}
    for each in EXAMPLES:
        flat = re.sub(r"\W+", "", (each.system + each.text).lower())
        texts.setdefault(flat, set()).add(each.side)
    assert [text[:80] for text, found in texts.items() if len(found) > 1] == []


def test_sides_have_the_sizes_they_should() -> None:
    """Most is trained on; the blind examination is several hundred, in nine languages."""
    counts = Counter(each.side for each in EXAMPLES)
    assert counts[Side.TRAINING] > 5_000
    assert counts[Side.CALIBRATION] > 700
    assert len({e.lang for e in EXAMPLES if e.side is Side.EXAMINATION}) == 9


def test_typing_errors_are_the_same_each_time() -> None:
    """And leave the labels as they are."""
    assert mistyped("Write to Kim today.", random.Random(3)) == mistyped("Write to Kim today.", random.Random(3))
    some = EXAMPLES[:200]
    copies = blurred(some, 0.5, 7)
    assert copies == blurred(some, 0.5, 7)
    assert 50 < len(copies) < 150
    assert {(c.id, c.stakes) for c in copies} <= {(e.id, e.stakes) for e in some}


def test_every_public_source_is_credited() -> None:
    """The data card names each source of public items with its licence."""
    card = (FOLDER / "README.md").read_text("utf-8")
    sources = {each.source for each in EXAMPLES if each.kind == "public"}
    assert sources
    assert [source for source in sorted(sources) if f"`{source}`" not in card] == []
