"""Shares with 95 % Wilson score intervals, and the difference of two of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many. ``jobs`` is how many of them are independent, where that is fewer than ``whole``.

    Ten attempts on one job tell little more than one, so the interval is that of ``jobs`` observations.
    """

    part: int
    whole: int
    jobs: int | None = None

    @property
    def value(self) -> float:
        return self.part / self.whole if self.whole else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval; everything where nothing was seen."""
        n = self.whole if self.jobs is None else self.jobs
        if not n:
            return 0.0, 1.0
        p = self.value
        middle = (p + _Z * _Z / (2 * n)) / (1 + _Z * _Z / n)
        half = _Z * math.sqrt(p * (1 - p) / n + _Z * _Z / (4 * n * n)) / (1 + _Z * _Z / n)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        if not self.whole:
            return "-"
        low, high = self.interval
        on = "" if self.jobs in (None, self.whole) else f" on {self.jobs:,} jobs"
        return f"{percent(self.value)} ({percent(low)} to {percent(high)}) of {self.whole:,}{on}"


@dataclass(frozen=True, slots=True)
class Gap:
    """How much greater one share is than another, with Newcombe's interval from those of both."""

    one: Share
    other: Share

    @property
    def value(self) -> float:
        return self.one.value - self.other.value

    @property
    def interval(self) -> tuple[float, float]:
        (low, high), (other_low, other_high) = self.one.interval, self.other.interval
        return (
            self.value - math.hypot(self.one.value - low, other_high - self.other.value),
            self.value + math.hypot(high - self.one.value, self.other.value - other_low),
        )

    def __str__(self) -> str:
        low, high = (100 * bound for bound in self.interval)
        return f"{100 * self.value:+.1f} points ({low:+.1f} to {high:+.1f})"


def percent(share: float) -> str:
    """With one decimal."""
    return f"{share:.1%}"
