"""The training cases as the encoder sees them: which known case a job is nearest to, and how near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Near:
    """A known case: its id in the material, its level, the reason of its label, and the cosine similarity."""

    id: str
    stakes: str
    why: str
    similarity: float


class Cases:
    """Unit vectors of the cases in eight bits, (cases, width), and of each its id, level and reason."""

    def __init__(self, vectors: NDArray[np.int8], described: Sequence[Sequence[str]]) -> None:
        plain = vectors.astype(np.float32)
        self._vectors = plain / np.linalg.norm(plain, axis=1, keepdims=True)
        self._described = described

    def similarity(self, vectors: Floats) -> Floats:
        """Of each vector (n, width) the cosine similarity to its nearest case."""
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        best: Floats = (units @ self._vectors.T).max(axis=1)
        return best

    def nearest(self, vector: Floats, count: int) -> list[Near]:
        """The ``count`` nearest cases of one vector, nearest first."""
        similar = self._vectors @ (vector / np.linalg.norm(vector))
        best = ((self._described[i], float(similar[i])) for i in np.argsort(-similar)[:count])
        return [Near(name, stakes, why, similarity) for (name, stakes, why), similarity in best]
