"""The report as Markdown, line by line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.stakes_report.agreement import Agreement
from bench.stakes_report.judged import LEAST_TO_BE_WORST
from bench.stakes_report.measured import TARGETS, Measured, against, beside
from bench.stakes_report.section_page import section_page
from bench.stakes_report.speed import Speed

SPEED_TARGETS: Mapping[str, int] = {"short prompts": 2_000, "8 kB prompts": 200}
RELIABILITY, CAUTION = "stakes_reliability.svg", "stakes_caution.svg"


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page says. ``speeds`` are of the assessors in force, by the names of ``SPEED_TARGETS``."""

    version: str
    miss_per_thousand: int
    thresholds: Mapping[int, float]
    sections: Sequence[Measured]
    speeds: Mapping[str, Speed]
    rules_speeds: Mapping[str, Speed]
    processor: str
    agreement: Agreement
    public: bool
    rivals: bool


def page(report: Report) -> Iterator[str]:
    """The whole page."""
    yield "# Stakes: how often the assessment is wrong"
    yield ""
    command = "./dev bench stakes --write" + (" --public FOLDER" if report.public else "")
    yield from paragraph(
        f"Made by `{command}`; assessor `{report.version}`, at the shipped policy's promise of at most "
        f"{report.miss_per_thousand} missed per thousand high-stakes jobs. No example here was trained on. A *miss* "
        "is a job of high stakes found lower; *over-route* is a job of low stakes found high. In brackets stands the "
        "95 % interval (Wilson's; Newcombe's for differences). Where one job is tried several times the interval "
        "counts it once."
    )
    for number, found in enumerate(report.sections, 1):
        yield f"{number}. **{found.section.title}** ({_of(found)}). {found.section.about}"
    if not report.public:
        yield ""
        yield from paragraph(
            "*The public sources kept out of training are not in this report: their files are not in the repository. "
            "`--public FOLDER` names a folder that has them.*"
        )
    yield from _targets(report)
    yield from _speeds(report)
    yield from _beside(report)
    yield from _charts(report)
    yield from _labels(report)
    for number, found in enumerate(report.sections, 1):
        yield from section_page(number, found)


def _of(found: Measured) -> str:
    languages = len({each.example.lang for each in found.judged})
    return f"{len(found.judged):,} jobs in {languages} language{'s' if languages > 1 else ''}"


def _targets(report: Report) -> Iterator[str]:
    yield ""
    yield "## Targets"
    yield ""
    yield f"| figure | target | {' | '.join(found.section.title for found in report.sections)} |"
    yield "| --- | ---: |" + " --- |" * len(report.sections)
    stand = [against(found) for found in report.sections]
    for name, target in TARGETS.items():
        yield f"| {name} | {target:.0%} | {' | '.join(str(each[name] or '-') for each in stand)} |"
    yield ""
    yield from paragraph(
        "*Not proven*: the interval reaches to the other side of the target. The worst kind, domain and source are "
        f"those with at least {LEAST_TO_BE_WORST} jobs that count; smaller ones stand in the tables below. A dash: "
        "the section cannot say."
    )


def _speeds(report: Report) -> Iterator[str]:
    yield ""
    yield "## Speed"
    yield ""
    yield from paragraph(
        f"Decisions a second on one core ({report.processor}), by processor time, best of the rounds; what is timed is "
        "the assessment of a prompt whose JSON was read before. 8 kB prompts are unrelated documents of the material "
        "pasted together, with an ask at the end."
    )
    yield "| prompts | target | decisions/s | | rules alone |"
    yield "| --- | ---: | --- | --- | --- |"
    for name, target in SPEED_TARGETS.items():
        timed = report.speeds[name]
        verdict = "met" if timed.best >= target else f"missed by a factor of {target / timed.best:.1f}"
        yield f"| {name} | {target:,} | {timed} | **{verdict}** | {report.rules_speeds[name].best:,.0f} |"
    yield ""
    yield from paragraph(
        "Which stage settles a job: the rules (a person at risk by the very words), the glance (a linear model over "
        "words), or the encoder, which is asked only about what these leave open."
    )
    yield "| section | rules | glance | encoder |"
    yield "| --- | ---: | ---: | ---: |"
    for found in report.sections:
        stages = [each.stage for each in found.judged]
        shares = " | ".join(f"{stages.count(stage) / len(stages):.1%}" for stage in ("rules", "glance", "encoder"))
        yield f"| {found.section.title} | {shares} |"


def _beside(report: Report) -> Iterator[str]:
    yield ""
    yield "## Beside others on the same jobs"
    yield ""
    if report.rivals:
        yield from paragraph(
            "litellm's two offline classifiers measure complexity, not stakes: a high-stakes job placed below "
            "COMPLEX counts as missed, a low-stakes one placed at COMPLEX or above as over-routed."
        )
    else:
        yield from paragraph(
            "LiteLLM's offline classifiers: **not installed**, so not measured here; where the package `litellm` can "
            "be imported they stand in these tables."
        )
    for number, found in enumerate(report.sections, 1):
        yield f"| {number}. {found.section.title} | miss rate | over-route rate | medium found high |"
        yield "| --- | --- | --- | --- |"
        for name, shares in beside(found).items():
            yield f"| {name} | {' | '.join(map(str, shares))} |"
        yield ""


def _charts(report: Report) -> Iterator[str]:
    yield ""
    yield "## What caution costs"
    yield ""
    yield f"![Miss rate against over-route rate]({CAUTION})"
    yield ""
    yield from paragraph(
        "Each line is one section under all thresholds on the probability of high stakes. The small marks are the "
        "thresholds of the promises that a policy can choose (misses per thousand, named at the first section's); "
        "the large one is what the shipped policy decides. It can lie off the line, since jobs unlike all known ones "
        "go a level up whatever their probability, and what the glance settles has no finer one."
    )
    heads = " | ".join(f"{found.section.title}: miss | over-route" for found in report.sections)
    yield f"| promise: misses per thousand | threshold | {heads} |"
    yield "| ---: | ---: |" + " --- | --- |" * len(report.sections)
    for promise, threshold in report.thresholds.items():
        points = [found.promises[promise] for found in report.sections]
        shipped = " (shipped)" if promise == _in_force(report) else ""
        yield f"| {promise}{shipped} | {threshold:.3f} | {' | '.join(f'{p.miss} | {p.over_route}' for p in points)} |"
    yield ""
    yield from paragraph(
        "The promise is a bound at 95 % for jobs like those it was set on (the examination set v and the calibration "
        "side); jobs unlike those are missed more often."
    )
    yield "## Calibration"
    yield ""
    yield f"![Share of high-stakes jobs by probability given]({RELIABILITY})"
    yield ""
    yield "| section | expected calibration error (95 % bootstrap interval) |"
    yield "| --- | --- |"
    for found in report.sections:
        yield f"| {found.section.title} | {found.calibration} |"


def _in_force(report: Report) -> int:
    return max((p for p in report.thresholds if p <= report.miss_per_thousand), default=0)


def _labels(report: Report) -> Iterator[str]:
    yield ""
    yield "## The labels themselves"
    yield ""
    found = report.agreement
    yield from paragraph(
        f"A second annotator, who saw no label, agrees on the stakes of {found.agreed} jobs of the training files; "
        f"Cohen's kappa {found.kappa:.2f}. Where annotators differ no assessor can be right for both."
    )


def paragraph(text: str) -> Iterator[str]:
    """The lines of a paragraph, and an empty one after it."""
    yield from textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False)
    yield ""
