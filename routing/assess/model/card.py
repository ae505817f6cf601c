"""What the artefact says of itself: how scores become probabilities, and from where on a job counts as high."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Point:
    """One operating point: promised misses per thousand jobs of high stakes, and the least ``p_high`` that is high."""

    miss_per_thousand: int
    threshold: float


@dataclass(frozen=True, slots=True)
class Card:
    """The model card's part that decides.

    ``weights`` (3, features) and ``bias`` (3) make logits of low, medium and high from ``evidence``; ``sure_low`` and
    ``sure_high`` are the scores of the glance beyond which the encoder isn't asked; ``points`` are in ascending order
    of misses; a window whose nearest training case is less similar than ``known`` is far from what the model knows.
    """

    name: str
    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]
    sure_low: float
    sure_high: float
    points: tuple[Point, ...]
    low_from: float
    known: float

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Card:
        """Read from the artefact's ``card.json``. KeyError or TypeError where it is of another make."""
        return cls(
            name=said["name"],
            weights=tuple(tuple(row) for row in said["combine"]["weights"]),
            bias=tuple(said["combine"]["bias"]),
            sure_low=said["glance"]["sure_low"],
            sure_high=said["glance"]["sure_high"],
            points=tuple(Point(**point) for point in said["points"]),
            low_from=said["low_from"],
            known=said["known"],
        )

    def probabilities(self, found: Sequence[float]) -> tuple[float, float, float]:
        """Calibrated probabilities of low, medium and high, from the ``evidence`` of one job."""
        logits = [
            sum(w * x for w, x in zip(row, found, strict=True)) + b
            for row, b in zip(self.weights, self.bias, strict=True)
        ]
        top = max(logits)
        low, medium, high = (math.exp(logit - top) for logit in logits)
        whole = low + medium + high
        return low / whole, medium / whole, high / whole

    def threshold(self, miss_per_thousand: int) -> float:
        """The least ``p_high`` that counts as high, for a promise that is no weaker than the one asked for.

        Where no point is strict enough it is 0: all that the encoder reads counts as high, but for routine rows.
        """
        fit = [p.threshold for p in self.points if p.miss_per_thousand <= miss_per_thousand]
        return max(fit) if fit else 0.0


def evidence(
    encoder: NDArray[np.float32],
    frame: NDArray[np.float32] | None,
    glance: NDArray[np.float32],
    rules_high: float,
    rules_low: float,
) -> tuple[float, ...]:
    """What is weighed: log-probabilities by the encoder of the whole and of the system message alone (``frame``: what
    all rows of a template share; None where there is none), by the glance, and what the rules make of it.
    """
    return (
        *_log_probabilities(encoder),
        *(_NO_FRAME if frame is None else _log_probabilities(frame)),
        *_log_probabilities(glance),
        math.log((rules_high + 0.02) / (1.02 - rules_high)),
        rules_low,
    )


_NO_FRAME = (math.log(1 / 3),) * 3


def margin(glance: NDArray[np.float32]) -> float:
    """The glance's score: log-odds of high against low."""
    return float(glance[2] - glance[0])


def _log_probabilities(logits: NDArray[np.float32]) -> list[float]:
    shifted = logits.astype(np.float64) - float(logits.max())
    return [float(x) for x in shifted - math.log(float(np.exp(shifted).sum()))]
