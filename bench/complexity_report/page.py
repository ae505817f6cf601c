"""The page ``bench/COMPLEXITY.md``: what beats what, beside RouteLLM's table, and every figure with its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench.complexity_report import published
from bench.complexity_report.resample import RESAMPLES, Estimate, RouterFigures, SetFigures
from bench.complexity_report.routers import Router

#: APGR of prompt length on MMLU as issue 3 names it; measured elsewhere, on which of its questions isn't said.
_LENGTH_ON_MMLU = 0.592

Part = Callable[[RouterFigures], Estimate]

_HEAD = """\
# Complexity: does the score know which jobs need the strong model?

Measured on stored routing outcomes: {jobs} jobs, each answered by a strong and a weak model; nothing was called.
Rules: `{version}`. Made by `./dev bench complexity --data FOLDER --write`.

- **PGR**, performance gap recovered: (routed quality - weak) / (strong - weak). **APGR**: its average over the share of
  strong calls from 0 to 100 % (random: 0.500; higher is better). **CPT(x %)**: the least share of strong calls that
  recovers x % of the gap (random: x %; lower is better). Source: Ong et al. 2024, arXiv 2406.18665v4.
- In brackets: 95 % bootstrap intervals, {draws} draws of the jobs, the same draws for all routers. *Beats* means that
  the interval of the difference lies above 0.
- **rules (shipped)**: the complexity that the rule assessor finds. It has seen no outcome.
- **prompt length**: characters. **random**: a fresh order at each draw.
- **words, other sources**: logistic regression over hashed words and word pairs, trained on whether the weak model was
  wrong, on all sources but the one measured. No in-domain label: this is what a new kind of job would get.
- **words, IN-DOMAIN labels**: the same, trained on four fifths of the very file and tried on the last fifth, five times
  over. It stands for jobs whose outcomes are already known by the hundred; it is no equal of the others.
"""

_LIMITS = """\
## What these figures don't say

- Nearly all sets are exams and short questions with one right answer, mostly in English. Bulk jobs, long documents and
  free text are hardly in them.
- A file of several benchmarks (llmrouter_uiuc, routerbench_part) rewards whoever tells the benchmarks apart, by length
  or by style. Some gaps come of format too: llmrouter_uiuc holds MMLU questions without their options.
- *words, other sources* learns from other weak models than the one it is measured with, and "the weak model was wrong"
  is not yet "and the strong one right".
- {dropped} jobs (counted once for each source measured) were kept out of its training because they share a line of 40
  or more letters with that source. Questions that were reworded from source to source are not found that way.
- The draws are of jobs, not of trainings: what another training set would do to the two word models is not in the
  intervals.
- Prompts are stored up to 4,000 characters; rules and words see that part, prompt length counts the whole.
"""


def page(sets: Sequence[SetFigures], dropped: int, version: str) -> Iterator[str]:
    """All lines of the page. ``dropped`` jobs were kept out of training; ``version`` is the rules'."""
    measured = [found for found in sets if found.routers]
    left_out = [found for found in sets if not found.routers]
    jobs = sum(_whole(found) * found.jobs for found in sets)
    yield _HEAD.format(jobs=jobs, version=version, draws=RESAMPLES)
    yield from _in_short(measured)
    yield from _beside_routellm(measured)
    yield from _sets_table(measured)
    yield from _left_out(left_out)
    yield from _figures(measured, "APGR", lambda found: found.apgr, _plain)
    yield from _figures(measured, "CPT(50 %)", lambda found: found.cpt50, _share)
    yield from _figures(measured, "CPT(80 %)", lambda found: found.cpt80, _share)
    yield from _figures(measured, "APGR beyond prompt length", lambda found: found.over_length, _signed)
    yield _LIMITS.format(dropped=dropped).rstrip()


def _in_short(measured: Sequence[SetFigures]) -> Iterator[str]:
    yield "## In short"
    yield ""
    yield f"Over {len(measured)} sets (files, and the domains in them, so they overlap):"
    yield ""
    yield "| router | labels | mean APGR of files | beats random | worse | beats length | worse than length |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    files = [found for found in measured if _whole(found)]
    for router in Router:
        if router is Router.RANDOM:
            continue
        figures = [found.routers[router] for found in measured]
        counts = [
            sum(f.apgr.low > 0.5 for f in figures),
            sum(f.apgr.high < 0.5 for f in figures),
            sum(f.over_length.low > 0 for f in figures),
            sum(f.over_length.high < 0 for f in figures),
        ]
        shown = [str(count) for count in counts] if router is not Router.LENGTH else [*map(str, counts[:2]), "-", "-"]
        mean = sum(found.routers[router].apgr.value for found in files) / max(1, len(files))
        yield f"| {router.title} | {router.labels} | {_plain_number(mean)} | " + " | ".join(shown) + " |"
    yield ""
    for router in (Router.RULES, Router.TRANSFERRED, Router.IN_DOMAIN):
        yield f"- **{router.title}** {_verdict(measured, router)}"
    yield ""
    yield "With so many comparisons, one in forty would come out on each side by chance alone."
    yield ""


