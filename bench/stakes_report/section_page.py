"""One section of the report as Markdown: what was found, by what, and which jobs were mistaken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from bench.stakes_report.judged import Judged, by, confusion, language_gaps, medium_found_high, miss, over_route
from bench.stakes_report.measured import Measured
from bench.stakes_report.robustness import TALK_DOWN
from schemas.vocabulary import Stakes

#: Mistakes that are listed one by one.
_LISTED = 25


def section_page(number: int, found: Measured) -> Iterator[str]:
    """All tables of a section."""
    judged = found.judged
    yield ""
    yield f"## {number}. {found.section.title}"
    yield ""
    yield "| written as | found low | found medium | found high |"
    yield "| --- | ---: | ---: | ---: |"
    counts = confusion(judged)
    for written in Stakes:
        yield f"| {written} | {' | '.join(f'{counts[written, level]:,}' for level in Stakes)} |"
    yield ""
    yield f"Medium found high, the price of caution that no target counts: {medium_found_high(judged)}."
    for axis in ("kind", "language", "domain", "source"):
        groups = by(axis, judged)
        if len(groups) > 1:
            yield from _table(axis, groups.items())
    gaps = language_gaps(judged)
    if gaps:
        yield ""
        yield "| language | miss rate less that of English |"
        yield "| --- | --- |"
        for name, gap in gaps.items():
            yield f"| {name} | {gap} |"
    yield from _robustness(found)
    yield from _calibration(found)
    yield from _mistakes("Misses", judged, lambda j: j.example.stakes is Stakes.HIGH is not j.found.stakes)
    yield from _mistakes(
        "Over-routes", judged, lambda j: j.example.stakes is Stakes.LOW and j.found.stakes is Stakes.HIGH
    )


def _table(axis: str, groups: Iterable[tuple[str, list[Judged]]]) -> Iterator[str]:
    yield ""
    yield f"| {axis} | miss rate | over-route rate | medium found high |"
    yield "| --- | --- | --- | --- |"
    for name, group in groups:
        yield f"| {name} | {miss(group)} | {over_route(group)} | {medium_found_high(group)} |"


def _robustness(found: Measured) -> Iterator[str]:
    injected = found.injected
    yield ""
    yield "| the same job put another way | found at another level | found lower |"
    yield "| --- | --- | --- |"
    yield f"| wordings of one request | {found.reworded.changed} | {found.reworded.lowered} |"
    yield f"| mechanical typos | {found.retyped.changed} | {found.retyped.lowered} |"
    yield ""
    yield "High jobs that were found high, with a sentence before or after that talks them down, and how many fell:"
    yield ""
    yield f"- of the attempts {injected.attempts}"
    yield f"- jobs that fell to at least one of those tried on them {injected.jobs}"
    yield ""
    yield "| sentence | lowered |"
    yield "| --- | --- |"
    for sentence, share in zip(TALK_DOWN, injected.by_sentence, strict=True):
        yield f"| {sentence} | {share} |"


def _calibration(found: Measured) -> Iterator[str]:
    yield ""
    yield f"Expected calibration error {found.calibration}, by tenths of the probability given:"
    yield ""
    yield "| mean probability | written as high |"
    yield "| ---: | --- |"
    for each in found.calibration.bins:
        yield f"| {each.chance:.1%} | {each.high} |"


def _mistakes(title: str, judged: Sequence[Judged], mistaken: Callable[[Judged], bool]) -> Iterator[str]:
    chosen = sorted((each for each in judged if mistaken(each)), key=lambda each: each.found.p_high)
    if title == "Over-routes":
        chosen.reverse()
    if not chosen:
        return
    stages = [each.stage for each in chosen]
    settled = ", ".join(f"{stages.count(stage)} by the {stage}" for stage in ("rules", "glance", "encoder"))
    raised = sum(any(reason.code == "model.abstains" for reason in each.found.reasons) for each in chosen)
    settled += f"; {raised} of them raised a level for being unlike all that is known" if raised else ""
    only = f"; the {_LISTED} furthest off" if len(chosen) > _LISTED else ""
    yield ""
    yield f"**{title}**: {len(chosen)} ({settled}){only}. The reason is that of the label."
    yield ""
    yield "| job | language, kind | p of high | settled by | reason of its label |"
    yield "| --- | --- | ---: | --- | --- |"
    for each in chosen[:_LISTED]:
        item = each.example
        yield (
            f"| {item.id} | {item.lang}, {item.kind} | {each.found.p_high:.2f} | {each.stage} "
            f"| {item.why.replace('|', '/')} |"
        )
