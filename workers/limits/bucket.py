"""Token buckets for one process on its own: what a worker goes by while the broker's server is away.

The rule is the one that the shared script follows, so that a minute never holds more than its limit: a bucket of
``BURST_S`` seconds' worth, refilled at the rate that is left of the minute (capacity + 60 s x refill = limit).
"""

from __future__ import annotations

from dataclasses import dataclass

#: Size of a bucket, in seconds at the full rate.
BURST_S = 3.0


@dataclass(frozen=True, slots=True)
class LimitSpec:
    """Limits of an endpoint: requests a minute, tokens a minute, calls at once. ``None`` is no limit; all are >= 1."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("rpm", self.rpm), ("tpm", self.tpm), ("concurrency", self.concurrency)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, or none for no limit: {value}")

    @property
    def unlimited(self) -> bool:
        return self.rpm is None and self.tpm is None and self.concurrency is None


@dataclass(frozen=True, slots=True)
class Grant:
    """``n`` calls may go now. ``retry_after_s`` is when to ask again for the rest, 0 where all were granted."""

    n: int
    retry_after_s: float


class Bucket:
    """One token bucket. The level may go below zero: a call larger than the bucket is granted once it is full."""

    def __init__(self, per_minute: float, now: float) -> None:
        self._capacity = max(1.0, per_minute * BURST_S / 60)
        # a limit of one or two a minute: the bucket is most of it, so refill at no less than half the rate
        self._refill = max(per_minute - self._capacity, per_minute / 2) / 60
        self._level = self._capacity
        self._at = now

    def room(self, each: float, now: float) -> int:
        """How many units of size ``each`` may be taken now."""
        self._level = min(self._capacity, self._level + max(0.0, now - self._at) * self._refill)
        self._at = max(self._at, now)
        if each <= self._capacity:
            return int(self._level / each)
        return 1 if self._level >= self._capacity else 0

    def take(self, amount: float) -> None:
        self._level -= amount

    def wait_s(self, each: float) -> float:
        """Seconds until one unit of size ``each`` may be taken, by the level last seen."""
        return max(0.0, (min(each, self._capacity) - self._level) / self._refill)


class LocalLimits:
    """A fixed share of one endpoint's limits, for one process."""

    def __init__(self, limits: LimitSpec, share: float, now: float) -> None:
        self._requests = None if limits.rpm is None else Bucket(limits.rpm * share, now)
        self._tokens = None if limits.tpm is None else Bucket(limits.tpm * share, now)
        self._slots = None if limits.concurrency is None else max(1, int(limits.concurrency * share))

    def take(self, want: int, tokens_each: int, in_use: int, now: float) -> Grant:
        """Grant up to ``want`` calls while ``in_use`` are out."""
        n, wait = want, 0.0
        if self._slots is not None and self._slots - in_use < n:
            n, wait = max(0, self._slots - in_use), SLOT_WAIT_S
        sized = [(self._requests, 1.0), (self._tokens, float(max(1, tokens_each)))]
        buckets = [(bucket, each) for bucket, each in sized if bucket is not None]
        for bucket, each in buckets:
            n = min(n, bucket.room(each, now))
        for bucket, each in buckets:
            bucket.take(n * each)
        if n == want:
            return Grant(n, 0.0)
        return Grant(n, max([wait, *(bucket.wait_s(each) for bucket, each in buckets)]))


#: Slots come free when calls end, which nobody can foretell: ask again after this long.
SLOT_WAIT_S = 0.1
