"""The routers that are measured, and their scores for every job: a higher score goes to the strong model sooner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from bench.complexity_report.hashed_words import WordCounts, count_words, fitted_scores, join
from bench.complexity_report.outcomes import RoutingFile
from bench.complexity_report.overlap import folds, overlapping
from routing.assess.rules import RuleAssessor
from routing.prompt import read_prompt
from schemas.facts import JobFacts

Floats = NDArray[np.float64]
Say = Callable[[str], None]

_FOLDS = 5
_CHUNK = 500
_NO_FACTS = JobFacts.model_validate({})


class Router(Enum):
    """Each with its title, and where its labels come from: none, other sources, or the very set it is measured on."""

    RULES = ("rules (shipped)", "none")
    LENGTH = ("prompt length", "none")
    RANDOM = ("random", "none")
    TRANSFERRED = ("words, other sources", "other sources")
    IN_DOMAIN = ("words, IN-DOMAIN labels", "in-domain, cross-validated")

    def __init__(self, title: str, labels: str) -> None:
        self.title = title
        self.labels = labels


#: The scores (n,) of each router for the n jobs of a file.
FileScores = Mapping[Router, Floats]


def score_all(files: Sequence[RoutingFile], assessor: RuleAssessor, say: Say) -> tuple[list[FileScores], int]:
    """The scores of every router for each file, and how many jobs were kept out of training for overlap.

    ``say`` takes a line of progress.
    """
    words = []
    for file in files:
        say(f"counting the words of {file.name}")
        words.append(count_words([job.prompt for job in file.jobs]))
    transferred, dropped = _transferred(files, words, say)
    found: list[FileScores] = []
    for file, counted, others in zip(files, words, transferred, strict=True):
        found.append(
            {
                Router.RULES: _rules(file, assessor, say),
                Router.LENGTH: np.array([float(job.length) for job in file.jobs]),
                Router.RANDOM: np.zeros(len(file.jobs)),
                Router.TRANSFERRED: others,
                Router.IN_DOMAIN: _in_domain(file, counted, say),
            }
        )
    return found, dropped


def _rules(file: RoutingFile, assessor: RuleAssessor, say: Say) -> Floats:
    """The complexity that ``RuleAssessor`` finds, 0 to 1, in what is stored of each prompt."""
    scores: list[float] = []
    for start in range(0, len(file.jobs), _CHUNK):
        say(f"{file.name}: the rules, {start} of {len(file.jobs)}")
        asked = [
            (read_prompt({"messages": [{"role": "user", "content": job.prompt}]}), _NO_FACTS)
            for job in file.jobs[start : start + _CHUNK]
        ]
        scores += [assessment.complexity for assessment in assessor.assess(asked)]
    return np.array(scores)


def _transferred(files: Sequence[RoutingFile], words: Sequence[WordCounts], say: Say) -> tuple[list[Floats], int]:
    """Scores of a model trained on whether the weak model was wrong in all files of *other* sources.

    Jobs that share a telling line with the files measured are kept out of its training as well.
    """
    whole = join(words)
    prompts = [job.prompt for file in files for job in file.jobs]
    labels = np.concatenate([file.weak_wrong for file in files])
    groups = np.concatenate([np.full(len(file.jobs), number) for number, file in enumerate(files)])
    sources = np.array([file.source for file in files])[groups]
    scores, dropped = np.zeros(len(prompts)), 0
    for source in dict.fromkeys(file.source for file in files):
        own = sources == source
        say(f"training on all sources but {source}")
        shared = overlapping(prompts, (job.prompt for file in files if file.source == source for job in file.jobs))
        dropped += int((shared & ~own).sum())
        known = ~own & ~shared
        if known.any():  # with a single source there is nothing to learn from: all scores equal, as at random
            scores[own] = fitted_scores(whole, labels, groups, known)[own]
    return np.split(scores, np.cumsum([len(file.jobs) for file in files])[:-1]), dropped


def _in_domain(file: RoutingFile, words: WordCounts, say: Say) -> Floats:
    """Scores of a model trained on the same file, each fold scored by a model that has not seen it."""
    fold = folds([job.prompt for job in file.jobs], _FOLDS)
    one_group = np.zeros(len(file.jobs), np.int64)
    scores = np.zeros(len(file.jobs))
    for number in range(_FOLDS):
        say(f"{file.name}: in-domain, fold {number + 1} of {_FOLDS}")
        left_out = fold == number
        if left_out.any() and not left_out.all():
            scores[left_out] = fitted_scores(words, file.weak_wrong, one_group, ~left_out)[left_out]
    return scores
