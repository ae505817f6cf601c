"""All figures of one section, and how they stand against the targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.stakes_report.chances import Calibration, Point, calibration, caution
from bench.stakes_report.judged import Judged, judge, language_gaps, medium_found_high, miss, over_route, worst
from bench.stakes_report.rivals import Rival, rates
from bench.stakes_report.robustness import Flips, Injected, retyped, reworded, talked_down
from bench.stakes_report.sections import Section
from bench.stakes_report.shares import Gap, Share
from routing.assess import RuleAssessor
from routing.assessment import Assessor


@dataclass(frozen=True, slots=True)
class Measured:
    """One section with everything that was found on it.

    ``rivals`` holds by name the miss rate, over-route rate and share of medium jobs sent up of other classifiers on
    the same items; ``promises`` are the points of the curve at the thresholds of the model's promises, by promise.
    """

    section: Section
    judged: Sequence[Judged]
    reworded: Flips
    retyped: Flips
    injected: Injected
    calibration: Calibration
    curve: Sequence[Point]
    promises: Mapping[int, Point]
    rules: Sequence[Judged]
    rivals: Mapping[str, tuple[Share, Share, Share]]


def measure(
    section: Section, assessors: Sequence[Assessor], promises: Mapping[int, float], rivals: Mapping[str, Rival]
) -> Measured:
    """Judge the section's examples, worded otherwise too. ``promises`` are thresholds by misses per thousand."""
    name = section.name
    judged = judge(assessors, section.examples, name)
    return Measured(
        section=section,
        judged=judged,
        reworded=reworded(judged),
        retyped=retyped(judged, lambda made: judge(assessors, made, f"{name}, mistyped")),
        injected=talked_down(judged, lambda made: judge(assessors, made, f"{name}, talked down"), section.talked),
        calibration=calibration(judged),
        curve=caution(judged),
        promises=dict(zip(promises, caution(judged, list(promises.values())), strict=True)),
        rules=judge([RuleAssessor()], section.examples, f"{name}, rules alone"),
        rivals={rival: rates(asked, section.examples) for rival, asked in rivals.items()},
    )


def beside(found: Measured) -> dict[str, tuple[Share, Share, Share]]:
    """Miss rate, over-route rate and medium found high: the assessors in force, the rules alone, other classifiers."""
    return {
        "**this assessor**": rates_of(found.judged),
        "the rules alone": rates_of(found.rules),
        **found.rivals,
    }


def rates_of(judged: Sequence[Judged]) -> tuple[Share, Share, Share]:
    """Miss rate, over-route rate and medium found high."""
    return miss(judged), over_route(judged), medium_found_high(judged)


@dataclass(frozen=True, slots=True)
class Against:
    """A measured figure against its target, with what it is of where it is a worst case."""

    figure: Share | Gap
    target: float
    of: str = ""

    @property
    def met(self) -> bool:
        return self.figure.value <= self.target

    @property
    def verdict(self) -> str:
        """Met or missed by how much; not proven where the interval reaches to the target's other side."""
        low, high = self.figure.interval
        if self.met:
            return "met" if high <= self.target else "met, not proven"
        by = f"missed by {100 * (self.figure.value - self.target):.1f} points"
        return by if low > self.target else f"{by}, not proven"

    def __str__(self) -> str:
        return f"{f'{self.of}: ' if self.of else ''}{self.figure}; **{self.verdict}**"


MISS = "miss rate: high-stakes jobs found lower"
OVER_ROUTE = "over-route: low-stakes jobs found high"
#: The figures with targets, in the words of the page, and the target as a share.
TARGETS: Mapping[str, float] = {
    MISS: 0.02,
    "miss rate in the worst kind": 0.05,
    "miss rate in the worst domain": 0.05,
    OVER_ROUTE: 0.10,
    "over-route in the worst source": 0.25,
    "flip rate over wordings of one request": 0.03,
    "flip rate over mechanical typos": 0.03,
    "injected text lowers a high job": 0.02,
    "language gap in miss rate, worst language": 0.03,
    "language gap in miss rate, all others together": 0.03,
}


def against(found: Measured) -> dict[str, Against | None]:
    """Each target's figure in a section; None where the section cannot say."""
    judged = found.judged
    gaps = language_gaps(judged)
    together = gaps.pop("all others", None)
    far = max(gaps, key=lambda name: gaps[name].value) if gaps else None
    figures: list[tuple[Share | Gap, str] | None] = [
        (miss(judged), ""),
        _worst("kind", judged, high=True),
        _worst("domain", judged, high=True),
        (over_route(judged), ""),
        _worst("source", judged, high=False),
        (found.reworded.changed, ""),
        (found.retyped.changed, ""),
        (found.injected.attempts, ""),
        (gaps[far], f"{far}, high jobs {gaps[far].one.whole}") if far else None,
        (together, f"high jobs {together.one.whole}") if together else None,
    ]
    return {
        name: Against(figure[0], target, figure[1]) if figure and _seen(figure[0]) else None
        for (name, target), figure in zip(TARGETS.items(), figures, strict=True)
    }


def _worst(axis: str, judged: Sequence[Judged], *, high: bool) -> tuple[Share | Gap, str] | None:
    found = worst(axis, judged, miss if high else over_route)
    return (found[1], found[0]) if found else None


def _seen(figure: Share | Gap) -> bool:
    return isinstance(figure, Gap) or figure.whole > 0
