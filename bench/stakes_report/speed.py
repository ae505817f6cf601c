"""Decisions a second on one core, for short prompts and for prompts of 8 kB, made of the material's texts."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.training.material import Example
from routing.assessment import Assessor
from routing.prompt import Prompt, read_prompt
from schemas.facts import JobFacts

LONG = 8_000
_SEED = 20261123
_SHORT_JOBS, _LONG_JOBS, _ROUNDS = 600, 100, 3
_NO_FACTS = JobFacts.model_validate({})


@dataclass(frozen=True, slots=True)
class Speed:
    """Decisions a second: the best of three rounds, and the slowest of them beside it."""

    jobs: int
    mean_bytes: int
    best: float
    slowest: float

    def __str__(self) -> str:
        return f"{self.best:,.0f} (slowest of {_ROUNDS} rounds {self.slowest:,.0f}; {self.mean_bytes:,} bytes each)"


def short_prompts(examples: Sequence[Example]) -> list[Prompt]:
    """The prompts around the median length: the middle fifth."""
    ordered = sorted(examples, key=lambda each: (len(each.system) + len(each.text), each.id))
    middle = ordered[len(ordered) * 2 // 5 : len(ordered) * 3 // 5]
    random.Random(_SEED).shuffle(middle)
    return [each.prompt for each in middle[:_SHORT_JOBS]]


def long_prompts(examples: Sequence[Example]) -> list[Prompt]:
    """Unrelated documents pasted after one another up to 8 kB, and then an ask: another example's text."""
    draw = random.Random(_SEED)
    documents = [each.text for each in examples if len(each.text) > 600]
    asks = [each.text for each in examples if len(each.text) < 200]
    made = []
    for _ in range(_LONG_JOBS if documents and asks else 0):
        ask, pasted = draw.choice(asks), ""
        while len(pasted.encode()) + len(ask.encode()) < LONG:
            pasted += draw.choice(documents) + "\n\n"
        kept = pasted.encode()[: LONG - len(ask.encode())].decode(errors="ignore")
        made.append(read_prompt({"messages": [{"role": "user", "content": kept + ask}]}))
    return made


def speed(assessors: Sequence[Assessor], prompts: Sequence[Prompt]) -> Speed:
    """Assess all prompts, as a worker does: a chunk at a time, on one thread.

    It is processor time that is taken, so that other programs on the machine count less.
    """
    jobs = [(prompt, _NO_FACTS) for prompt in prompts]
    _run(assessors, jobs[:20])  # what is read when first needed
    print(f"timing {len(jobs)} decisions, {_ROUNDS} rounds", file=sys.stderr, flush=True)
    taken = sorted(_run(assessors, jobs) for _ in range(_ROUNDS))
    size = sum(len(prompt.text.encode()) for prompt in prompts) // len(prompts)
    return Speed(len(jobs), size, len(jobs) / taken[0], len(jobs) / taken[-1])


def _run(assessors: Sequence[Assessor], jobs: list[tuple[Prompt, JobFacts]]) -> float:
    began = time.process_time()
    for assessor in assessors:
        for start in range(0, len(jobs), 100):
            assessor.assess(jobs[start : start + 100])
    return time.process_time() - began


def processor() -> str:
    """The name of the processor, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "one core")
