"""An explanation in plain sentences, for whoever asks why."""

from __future__ import annotations

from collections.abc import Iterator

from routing.choose import AUTO
from schemas.money import usd_short
from schemas.vocabulary import AttemptState, JobState
from workers.explanation import AttemptExplained, Explanation


def story(explained: Explanation) -> tuple[str, ...]:
    """What happened to the job and why, one sentence a step, in order."""
    return (*_assessed(explained), *_routed(explained), *_called(explained), *_ended(explained))


def _assessed(explained: Explanation) -> Iterator[str]:
    assessment = explained.assessment
    why = "; ".join(reason.says for reason in assessment.reasons if reason.axis == "stakes")
    yield f"Its stakes are {assessment.stakes}: {why or 'no rule says more'}."


def _routed(explained: Explanation) -> Iterator[str]:
    decision, subject = explained.decision, explained.subject
    if decision is None:
        yield f"It has no decision: {explained.rederived.impossible}."
        return
    asked = "" if subject.asked_model == AUTO else f" It asked for {subject.asked_model}."
    fits = f"rule {decision['rule']}" + (f' ("{explained.use_case}")' if explained.use_case else "")
    yield (
        f"Of the profile {decision['profile']}, {fits} fits it: tier {decision['tier']}; "
        f"the floor of its stakes is {decision['floor']}.{asked}"
    )
    for stage in explained.stages:
        if stage.skipped:
            yield f"Nobody qualifies for stage {stage.number}, so it goes straight to the next."
    first = next((stage for stage in explained.stages if stage.qualified), None)
    if first is not None:
        best, others = first.qualified[0], len(first.qualified) - 1
        cheaper = sum(one.cheaper for one in first.excluded)
        yield (
            f"{best.endpoint} is the cheapest that qualifies, at an expected {usd_short(best.expected_pico)} USD "
            f"(card {best.card}); {others} more qualify, {cheaper} cheaper ones are ruled out."
        )


def _called(explained: Explanation) -> Iterator[str]:
    attempts = explained.attempts
    for place, attempt in enumerate(attempts):
        after = attempts[place + 1] if place + 1 < len(attempts) else None
        yield f"Call {attempt.number}: {_call(attempt, escalated=after is not None and after.stage > attempt.stage)}."


def _call(attempt: AttemptExplained, *, escalated: bool) -> str:
    who = attempt.endpoint + (" (answered by the stand-in, not by a model)" if attempt.standin else "")
    match attempt.state:
        case AttemptState.SENT:
            return f"{who} is being asked since {attempt.sent_at:%Y-%m-%d %H:%M:%S} UTC"
        case AttemptState.UNBILLED:
            return f"{who} did not take it ({attempt.outcome}), and it was not billed"
        case AttemptState.UNCERTAIN:
            accrued = usd_short(attempt.accrued_pico or 0)
            return f"no answer came from {who} ({attempt.outcome}); it may be charged, so {accrued} USD are accrued"
        case _:
            cost = f"for {usd_short(attempt.settled_pico or 0)} USD"
            flawed = f" failed its check ({', '.join(attempt.flaws)})" if attempt.flaws else ""
            if escalated:
                why = flawed or " was not good enough"
                return f"{who} answered {cost}; the answer{why}, so the job went on to a stronger model"
            if attempt.accepted:
                return f"{who} answered {cost}; accepted" + (f", though it{flawed}" if flawed else "")
            return f"{who} answered {cost}; the answer" + (flawed or " came too late, another one counts")


def _ended(explained: Explanation) -> Iterator[str]:
    subject = explained.subject
    match subject.state:
        case JobState.DONE:
            yield f"Done, for {usd_short(explained.cost_pico)} USD in all."
        case JobState.PARKED | JobState.FAILED:
            yield f"{subject.state.capitalize()} ({subject.reason}): {subject.says}."
        case JobState.QUEUED if subject.next_attempt_at is not None:
            yield f"It waits in the queue; its next call is due at {subject.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC."
        case _:
            yield f"It is {subject.state}."
