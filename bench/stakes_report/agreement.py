"""How far a second annotator, who saw no label, agrees with the material's labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.stakes_report.shares import Share
from bench.training.material import FOLDER
from schemas.vocabulary import Stakes


@dataclass(frozen=True, slots=True)
class Agreement:
    """Share of equal labels, and Cohen's kappa: the same beyond what chance would give."""

    agreed: Share
    kappa: float


def agreement(first: Mapping[str, Stakes], labels: Path = FOLDER / "second_labels.tsv") -> Agreement:
    """Compare the labels of the material, by id, with those of the second annotator's file."""
    lines = labels.read_text("utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return agreed([(first[row[0]], Stakes(row[1])) for row in rows])


def agreed(pairs: Sequence[tuple[Stakes, Stakes]]) -> Agreement:
    """Agreement of pairs of labels; kappa is 1 where both know only one level and agree on it."""
    share = Share(sum(one is other for one, other in pairs), len(pairs))
    by_chance = (
        sum(sum(one is level for one, _ in pairs) * sum(other is level for _, other in pairs) for level in Stakes)
        / len(pairs) ** 2
    )
    return Agreement(share, (share.value - by_chance) / (1 - by_chance) if by_chance < 1 else 1.0)
