"""How far ``p_high`` can be believed, and what each threshold on it would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.stakes_report.judged import Judged
from bench.stakes_report.shares import Share
from schemas.vocabulary import Stakes

BINS = 10
_RESAMPLES = 1000
_SEED = 20261123

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bin:
    """Jobs whose ``p_high`` lies in one tenth: its mean, and the share that is high."""

    chance: float
    high: Share


@dataclass(frozen=True, slots=True)
class Calibration:
    """Expected calibration error with its 95 % bootstrap interval, and the bins that hold a job."""

    error: float
    interval: tuple[float, float]
    bins: tuple[Bin, ...]

    def __str__(self) -> str:
        return f"{self.error:.3f} ({self.interval[0]:.3f} to {self.interval[1]:.3f})"


@dataclass(frozen=True, slots=True)
class Point:
    """Where jobs from ``threshold`` on count as high: what is missed, and what is sent up needlessly."""

    threshold: float
    miss: Share
    over_route: Share


def calibration(judged: Sequence[Judged]) -> Calibration:
    """Of the jobs given p, p should be high; measured over bins of equal width."""
    chance, high = _arrays(judged)
    draw = np.random.default_rng(_SEED)
    again = [_error(chance[at], high[at]) for at in draw.integers(0, len(chance), (_RESAMPLES, len(chance)))]
    low, top = np.quantile(again, [0.025, 0.975])
    which = _bins(chance)
    return Calibration(
        _error(chance, high),
        (float(low), float(top)),
        tuple(
            Bin(float(chance[which == b].mean()), Share(int(high[which == b].sum()), int((which == b).sum())))
            for b in range(BINS)
            if (which == b).any()
        ),
    )


def caution(judged: Sequence[Judged], thresholds: Sequence[float] | None = None) -> list[Point]:
    """Miss rate and over-route rate at each threshold on ``p_high``; at every value that occurs where none is given."""
    chance = np.array([each.found.p_high for each in judged])
    high = np.sort(chance[[each.example.stakes is Stakes.HIGH for each in judged]])
    low = np.sort(chance[[each.example.stakes is Stakes.LOW for each in judged]])
    return [
        Point(
            float(at),
            Share(int(np.searchsorted(high, at, side="left")), len(high)),
            Share(len(low) - int(np.searchsorted(low, at, side="left")), len(low)),
        )
        for at in (np.unique(chance) if thresholds is None else thresholds)
    ]


def _arrays(judged: Sequence[Judged]) -> tuple[Floats, Floats]:
    chance = np.array([each.found.p_high for each in judged])
    return chance, np.array([float(each.example.stakes is Stakes.HIGH) for each in judged])


def _bins(chance: Floats) -> NDArray[np.int64]:
    return np.minimum((chance * BINS).astype(np.int64), BINS - 1)


def _error(chance: Floats, high: Floats) -> float:
    which = _bins(chance)
    sums = np.bincount(which, weights=chance - high, minlength=BINS)
    return float(np.abs(sums).sum() / len(chance))
