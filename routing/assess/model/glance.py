"""The first, cheap stage: a linear model over pieces and pairs of neighbouring pieces, read over the whole text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Room for the pieces of one kind among the features; the vocabulary must fit into it.
PIECES = 2**17
#: Pairs of pieces share this many weights.
PAIRS = 2**18
FEATURES = 2 * PIECES + PAIRS
_FIRST, _SECOND = 2_654_435_761, 40_503  # multiplicative hashing, Knuth's constant

Floats = NDArray[np.float32]


def features(system: Sequence[int], asked: Sequence[int]) -> NDArray[np.int64]:
    """Numbers of the features that occur, each once: pieces of the turns, pieces of the system message, and pairs."""
    turns, heard = np.asarray(asked, np.int64), np.asarray(system, np.int64)
    pairs = (turns[:-1] * _FIRST + turns[1:] * _SECOND) % 2**32 % PAIRS
    return np.concatenate([np.unique(turns), np.unique(heard) + PIECES, np.unique(pairs) + 2 * PIECES])


class Glance:
    """Scores of low, medium and high by a linear model; ``weights`` is (``FEATURES``, 3)."""

    def __init__(self, weights: NDArray[np.float16], bias: Floats) -> None:
        self._weights, self._bias = weights, bias

    def score(self, found: NDArray[np.int64]) -> Floats:
        """Logits of low, medium and high; what occurs counts by one over the root of how much occurs."""
        if not len(found):
            return self._bias
        total: Floats = self._weights[found].sum(axis=0, dtype=np.float32) / np.sqrt(np.float32(len(found)))
        return total + self._bias

    @property
    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What it is made of, by the names of its constructor's arguments."""
        return {"weights": self._weights, "bias": self._bias}
