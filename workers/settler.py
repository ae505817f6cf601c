"""The settler: one thread a worker process that writes what the calls brought, in bulk, and keeps leases alive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from routing.catalogue import Catalogue
from schemas.database import query
from schemas.vocabulary import JobState, Tier
from workers.claimed import ClaimedJob
from workers.settle import Reference, Settled, Settlement, ended, settle

_log = structlog.get_logger(__name__)
_MOST_AT_ONCE = 1000
_RETRY_S = 0.5


class Wave:
    """Calls that left together: ``done`` is set when all of them are settled."""

    def __init__(self, jobs: Sequence[ClaimedJob]) -> None:
        self.jobs = tuple(jobs)
        self.done = threading.Event()
        self._left = len(jobs)
        if not jobs:
            self.done.set()

    def settled(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.done.set()


class Settler:
    """Collects ended calls for ``tick_s`` and settles them in one transaction; tries again while the database is away.

    ``on_opened`` is told of chunks that escalations opened, after the commit; ``on_ended`` of batches in which jobs
    ended.
    """

    def __init__(
        self,
        engine: Engine,
        catalogue: Catalogue,
        reference: Callable[[datetime], Reference],
        *,
        tick_s: float,
        lease_s: int,
        on_opened: Callable[[Sequence[tuple[int, Tier]]], object],
        on_ended: Callable[[frozenset[str]], None],
    ) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self._reference = reference
        self._tick_s = tick_s
        self._lease_s = lease_s
        self._on_opened = on_opened
        self._on_ended = on_ended
        self._arrived = threading.Condition()
        self._waiting: list[tuple[Settled, Wave]] = []
        self._under_way: dict[int, ClaimedJob] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="settler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Settle what has arrived, then end."""
        with self._arrived:
            self._stopping = True
            self._arrived.notify()
        self._thread.join(timeout=10)

    def watch(self, wave: Wave) -> None:
        """Keep the leases of these jobs alive until they are settled."""
        with self._arrived:
            self._under_way |= {job.attempt_id: job for job in wave.jobs}

    def put(self, call: Settled, wave: Wave) -> None:
        """Hand over an ended call; from any thread."""
        with self._arrived:
            self._waiting.append((call, wave))
            self._arrived.notify()

    def _run(self) -> None:
        renewed = time.monotonic()
        while True:
            taken = self._take()
            if taken:
                self._settle_surely([call for call, _ in taken])
                for call, wave in taken:
                    self._under_way.pop(call.job.attempt_id, None)
                    wave.settled()
            if time.monotonic() - renewed > self._lease_s / 4:
                self._renew()
                renewed = time.monotonic()
            with self._arrived:
                if self._stopping and not self._waiting:
                    return

    def _take(self) -> list[tuple[Settled, Wave]]:
        """Wait for a first call, at most until leases need a look, and then for what else comes within a tick."""
        with self._arrived:
            if not self._waiting and not self._stopping:
                self._arrived.wait(self._lease_s / 8)
            if not self._waiting:
                return []
            if not self._stopping:
                tick_ends = time.monotonic() + self._tick_s
                while len(self._waiting) < len(self._under_way) and (left := tick_ends - time.monotonic()) > 0:
                    self._arrived.wait(left)
            taken = self._waiting[:_MOST_AT_ONCE]
            del self._waiting[:_MOST_AT_ONCE]
            return taken

    def _settle_surely(self, calls: list[Settled]) -> None:
        """Settle until it is done. A database that is away is waited for; a call that can't be stored stands alone."""
        while True:
            try:
                with self._engine.begin() as connection:
                    done = settle(connection, calls, self._reference(datetime.now(UTC)), self._catalogue)
            except (OperationalError, InterfaceError) as error:
                _log.warning("settle.database_away", calls=len(calls), error=type(error).__name__)
                if self._stopping:
                    return
                self._renew()
                time.sleep(_RETRY_S)
            except DBAPIError as error:
                if len(calls) > 1:
                    for call in calls:
                        self._settle_surely([call])
                    return
                if calls[0].verdict.reason == "unstorable":
                    _log.error("settle.unstorable", attempt_id=calls[0].job.attempt_id, error=type(error).__name__)
                    return
                calls = [_unstorable(calls[0])]
            else:
                self._after(calls, done)
                return

    def _after(self, calls: Sequence[Settled], done: Settlement) -> None:
        for call in calls:
            fields = {"batch_id": call.job.charged.batch_id, "job_id": call.job.job_id}
            fields |= {"attempt_id": call.job.attempt_id, "endpoint": call.job.charged.endpoint}
            if call.job.job_id not in done.owned:
                _log.warning("settle.fenced", **fields)
            elif call.verdict.reason is not None:
                _log.warning("job.ended", state=call.verdict.job.value, reason=call.verdict.reason, **fields)
        if done.opened:
            self._on_opened(done.opened)
        if batches := ended(calls, done):
            self._on_ended(batches)

    def _renew(self) -> None:
        with self._arrived:
            jobs = list(self._under_way.values())
        if not jobs:
            return
        given = {"jobs": [j.job_id for j in jobs], "tokens": list({j.token for j in jobs}), "lease_s": self._lease_s}
        try:
            with self._engine.begin() as connection:
                connection.execute(query("workers", "renew_leases"), given)
        except DBAPIError as error:
            _log.warning("lease.renewal_failed", error=type(error).__name__)


def _unstorable(call: Settled) -> Settled:
    """The same call with its answer left out: what it cost is booked, the job fails with a reason."""
    says = "the provider's answer can't be stored"
    verdict = replace(call.verdict, job=JobState.FAILED, accepted=False, reason="unstorable", says=says)
    return replace(call, verdict=replace(verdict, stage=call.job.stage))
