"""The results of a batch as OpenAI batch output lines, in the order of its input, in memory that does not grow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from schemas.database import query
from schemas.money import usd_exact
from schemas.output import AnswerError, AnswerResponse, OutputLine, Receipt
from schemas.problems import Problem, ProblemCode
from schemas.vocabulary import BatchState, JobState, Stakes, Tier

#: Jobs that are read together: their answers may be long.
_PAGE = 500
_FETCHED = 1000
_ERROR_CODE = re.compile(r"[a-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Readiness:
    """How much of a batch can be had: ``ended`` of its ``jobs`` have a result or a reason why there is none."""

    state: BatchState
    jobs: int
    ended: int
    bad_lines: int

    @property
    def finished(self) -> bool:
        return self.state is BatchState.FINISHED


def readiness(connection: Connection, batch_id: str) -> Readiness | None:
    """How much of a batch can be had now; None where there is no such batch."""
    row = connection.execute(query("workers", "results_ready"), {"batch": batch_id}).one_or_none()
    return None if row is None else Readiness(BatchState(row.state), row.jobs, row.ended, row.bad_lines)


def output_lines(connection: Connection, batch_id: str) -> Iterator[OutputLine]:
    """The lines of all jobs that have ended, page by page; one that ends meanwhile may be among them."""
    # The planner knows nothing yet of a batch that has just ended, and would scan whole tables for every page.
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    after = 0
    while True:
        page = {"batch": batch_id, "after": after, "page": _PAGE}
        jobs = connection.execute(query("workers", "results_jobs"), page).all()
        if not jobs:
            return
        after = jobs[-1].line
        ids = {"jobs": [job.id for job in jobs]}
        answers, flaws, costs = (
            {row.job_id: row for row in connection.execute(query("workers", f"results_{what}"), ids)}
            for what in ("answers", "flaws", "costs")
        )
        for job in jobs:
            spent = costs.get(job.id)
            found = flaws.get(job.id)
            yield _line(job, answers.get(job.id), tuple(found.flaws) if found else (), int(spent.pico) if spent else 0)


@contextmanager
def problems(connection: Connection, batch_id: str) -> Iterator[Iterator[Problem]]:
    """What was wrong with the lines of a batch that were left out, to be read within the context."""
    streaming = connection.execution_options(yield_per=_FETCHED)
    with streaming.execute(query("workers", "problems"), {"batch": batch_id}) as rows:
        yield (Problem(row.line, row.custom_id, row.field, ProblemCode(row.code), row.says) for row in rows)


def _line(job: Any, answer: Any, flaws: tuple[str, ...], cost_pico: int) -> OutputLine:
    state = JobState(job.state)
    receipt = Receipt(
        state=state,  # type: ignore[arg-type]  # the query takes ended jobs only, and pydantic checks it
        stakes=Stakes(job.stakes),
        tier=Tier(job.tier) if job.tier else None,
        endpoint=answer and answer.endpoint,
        model=answer and answer.model,
        standin=bool(answer and answer.standin),
        attempts=job.attempts,
        escalated=job.stage > 0,
        flaws=flaws,
        cost_usd=usd_exact(cost_pico),
        reason=job.reason,
    )
    response = error = None
    if state is JobState.DONE:
        response = AnswerResponse(
            status_code=answer.status or 200, request_id=answer.request_id or "", body=answer.completion
        )
    else:
        error = AnswerError(code=_code(job.reason, state), message=job.reason_says or f"the job is {state}")
    return OutputLine(id=f"job_{job.id}", custom_id=job.custom_id, response=response, error=error, pointsman=receipt)


def _code(reason: str | None, state: JobState) -> str:
    return reason if reason is not None and _ERROR_CODE.fullmatch(reason) else state.value
