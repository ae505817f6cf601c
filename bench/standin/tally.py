"""How many calls came, are being answered, and how they ended: for tests that wait for a named moment."""

from __future__ import annotations

from collections import Counter
from typing import Any


class Tally:
    """Counts since the start. ``calls`` are requests to a provider's path, whatever became of them."""

    def __init__(self) -> None:
        self.calls = 0
        self.in_flight = 0
        self.peak_in_flight = 0
        self._by_status: Counter[int] = Counter()
        self._by_fault: Counter[str] = Counter()
        self._by_endpoint: Counter[str] = Counter()

    def begin(self) -> None:
        self.calls += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def end(self, status: int) -> None:
        """A call has ended with this HTTP status, or 0 where no whole answer was sent."""
        self.in_flight -= 1
        self._by_status[status] += 1

    def fault(self, name: str) -> None:
        self._by_fault[name] += 1

    def answered(self, endpoint: str) -> None:
        """A call was billed and its answer is about to leave."""
        self._by_endpoint[endpoint] += 1

    def as_json(self, connections: int) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
            "connections": connections,
            "by_status": {str(status): count for status, count in sorted(self._by_status.items())},
            "by_fault": dict(sorted(self._by_fault.items())),
            "by_endpoint": dict(sorted(self._by_endpoint.items())),
        }
