"""Assess a job: what is at stake in it, how hard it is, its field of work and how restricted its data is.

Rules (this package) and a trained model (``routing.assess.model``), weighed together.
"""

from routing.assess.combine import Permission, combine, declare
from routing.assess.model.assessor import TrainedAssessor
from routing.assess.rules import RuleAssessor

__all__ = ["Permission", "RuleAssessor", "TrainedAssessor", "combine", "declare"]
