"""The linear model of the first stage, fitted to the training examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from routing.assess.model.glance import FEATURES, Glance


def fit_glance(found: Sequence[NDArray[np.int64]], levels: Sequence[int], strength: float = 10.0) -> Glance:
    """Multinomial logistic regression over the features that occur in each example; ``levels`` are 0, 1 and 2."""
    values = np.concatenate([np.full(len(row), len(row) ** -0.5, np.float32) for row in found])
    starts = np.cumsum([0, *map(len, found)])
    matrix = csr_matrix((values, np.concatenate(found), starts), shape=(len(found), FEATURES))
    seen = np.unique(matrix.indices)
    made = LogisticRegression(C=strength, max_iter=300).fit(matrix[:, seen], levels)
    weights = np.zeros((FEATURES, 3), np.float16)
    weights[seen] = made.coef_.T
    return Glance(weights, made.intercept_.astype(np.float32))
