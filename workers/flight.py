"""Calls under way: each is made, judged and handed to the settler, whatever happens to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from routing.cards import Card
from routing.catalogue import Endpoint
from routing.policy import Retries
from routing.prompt import read_prompt
from routing.verify import Flaw, expectation, verify
from schemas.facts import JobFacts
from schemas.vocabulary import AttemptState, JobState
from workers.calls import Call, Outcome, OutcomeKind, Target, Transport
from workers.claimed import ClaimedJob
from workers.loop import LoopThread
from workers.settle import Settled
from workers.settler import Settler, Wave
from workers.verdict import Verdict, judge

_log = structlog.get_logger(__name__)
_NEVER_LEFT = Outcome(OutcomeKind.UNAVAILABLE, error_code="worker_stopped")
_CUT_OFF = Outcome(OutcomeKind.UNCERTAIN, error_code="worker_stopped")
_CRASHED = Outcome(OutcomeKind.UNCERTAIN, error_code="client_crashed")


@dataclass(frozen=True, slots=True)
class Opening:
    """An endpoint that takes calls now, where it is, and the card that prices them."""

    endpoint: Endpoint
    target: Target
    card: Card


class Flights:
    """The calls of a worker process, all on its one event loop. ``on_outcome`` hears how an endpoint did."""

    def __init__(
        self,
        loop: LoopThread,
        transport: Transport,
        settler: Settler,
        retries: Retries,
        on_outcome: Callable[[str, Outcome], None],
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._settler = settler
        self._retries = retries
        self._on_outcome = on_outcome
        # Both belong to the event loop's thread alone, so that a call either leaves or is stopped, and never neither.
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut = False

    def fly(self, jobs: Sequence[ClaimedJob], opening: Opening) -> None:
        """Make the calls of these jobs at once and wait until all of them are settled."""
        wave = Wave(jobs)
        self._settler.watch(wave)
        for job in jobs:
            self._loop.submit(self._call(job, opening, wave))
        wave.done.wait()

    def cut(self) -> None:
        """Stop the calls under way, whose fate is uncertain, and let none leave from now on."""
        self._loop.run(self._cut_all())

    async def _cut_all(self) -> None:
        self._cut = True
        for task in self._tasks:
            task.cancel()

    async def _call(self, job: ClaimedJob, opening: Opening, wave: Wave) -> None:
        outcome = _NEVER_LEFT if self._cut else await self._send(job, opening)
        self._settler.put(self._judged(job, outcome, opening), wave)

    async def _send(self, job: ClaimedJob, opening: Opening) -> Outcome:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            return await self._transport.send(
                Call(job.attempt_id, f"{job.token}-{job.attempt_id}", opening.target, job.body)
            )
        except asyncio.CancelledError:
            return _CUT_OFF
        except Exception as error:  # noqa: BLE001 - a bug in a client must not lose the job; the call may have left
            _log.error("call.crashed", attempt_id=job.attempt_id, error=type(error).__name__)
            return _CRASHED
        finally:
            self._tasks.discard(task)

    def _judged(self, job: ClaimedJob, outcome: Outcome, opening: Opening) -> Settled:
        rates = opening.card.rates(job.charged.occurred_at)
        flaws: tuple[Flaw, ...] = ()
        try:
            if outcome not in (_NEVER_LEFT, _CUT_OFF):  # those say nothing of the endpoint
                self._on_outcome(opening.endpoint.id, outcome)
            flaws = _flaws(job, outcome)
            verdict = judge(job, outcome, flaws, self._retries)
        except Exception as error:  # noqa: BLE001 - a bug in a check must not lose the call; what it cost is booked
            _log.error("call.unjudged", attempt_id=job.attempt_id, error=type(error).__name__)
            verdict = _unjudged(job, outcome)
        return Settled(job, outcome, flaws, verdict, rates)


def _flaws(job: ClaimedJob, outcome: Outcome) -> tuple[Flaw, ...]:
    """What the job's own expectations find wrong with an answer."""
    if outcome.kind is not OutcomeKind.ANSWERED:
        return ()
    expected = expectation(read_prompt(job.body), JobFacts.model_validate(job.facts))
    called = bool(outcome.completion and outcome.completion["choices"][0]["message"].get("tool_calls"))
    return verify(
        expected,
        text=outcome.text,
        finish_reason=outcome.finish_reason,
        refused=outcome.refused,
        tool_calls=called,
    )


def _unjudged(job: ClaimedJob, outcome: Outcome) -> Verdict:
    """Where judging itself failed: an answer nobody could check isn't accepted, and the job waits for a person."""
    billed = outcome.kind is OutcomeKind.ANSWERED and outcome.usage is not None
    says = "what came back could not be judged, so it is not accepted; what it cost is in the ledger"
    attempt = AttemptState.BILLED if billed else AttemptState.UNCERTAIN
    return Verdict(attempt, JobState.PARKED, job.stage, reason="unjudged", says=says)
