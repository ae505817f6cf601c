"""RouteLLM's measures of a router: PGR, APGR and CPT.

Source: Ong et al. 2024, "RouteLLM: Learning to Route LLMs with Preference Data", arXiv 2406.18665v4, section 2, and
their program for it, ``routellm/evals/evaluate.py`` of github.com/lm-sys/RouteLLM.

- A router gives each job a score and sends those at or above a threshold alpha to the strong model, the rest to the
  weak one. Lowering alpha takes the share of strong calls from 0 to 1.
- PGR(alpha), *performance gap recovered*: (quality of the routed answers - quality of the weak model's) / (quality of
  the strong model's - quality of the weak model's). 0 is the weak model, 1 the strong one. It can lie above 1, where
  the weak model is right and the strong one wrong, and below 0.
- APGR, *average PGR*: the integral of PGR over the share of strong calls from 0 to 1, taken on ten equal steps. A
  random router has 0.5. (The paper writes the sum as a tenth of ten terms; its program takes the trapezoids, and only
  those give a random router the 0.500 of its tables. So do we.)
- CPT(x %), *call-performance threshold*: the least share of strong calls at which PGR reaches x %, interpolated
  linearly between those steps as in their program. A random router has x %.

Jobs with equal scores are sent together in no particular order: between the ends of such a group the curve is the
straight line that their random order gives on average.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: The shares of strong calls at which a curve is read: 0, 0.1, ..., 1.
SHARES: Floats = np.linspace(0.0, 1.0, 11)


class NoGapError(ValueError):
    """The strong model is not better than the weak one, so that there is no gap to recover."""


@dataclass(frozen=True, slots=True)
class Measures:
    """APGR (no unit; random is 0.5), CPT(50 %) and CPT(80 %) as shares of calls, 0 to 1."""

    apgr: float
    cpt50: float
    cpt80: float


class Ranking:
    """The order in which a router gives jobs to the strong model, the highest score first.

    ``scores`` and ``gains`` are (n,); a gain is how much better the strong answer is than the weak one, -1 to 1.
    """

    def __init__(self, scores: Floats, gains: Floats) -> None:
        self._order = np.argsort(-scores, kind="stable")
        self._gains = gains[self._order]
        ordered = scores[self._order]
        self._ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)

    def pgr(self, counts: Floats | None = None) -> Floats:
        """PGR at each of ``SHARES``: (11,). ``counts`` (n,) says how often each job stands in a resample.

        Raises NoGapError where the strong model does no better in all.
        """
        weights = np.ones(len(self._order)) if counts is None else counts[self._order]
        gained = np.cumsum(weights * self._gains)[self._ends]
        called = np.cumsum(weights)[self._ends]
        if gained[-1] <= 1e-9:
            raise NoGapError("the strong model is no better than the weak one on these jobs")
        shares, recovered = called / called[-1], gained / gained[-1]
        curve: Floats = np.interp(SHARES, np.append(0.0, shares), np.append(0.0, recovered))
        return curve

    def measures(self, counts: Floats | None = None) -> Measures:
        """The three figures of the curve."""
        curve = self.pgr(counts)
        return Measures(apgr(curve), cpt(curve, 0.5), cpt(curve, 0.8))


def apgr(curve: Floats) -> float:
    """The area under PGR read at ``SHARES``."""
    return float(np.trapezoid(curve, SHARES))


def cpt(curve: Floats, wanted: float) -> float:
    """The least share of strong calls at which PGR, read at ``SHARES``, is ``wanted`` (0 to 1)."""
    after = int(np.argmax(curve >= wanted - 1e-12))
    if after == 0:
        return 0.0
    low, high = curve[after - 1], curve[after]
    return float(SHARES[after - 1] + (wanted - low) / (high - low) * (SHARES[after] - SHARES[after - 1]))
