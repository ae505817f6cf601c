"""How often the assessors are wrong about stakes: ``./dev bench stakes [--write]``.

Reads ``bench/stakes_material``, which no rule was tuned on, and prints the miss rate (high stakes found lower) and the
over-route rate (low stakes found high) in all and per language and kind, with 95 % Wilson intervals. ``--write`` puts
the page into ``bench/STAKES.md`` and the figures into ``bench/stakes.json``.
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routing.prompt import read_prompt
from schemas.facts import JobFacts
from schemas.vocabulary import Stakes
from workers.assessors import load_assessors

HERE = Path(__file__).parent
MATERIAL = HERE / "stakes_material"
_NO_FACTS = JobFacts.model_validate({})


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many, as a share with its 95 % Wilson score interval."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        return self.part / self.whole if self.whole else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        if not self.whole:
            return 0.0, 1.0
        z, n, p = 1.959964, self.whole, self.value
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        if not self.whole:
            return "-"
        low, high = self.interval
        return f"{self.value:.1%} ({low:.1%} to {high:.1%}) of {self.whole}"


Judged = tuple[dict[str, Any], Stakes]


def main(arguments: Sequence[str]) -> int:
    judged = list(judge_all(read_items()))
    page = "\n".join(report(judged))
    print(page)
    if "--write" in arguments:
        (HERE / "STAKES.md").write_text(page + "\n", "utf-8")
        figures = {"miss": miss(judged).value, "over_route": over_route(judged).value, "items": len(judged)}
        (HERE / "stakes.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    return 0


def read_items() -> list[dict[str, Any]]:
    """All items of the material, in the order of files and lines."""
    return [json.loads(line) for path in sorted(MATERIAL.glob("*.jsonl")) for line in path.open(encoding="utf-8")]


def judge_all(items: Sequence[dict[str, Any]]) -> Iterator[Judged]:
    """Each item with the stakes that the assessors in force find."""
    asked = []
    for item in items:
        system = [{"role": "system", "content": item["system"]}] if "system" in item else []
        asked.append(read_prompt({"messages": [*system, {"role": "user", "content": item["text"]}]}))
    opinions = [assessor.assess([(prompt, _NO_FACTS) for prompt in asked]) for assessor in load_assessors()]
    for item, *found in zip(items, *opinions, strict=True):
        yield item, max((assessment.stakes for assessment in found), key=lambda stakes: stakes.rank)


def miss(judged: Sequence[Judged]) -> Share:
    """Of the items of high stakes, those that were found lower."""
    high = [stakes for item, stakes in judged if item["stakes"] == Stakes.HIGH]
    return Share(sum(stakes is not Stakes.HIGH for stakes in high), len(high))


def over_route(judged: Sequence[Judged]) -> Share:
    """Of the items of low stakes, those that were found high."""
    low = [stakes for item, stakes in judged if item["stakes"] == Stakes.LOW]
    return Share(sum(stakes is Stakes.HIGH for stakes in low), len(low))


def agreement() -> str:
    """How far a second annotator, who saw no label, agrees with the material on stakes: share and Cohen's kappa."""
    first = {item["id"]: item["stakes"] for item in read_items()}
    lines = (MATERIAL / "second_labels.tsv").read_text("utf-8").splitlines()[1:]
    pairs = [(first[name], stakes) for name, stakes, _ in (line.split("\t") for line in lines)]
    agreed = Share(sum(one == other for one, other in pairs), len(pairs))
    by_chance = (
        sum(sum(one == level for one, _ in pairs) * sum(other == level for _, other in pairs) for level in Stakes)
        / len(pairs) ** 2
    )
    kappa = (agreed.value - by_chance) / (1 - by_chance)
    return f"**A second annotator** agrees with the labels: {agreed}; Cohen's kappa {kappa:.2f}"


def report(judged: Sequence[Judged]) -> Iterator[str]:
    """The page, line by line."""
    versions = ", ".join(assessor.version for assessor in load_assessors())
    yield "# Stakes: how often the assessors are wrong"
    yield ""
    yield f"Assessors: {versions}. Material: {len(judged)} items of `bench/stakes_material` (see its README), written"
    yield "in contrast groups to be hard, and not used for tuning. Made by `./dev bench stakes --write`."
    yield ""
    yield f"- **Miss rate**, high stakes found lower: {miss(judged)}"
    yield f"- **Over-route rate**, low stakes found high: {over_route(judged)}"
    yield f"- {agreement()}"
    yield ""
    yield "| written as | found low | found medium | found high |"
    yield "| --- | ---: | ---: | ---: |"
    for level in Stakes:
        counts = [sum(s is found for item, s in judged if item["stakes"] == level) for found in Stakes]
        yield f"| {level} | " + " | ".join(map(str, counts)) + " |"
    for field, title in (("lang", "language"), ("kind", "kind"), ("style", "style"), ("domain", "domain")):
        yield ""
        yield f"| {title} | miss rate | over-route rate |"
        yield "| --- | --- | --- |"
        groups: dict[str, list[Judged]] = defaultdict(list)
        for item, stakes in judged:
            groups[item[field]].append((item, stakes))
        for name, group in sorted(groups.items()):
            yield f"| {name} | {miss(group)} | {over_route(group)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
