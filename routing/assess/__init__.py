"""Assess a job by rules: what is at stake in it, how hard it is, its field of work and how restricted its data is."""

from routing.assess.combine import Permission, combine, declare
from routing.assess.rules import RuleAssessor

__all__ = ["Permission", "RuleAssessor", "combine", "declare"]
