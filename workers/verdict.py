"""What follows from an outcome: pure, so that every case can be tested and a simulation can replay it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from routing.policy import Retries
from routing.verify import Flaw
from schemas.vocabulary import AttemptState, JobState
from workers.backoff import delay
from workers.breaker import ENDPOINT_REFUSALS
from workers.calls import Outcome, OutcomeKind
from workers.claimed import ClaimedJob

#: A provider's "too many requests" is pressure, not failure: it is borne this many times as often.
_PRESSURE_PATIENCE = 10
_TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Verdict:
    """The job's next state and stage, and how the attempt ends.

    ``accepted``: the answer is the job's result. ``reason`` and ``says`` are for parked and failed jobs. ``delay_s``
    is how long a queued job waits.
    """

    attempt: AttemptState
    job: JobState
    stage: int
    accepted: bool = False
    reason: str | None = None
    says: str | None = None
    delay_s: float = 0.0


def judge(job: ClaimedJob, outcome: Outcome, flaws: Sequence[Flaw], retries: Retries) -> Verdict:
    """Decide what becomes of a job after one call."""
    match outcome.kind:
        case OutcomeKind.ANSWERED:
            return _answered(job, flaws)
        case OutcomeKind.REJECTED if outcome.status not in ENDPOINT_REFUSALS:
            says = f"the provider refused the request for good ({outcome.error_code}); it was not billed"
            return Verdict(AttemptState.UNBILLED, JobState.FAILED, job.stage, reason=outcome.error_code, says=says)
        case OutcomeKind.UNCERTAIN:
            return again(job.attempt_id, job.attempt, job.stage, outcome, retries)
        case _:
            patience = retries.max_attempts * (_PRESSURE_PATIENCE if outcome.status == _TOO_MANY else 1)
            if job.attempt >= patience:
                says = f"no endpoint that qualifies took it in {job.attempt} attempts (last: {outcome.error_code})"
                return Verdict(AttemptState.UNBILLED, JobState.PARKED, job.stage, reason="unavailable", says=says)
            wait = delay(job.attempt, job.attempt_id, outcome.retry_after_s)
            return Verdict(AttemptState.UNBILLED, JobState.QUEUED, job.stage, delay_s=wait)


def again(attempt_id: int, attempt: int, stage: int, outcome: Outcome, retries: Retries) -> Verdict:
    """After a call that may have been charged: tried again where the policy allows another possible charge."""
    if not retries.after_uncertain:
        says = f"a call may have been charged ({outcome.error_code}); the policy allows no second one"
        return Verdict(AttemptState.UNCERTAIN, JobState.PARKED, stage, reason="uncertain", says=says)
    if attempt >= retries.max_attempts:
        says = f"{attempt} attempts brought no answer (last: {outcome.error_code}); some may have been charged"
        return Verdict(AttemptState.UNCERTAIN, JobState.PARKED, stage, reason="uncertain", says=says)
    return Verdict(AttemptState.UNCERTAIN, JobState.QUEUED, stage, delay_s=delay(attempt, attempt_id))


def _answered(job: ClaimedJob, flaws: Sequence[Flaw]) -> Verdict:
    if not (flaws and job.checked):
        return Verdict(AttemptState.BILLED, JobState.DONE, job.stage, accepted=True)
    if job.stages[job.stage + 1].endpoints:
        return Verdict(AttemptState.BILLED, JobState.QUEUED, job.stage + 1)
    found = ", ".join(flaw.code for flaw in flaws)
    says = f"the answer failed its check ({found}) and no endpoint qualifies for the next stage"
    return Verdict(AttemptState.BILLED, JobState.PARKED, job.stage, reason="no_escalation", says=says)
