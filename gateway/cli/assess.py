"""``pointsman assess``: what is at stake in each job of a file. Needs no server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import click

from gateway.cli.bad_lines import BadLines
from gateway.cli.bulk_file import open_bulk
from gateway.cli.display import note, show_json_line
from gateway.cli.given_settings import read_settings
from gateway.cli.pace import Pace
from routing.assessment import Assessment
from routing.choose import Chooser
from routing.decision import PlanInputs, Question
from routing.prompt import Prompt, read_prompt
from schemas.lines import ParsedJob, read_jobs, read_lines
from schemas.problems import Problem
from workers.assessing import find
from workers.assessors import load_assessor
from workers.rulebook import load_rulebook

#: Jobs that are assessed together.
_BLOCK = 100


@click.command()
@click.argument("file")
@click.option("--explain", is_flag=True, help="tell why: spans of the text, nearest known cases, margin (slower)")
@click.option("--json", "_as_json", is_flag=True, help="changes nothing: its output is JSON lines anyway")
def assess(file: str, explain: bool, _as_json: bool) -> None:
    """Say for each job of FILE what is at stake in it and which tier the policy gives it, one JSON object a line.

    Bad lines are named on standard error and passed over; - is standard input.

    Example: pointsman assess jobs.jsonl | jq -r .stakes | sort | uniq -c
    """
    settings = read_settings("assess")
    rulebook = load_rulebook(settings)
    assessor = load_assessor(rulebook.policy.stakes.miss_per_thousand)
    chooser = Chooser(PlanInputs(rulebook.policy, rulebook.catalogue, datetime.now(UTC)))
    bad, jobs = BadLines(), 0
    with open_bulk(file) as stream, Pace("jobs assessed") as pace:
        items = read_jobs(
            read_lines(stream, settings.line_limits),
            model_names=rulebook.catalogue.names(),
            max_depth=settings.max_line_depth,
        )
        for block in _blocks(items):
            for item in block:
                if isinstance(item, Problem):
                    bad.add(item)
                    note(item)
            good = [item for item in block if isinstance(item, ParsedJob)]
            prompts = [read_prompt(job.body) for job in good]
            for job, prompt, found in zip(
                good, prompts, find(good, prompts, (assessor,), rulebook.policy), strict=True
            ):
                line = _line(job, prompt, found, chooser)
                if explain:
                    line["explanation"] = assessor.explain(prompt).as_json()
                show_json_line(line)
            jobs += len(good)
            pace.at(jobs)
    bad.refuse(strict=False, jobs=jobs)


def _blocks(items: Iterator[ParsedJob | Problem]) -> Iterator[Sequence[ParsedJob | Problem]]:
    while block := list(islice(items, _BLOCK)):
        yield block


def _line(job: ParsedJob, prompt: Prompt, found: Assessment, chooser: Chooser) -> dict[str, Any]:
    # The tier doesn't depend on lengths, so that no tokens need counting.
    question = Question(
        facts=job.facts,
        assessment=found,
        asked_model=job.model,
        needs=prompt.needs,
        prompt_tokens=0,
        prefix_tokens=0,
        max_output=prompt.max_output,
        template=None,
        repeats=False,
    )
    said = found.as_json()
    return {
        "custom_id": job.custom_id,
        "stakes": said["stakes"],
        "p_high": said["p_high"],
        "p_low": said["p_low"],
        "domain": said["domain"],
        "complexity": said["complexity"],
        "data_class": said["data_class"],
        "tier": chooser.decide(question).tier.value,
        "assessor": said["assessor"],
        "reasons": said["reasons"],
    }
