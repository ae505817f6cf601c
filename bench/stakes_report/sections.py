"""What the report is on: four sets of examples that no training saw, the strictest first."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.complexity_report.overlap import overlapping
from bench.stakes_report.robustness import TALK_DOWN
from bench.training.material import FOLDER, Example, Side, read_examples
from schemas.vocabulary import DataClass, Domain, Stakes

#: Parts of MMLU and MMLU-Pro, of which other parts are among the training files.
_FAMILY_TRAINED = frozenset({"routing_med_mmlu", "routing_med_mmlu_pro"})
BLIND, TUNED = "w_examination", "v_examination"


@dataclass(frozen=True, slots=True)
class Section:
    """A set of examples. ``name`` is short, for figures and progress; ``about`` says what it may be taken for.

    ``talked`` is how many of the sentences that talk a job down are tried on each job of high stakes.
    """

    name: str
    title: str
    about: str
    examples: Sequence[Example]
    talked: int = 2


def sections(public: Path | None) -> list[Section]:
    """All sections with examples in them. ``FileNotFoundError``, ``KeyError`` where ``public`` lacks what is named."""
    examples = list(read_examples())
    found = [
        Section(
            "blind",
            "Blind examination set",
            "Written blind, by others than the training files, and used for nothing but this report. The figures that "
            "count.",
            [each for each in examples if each.source == BLIND],
            talked=len(TALK_DOWN),
        ),
        Section(
            "v",
            "Examination set v",
            "Written blind too and never trained on, but the thresholds, and the weights that join rules, glance and "
            "encoder, were set on it together with the calibration side: expect its figures to flatter.",
            [each for each in examples if each.source == TUNED],
        ),
        Section(
            "calibration",
            "Calibration side of the training files",
            "Groups of the training files that were kept back from training: same authors, other groups. The "
            "thresholds were set on it too.",
            [each for each in examples if each.side is Side.CALIBRATION],
        ),
    ]
    if public is not None:
        labelled = list(read_public(public))
        kept = unseen(labelled, [each for each in examples if each.side is not Side.EXAMINATION])
        found.append(
            Section(
                "public",
                "Public sources kept out altogether",
                "Items of public sets that gave nothing to training, relabelled by the rubric "
                "(`bench/stakes_material/measure_only.tsv`). All English; most are examinations or instruction data. "
                f"{len(labelled) - len(kept)} labelled items are left out: those of MMLU and MMLU-Pro, whose other "
                "questions were trained on, and those that share a telling line with a training text.",
                kept,
            )
        )
    return [section for section in found if section.examples]


def read_public(folder: Path, labels: Path = FOLDER / "measure_only.tsv") -> Iterator[Example]:
    """The labelled items of the public files in ``folder``, in the order of the labels."""
    with labels.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    texts = {name: _texts(folder / f"{name}.jsonl") for name in sorted({row["file"] for row in rows})}
    for row in rows:
        yield Example(
            id=row["id"],
            group=row["id"],
            source=row["file"],
            lang="en",
            kind="public",
            system="",
            text=texts[row["file"]][row["id"]],
            stakes=Stakes(row["stakes"]),
            domain=Domain(row["domain"]),
            data_class=DataClass(row["data_class"]),
            complexity=float(row["complexity"]),
            why=row["why"],
        )


def unseen(items: Sequence[Example], trained: Sequence[Example]) -> list[Example]:
    """The items that are neither of a family that was trained on nor share a telling line with a training text."""
    seen = overlapping([each.text for each in items], [each.text for each in trained])
    return [each for each, known in zip(items, seen, strict=True) if not known and each.source not in _FAMILY_TRAINED]


def _texts(path: Path) -> Mapping[str, str]:
    """Of a public file the text of each item by its id; a routing file calls it ``prompt``."""
    with path.open(encoding="utf-8") as lines:
        items = [json.loads(line) for line in lines]
    return {item["id"]: item["text"] if "text" in item else item["prompt"] for item in items}
