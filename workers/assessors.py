"""The assessors in force: one that weighs rules and the trained model together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from routing.assess import RuleAssessor, TrainedAssessor
from routing.assess.model.artefact import shipped
from routing.assessment import Assessor


@cache
def load_assessor(miss_per_thousand: int) -> TrainedAssessor:
    """The shipped assessor. Reading it takes about a second, once.

    ``miss_per_thousand`` is the policy's: of a thousand jobs of high stakes at most so many are to be missed.
    """
    return TrainedAssessor(RuleAssessor(), shipped(), miss_per_thousand)


def load_assessors(miss_per_thousand: int) -> Sequence[Assessor]:
    """All assessors, whose findings are combined upwards."""
    return (load_assessor(miss_per_thousand),)
