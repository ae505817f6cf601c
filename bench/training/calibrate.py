"""From scores to promises: the weights that join rules, glance and encoder, and the thresholds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from routing.assess.model.assessor import GRAVE, ROUTINE, sets_routine
from routing.assess.model.card import evidence, margin
from routing.assess.model.encoder import Encoder
from routing.assess.model.glance import features
from routing.assess.model.pieces import window
from routing.assess.rules import RuleAssessor
from routing.assessment import Assessment
from schemas.facts import JobFacts
from schemas.vocabulary import Stakes

from bench.training.material import Example  # isort: skip - the product's own come first

PROMISES = (5, 10, 20, 30, 50, 100, 200)
_CONFIDENCE = 0.95
_CAUTION = 0.25  # in log-odds of the glance
_FOLDS = 5
_LEVELS = tuple(Stakes)
_NO_FACTS = JobFacts.model_validate({})


@dataclass(frozen=True, slots=True)
class Scored:
    """Examples with what all three say of them: (n) rows each."""

    examples: Sequence[Example]
    rules: Sequence[Assessment]
    glance: NDArray[np.float32]
    stakes: NDArray[np.float32]
    frames: Sequence[NDArray[np.float32] | None]
    vectors: NDArray[np.float32]

    @property
    def evidence(self) -> NDArray[np.float64]:
        rows = zip(self.stakes, self.frames, self.glance, self.rules, strict=True)
        return np.array([evidence(s, f, g, r.p_high, r.p_low) for s, f, g, r in rows])

    @property
    def levels(self) -> NDArray[np.int64]:
        return np.array([_LEVELS.index(each.stakes) for each in self.examples])


def scored(examples: Sequence[Example], encoder: Encoder, glance: Any, vocabulary: Any) -> Scored:
    """Let rules, glance and encoder score the examples, by their first window."""
    rules = RuleAssessor().assess([(each.prompt, _NO_FACTS) for each in examples])
    parts = [vocabulary.parts(each.prompt) for each in examples]
    found = encoder.scores([window(system, asked) for system, asked in parts])
    glanced = np.array([glance.score(features(system, asked)) for system, asked in parts])
    systems = list({tuple(system) for system, _ in parts if system})
    alone = dict(zip(systems, encoder.scores([window(system, []) for system in systems]).stakes, strict=True))
    frames = [alone.get(tuple(system)) for system, _ in parts]
    return Scored(examples, rules, glanced, found.stakes, frames, found.vectors)


def calibrated(given: Scored, similarity: NDArray[np.float32]) -> Mapping[str, Any]:
    """The deciding part of the card. ``similarity`` is of each example to its nearest training case."""
    x, y = given.evidence, given.levels
    groups = [each.group for each in given.examples]
    held = np.zeros((len(y), 3))
    for inside, outside in GroupKFold(_FOLDS).split(x, y, groups):
        held[outside] = LogisticRegression(C=0.3, max_iter=1000).fit(x[inside], y[inside]).predict_proba(x[outside])
    joined = LogisticRegression(C=0.3, max_iter=1000).fit(x, y)
    margins = np.array([margin(row) for row in given.glance])
    not_high = np.array([rules.stakes is not Stakes.HIGH for rules in given.rules])
    # None of the high ones may lie below, one in two hundred of the low ones above, and a step of caution.
    sure_low = _lowest(margins[(y == 2) & not_high], 0) - _CAUTION
    sure_high = _CAUTION - _lowest(-margins[y == 0], int((y == 0).sum()) // 200)
    # Rows under the frames that training saw too prove nothing about other jobs.
    counted = np.array([each.kind != "framed" for each in given.examples])
    shipped = _as_decided(given, held[:, 2], margins <= sure_low, margins >= sure_high)
    high = np.sort(shipped[(y == 2) & counted])
    return {
        "combine": {"weights": joined.coef_.tolist(), "bias": joined.intercept_.tolist()},
        "glance": {
            "sure_low": sure_low,
            "sure_high": sure_high,
        },
        "points": [
            {"miss_per_thousand": promise, "threshold": math.floor(threshold(high, promise / 1000) * 1e6) / 1e6}
            for promise in PROMISES
            if threshold(high, promise / 1000) > 0
        ],
        "low_from": 0.5,
        "known": float(np.quantile(similarity, 0.005)),
        "calibration": {
            "items": int(counted.sum()),
            "high": len(high),
            "expected_calibration_error": expected_calibration_error(held[counted, 2], y[counted] == 2),
        },
    }


def _as_decided(
    given: Scored, chance: NDArray[np.float64], low: NDArray[np.bool_], high: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The probabilities of high, 1 and 0 where the assessor doesn't hold them against the threshold at all."""
    assessor = RuleAssessor()
    decided = chance.copy()
    for i, (example, rules) in enumerate(zip(given.examples, given.rules, strict=True)):
        routine = chance[i] < ROUTINE and sets_routine(example.prompt, rules, assessor)
        if rules.p_high >= GRAVE or high[i]:
            decided[i] = 1.0
        elif routine or (low[i] and rules.stakes is not Stakes.HIGH):
            decided[i] = 0.0
    return decided


def threshold(high: NDArray[np.float64], share: float) -> float:
    """The greatest threshold of which it is sure at 95 % that it misses no more than ``share`` of high-stakes jobs.

    ``high`` are the probabilities of jobs that are high, ascending. By Clopper and Pearson's exact binomial bound; 0
    where even no miss among them doesn't prove that much. It takes the jobs for independent, which those of one group
    are only in part.
    """
    allowed = -1
    while allowed + 1 < len(high) and beta.ppf(_CONFIDENCE, allowed + 2, len(high) - allowed - 1) <= share:
        allowed += 1
    return 0.0 if allowed < 0 else float(high[allowed])


def expected_calibration_error(chance: NDArray[np.float64], happened: NDArray[np.bool_], bins: int = 10) -> float:
    """The mean distance of probability and share, over bins of equal width weighted by their number."""
    which = np.minimum((chance * bins).astype(int), bins - 1)
    gaps = [
        abs(float(chance[which == b].mean()) - float(happened[which == b].mean())) * float((which == b).mean())
        for b in range(bins)
        if (which == b).any()
    ]
    return round(sum(gaps), 4)


def _lowest(values: NDArray[Any], passed_over: int) -> float:
    """The value below which ``passed_over`` of these lie."""
    return float(np.sort(values)[passed_over])
