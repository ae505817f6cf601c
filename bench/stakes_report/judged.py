"""Examples with what an assessor found of them, and the counts that are made of such findings."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.stakes_report.shares import Gap, Share
from bench.training.material import Example
from routing.assessment import Assessment, Assessor
from schemas.facts import JobFacts
from schemas.vocabulary import Stakes

_NO_FACTS = JobFacts.model_validate({})
_CHUNK = 200
#: A group with fewer jobs is shown in its table and is never called the worst: one error would make it so.
LEAST_TO_BE_WORST = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """One example and what was found."""

    example: Example
    found: Assessment

    @property
    def stage(self) -> str:
        """What settled it: ``glance``, ``encoder``, or else the ``rules``."""
        codes = {reason.code for reason in self.found.reasons}
        return "glance" if "model.glance" in codes else "encoder" if "model.read" in codes else "rules"


def judge(assessors: Sequence[Assessor], examples: Sequence[Example], what: str) -> list[Judged]:
    """Assess the examples, in order; of several assessors the gravest finding counts. Tells stderr how far it is."""
    judged: list[Judged] = []
    told = time.monotonic()
    for start in range(0, len(examples), _CHUNK):
        chunk = examples[start : start + _CHUNK]
        jobs = [(each.prompt, _NO_FACTS) for each in chunk]
        opinions = zip(*(assessor.assess(jobs) for assessor in assessors), strict=True)
        gravest = [max(found, key=lambda each: (each.stakes.rank, each.p_high)) for found in opinions]
        judged += [Judged(example, found) for example, found in zip(chunk, gravest, strict=True)]
        if time.monotonic() - told > 2:
            told = time.monotonic()
            print(f"{what}: {len(judged):,} of {len(examples):,}", file=sys.stderr, flush=True)
    return judged


def miss(judged: Sequence[Judged]) -> Share:
    """Of the jobs of high stakes, those that were found lower."""
    high = [each for each in judged if each.example.stakes is Stakes.HIGH]
    return Share(sum(each.found.stakes is not Stakes.HIGH for each in high), len(high))


def over_route(judged: Sequence[Judged]) -> Share:
    """Of the jobs of low stakes, those that were found high."""
    return _found_high(judged, Stakes.LOW)


def medium_found_high(judged: Sequence[Judged]) -> Share:
    """Of the jobs of medium stakes, those that were found high: the price of caution that no target counts."""
    return _found_high(judged, Stakes.MEDIUM)


def _found_high(judged: Sequence[Judged], written: Stakes) -> Share:
    found = [each.found.stakes for each in judged if each.example.stakes is written]
    return Share(sum(stakes is Stakes.HIGH for stakes in found), len(found))


def confusion(judged: Sequence[Judged]) -> dict[tuple[Stakes, Stakes], int]:
    """How many were written as the first level and found as the second, for all pairs."""
    counts = {(written, found): 0 for written in Stakes for found in Stakes}
    for each in judged:
        counts[each.example.stakes, each.found.stakes] += 1
    return counts


AXES: Mapping[str, Callable[[Example], str]] = {
    "kind": lambda example: example.kind,
    "language": lambda example: example.lang,
    "domain": lambda example: example.domain.value,
    "source": lambda example: example.source,
}


def by(axis: str, judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """The jobs by their kind, language, domain or source, in order of names."""
    groups: dict[str, list[Judged]] = defaultdict(list)
    for each in judged:
        groups[AXES[axis](each.example)].append(each)
    return dict(sorted(groups.items()))


def worst(axis: str, judged: Sequence[Judged], rate: Callable[[Sequence[Judged]], Share]) -> tuple[str, Share] | None:
    """The group with the greatest rate among those with enough jobs; None where there are fewer than two groups."""
    shares = {name: rate(group) for name, group in by(axis, judged).items()}
    enough = {name: share for name, share in shares.items() if share.whole >= LEAST_TO_BE_WORST}
    if len(enough) < 2:
        return None
    name = max(enough, key=lambda each: enough[each].value)
    return name, enough[name]


def language_gaps(judged: Sequence[Judged]) -> dict[str, Gap]:
    """By language the miss rate less that of English, for those with jobs of high stakes; ``all others`` together."""
    groups = {name: miss(group) for name, group in by("language", judged).items()}
    english = groups.pop("en", Share(0, 0))
    groups = {name: share for name, share in groups.items() if share.whole}
    if not groups or not english.whole:
        return {}
    together = Share(sum(share.part for share in groups.values()), sum(share.whole for share in groups.values()))
    return {name: Gap(share, english) for name, share in (groups | {"all others": together}).items()}
