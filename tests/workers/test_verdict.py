"""What follows from an outcome, case by case."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from ledger.posting import Charged
from routing.policy import Retries
from routing.verify import Flaw, FlawCode
from schemas.usage import Usage
from schemas.vocabulary import AttemptState, JobState
from workers.backoff import delay
from workers.calls import Outcome, OutcomeKind
from workers.claimed import ClaimedJob, Stage
from workers.verdict import Verdict, again, judge

RETRIES = Retries(max_attempts=3, after_uncertain=True)
NO_SECOND_CHARGE = Retries(max_attempts=3, after_uncertain=False)
ANSWERED = Outcome(OutcomeKind.ANSWERED, status=200)
HYBRID = (Stage(True, ("cn/deepseek",)), Stage(False, ("us/opus",)))
NO_WAY_UP = (Stage(True, ("cn/deepseek",)), Stage(False, ()))
FLAWS = (Flaw(FlawCode.NOT_JSON, "the answer is not JSON"), Flaw(FlawCode.PATTERN, "no match"))
ATTEMPT_ID = 77
AT = datetime(2026, 1, 1, tzinfo=UTC)


def claimed(attempt: int = 1, stage: int = 0, stages: tuple[Stage, ...] = HYBRID) -> ClaimedJob:
    """A job on its ``attempt``-th call."""
    charged = Charged(
        attempt_id=ATTEMPT_ID, job_id=1, batch_id="b", tenant="t", cost_centre="c", project=None, provider="p",
        endpoint="e", model="m", tier="hybrid", purpose="answer", card="e@1", occurred_at=AT, note=None,
    )  # fmt: skip
    return ClaimedJob(
        job_id=1, token=UUID(int=1), custom_id="j", attempt=attempt, stage=stage, stages=stages, body={}, facts={},
        template=None, estimate=Usage(), charged=charged,
    )  # fmt: skip


def failed(kind: OutcomeKind, status: int | None = None, code: str = "", retry_after_s: float | None = None) -> Outcome:
    """A call that brought no answer."""
    return Outcome(kind, status=status, error_code=code or f"http_{status}", retry_after_s=retry_after_s)


def test_a_sound_answer_is_the_result() -> None:
    """It is billed, accepted, and the job is done."""
    assert judge(claimed(), ANSWERED, (), RETRIES) == Verdict(AttemptState.BILLED, JobState.DONE, 0, accepted=True)


def test_a_flawed_answer_stands_where_nothing_is_checked() -> None:
    """In the last stage flaws are noted, and the answer is delivered."""
    verdict = judge(claimed(stage=1), ANSWERED, FLAWS, RETRIES)
    assert verdict == Verdict(AttemptState.BILLED, JobState.DONE, 1, accepted=True)


def test_a_flawed_answer_of_a_checked_stage_goes_up() -> None:
    """It is billed and not accepted; the job waits for nothing before the next stage."""
    verdict = judge(claimed(attempt=3), ANSWERED, FLAWS, RETRIES)
    assert verdict == Verdict(AttemptState.BILLED, JobState.QUEUED, 1)


def test_a_flawed_answer_with_nowhere_to_go_is_parked() -> None:
    """The reason names the flaws, and the answer is not delivered."""
    verdict = judge(claimed(stages=NO_WAY_UP), ANSWERED, FLAWS, RETRIES)
    assert (verdict.attempt, verdict.job, verdict.stage) == (AttemptState.BILLED, JobState.PARKED, 0)
    assert not verdict.accepted
    assert verdict.reason == "no_escalation"
    assert "not_json, pattern" in (verdict.says or "")


@pytest.mark.parametrize("status", [400, 405, 413, 422, None])
def test_a_request_refused_for_good_fails(status: int | None) -> None:
    """No other attempt is made, and nothing is billed."""
    verdict = judge(claimed(), failed(OutcomeKind.REJECTED, status), (), RETRIES)
    assert (verdict.attempt, verdict.job, verdict.reason) == (
        AttemptState.UNBILLED, JobState.FAILED, f"http_{status}"
    )  # fmt: skip
    assert f"http_{status}" in (verdict.says or "")


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_refusal_that_is_about_the_endpoint_is_no_fault_of_the_job(status: int) -> None:
    """A wrong key, no credit, or a model that is gone: the job is queued for another, at last parked, never failed."""
    refused = failed(OutcomeKind.REJECTED, status)
    assert judge(claimed(), refused, (), RETRIES).job is JobState.QUEUED
    verdict = judge(claimed(attempt=3), refused, (), RETRIES)
    assert (verdict.attempt, verdict.job, verdict.reason) == (AttemptState.UNBILLED, JobState.PARKED, "unavailable")
    assert f"3 attempts (last: http_{status})" in (verdict.says or "")


def test_an_endpoint_that_is_down_is_tried_again_after_a_while() -> None:
    """The wait is the attempt's own backoff, on top of what the provider asked for."""
    for attempt in (1, 2):
        verdict = judge(claimed(attempt), failed(OutcomeKind.UNAVAILABLE, 503), (), RETRIES)
        wait = delay(attempt, ATTEMPT_ID)
        assert verdict == Verdict(AttemptState.UNBILLED, JobState.QUEUED, 0, delay_s=wait)
    asked = judge(claimed(), failed(OutcomeKind.UNAVAILABLE, 503, retry_after_s=30.0), (), RETRIES)
    assert asked.delay_s == delay(1, ATTEMPT_ID, 30.0) >= 30.0


