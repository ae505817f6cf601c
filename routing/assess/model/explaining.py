"""Why the model found what it found: the spans that moved it, the nearest known cases, the way to another level."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from routing.assess.model.artefact import Artefact
from routing.assess.model.card import evidence
from routing.assess.model.cases import Near
from routing.assess.model.glance import features
from routing.assess.model.pieces import window
from routing.assessment import Assessment
from routing.prompt import Prompt

_SENTENCE = re.compile(r"[^.?!;\n。？！；؟।]+[.?!;。？！；؟।]?")
#: Sentences that are left out one at a time; of more, the first and last ones.
_TRIED = 16
_SHOWN = 3


@dataclass(frozen=True, slots=True, repr=False)
class Span:
    """A stretch of the last user message, in characters, and how much its absence lowers ``p_high``."""

    start: int
    end: int
    text: str
    lowers_by: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """``margin`` is ``p_high`` less the ``threshold`` from which on a job is high. Spans quote the job's own text."""

    p_high: float
    threshold: float
    spans: tuple[Span, ...]
    nearest: tuple[Near, ...]

    @property
    def margin(self) -> float:
        return self.p_high - self.threshold

    def as_json(self) -> dict[str, Any]:
        away = "less" if self.margin >= 0 else "more"
        return {
            "p_high": round(self.p_high, 4),
            "threshold": round(self.threshold, 4),
            "margin": round(self.margin, 4),
            "spans": [
                {"start": s.start, "end": s.end, "text": s.text, "lowers_p_high_by": round(s.lowers_by, 4)}
                for s in self.spans
            ],
            "nearest_cases": [
                {"id": n.id, "stakes": n.stakes, "why": n.why, "similarity": round(n.similarity, 3)}
                for n in self.nearest
            ],
            "otherwise": f"{abs(self.margin):.3f} {away} in p_high and it would be on the other side of the threshold",
        }


def explain(prompt: Prompt, rules: Assessment, artefact: Artefact, threshold: float) -> Explanation:
    """Read the prompt once more, whole and without each of its sentences. For a person to look at: it takes a while."""
    stretches = [m.span() for m in _SENTENCE.finditer(prompt.last_user) if m.group().strip()]
    if len(stretches) > _TRIED:
        stretches = stretches[: _TRIED // 2] + stretches[-_TRIED // 2 :]
    variants = [prompt, *(_without(prompt, start, end) for start, end in stretches)]
    chances, first = _chances(variants, rules, artefact)
    moved = [
        Span(start, end, prompt.last_user[start:end].strip(), chances[0] - chance)
        for (start, end), chance in zip(stretches, chances[1:], strict=True)
    ]
    moved.sort(key=lambda span: -span.lowers_by)
    spans = tuple(span for span in moved[:_SHOWN] if span.lowers_by > 0)
    return Explanation(chances[0], threshold, spans, tuple(artefact.cases.nearest(first, _SHOWN)))


def _chances(variants: Sequence[Prompt], rules: Assessment, artefact: Artefact) -> tuple[list[float], Any]:
    parts = [artefact.vocabulary.parts(variant) for variant in variants]
    scores = artefact.encoder.scores([window(system, asked) for system, asked in parts])
    system = parts[0][0]
    frame = artefact.encoder.scores([window(system, [])]).stakes[0] if system else None
    glanced = [artefact.glance.score(features(system, asked)) for system, asked in parts]
    found = [
        artefact.card.probabilities(evidence(logits, frame, glance, rules.p_high, rules.p_low))[2]
        for logits, glance in zip(scores.stakes, glanced, strict=True)
    ]
    return found, scores.vectors[0]


def _without(prompt: Prompt, start: int, end: int) -> Prompt:
    """The prompt with a stretch of its last user message left out."""
    shorter = prompt.last_user[:start] + prompt.last_user[end:]
    turns = list(prompt.turns)
    last = max(i for i, (role, _) in enumerate(turns) if role == "user")
    turns[last] = ("user", shorter)
    return replace(prompt, turns=tuple(turns), last_user=shorter)
