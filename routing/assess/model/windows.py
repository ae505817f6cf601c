"""Which windows of a text the encoder reads: head and tail together, and of a long middle where it looks gravest."""

from __future__ import annotations

from collections.abc import Sequence

from routing.assess.model.card import margin
from routing.assess.model.glance import Glance, features
from routing.assess.model.pieces import SYSTEM_AT_LEAST, WINDOW, left_out, window

#: Windows into the middle of a long text; the glance reads all of it and says which.
_MIDDLE = 2
_HEAD, _TAIL, _OVERLAP = 15, 9, 12


def windows(system: Sequence[int], asked: Sequence[int], glance: Glance) -> list[list[int]]:
    """One window, and for turns longer than that up to two more: head, a stretch of what it leaves out, and tail."""
    first = window(system, asked)
    head, tail = left_out(system, asked)
    size = WINDOW - 3 - min(len(system), SYSTEM_AT_LEAST) - _HEAD - _TAIL
    stretches = [asked[start : min(start + size, tail)] for start in range(head, tail, size - _OVERLAP)]
    gravest = sorted(stretches, key=lambda s: -margin(glance.score(features([], s))))[:_MIDDLE]
    return [first, *(window(system, [*asked[:_HEAD], *stretch, *asked[-_TAIL:]]) for stretch in gravest)]
