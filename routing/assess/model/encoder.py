"""The trained encoder: windows of pieces in, the scores of its heads out. ONNX on the CPU, one thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from routing.assess.model.words import Words

_PAD = 1
#: Windows that are computed together; more only needs more memory.
_BATCH = 16

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
    """Computes scores. Windows are sorted by length, so that short ones don't wait for long ones."""

    def __init__(self, graph: bytes, words: Words) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # workers are processes: a core each
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._words = words

    def scores(self, windows: Sequence[Sequence[int]]) -> Scores:
        """The scores of each window, in order. There must be one at least."""
        order = sorted(range(len(windows)), key=lambda i: len(windows[i]))
        found: list[list[Floats]] = [[] for _ in range(5)]
        for start in range(0, len(order), _BATCH):
            batch = [windows[i] for i in order[start : start + _BATCH]]
            ids = np.full((len(batch), max(map(len, batch))), _PAD)
            for row, pieces in enumerate(batch):
                ids[row, : len(pieces)] = pieces
            given = {"embedded": self._words.rows(ids), "present": ids != _PAD}
            for part, values in zip(found, self._session.run(None, given), strict=True):
                part.append(values)
        back = np.argsort(order)
        stakes, domain, data, complexity, vectors = (np.concatenate(part)[back] for part in found)
        return Scores(stakes, domain, data, complexity, vectors)
