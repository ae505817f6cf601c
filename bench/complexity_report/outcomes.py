"""Routing outcomes as they are stored: for each job its prompt and how well a strong and a weak model did on it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: A judge's best mark, where a file holds marks (1 to 10) and not right or wrong.
_BEST_MARK = 10.0


class OutcomesError(Exception):
    """A folder or a line that can't be read as routing outcomes; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Job:
    """One prompt with the quality of both answers, 0 (wrong) to 1 (right).

    ``length`` counts the characters of the whole prompt, of which ``prompt`` may hold only the first part.
    """

    prompt: str
    length: int
    domain: str
    strong: float
    weak: float


@dataclass(frozen=True, slots=True)
class RoutingFile:
    """The jobs of one file, all answered by the same two models. ``source`` is the repository they come from."""

    name: str
    source: str
    strong_model: str
    weak_model: str
    jobs: tuple[Job, ...]

    @property
    def gains(self) -> Floats:
        """By how much the strong answer is better, job by job: (n,), from -1 to 1."""
        return np.array([job.strong - job.weak for job in self.jobs])

    @property
    def weak_wrong(self) -> Floats:
        """How wrong the weak answer is, job by job: (n,), from 0 to 1."""
        return np.array([1.0 - job.weak for job in self.jobs])

    @property
    def domains(self) -> NDArray[np.str_]:
        """The domain of each job: (n,)."""
        return np.array([job.domain for job in self.jobs])


def read_outcomes(folder: Path) -> list[RoutingFile]:
    """All ``routing_*.jsonl`` of a folder, by name. Raises OutcomesError where there is none or one is malformed."""
    if not folder.is_dir():
        raise OutcomesError(f"{folder} is no folder")
    paths = sorted(folder.glob("routing_*.jsonl"))
    if not paths:
        raise OutcomesError(f"{folder} holds no routing_*.jsonl")
    return [_read_file(path) for path in paths]


def _read_file(path: Path) -> RoutingFile:
    rows = list(_rows(path))
    if not rows:
        raise OutcomesError(f"{path} is empty")
    pairs = {(row["source"], row["strong_model"], row["weak_model"]) for row, _ in rows}
    if len(pairs) > 1:
        raise OutcomesError(f"{path} mixes sources or pairs of models: {sorted(pairs)[:3]}; give each its own file")
    source, strong, weak = pairs.pop()
    return RoutingFile(path.stem.removeprefix("routing_"), source, strong, weak, tuple(job for _, job in rows))


def _rows(path: Path) -> Iterator[tuple[Mapping[str, Any], Job]]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                job = Job(
                    prompt=row["prompt"],
                    length=int(row.get("prompt_chars", len(row["prompt"]))),
                    domain=row["domain"],
                    strong=_quality(row, "strong"),
                    weak=_quality(row, "weak"),
                )
                yield {name: row[name] for name in ("source", "strong_model", "weak_model")}, job
            except KeyError as error:
                raise OutcomesError(f"{path}:{number} lacks the field {error}") from error
            except (TypeError, ValueError) as error:
                raise OutcomesError(f"{path}:{number} can't be read: {error}") from error


def _quality(row: Mapping[str, Any], model: str) -> float:
    """Right or wrong (or a share) as it is; a judge's mark as a share of the best one."""
    found = row[f"{model}_score"] / _BEST_MARK if f"{model}_score" in row else row[f"{model}_correct"]
    quality = float(found)
    if not 0 <= quality <= 1:
        raise ValueError(f"the {model} model's outcome is {quality}, which is not from 0 to 1")
    return quality
