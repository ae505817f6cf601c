"""A circuit breaker for one endpoint: stop calling what is ill, and look now and then whether it is well again.

Nothing here reads a clock: every method takes ``now``, seconds of any clock that only goes forward.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from workers.calls import OutcomeKind

_ILL = frozenset({OutcomeKind.UNAVAILABLE, OutcomeKind.UNCERTAIN})
#: Refusals that are about the endpoint, not the job: wrong key, no credit, no such model.
ENDPOINT_REFUSALS = frozenset({401, 402, 403, 404})


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """Opens on ``consecutive`` failures, or on a share of ``rate`` among the last ``window`` outcomes.

    It stays open for ``cooldown_s``, twice as long each time it opens anew before it closed, to ``max_cooldown_s``.
    Then ``probes`` calls are let through: one success closes it, one failure opens it again.
    """

    consecutive: int = 5
    window: int = 40
    rate: float = 0.5
    cooldown_s: float = 5.0
    max_cooldown_s: float = 120.0
    probes: int = 2


class Breaker:
    """The breaker of one endpoint in one process."""

    def __init__(self, settings: BreakerSettings | None = None) -> None:
        self._settings = settings or BreakerSettings()
        self._recent: deque[bool] = deque(maxlen=self._settings.window)
        self._in_a_row = 0
        self._openings = 0
        self._opened_at: float | None = None
        self._probes_left = 0
        self._probing_since: float | None = None

    def state(self, now: float) -> BreakerState:
        if self._opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if now >= self.retry_at else BreakerState.OPEN

    @property
    def retry_at(self) -> float:
        """When it lets a call through again; minus infinity while closed."""
        return float("-inf") if self._opened_at is None else self._opened_at + self._cooldown()

    def admits(self, now: float) -> bool:
        """Whether a call may go now. While half-open each ``True`` is one of the probes, so ask once a call."""
        state = self.state(now)
        if state is not BreakerState.HALF_OPEN:
            return state is BreakerState.CLOSED
        if self._probing_since is None or now >= self._probing_since + self._cooldown():
            # also when probes were sent and never came back: their worker was stopped
            self._probing_since, self._probes_left = now, self._settings.probes
        if self._probes_left == 0:
            return False
        self._probes_left -= 1
        return True

    def record(self, kind: OutcomeKind, now: float, *, status: int | None = None) -> None:
        """Take in what came of a call. 429 is pressure, not illness, and says nothing; 401 to 404 are illness."""
        if status == 429:
            return
        failed = kind in _ILL or (kind is OutcomeKind.REJECTED and status in ENDPOINT_REFUSALS)
        state = self.state(now)
        if state is BreakerState.OPEN:
            return  # a call from before it opened
        if state is BreakerState.HALF_OPEN:
            if failed:
                self._open(now)
            else:
                self._close()
            return
        self._recent.append(failed)
        self._in_a_row = self._in_a_row + 1 if failed else 0
        full = len(self._recent) == self._settings.window
        if self._in_a_row >= self._settings.consecutive or (
            full and sum(self._recent) >= self._settings.rate * self._settings.window
        ):
            self._open(now)

    def _open(self, now: float) -> None:
        self._openings += 1
        self._opened_at, self._probing_since, self._probes_left = now, None, 0

    def _close(self) -> None:
        self._openings = self._in_a_row = 0
        self._opened_at = self._probing_since = None
        self._recent.clear()

    def _cooldown(self) -> float:
        return min(self._settings.cooldown_s * 2.0 ** min(self._openings - 1, 30), self._settings.max_cooldown_s)
