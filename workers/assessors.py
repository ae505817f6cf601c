"""The assessors in force: the rules today, a trained model beside them tomorrow."""

from __future__ import annotations

from collections.abc import Sequence

from routing.assess import RuleAssessor
from routing.assessment import Assessor


def load_assessors() -> Sequence[Assessor]:
    """All assessors, whose findings are combined upwards. Reading them takes about half a second: do it once."""
    return (RuleAssessor(),)
