"""Figures of a set of jobs with 95 % bootstrap intervals: jobs drawn anew, the same draw for all routers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.complexity_report.curve import Measures, Ranking
from bench.complexity_report.outcomes import RoutingFile
from bench.complexity_report.routers import FileScores, Router

Floats = NDArray[np.float64]

RESAMPLES = 1000
_SEED = 20240626


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % percentile interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RouterFigures:
    """APGR, the two CPTs (shares of calls, 0 to 1), and the APGR beyond that of prompt length on the same draws."""

    apgr: Estimate
    cpt50: Estimate
    cpt80: Estimate
    over_length: Estimate


@dataclass(frozen=True, slots=True)
class SetFigures:
    """A set of jobs (a file's, or those of one domain in it): both models' quality, and the routers' figures.

    ``routers`` is empty where the strong model is not told apart from the weak one: the interval of ``gap`` reaches 0.
    ``best`` is the APGR of a router that knows every outcome.
    """

    file: RoutingFile
    domain: str
    jobs: int
    strong: float
    weak: float
    gap: Estimate
    best: float
    routers: Mapping[Router, RouterFigures]


def measure(file: RoutingFile, scores: FileScores) -> Iterator[SetFigures]:
    """The figures of all jobs of a file, then of each of its domains where it has several."""
    domains = sorted(set(file.domains.tolist()))
    everything = np.ones(len(file.jobs), np.bool_)
    yield _measure_set(file, scores, domains[0] if len(domains) == 1 else "all", everything)
    if len(domains) > 1:
        for domain in domains:
            yield _measure_set(file, scores, domain, file.domains == domain)


def _measure_set(file: RoutingFile, scores: FileScores, domain: str, chosen: NDArray[np.bool_]) -> SetFigures:
    gains = file.gains[chosen]
    draws = np.random.default_rng(_SEED)
    counts = draws.multinomial(len(gains), np.full(len(gains), 1 / len(gains)), RESAMPLES).astype(np.float64)
    gap = _estimate(float(gains.mean()), counts @ gains / len(gains))
    told_apart = gap.low > 0
    return SetFigures(
        file=file,
        domain=domain,
        jobs=len(gains),
        strong=float(np.mean([job.strong for job, inside in zip(file.jobs, chosen, strict=True) if inside])),
        weak=float(np.mean([job.weak for job, inside in zip(file.jobs, chosen, strict=True) if inside])),
        gap=gap,
        best=Ranking(gains, gains).measures().apgr if told_apart else 0.0,
        routers=_router_figures({r: s[chosen] for r, s in scores.items()}, gains, counts) if told_apart else {},
    )


def _router_figures(scores: FileScores, gains: Floats, counts: Floats) -> dict[Router, RouterFigures]:
    rankings = {router: Ranking(found, gains) for router, found in scores.items()}
    drawn: dict[Router, list[Measures]] = {router: [] for router in rankings}
    shuffles = np.random.default_rng(_SEED + 1)
    for draw in counts:
        if draw @ gains <= 1e-9:
            continue  # a resample without a gap has no figures; at most one in forty is
        for router, ranking in rankings.items():
            if router is Router.RANDOM:  # its order is drawn anew each time: the interval is what chance alone does
                drawn[router].append(Ranking(shuffles.random(len(gains)), gains).measures(draw))
            else:
                drawn[router].append(ranking.measures(draw))
    length = np.array([measures.apgr for measures in drawn[Router.LENGTH]])
    found = {}
    for router, ranking in rankings.items():
        here, many = ranking.measures(), drawn[router]
        apgrs = np.array([measures.apgr for measures in many])
        found[router] = RouterFigures(
            apgr=_estimate(here.apgr, apgrs),
            cpt50=_estimate(here.cpt50, np.array([measures.cpt50 for measures in many])),
            cpt80=_estimate(here.cpt80, np.array([measures.cpt80 for measures in many])),
            over_length=_estimate(here.apgr - rankings[Router.LENGTH].measures().apgr, apgrs - length),
        )
    return found


def _estimate(value: float, drawn: Floats) -> Estimate:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(value, float(low), float(high))
