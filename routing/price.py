"""What a call is expected to cost before it is made, in whole pico-USD, rounded up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from routing.cards import Rates
from routing.decision import Learned, PlanInputs, Question
from routing.tokens import worst_prompt
from schemas.money import PICO_PER_USD

#: Providers read a prompt's start from their cache from this many tokens on (OpenAI and Anthropic say 1,024).
CACHEABLE_TOKENS = 1024
#: How many answers' worth the assumption weighs against what came back.
_PRIOR_ANSWERS = 10


@dataclass(frozen=True, slots=True)
class Sizes:
    """Token counts of one call: expected, and at the very most."""

    prompt: int
    cached: int
    output: int
    worst_prompt: int
    worst_output: int


def output_tokens(question: Question, inputs: PlanInputs) -> int:
    """The expected length of the answer: assumed, then drawn to what the template's answers had; capped."""
    answers, tokens, _ = _learned(question, None, inputs.learned)
    mean = (inputs.policy.answers.assumed_tokens * _PRIOR_ANSWERS + tokens) // (_PRIOR_ANSWERS + answers)
    return min(mean, output_cap(question, inputs))


def output_cap(question: Question, inputs: PlanInputs) -> int:
    """The most tokens an answer may have: the job's own cap, else the policy's. It is sent with every call."""
    return question.max_output or inputs.policy.answers.default_max_tokens


def failure_chance(question: Question, model: str, inputs: PlanInputs) -> Fraction:
    """The chance that a model's answer fails its check: the policy's assumption drawn to what came back."""
    answers, _, flawed = _learned(question, model, inputs.learned)
    assumed = Fraction(inputs.policy.answers.assumed_check_failures)
    return (assumed * _PRIOR_ANSWERS + flawed) / (_PRIOR_ANSWERS + answers)


def sizes(question: Question, inputs: PlanInputs) -> Sizes:
    """The sizes of one call. A worst case has nothing cached."""
    cached = question.prefix_tokens if question.repeats and question.prefix_tokens >= CACHEABLE_TOKENS else 0
    return Sizes(
        prompt=question.prompt_tokens - cached,
        cached=cached,
        output=output_tokens(question, inputs),
        worst_prompt=worst_prompt(question.prompt_tokens),
        worst_output=output_cap(question, inputs),
    )


class Tariff:
    """The rates of one endpoint as whole pico-USD for a million units, so that estimates are integer arithmetic."""

    __slots__ = ("cached", "dearest_input", "fee", "input", "output")

    def __init__(self, rates: Rates) -> None:
        self.input, self.cached, self.output, self.fee, write = (
            int(price * PICO_PER_USD)
            for price in (rates.input, rates.cached_read, rates.output, rates.fee, rates.cache_write)
        )
        self.dearest_input = max(self.input, self.cached, write)

    def expected(self, size: Sizes) -> int:
        return _up(size.prompt * self.input + size.cached * self.cached + size.output * self.output + self.fee)

    def worst(self, size: Sizes) -> int:
        return _up(size.worst_prompt * self.dearest_input + size.worst_output * self.output + self.fee)


def _up(millionths: int) -> int:
    return -(-millionths // 1_000_000)


def _learned(
    question: Question, model: str | None, learned: Mapping[tuple[str, str], Mapping[str, Learned]]
) -> tuple[int, int, int]:
    """Answers, output tokens and flawed answers of the job's template: of one model, or of all of them."""
    rows = learned.get((question.facts.tenant, question.template), {}) if question.template else {}
    kept = [row for name, row in rows.items() if model is None or name == model]
    return sum(r.answers for r in kept), sum(r.output_tokens for r in kept), sum(r.flawed for r in kept)
