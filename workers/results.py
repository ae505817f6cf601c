"""The results of a batch as OpenAI batch output lines, in the order of its input, in memory that does not grow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from schemas.database import query
from schemas.money import usd_exact
from schemas.output import AnswerError, AnswerResponse, OutputLine, Receipt
from schemas.problems import Problem, ProblemCode
from schemas.vocabulary import BatchState, JobState, Stakes, Tier

#: Rows that are fetched together: answers may be long.
_FETCHED = 200
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
    """The lines of all jobs that have ended, as one snapshot. Keep the connection until the last is read."""
    rows = connection.execution_options(yield_per=_FETCHED).execute(query("workers", "results"), {"batch": batch_id})
    return map(_line, rows)


def problems(connection: Connection, batch_id: str) -> Iterator[Problem]:
    """What was wrong with the lines of a batch that were left out. Keep the connection until the last is read."""
    rows = connection.execution_options(yield_per=_FETCHED).execute(query("workers", "problems"), {"batch": batch_id})
    return (Problem(row.line, row.custom_id, row.field, ProblemCode(row.code), row.says) for row in rows)


def _line(row: Any) -> OutputLine:
    state = JobState(row.state)
    done = state is JobState.DONE
    receipt = Receipt(
        state=state,  # type: ignore[arg-type]  # the query takes ended jobs only, and pydantic checks it
        stakes=Stakes(row.stakes),
        tier=Tier(row.tier) if row.tier else None,
        endpoint=row.endpoint,
        model=row.model,
        standin=bool(row.standin),
        attempts=row.attempts,
        escalated=row.stage > 0,
        flaws=tuple(row.flaws or ()),
        cost_usd=usd_exact(int(row.pico or 0)),
        reason=row.reason,
    )
    response = error = None
    if done:
        response = AnswerResponse(status_code=row.status or 200, request_id=row.request_id or "", body=row.completion)
    else:
        error = AnswerError(code=_code(row.reason, state), message=row.reason_says or f"the job is {state}")
    return OutputLine(id=f"job_{row.id}", custom_id=row.custom_id, response=response, error=error, pointsman=receipt)


def _code(reason: str | None, state: JobState) -> str:
    return reason if reason is not None and _ERROR_CODE.fullmatch(reason) else state.value
