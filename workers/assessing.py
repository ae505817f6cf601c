"""From parsed lines to assessed jobs: the one path that intake, the dry run and ``assess`` share."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from routing.assess import Permission, combine, declare
from routing.assessment import Assessment, Assessor
from routing.decision import Question
from routing.policy import Policy
from routing.prompt import Prompt, read_prompt
from routing.tokens import count_prompt
from schemas.facts import JobFacts
from schemas.lines import ParsedJob
from workers.stored import assessment_from


@dataclass(frozen=True, slots=True, repr=False)
class AssessedJob:
    """A job line with what was found about it. Token counts are ``routing.tokens``'."""

    line: int
    custom_id: str
    body: dict[str, Any]
    asked_model: str
    facts: JobFacts
    prompt: Prompt
    assessment: Assessment
    prompt_tokens: int
    prefix_tokens: int
    template: str | None

    def question(self, templates: Counter[str]) -> Question:
        """What its decision reads; ``templates`` counts the jobs of its batch by template."""
        return Question(
            facts=self.facts,
            assessment=self.assessment,
            asked_model=self.asked_model,
            needs=self.prompt.needs,
            prompt_tokens=self.prompt_tokens,
            prefix_tokens=self.prefix_tokens,
            max_output=self.prompt.max_output,
            template=self.template,
            repeats=self.template is not None and templates[self.template] > 1,
        )


def assess_jobs(jobs: Sequence[ParsedJob], assessors: Sequence[Assessor], policy: Policy) -> list[AssessedJob]:
    """Assess a chunk and count what each job's decision needs besides."""
    prompts = [read_prompt(job.body) for job in jobs]
    assessed = []
    for job, prompt, assessment in zip(jobs, prompts, find(jobs, prompts, assessors, policy), strict=True):
        tokens, prefix = count_prompt(prompt)
        assessed.append(
            AssessedJob(
                line=job.line,
                custom_id=job.custom_id,
                body={key: value for key, value in job.body.items() if key != "model"},
                asked_model=job.model,
                facts=job.facts,
                prompt=prompt,
                assessment=assessment,
                prompt_tokens=tokens,
                prefix_tokens=prefix,
                template=template_of(job.facts, prompt),
            )
        )
    return assessed


def find(
    jobs: Sequence[ParsedJob], prompts: Sequence[Prompt], assessors: Sequence[Assessor], policy: Policy
) -> list[Assessment]:
    """What is found about a chunk: all assessors, combined upwards, then what the producer declared.

    Scores come out as they are stored, so that a decision made again from stored facts reads the same.
    """
    asked = [(prompt, job.facts) for prompt, job in zip(prompts, jobs, strict=True)]
    opinions = [assessor.assess(asked) for assessor in assessors]
    return [
        assessment_from(declare(combine(found), job.facts, _permission(job.facts, policy)).as_json())
        for job, *found in zip(jobs, *opinions, strict=True)
    ]


def template_of(facts: JobFacts, prompt: Prompt) -> str | None:
    """What rows of one template share: the name the producer gives it, else the digest of the system prompt."""
    if facts.template_id is not None:
        return facts.template_id
    if not prompt.system:
        return None
    return "system-" + hashlib.sha256(prompt.system.encode()).hexdigest()[:16]


def _permission(facts: JobFacts, policy: Policy) -> Permission | None:
    row = policy.lowering(facts.tenant, facts.producer)
    return None if row is None else Permission(down_to=row.down_to, approved_by=row.approved_by)
