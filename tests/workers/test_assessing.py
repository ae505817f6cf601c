"""From parsed lines to assessed jobs, the same for intake, the dry run and `assess`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from routing.assessment import Assessment
from routing.policy import parse_policy
from routing.prompt import Prompt
from schemas.facts import JobFacts
from schemas.lines import ParsedJob, lines_of, read_jobs
from schemas.vocabulary import DataClass, Domain, Stakes
from tests.workers.core import DRAFT, MAIL, line
from workers.assessing import assess_jobs, find, template_of
from workers.rulebook import Rulebook, load_rulebook
from workers.settings import Settings


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    """The shipped policy and catalogue."""
    return load_rulebook(Settings(_env_file=None))  # type: ignore[call-arg]


class Says:
    """An assessor that always says the same."""

    def __init__(self, stakes: Stakes, p_high: float, p_low: float, complexity: float = 0.2) -> None:
        self.version = f"says-{stakes}"
        self._found = Assessment(
            stakes, p_high, p_low, complexity, Domain.GENERAL, DataClass.INTERNAL, (), f"says-{stakes}"
        )

    def assess(self, jobs: Sequence[tuple[Prompt, JobFacts]]) -> list[Assessment]:
        return [self._found for _ in jobs]


LOW, HIGH = Says(Stakes.LOW, 0.01, 0.95), Says(Stakes.HIGH, 0.9, 0.02, complexity=0.7)


def parsed(*lines: dict[str, Any]) -> list[ParsedJob]:
    jobs = list(read_jobs(lines_of(lines), model_names=frozenset({"gpt-5.4"})))
    assert all(isinstance(job, ParsedJob) for job in jobs)
    return [job for job in jobs if isinstance(job, ParsedJob)]


def test_several_assessors_combine_upwards(rulebook: Rulebook) -> None:
    """The higher opinion counts, in whichever order they are asked."""
    jobs = parsed(line("a"), line("b"))
    for assessors in ((LOW, HIGH), (HIGH, LOW)):
        found = [job.assessment for job in assess_jobs(jobs, assessors, rulebook.policy)]
        assert [one.stakes for one in found] == [Stakes.HIGH, Stakes.HIGH]
        assert found[0].complexity == 0.7


def test_a_declared_level_raises(rulebook: Rulebook) -> None:
    """And is named among the reasons."""
    (job,) = assess_jobs(parsed(line("a", stakes="high")), (LOW,), rulebook.policy)
    assert job.assessment.stakes is Stakes.HIGH
    assert "declared.stakes.raised" in {reason.code for reason in job.assessment.reasons}


def test_only_a_named_producer_lowers_and_the_reason_says_who(rulebook: Rulebook) -> None:
    """Without a row in the policy a declared lower level changes nothing."""
    lines = parsed(line("a", stakes="low", tenant="acme", producer="newsletter-bot"))
    (refused,) = assess_jobs(lines, (HIGH,), rulebook.policy)
    assert refused.assessment.stakes is Stakes.HIGH
    row = 'may_lower = [{ tenant = "acme", producer = "newsletter-bot", down_to = "low", approved_by = "A. Risk" }]'
    allowed = parse_policy(rulebook.policy_text.replace("may_lower = []", row), "policy.toml")
    (lowered,) = assess_jobs(lines, (HIGH,), allowed)
    assert lowered.assessment.stakes is Stakes.LOW
    said = {reason.code: reason.says for reason in lowered.assessment.reasons}
    assert "A. Risk" in said["declared.stakes.lowered"]
    (other,) = assess_jobs(parsed(line("a", stakes="low", tenant="acme", producer="stranger")), (HIGH,), allowed)
    assert other.assessment.stakes is Stakes.HIGH


def test_an_assessment_reads_the_same_when_it_was_stored(rulebook: Rulebook) -> None:
    """What is decided live and what is decided again from the database has the same figures, to the last digit."""
    odd = Says(Stakes.MEDIUM, 0.1 + 0.2, 1 / 3, complexity=2 / 3)
    jobs = parsed(line("a"))
    (first,) = assess_jobs(jobs, (odd,), rulebook.policy)
    again = find(jobs, [first.prompt], (odd,), rulebook.policy)
    assert again == [first.assessment]
    assert all(round(p, 4) == p for p in (first.assessment.p_high, first.assessment.p_low, first.assessment.complexity))


def test_the_body_of_a_job_is_what_is_sent(rulebook: Rulebook) -> None:
    """Without the model, which the router chooses; the producer's other fields stay."""
    one = line("a", DRAFT)
    one["body"] |= {"model": "gpt-5.4", "temperature": 0.2, "max_tokens": 50}
    (job,) = assess_jobs(parsed(one), (LOW,), rulebook.policy)
    assert (job.asked_model, job.prompt.max_output) == ("gpt-5.4", 50)
    assert set(job.body) == {"messages", "temperature", "max_tokens"}
    assert job.prompt_tokens > 5
    assert DRAFT not in repr(job)


def test_rows_of_one_template_are_known_by_its_name_or_their_system_prompt(rulebook: Rulebook) -> None:
    """The producer's name wins; a shared system prompt serves; a lone prompt has no template."""
    rows = [line("a", template_id="greeting"), line("b"), line("c"), line("d")]
    for row in (rows[1], rows[2]):
        row["body"]["messages"].insert(0, {"role": "system", "content": "Be brief and kind."})
    named, first, second, alone = assess_jobs(parsed(*rows), (LOW,), rulebook.policy)
    assert named.template == "greeting"
    assert first.template == second.template != named.template
    assert first.template is not None
    assert first.template.startswith("system-")
    assert "brief" not in first.template
    assert alone.template is None
    assert first.prefix_tokens > 0 == alone.prefix_tokens
    assert template_of(first.facts, replace(first.prompt, system="Be long.")) != first.template


def test_a_question_knows_whether_its_template_repeats(rulebook: Rulebook) -> None:
    """Providers may read a repeated start from their cache; a single row has none."""
    many, once = assess_jobs(
        parsed(line("a", MAIL, template_id="t"), line("b", MAIL, template_id="u")), (LOW,), rulebook.policy
    )
    templates = Counter({"t": 3})
    assert many.question(templates).repeats
    assert not once.question(templates).repeats
