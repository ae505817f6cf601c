"""The examples that the model is trained, calibrated and measured on, each on one side only."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from routing.prompt import Prompt, read_prompt
from schemas.vocabulary import DataClass, Domain, Stakes

FOLDER = Path(__file__).parents[1] / "stakes_material"
#: Files that no training sees: written blind, by others than the training files'.
EXAMINATION = ("v_examination.jsonl", "w_examination.jsonl")
_CALIBRATION_SHARE = 0.15


class Side(StrEnum):
    """What an example is used for; all examples of a group are on one side."""

    TRAINING = "training"
    CALIBRATION = "calibration"
    EXAMINATION = "examination"


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled request. ``source`` is the file it is from, or the public set."""

    id: str
    group: str
    source: str
    lang: str
    kind: str
    system: str
    text: str
    stakes: Stakes
    domain: Domain
    data_class: DataClass
    complexity: float
    why: str

    @property
    def prompt(self) -> Prompt:
        system = [{"role": "system", "content": self.system}] if self.system else []
        return read_prompt({"messages": [*system, {"role": "user", "content": self.text}]})

    @property
    def side(self) -> Side:
        if f"{self.source}.jsonl" in EXAMINATION:
            return Side.EXAMINATION
        drawn = int.from_bytes(hashlib.sha256(self.group.encode()).digest()[:4], "big") / 2**32
        return Side.CALIBRATION if drawn < _CALIBRATION_SHARE else Side.TRAINING


def read_examples(folder: Path = FOLDER) -> Iterator[Example]:
    """All examples, in the order of files and lines. ``KeyError``, ``ValueError`` for a line that is none."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                item = json.loads(line)
                yield Example(
                    id=item["id"],
                    group=item["group"],
                    source=item.get("source", path.stem),
                    lang=item["lang"],
                    kind=item["kind"],
                    system=item.get("system", ""),
                    text=item["text"],
                    stakes=Stakes(item["stakes"]),
                    domain=Domain(item["domain"]),
                    data_class=DataClass(item["data_class"]),
                    complexity=float(item["complexity"]),
                    why=item["why"],
                )


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_MARKS = re.compile(r"[?？؟.!]")


def blurred(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """Copies of a share of the examples with typing errors, without capitals or without marks, under the same label."""
    draw = random.Random(seed)
    return [replace(each, text=mistyped(each.text, draw)) for each in examples if draw.random() < share]


def mistyped(text: str, draw: random.Random) -> str:
    """The text as a hurried hand types it: about one slip in forty characters, often all small letters, few marks."""
    letters = list(text)
    for _ in range(max(1, len(letters) // 40)):
        if len(letters) < 4:
            break
        at, slip = draw.randrange(len(letters) - 1), draw.random()
        if slip < 0.3:
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        elif slip < 0.55:
            del letters[at]
        elif slip < 0.75:
            letters.insert(at, letters[at])
        else:
            letters[at] = draw.choice(_LETTERS)
    text = "".join(letters)
    case = draw.random()
    text = text.lower() if case < 0.4 else text.upper() if case < 0.5 else text
    return _MARKS.sub("", text) if draw.random() < 0.5 else text
