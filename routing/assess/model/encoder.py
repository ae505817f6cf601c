"""The trained encoder: windows of pieces in, the scores of its heads out. ONNX on the CPU."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from routing.assess.model.words import Words

#: Windows that are computed side by side, each on a core of its own.
_THREADS = 4

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scores:
    """Of n windows: logits of stakes (n, 3), domain (n, 15), data class (n, 5), complexity (n,) and vectors (n, w)."""

    stakes: Floats
    domain: Floats
    data: Floats
    complexity: Floats
    vectors: Floats


class Encoder:
    """Computes scores, a window at a time: activations are rounded by the greatest of them, so that the scores of
    windows computed together would depend on one another."""

    def __init__(self, graph: bytes, words: Words) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # windows are shared out, not matrices
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._words = words
        self._threads = ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1), "encoder")

    def scores(self, windows: Sequence[Sequence[int]]) -> Scores:
        """The scores of each window, in order. There must be one at least."""
        found = list(self._threads.map(self._one, [np.asarray([window]) for window in windows]))
        stakes, domain, data, complexity, vectors = (np.concatenate(part) for part in zip(*found, strict=True))
        return Scores(stakes, domain, data, complexity, vectors)

    def _one(self, ids: NDArray[np.int64]) -> list[Floats]:
        given = {"embedded": self._words.rows(ids), "present": np.ones(ids.shape, np.bool_)}
        found: list[Floats] = self._session.run(None, given)
        return found
