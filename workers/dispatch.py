"""Dispatch: a chunk's due jobs are claimed, called all at once, judged and handed to the settler."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import Engine

from routing.cards import Card
from routing.catalogue import Endpoint
from routing.prompt import read_prompt
from routing.verify import expectation, verify
from schemas.database import query
from schemas.facts import JobFacts
from workers.breaker import Breaker, BreakerState
from workers.calls import Call, Outcome, OutcomeKind, Target, Transport
from workers.claimed import ClaimedJob, claim
from workers.limits import EndpointLimits, LimitSpec
from workers.loop import LoopThread
from workers.rulebook import Rulebook
from workers.settle import Settled
from workers.settler import Settler, Wave
from workers.verdict import judge

_log = structlog.get_logger(__name__)
#: How long a thread waits for permits before it leaves the chunk to a later announcement.
_PATIENCE_S = 5.0
_LONGEST_NAP_S = 1.0


@dataclass(frozen=True, slots=True)
class _Opening:
    """An endpoint that takes calls now, and how many its breaker lets through."""

    endpoint: Endpoint
    target: Target
    card: Card
    admitted: int


class Dispatcher:
    """The working part of a worker process. ``work`` runs in Celery's threads, the calls on one event loop."""

    def __init__(
        self,
        engine: Engine,
        rulebook: Rulebook,
        targets: Mapping[str, Target],
        *,
        loop: LoopThread,
        transport: Transport,
        limits: EndpointLimits,
        settler: Settler,
        calls: int,
        lease_s: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._rulebook = rulebook
        self._targets = targets
        self._loop = loop
        self._transport = transport
        self._limits = limits
        self._settler = settler
        self._lease_s = lease_s
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._lock = threading.Lock()
        self._free_calls = calls
        self._stopping = threading.Event()
        self._flying: set[Future[None]] = set()

    def work(self, chunk_id: int) -> int:
        """Call for what is due in a chunk until nothing is, or nobody takes it; returns how many calls were made."""
        made = 0
        impatient_at = self._clock() + _PATIENCE_S
        while not self._stopping.is_set():
            with self._engine.connect() as connection:
                due = connection.execute(query("workers", "due"), {"chunk": chunk_id}).one_or_none()
            if due is None or due.jobs == 0:
                break
            opening = self._opening(due.endpoints, due.jobs)
            if opening is None:
                self._defer(chunk_id, due.endpoints)
                break
            called, wait_s = self._wave(chunk_id, opening, due.tokens)
            made += called
            if called:
                impatient_at = self._clock() + _PATIENCE_S
            elif self._clock() > impatient_at:
                break
            elif wait_s > 0:
                self._stopping.wait(min(wait_s, _LONGEST_NAP_S))
        with self._engine.begin() as connection:
            connection.execute(query("workers", "end_chunks"), {"chunks": [chunk_id]})
        return made

    def stop(self, grace_s: float) -> None:
        """Claim nothing more, give calls under way ``grace_s`` to end, then cut them off (their fate is uncertain)."""
        self._stopping.set()
        until = self._clock() + grace_s
        while (flying := self._in_flight()) and self._clock() < until:
            flying[0].exception(timeout=max(0.0, until - self._clock())) if not flying[0].done() else None
        for future in self._in_flight():
            future.cancel()

    def _in_flight(self) -> list[Future[None]]:
        with self._lock:
            return [future for future in self._flying if not future.done()]

    def _opening(self, endpoints: Sequence[str], jobs: int) -> _Opening | None:
        """The first endpoint, cheapest first, that has a price, can be reached and isn't broken."""
        now = self._clock()
        for endpoint_id in endpoints:
            target = self._targets.get(endpoint_id)
            card = self._rulebook.catalogue.card_for(endpoint_id, datetime.now(UTC))
            if target is None or card is None:
                continue
            with self._lock:
                breaker = self._breakers.setdefault(endpoint_id, Breaker())
                closed = breaker.state(now) is BreakerState.CLOSED
                admitted = jobs if closed else sum(breaker.admits(now) for _ in range(jobs))
            if admitted:
                return _Opening(self._rulebook.catalogue.endpoint(endpoint_id), target, card, admitted)
        return None

    def _defer(self, chunk_id: int, endpoints: Sequence[str]) -> None:
        """Put the chunk off until the first of its endpoints may be asked again."""
        with self._lock:
            ready = min((self._breakers[e].retry_at for e in endpoints if e in self._breakers), default=self._clock())
        seconds = max(1.0, ready - self._clock())
        _log.warning("chunk.deferred", chunk_id=chunk_id, endpoints=list(endpoints), seconds=round(seconds, 1))
        with self._engine.begin() as connection:
            connection.execute(query("workers", "defer_chunk"), {"chunk": chunk_id, "seconds": seconds})

    def _wave(self, chunk_id: int, opening: _Opening, tokens_each: int) -> tuple[int, float]:
        """Claim and call as many jobs as slots and limits allow; how many that were, and how long to wait if none."""
        slots = self._take_slots(opening.admitted)
        if slots == 0:
            return 0, 0.05
        endpoint, limits = opening.endpoint, opening.endpoint.limits
        spec = LimitSpec(rpm=limits.rpm, tpm=limits.tpm, concurrency=limits.concurrency)
        granted = 0
        try:
            grant = self._loop.run(self._limits.acquire(endpoint.id, spec, slots, tokens_each))
            granted = grant.n
            if granted == 0:
                return 0, grant.retry_after_s
            with self._engine.begin() as connection:
                jobs = claim(
                    connection,
                    chunk_id,
                    endpoint,
                    opening.card.id,
                    standin=opening.target.standin,
                    want=granted,
                    token=uuid4(),
                    lease_s=self._lease_s,
                )
            if jobs:
                self._call_all(jobs, opening)
            return len(jobs), 0.0
        finally:
            self._give_slots(slots)
            if granted:
                self._loop.run(self._limits.release(endpoint.id, granted))

    def _call_all(self, jobs: Sequence[ClaimedJob], opening: _Opening) -> None:
        wave = Wave(jobs)
        self._settler.watch(wave)
        flying = [self._loop.submit(self._call(job, opening, wave)) for job in jobs]
        with self._lock:
            self._flying.update(flying)
        wave.done.wait()
        with self._lock:
            self._flying.difference_update(flying)

    async def _call(self, job: ClaimedJob, opening: _Opening, wave: Wave) -> None:
        """Make one call and hand what came of it to the settler, whatever happens."""
        try:
            outcome = await self._transport.send(
                Call(job.attempt_id, f"{job.token}-{job.attempt_id}", opening.target, job.body)
            )
        except asyncio.CancelledError:
            outcome = Outcome(OutcomeKind.UNCERTAIN, error_code="worker_stopped")
        except Exception as error:  # noqa: BLE001 - a bug in a client must not lose the job; the call may have left
            _log.error("call.crashed", attempt_id=job.attempt_id, error=type(error).__name__)
            outcome = Outcome(OutcomeKind.UNCERTAIN, error_code="client_crashed")
        self._settler.put(self._judged(job, outcome, opening), wave)

    def _judged(self, job: ClaimedJob, outcome: Outcome, opening: _Opening) -> Settled:
        with self._lock:
            self._breakers[opening.endpoint.id].record(outcome.kind, self._clock(), status=outcome.status)
        flaws = _flaws(job, outcome) if outcome.kind is OutcomeKind.ANSWERED else ()
        verdict = judge(job, outcome, flaws, self._rulebook.policy.retries)
        return Settled(job, outcome, flaws, verdict, opening.card.rates(job.charged.occurred_at))

    def _take_slots(self, want: int) -> int:
        with self._lock:
            taken = min(want, self._free_calls)
            self._free_calls -= taken
            return taken

    def _give_slots(self, slots: int) -> None:
        with self._lock:
            self._free_calls += slots


def _flaws(job: ClaimedJob, outcome: Outcome) -> tuple[Any, ...]:
    """What the job's own expectations find wrong with an answer."""
    expected = expectation(read_prompt(job.body), JobFacts.model_validate(job.facts))
    called = bool(outcome.completion and outcome.completion["choices"][0]["message"].get("tool_calls"))
    return verify(
        expected,
        text=outcome.text,
        finish_reason=outcome.finish_reason,
        refused=outcome.refused,
        tool_calls=called,
    )
