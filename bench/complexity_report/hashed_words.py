"""A small linear model over hashed words: TF-IDF of words and word pairs, and logistic regression, in numpy alone."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Words and pairs fall into so many columns; what shares a column shares its weight.
COLUMNS = 1 << 16
_STEPS = 120
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class WordCounts:
    """How often the words of n prompts fall into each column: a sparse (n, COLUMNS) in coordinates, (entries,) each."""

    rows: Ints
    columns: Ints
    counts: Floats
    size: int


def count_words(prompts: Sequence[str]) -> WordCounts:
    """Count the words and the pairs of neighbouring words of each prompt, letter case aside."""
    rows, columns, counts = [], [], []
    for row, prompt in enumerate(prompts):
        words = _WORD.findall(prompt.casefold())
        seen = Counter(words)
        seen.update(f"{one} {two}" for one, two in pairwise(words))
        rows.append(np.full(len(seen), row))
        columns.append(np.fromiter((zlib.crc32(word.encode()) % COLUMNS for word in seen), np.int64, len(seen)))
        counts.append(np.fromiter(seen.values(), np.float64, len(seen)))
    return WordCounts(np.concatenate(rows), np.concatenate(columns), np.concatenate(counts), len(prompts))


def join(parts: Sequence[WordCounts]) -> WordCounts:
    """Several counts, one after the other."""
    starts = np.cumsum([0, *(part.size for part in parts)])
    return WordCounts(
        np.concatenate([part.rows + start for part, start in zip(parts, starts, strict=False)]),
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.counts for part in parts]),
        int(starts[-1]),
    )


def fitted_scores(words: WordCounts, labels: Floats, groups: Ints, known: NDArray[np.bool_]) -> Floats:
    """Learn ``labels`` (n,), 0 to 1, from the prompts that are ``known`` (n,) and score all prompts: (n,).

    The score is a log-odds without its constant, so it ranks and is no probability. Each of ``groups`` (n,), numbered
    from 0, has a constant of its own while learning: that one group's labels are higher in all teaches no word.
    The L2 penalty is that of scikit-learn's default (C = 1) and was not tuned. Rows have length 1, the group's constant
    adds 1, and the logistic loss bends by at most a quarter of that, which fixes the step of Nesterov's method.
    """
    values = _tf_idf(words, known)
    total = int(known.sum())
    strength = 1.0 / total
    weights, ahead = np.zeros(COLUMNS), np.zeros(COLUMNS)
    constants, constants_ahead = (np.zeros(int(groups.max()) + 1) for _ in range(2))
    rate = 1.0 / (0.25 * 2 + strength)
    for step in range(_STEPS):
        logits = _times(words, values, ahead) + constants_ahead[groups]
        errors = np.where(known, 1.0 / (1.0 + np.exp(-logits)) - labels, 0.0) / total
        slope = np.bincount(words.columns, values * errors[words.rows], COLUMNS) + strength * ahead
        momentum = step / (step + 3)
        before, weights = weights, ahead - rate * slope
        ahead = weights + momentum * (weights - before)
        before, constants = constants, constants_ahead - rate * np.bincount(groups, errors, len(constants))
        constants_ahead = constants + momentum * (constants - before)
    return _times(words, values, weights)


def _times(words: WordCounts, values: Floats, weights: Floats) -> Floats:
    """The product of the sparse matrix and a column of weights: (n,)."""
    return np.bincount(words.rows, values * weights[words.columns], words.size).astype(np.float64)


def _tf_idf(words: WordCounts, known: NDArray[np.bool_]) -> Floats:
    """log(1 + count) x log-inverse share of the known prompts, rows brought to length 1: (entries,)."""
    seen = np.bincount(words.columns, known[words.rows], COLUMNS)
    values = np.log1p(words.counts) * np.log((1 + known.sum()) / (1 + seen))[words.columns]
    lengths = np.sqrt(np.bincount(words.rows, values * values, words.size))
    scaled: Floats = values / np.maximum(lengths, 1e-12)[words.rows]
    return scaled