def test_attempts_come_to_an_end() -> None:
    """The last attempt that the policy allows parks the job in the stage where it is."""
    verdict = judge(claimed(3, stage=1), failed(OutcomeKind.UNAVAILABLE, None, "connection_refused"), (), RETRIES)
    assert (verdict.job, verdict.stage, verdict.reason) == (JobState.PARKED, 1, "unavailable")
    assert "connection_refused" in (verdict.says or "")
    assert verdict.delay_s == 0.0


@pytest.mark.parametrize(("attempt", "state"), [(3, JobState.QUEUED), (29, JobState.QUEUED), (30, JobState.PARKED)])
def test_too_many_requests_are_borne_longer(attempt: int, state: JobState) -> None:
    """Pressure is no failure: it takes ten times as many of these before the job is parked."""
    verdict = judge(claimed(attempt), failed(OutcomeKind.UNAVAILABLE, 429, retry_after_s=2.0), (), RETRIES)
    assert (verdict.attempt, verdict.job) == (AttemptState.UNBILLED, state)
    assert (verdict.delay_s >= 2.0) == (state is JobState.QUEUED)


def test_an_uncertain_call_is_tried_again_where_the_policy_allows() -> None:
    """The attempt stays uncertain, so that its spend is accrued; the job is queued."""
    lost = failed(OutcomeKind.UNCERTAIN, None, "timeout")
    expected = Verdict(AttemptState.UNCERTAIN, JobState.QUEUED, 0, delay_s=delay(2, ATTEMPT_ID))
    assert judge(claimed(2), lost, (), RETRIES) == expected
    assert again(ATTEMPT_ID, 2, 0, lost, RETRIES) == expected


@pytest.mark.parametrize(
    ("attempt", "retries", "words"),
    [(1, NO_SECOND_CHARGE, "allows no second one"), (3, RETRIES, "3 attempts brought no answer")],
)
def test_an_uncertain_call_may_be_the_last(attempt: int, retries: Retries, words: str) -> None:
    """Where no other charge is allowed, or the attempts are used up, the job is parked as uncertain."""
    verdict = judge(claimed(attempt, stage=1), failed(OutcomeKind.UNCERTAIN, None, "timeout"), (), retries)
    assert (verdict.attempt, verdict.job, verdict.stage) == (AttemptState.UNCERTAIN, JobState.PARKED, 1)
    assert verdict.reason == "uncertain"
    assert words in (verdict.says or "")
    assert "timeout" in (verdict.says or "")


@pytest.mark.parametrize("kind", OutcomeKind)
@pytest.mark.parametrize("status", [None, 400, 401, 408, 429, 500])
@pytest.mark.parametrize("attempt", [1, 3, 30])
def test_only_an_answer_is_accepted_and_what_ends_says_why(kind: OutcomeKind, status: int | None, attempt: int) -> None:
    """Whatever comes: one result at most, a reason for every job that ends without one, a wait for none that ended."""
    verdict = judge(claimed(attempt), failed(kind, status), (), RETRIES)
    assert verdict.accepted == (kind is OutcomeKind.ANSWERED) == (verdict.job is JobState.DONE)
    assert (verdict.attempt is AttemptState.UNCERTAIN) == (kind is OutcomeKind.UNCERTAIN)
    ended = verdict.job in {JobState.PARKED, JobState.FAILED}
    assert ended == (verdict.reason is not None) == (verdict.says is not None)
    assert verdict.job is JobState.QUEUED or verdict.delay_s == 0.0
