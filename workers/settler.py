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
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from routing.catalogue import Catalogue
from schemas.database import query
from schemas.vocabulary import JobState, Tier
from workers.claimed import ClaimedJob
from workers.settle import Reference, Settled, Settlement, ended, settle
from workers.teller import Teller

_log = structlog.get_logger(__name__)
_MOST_AT_ONCE = 1000
_RETRY_S = 0.5
#: How long a settler that is told to stop goes on trying to reach the database.
_LAST_TRIES_S = 8.0
#: Classes of SQLSTATE, and one code, by which the database refuses the values: data, integrity, limits, memory.
_REFUSED = ("22", "23", "54", "53200")


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
    ended. Both are called from a thread of their own: leases must not wait for a broker that is slow to answer.
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
        self._last_reference: Reference | None = None
        self._tick_s = tick_s
        self._lease_s = lease_s
        self._teller = Teller(on_opened, on_ended)
        self._arrived = threading.Condition()
        self._waiting: list[tuple[Settled, Wave]] = []
        self._under_way: dict[int, ClaimedJob] = {}
        self._stopping = False
        self._over = False
        self._last_try_at = float("inf")
        self._thread = threading.Thread(target=self._run, name="settler", daemon=True)

    def start(self) -> None:
        """Raises what ``reference`` raises: without it nothing could be settled, so nothing is claimed."""
        self._last_reference = self._reference(datetime.now(UTC))
        self._teller.start()
        self._thread.start()

    def stop(self) -> None:
        """Settle what has arrived, then end. A database that stays away is not waited for without end."""
        with self._arrived:
            self._stopping = True
            self._last_try_at = time.monotonic() + _LAST_TRIES_S
            self._arrived.notify()
        self._thread.join(timeout=_LAST_TRIES_S + 7)
        self._teller.stop()

    def watch(self, wave: Wave) -> None:
        """Keep the leases of these jobs alive until they are settled."""
        with self._arrived:
            self._under_way |= {job.attempt_id: job for job in wave.jobs}

    def put(self, call: Settled, wave: Wave) -> None:
        """Hand over an ended call; from any thread. After the end nobody settles it: the sweeper takes its job over."""
        with self._arrived:
            if self._over:
                wave.settled()
            else:
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
                    self._over = True
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
                    done = settle(connection, calls, self._reference_now(), self._catalogue)
            except Exception as error:  # noqa: BLE001 - if this thread ended, no call of the process would be settled
                if not refused(error):
                    _log.warning("settle.database_away", calls=len(calls), error=type(error).__name__)
                    if time.monotonic() > self._last_try_at:
                        return
                    self._renew()
                    time.sleep(_RETRY_S)
                    continue
                if len(calls) > 1:
                    middle = len(calls) // 2
                    self._settle_surely(calls[:middle])
                    self._settle_surely(calls[middle:])
                    return
                if calls[0].verdict.reason == "unstorable":
                    _log.error("settle.unstorable", attempt_id=calls[0].job.attempt_id, error=type(error).__name__)
                    return
                calls = [_unstorable(calls[0])]
            else:
                self._after(calls, done)
                return

    def _reference_now(self) -> Reference:
        """What savings are measured against; the last one known where its price has run out. Answers must not wait."""
        try:
            self._last_reference = self._reference(datetime.now(UTC))
        except Exception as error:
            if self._last_reference is None:
                raise
            _log.error("settle.no_reference", card=self._last_reference.card.id, error=type(error).__name__)
        return self._last_reference

    def _after(self, calls: Sequence[Settled], done: Settlement) -> None:
        for call in calls:
            fields = {"batch_id": call.job.charged.batch_id, "job_id": call.job.job_id}
            fields |= {"attempt_id": call.job.attempt_id, "endpoint": call.job.charged.endpoint}
            if call.job.attempt_id not in done.owned:
                _log.warning("settle.fenced", **fields)
            elif call.verdict.reason is not None:
                _log.warning("job.ended", state=call.verdict.job.value, reason=call.verdict.reason, **fields)
        self._teller.tell(done.opened, ended(calls, done))

    def _renew(self) -> None:
        with self._arrived:
            jobs = list(self._under_way.values())
        if not jobs:
            return
        given = {"jobs": [j.job_id for j in jobs], "tokens": list({j.token for j in jobs}), "lease_s": self._lease_s}
        try:
            with self._engine.begin() as connection:
                connection.execute(query("workers", "renew_leases"), given)
        except Exception as error:  # noqa: BLE001 - tried again soon, from a thread that must live
            _log.warning("lease.renewal_failed", error=type(error).__name__)


def refused(error: Exception) -> bool:
    """Whether an error is about what was to be written, so that writing it again can't help.

    All else is about the database: away, failed over, out of connections or of disk. Then nothing is lost by waiting.
    """
    if isinstance(error, PoolTimeoutError):
        return False
    if not isinstance(error, DBAPIError):
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # not from the server: the driver can't send it, or there is no server
        return not (error.connection_invalidated or isinstance(error, OperationalError | InterfaceError))
    return str(state).startswith(_REFUSED)


def _unstorable(call: Settled) -> Settled:
    """The same call with its answer left out: what it cost is booked, the job fails with a reason."""
    says = "the provider's answer can't be stored"
    verdict = replace(call.verdict, job=JobState.FAILED, accepted=False, reason="unstorable", says=says)
    return replace(call, verdict=replace(verdict, stage=call.job.stage))
