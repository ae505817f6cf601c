"""Taking a batch in: validate, assess and store, in one transaction, in memory that does not grow with the batch.

What was accepted is durable; what was refused left nothing behind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, LiteralString

import psycopg
from sqlalchemy import Connection, Engine, text

from routing.assessment import Assessor
from schemas.database import query
from schemas.lines import ParsedJob, RawLine, read_jobs
from schemas.money import usd_exact
from schemas.problems import Problem
from schemas.storable import as_json
from workers.assessing import AssessedJob, assess_jobs
from workers.rulebook import Rulebook

#: Jobs that are assessed and written together.
_BLOCK = 2000
#: How many problems a refused batch lists; their number is told in full.
MOST_PROBLEMS = 10_000

_JOB_COLUMNS = (
    "batch_id", "line", "custom_id", "body", "asked_model", "facts", "tenant", "cost_centre", "project", "template",
    "stakes", "assessment", "state", "prompt_tokens", "prefix_tokens",
)  # fmt: skip
_PROBLEM_COLUMNS = ("batch_id", "number", "line", "custom_id", "field", "code", "says")


@dataclass(frozen=True, slots=True)
class Order:
    """A batch as it is asked for. ``defaults`` are facts for lines that lack their own; ``strict``: all or nothing."""

    batch_id: str
    way_in: str
    defaults: Mapping[str, str]
    budget_pico: int | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """A batch that is durable. ``known``: the same submission had been accepted before."""

    batch_id: str
    jobs: int
    bad_lines: int
    known: bool


class BatchRefusedError(Exception):
    """Nothing was stored. ``problems`` lists what is wrong (at most ``MOST_PROBLEMS``), ``found`` counts it."""

    def __init__(self, problems: Sequence[Problem], found: int) -> None:
        super().__init__(f"the batch was refused: {found} problems")
        self.problems = tuple(problems)
        self.found = found


class KeyReusedError(Exception):
    """The idempotency key belongs to a batch with other content."""


class _Tally:
    """What has been read so far: the digest over all lines, the problems, the lines they stand on."""

    def __init__(self, order: Order) -> None:
        budget = None if order.budget_pico is None else usd_exact(order.budget_pico)
        self._digest = hashlib.sha256(json.dumps([dict(order.defaults), budget, order.strict], sort_keys=True).encode())
        self.found = 0
        self.kept: list[Problem] = []
        self.refused = False
        self.bad_lines = 0
        self._last_bad = 0

    def lines(self, lines: Iterable[RawLine | Problem]) -> Iterator[RawLine | Problem]:
        for line in lines:
            self._digest.update(line.data if isinstance(line, RawLine) else line.code.value.encode())
            self._digest.update(b"\n")
            yield line

    def problem(self, problem: Problem) -> None:
        self.found += 1
        self.refused |= problem.refuses_batch
        if problem.line != self._last_bad:
            self.bad_lines += 1
            self._last_bad = problem.line
        if len(self.kept) < MOST_PROBLEMS:
            self.kept.append(problem)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


def accept(
    engine: Engine,
    order: Order,
    lines: Iterable[RawLine | Problem],
    rulebook: Rulebook,
    assessors: Sequence[Assessor],
    *,
    max_depth: int = 32,
    progress: Callable[[int], None] = lambda jobs: None,
) -> Receipt:
    """Store a batch, or find the one that the same key and content made before.

    ``lines`` come from ``schemas.lines``. Raises ``BatchRefusedError`` (a problem of the whole batch, or any problem
    when ``order.strict``) and ``KeyReusedError``; either way nothing is stored.
    """
    tally = _Tally(order)
    items = read_jobs(
        tally.lines(lines),
        model_names=rulebook.catalogue.names(),
        defaults=order.defaults,
        max_depth=max_depth,
    )
    with engine.begin() as connection:
        if not _take(connection, order):
            for _ in items:  # read on: the digest is over all of it
                pass
            return _known(connection, order, tally.digest)
        jobs = _store(connection, order, items, tally, rulebook=rulebook, assessors=assessors, progress=progress)
        if tally.refused or (order.strict and tally.found):
            raise BatchRefusedError(tally.kept, tally.found)
        sealed = {"id": order.batch_id, "digest": tally.digest, "jobs": jobs, "bad_lines": tally.bad_lines}
        connection.execute(query("workers", "seal_batch"), sealed)
    return Receipt(order.batch_id, jobs, tally.bad_lines, known=False)


def _take(connection: Connection, order: Order) -> bool:
    row = {
        "id": order.batch_id,
        "tenant": order.defaults.get("tenant", "default"),
        "way_in": order.way_in,
        "budget_pico": order.budget_pico,
    }
    return connection.execute(query("workers", "take_batch"), row).first() is not None


def _known(connection: Connection, order: Order, digest: str) -> Receipt:
    row = connection.execute(
        text("SELECT content_digest, jobs, bad_lines FROM batch WHERE id = :id"), {"id": order.batch_id}
    ).one()
    if row.content_digest != digest:
        raise KeyReusedError(f"the batch {order.batch_id} exists with other content; use another key for this one")
    return Receipt(order.batch_id, row.jobs, row.bad_lines, known=True)


def _store(
    connection: Connection,
    order: Order,
    items: Iterator[ParsedJob | Problem],
    tally: _Tally,
    *,
    rulebook: Rulebook,
    assessors: Sequence[Assessor],
    progress: Callable[[int], None],
) -> int:
    """Write jobs and problems block by block; return how many jobs there are. Stops writing once it is refused."""
    stored = numbered = 0
    while block := list(islice(items, _BLOCK)):
        problems = [item for item in block if isinstance(item, Problem)]
        for problem in problems:
            tally.problem(problem)
        if tally.refused or (order.strict and tally.found):
            continue
        jobs = assess_jobs([i for i in block if isinstance(i, ParsedJob)], assessors, rulebook.policy)
        _copy(connection, "job", _JOB_COLUMNS, (_job_row(order.batch_id, job) for job in jobs))
        rows = (_problem_row(order.batch_id, numbered + n, p) for n, p in enumerate(problems, start=1))
        _copy(connection, "line_problem", _PROBLEM_COLUMNS, rows)
        numbered += len(problems)
        stored += len(jobs)
        progress(stored)
    return stored


def _copy(connection: Connection, table: str, columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("COPY needs psycopg")
    statement: LiteralString = "COPY {} ({}) FROM STDIN"
    names = psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns))
    with (
        driver.cursor() as cursor,
        cursor.copy(psycopg.sql.SQL(statement).format(psycopg.sql.Identifier(table), names)) as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _job_row(batch_id: str, job: AssessedJob) -> tuple[Any, ...]:
    facts = job.facts
    return (
        batch_id,
        job.line,
        job.custom_id,
        as_json(job.body),
        job.asked_model,
        facts.model_dump_json(exclude_defaults=True),
        facts.tenant,
        facts.cost_centre,
        facts.project,
        job.template,
        job.assessment.stakes.value,
        as_json(job.assessment.as_json()),
        "accepted",
        job.prompt_tokens,
        job.prefix_tokens,
    )


def _problem_row(batch_id: str, number: int, problem: Problem) -> tuple[Any, ...]:
    return (
        batch_id,
        number,
        problem.line,
        problem.custom_id,
        problem.field,
        problem.code.value,
        problem.says,
    )