def _verdict(measured: Sequence[SetFigures], router: Router) -> str:
    """In words, which sets a router wins and loses against prompt length."""
    better = [_name(found) for found in measured if found.routers[router].over_length.low > 0]
    worse = [_name(found) for found in measured if found.routers[router].over_length.high < 0]
    return (
        f"beats prompt length on {', '.join(better) or 'no set'}; "
        f"is worse on {', '.join(worse) or 'no set'}; on the other {len(measured) - len(better) - len(worse)} "
        "the two can't be told apart."
    )


def _beside_routellm(measured: Sequence[SetFigures]) -> Iterator[str]:
    covering = [found for found in measured if found.file.name == published.COVERED and _whole(found)]
    for found in covering:
        pair = (found.file.strong_model, found.file.weak_model)
        same = "the same two models" if pair == (published.STRONG, published.WEAK) else "ANOTHER pair of models"
        yield "## MMLU, beside RouteLLM's published routers"
        yield ""
        yield f"Theirs: {published.SOURCE}, on all 14,042 questions, printed without intervals. Ours: {found.jobs} of"
        yield f"those questions, {same}. Issue 3 of this project names {_LENGTH_ON_MMLU} as the APGR of prompt length."
        yield ""
        for router, figures in found.routers.items():
            if router is not Router.RANDOM:
                yield f"- **{router.title}** (labels: {router.labels}): {_standing(router, figures)}"
        yield ""
        yield "| router | labels | APGR | CPT(50 %) | CPT(80 %) |"
        yield "| --- | --- | --- | --- | --- |"
        for router, figures in found.routers.items():
            cells = f"{_plain(figures.apgr)} | {_share(figures.cpt50)} | {_share(figures.cpt80)}"
            yield f"| **{router.title}** | {router.labels} | {cells} |"
        for row in published.MMLU:
            cells = f"{_plain_number(row.apgr)} | {row.cpt50:.1%} | {row.cpt80:.1%}"
            yield f"| RouteLLM {row.router} | {row.labels} | {cells} |"
        yield ""


def _standing(router: Router, figures: RouterFigures) -> str:
    """In words, where a router stands to prompt length: the figure named, and that of the same jobs."""
    said = f"{_plain(figures.apgr)} {_against(figures.apgr, _LENGTH_ON_MMLU)} {_LENGTH_ON_MMLU}"
    if router is Router.LENGTH:
        return said
    return f"{said}, and {_against(figures.over_length, 0)} prompt length on the same jobs"


def _against(found: Estimate, mark: float) -> str:
    """Whether an interval lies above, below or around a mark."""
    return "is above" if found.low > mark else "is below" if found.high < mark else "can't be told from"


def _sets_table(measured: Sequence[SetFigures]) -> Iterator[str]:
    yield "## The sets"
    yield ""
    yield "*Best possible* is the APGR of a router that knows every outcome."
    yield ""
    yield "| set | strong | weak | jobs | strong right | weak right | gap | best possible APGR |"
    yield "| --- | --- | --- | ---: | ---: | ---: | --- | ---: |"
    for found in measured:
        models = f"{found.file.strong_model} | {found.file.weak_model}"
        right = f"{found.strong:.1%} | {found.weak:.1%} | {_signed(found.gap)} | {found.best:.2f}"
        yield f"| {_name(found)} | {models} | {found.jobs} | {right} |"
    yield ""


def _left_out(left_out: Sequence[SetFigures]) -> Iterator[str]:
    if not left_out:
        return
    yield "**Left out**, because strong and weak are not told apart there: the interval of the gap reaches 0, and a"
    yield "share of a gap that may be none says nothing."
    yield ""
    for found in left_out:
        right = f"strong {found.strong:.1%}, weak {found.weak:.1%}, gap {_signed(found.gap)}"
        yield f"- {_name(found)}, {found.jobs} jobs: {found.file.strong_model} and {found.file.weak_model}; {right}"
    yield ""


def _figures(sets: Sequence[SetFigures], title: str, part: Part, show: Callable[[Estimate], str]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield "| set | " + " | ".join(router.title for router in Router) + " |"
    yield "| --- |" + " --- |" * len(Router)
    for found in sets:
        cells = [
            "-" if title.startswith("APGR beyond") and router is Router.LENGTH else show(part(found.routers[router]))
            for router in Router
        ]
        yield f"| {_name(found)} | " + " | ".join(cells) + " |"
    yield ""


def _whole(found: SetFigures) -> bool:
    """Whether the set is all of its file."""
    return found.jobs == len(found.file.jobs)


def _name(found: SetFigures) -> str:
    return f"{found.file.name}: {found.domain}"


def _plain_number(value: float) -> str:
    return f"{value:.3f}"


def _plain(found: Estimate) -> str:
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def _share(found: Estimate) -> str:
    return f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%})"


def _signed(found: Estimate) -> str:
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
