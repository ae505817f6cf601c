"""The two charts: how far the probability can be believed, and what caution costs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from bench.stakes_report.judged import miss, over_route
from bench.stakes_report.measured import MISS, OVER_ROUTE, TARGETS, Measured
from bench.stakes_report.plot import Dot, Plot
from bench.stakes_report.shares import Share

#: Where the axes end at least, in %; further out where the shipped point lies further out.
_OVER_ROUTE_END, _MISS_END = 50, 25


def reliability(sections: Sequence[Measured]) -> str:
    """Of the jobs given p, how many are high: a dot for each tenth of p that holds a job, with its interval."""
    plot = Plot(
        "Of the jobs given this probability, how many are high?",
        "probability of high stakes that the assessor gives (mean of a tenth), %",
        "of these jobs written as high, with 95 % interval, %",
        100,
        100,
        legend_below=True,
    )
    plot.diagonal("as it should be")
    for style, found in enumerate(sections):
        dots = []
        for each in found.calibration.bins:
            low, high = each.high.interval
            # A little to the side, so that the intervals of two sections don't hide each other.
            beside = 100 * each.chance + 0.7 * (style - (len(sections) - 1) / 2)
            dots.append(Dot(min(100.0, max(0.0, beside)), 100 * each.high.value, 100 * low, 100 * high))
        plot.line([(dot.x, dot.y) for dot in dots], style)
        plot.dots(dots, style)
    _name(plot, sections)
    return plot.svg()


def cost_of_caution(sections: Sequence[Measured]) -> str:
    """Miss rate against over-route over all thresholds, with the promises' points and the one that is shipped."""
    plot = Plot(
        "What caution costs: misses against needless frontier calls",
        "over-route: low-stakes jobs found high, %",
        "miss rate: high-stakes jobs found lower, %",
        max(_OVER_ROUTE_END, *(_up_to_ten(over_route(found.judged)) for found in sections)),
        max(_MISS_END, *(_up_to_ten(miss(found.judged)) for found in sections)),
    )
    plot.box(100 * TARGETS[OVER_ROUTE], 100 * TARGETS[MISS], "the targets")
    for style, found in enumerate(sections):
        curve = [(100 * each.over_route.value, 100 * each.miss.value) for each in found.curve]
        plot.line(sorted(curve, key=lambda at: (at[0], -at[1])), style)
        named: dict[tuple[float, float], list[str]] = defaultdict(list)
        for promise, each in found.promises.items():
            named[100 * each.over_route.value, 100 * each.miss.value].append(str(promise))
        plot.dots([Dot(*at, label="" if style else ", ".join(names)) for at, names in named.items()], style)
        shipped, dear = miss(found.judged), over_route(found.judged)
        low, high = (100 * bound for bound in shipped.interval)
        plot.dots([Dot(100 * dear.value, 100 * shipped.value, low, high, "shipped", large=True)], style)
    _name(plot, sections)
    return plot.svg()


def _up_to_ten(share: Share) -> int:
    """The next ten per cent above a share and some room."""
    return min(100, 10 * math.ceil(10 * share.value + 0.5))


def _name(plot: Plot, sections: Sequence[Measured]) -> None:
    for style, found in enumerate(sections):
        plot.legend(found.section.title, style)
