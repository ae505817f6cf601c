"""What was found about a job, and the socket that every assessor fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from routing.prompt import Prompt
from schemas.facts import JobFacts
from schemas.vocabulary import DataClass, Domain, Stakes


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that drove a finding.

    ``code`` names the rule (``ask.dosing``), ``axis`` what it bears on (stakes, complexity, domain or data_class),
    ``says`` explains it in words of the rule's own: it never quotes the job's text.
    """

    code: str
    axis: str
    says: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """The four axes of the rubric, each explained. ``p_high`` + ``p_low`` <= 1; ``complexity`` is 0 to 1.

    ``assessor`` is the name and version of what found it, kept with every decision.
    """

    stakes: Stakes
    p_high: float
    p_low: float
    complexity: float
    domain: Domain
    data_class: DataClass
    reasons: tuple[Reason, ...]
    assessor: str

    def as_json(self) -> dict[str, Any]:
        return {
            "stakes": self.stakes.value,
            "p_high": round(self.p_high, 4),
            "p_low": round(self.p_low, 4),
            "complexity": round(self.complexity, 4),
            "domain": self.domain.value,
            "data_class": self.data_class.value,
            "assessor": self.assessor,
            "reasons": [{"code": r.code, "axis": r.axis, "says": r.says} for r in self.reasons],
        }


class Assessor(Protocol):
    """Anything that can assess. Pure and deterministic."""

    @property
    def version(self) -> str: ...

    def assess(self, jobs: Sequence[tuple[Prompt, JobFacts]]) -> list[Assessment]:
        """One assessment a job, in order; a chunk at a time so that a model can work on a matrix."""
        ...
