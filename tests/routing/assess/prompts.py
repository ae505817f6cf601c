"""What the tests of this room share: prompts, the assessor and the hand-written cases."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from routing.assess import RuleAssessor
from routing.assessment import Assessment
from routing.prompt import Prompt
from schemas.facts import JobFacts

FACTS = JobFacts()


@cache
def assessor() -> RuleAssessor:
    return RuleAssessor()


def prompt(text: str, system: str = "") -> Prompt:
    return Prompt(system, (("user", text),), text, frozenset(), None, None, False)


def assess(text: str, system: str = "") -> Assessment:
    return assessor().assess([(prompt(text, system), FACTS)])[0]


@cache
def cases() -> list[dict[str, Any]]:
    lines = Path(__file__).with_name("cases.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
