"""Dispatch: a chunk's due jobs are claimed for the first endpoint that takes calls, and called all at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import Engine

from schemas.database import query
from workers.breaker import Breaker, BreakerState
from workers.calls import Outcome, Target, Transport
from workers.claimed import claim
from workers.flight import Flights, Opening
from workers.limits import EndpointLimits, LimitSpec
from workers.loop import LoopThread
from workers.rulebook import Rulebook
from workers.settler import Settler

_log = structlog.get_logger(__name__)
#: How long a thread waits for permits before it leaves the chunk to a later announcement.
_PATIENCE_S = 5.0
_LONGEST_NAP_S = 1.0
_NAP_S = 0.05
#: After this many failed calls of a job at one endpoint the next one that qualifies is asked, breaker open or not.
_SPENT = 2
#: How long calls that were cut off have to be settled.
_LAST_WORDS_S = 5.0


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
        self._limits = limits
        self._lease_s = lease_s
        self._clock = clock
        self._flights = Flights(loop, transport, settler, rulebook.policy.retries, self._heard)
        self._breakers: dict[str, Breaker] = {}
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._free_calls = calls
        self._waves = 0
        self._stopping = threading.Event()

    def work(self, chunk_id: int) -> int:
        """Call for what is due in a chunk until nothing is, or nobody takes it; returns how many calls were made."""
        made = 0
        impatient_at = self._clock() + _PATIENCE_S
        passed: frozenset[str] = frozenset()  # endpoints that take no job of this chunk in this round
        spent: int | None = _SPENT
        while not self._stopping.is_set():
            with self._engine.connect() as connection:
                due = connection.execute(query("workers", "due"), {"chunk": chunk_id}).one_or_none()
            if due is None or due.jobs == 0:
                break
            opening = self._opening([e for e in due.endpoints if e not in passed], due.at)
            if opening is None and passed and spent is not None:
                passed, spent = frozenset(), None  # they failed wherever they could: once more around
                continue
            if opening is None:
                wait_s = self._ready_in(due.endpoints)
                _log.warning("chunk.nobody_takes_it", chunk_id=chunk_id, endpoints=list(due.endpoints))
                self._defer(chunk_id, wait_s)
                break
            called, wait_s = self._wave(chunk_id, opening, due, spent)
            made += called
            if called:
                impatient_at, passed, spent = self._clock() + _PATIENCE_S, frozenset(), _SPENT
                continue
            if wait_s == 0:
                passed |= {opening.endpoint.id}
                continue
            if self._clock() + min(wait_s, _LONGEST_NAP_S) > impatient_at or wait_s > _PATIENCE_S:
                # Off the list of what is due, so that chunks of other endpoints get their turn in this lane.
                self._defer(chunk_id, wait_s)
                break
            self._stopping.wait(min(max(wait_s, _NAP_S), _LONGEST_NAP_S))
        with self._engine.begin() as connection:
            connection.execute(query("workers", "end_chunks"), {"chunks": [chunk_id]})
        return made

    def stop(self, grace_s: float) -> None:
        """Claim nothing more, give calls under way ``grace_s`` to end, then cut them off (their fate is uncertain)."""
        with self._idle:
            self._stopping.set()
            if self._idle.wait_for(lambda: self._waves == 0, grace_s):
                return
        self._flights.cut()
        with self._idle:
            self._idle.wait_for(lambda: self._waves == 0, _LAST_WORDS_S)

    def _opening(self, endpoints: Sequence[str], at: datetime) -> Opening | None:
        """The first endpoint, cheapest first, that has a price ``at`` that time, can be reached and isn't broken."""
        for endpoint_id in endpoints:
            target = self._targets.get(endpoint_id)
            card = self._rulebook.catalogue.card_for(endpoint_id, at)
            if target is None or card is None:
                continue
            with self._lock:
                state = self._breakers.setdefault(endpoint_id, Breaker()).state(self._clock())
            if state is not BreakerState.OPEN:
                return Opening(self._rulebook.catalogue.endpoint(endpoint_id), target, card)
        return None

    def _admitted(self, endpoint_id: str, want: int) -> int:
        """How many calls its breaker lets through: all, or a few probes, each of which must be made."""
        now = self._clock()
        with self._lock:
            breaker = self._breakers[endpoint_id]
            closed = breaker.state(now) is BreakerState.CLOSED
            return want if closed else sum(breaker.admits(now) for _ in range(want))

    def _ready_in(self, endpoints: Sequence[str]) -> float:
        """Seconds until the first of these endpoints may be asked again."""
        with self._lock:
            ready = min((self._breakers[e].retry_at for e in endpoints if e in self._breakers), default=self._clock())
        return ready - self._clock()

    def _defer(self, chunk_id: int, wait_s: float) -> None:
        """Put off what is due in the chunk."""
        seconds = max(1.0, wait_s)
        _log.info("chunk.deferred", chunk_id=chunk_id, seconds=round(seconds, 1))
        with self._engine.begin() as connection:
            connection.execute(query("workers", "defer_chunk"), {"chunk": chunk_id, "seconds": seconds})

    def _wave(self, chunk_id: int, opening: Opening, due: Any, spent: int | None) -> tuple[int, float]:
        """Claim and call as many jobs as slots and limits allow; how many that were, and how long to wait if none.

        Nothing to wait for and none called: this endpoint has nothing to do in this chunk.
        """
        slots = self._take_slots(due.jobs)
        if slots == 0:
            return 0, _NAP_S
        endpoint = opening.endpoint
        granted = 0
        try:
            granted, wait_s = self._permits(opening, slots, due.tokens)
            if granted == 0 or self._stopping.is_set():
                return 0, wait_s or _NAP_S
            with self._engine.begin() as connection:
                jobs = claim(
                    connection,
                    chunk_id,
                    endpoint,
                    opening.card.id,
                    standin=opening.target.standin,
                    want=self._admitted(endpoint.id, granted),
                    token=uuid4(),
                    lease_s=self._lease_s,
                    spent=spent,
                )
            called = len(jobs)
            # What isn't used is for others now, not when the slowest of these calls has ended.
            self._give_slots(slots - called)
            self._give_permits(endpoint.id, granted - called)
            slots = granted = called
            if jobs:
                self._flights.fly(jobs, opening)
            return called, 0.0
        finally:
            self._give_permits(endpoint.id, granted)
            self._give_slots(slots, wave_ended=True)

    def _permits(self, opening: Opening, want: int, tokens_each: int) -> tuple[int, float]:
        """How many calls the endpoint's limits allow now, and when to ask again."""
        limits = opening.endpoint.limits
        spec = LimitSpec(rpm=limits.rpm, tpm=limits.tpm, concurrency=limits.concurrency)
        grant = self._loop.run(self._limits.acquire(opening.endpoint.id, spec, want, tokens_each))
        return grant.n, grant.retry_after_s

    def _give_permits(self, endpoint_id: str, n: int) -> None:
        if n:
            self._loop.submit(self._limits.release(endpoint_id, n))

    def _heard(self, endpoint_id: str, outcome: Outcome) -> None:
        """What came of a call tells how its endpoint does."""
        with self._lock:
            self._breakers[endpoint_id].record(outcome.kind, self._clock(), status=outcome.status)

    def _take_slots(self, want: int) -> int:
        """Take call slots and begin a wave; none once this process is told to stop."""
        with self._lock:
            taken = 0 if self._stopping.is_set() else min(want, self._free_calls)
            self._free_calls -= taken
            self._waves += taken > 0
            return taken

    def _give_slots(self, slots: int, *, wave_ended: bool = False) -> None:
        with self._idle:
            self._free_calls += slots
            if wave_ended:
                self._waves -= 1
                self._idle.notify_all()
