"""The circuit breaker, by a clock of the test's own."""

from __future__ import annotations

import pytest

from workers.breaker import Breaker, BreakerSettings, BreakerState
from workers.calls import OutcomeKind

ILL, WELL = OutcomeKind.UNAVAILABLE, OutcomeKind.ANSWERED


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(5):
        breaker.record(ILL, now)
    return breaker


@pytest.mark.parametrize("kind", [OutcomeKind.UNAVAILABLE, OutcomeKind.UNCERTAIN])
def test_opens_on_failures_in_a_row(kind: OutcomeKind) -> None:
    """Five failures in a row open it, four don't, and a success starts the count anew."""
    breaker = Breaker()
    for _ in range(4):
        breaker.record(kind, 0.0)
    breaker.record(WELL, 0.0)
    for _ in range(4):
        breaker.record(kind, 0.0)
    assert breaker.admits(0.0)
    breaker.record(kind, 0.0)
    assert not breaker.admits(0.0)
    assert breaker.state(0.0) is BreakerState.OPEN


def test_opens_on_a_share_of_failures() -> None:
    """Half of a full window is enough, though no five come in a row."""
    breaker = Breaker(BreakerSettings(window=10))
    for _ in range(4):
        breaker.record(WELL, 0.0)
        breaker.record(ILL, 0.0)
    assert breaker.state(0.0) is BreakerState.CLOSED
    breaker.record(WELL, 0.0)
    breaker.record(ILL, 0.0)
    assert breaker.state(0.0) is BreakerState.OPEN


def test_pressure_and_bad_jobs_do_not_open_it() -> None:
    """429 is pressure, and a job refused for what it says is no illness."""
    breaker = Breaker()
    for _ in range(100):
        breaker.record(ILL, 0.0, status=429)
        breaker.record(OutcomeKind.REJECTED, 0.0, status=400)
    assert breaker.admits(0.0)


def test_a_wrong_key_opens_it() -> None:
    """Refusals that are about the endpoint stop the calls to it."""
    breaker = Breaker()
    for _ in range(5):
        breaker.record(OutcomeKind.REJECTED, 0.0, status=401)
    assert not breaker.admits(0.0)


def test_half_open_lets_probes_through() -> None:
    """After the cool-down two calls go; a success closes it."""
    breaker = opened()
    assert breaker.retry_at == 5.0
    assert not breaker.admits(4.9)
    assert [breaker.admits(5.0) for _ in range(4)] == [True, True, False, False]
    breaker.record(WELL, 6.0)
    assert all(breaker.admits(6.0) for _ in range(10))


def test_a_failed_probe_opens_it_for_longer() -> None:
    """Each opening in a row doubles the cool-down, to its cap; closing resets it."""
    breaker, now = opened(), 0.0
    for cooldown in (5, 10, 20, 40, 80, 120, 120):
        assert not breaker.admits(now + cooldown - 0.1)
        now += cooldown
        assert breaker.admits(now)
        breaker.record(ILL, now)
    now += 120
    assert breaker.admits(now)
    breaker.record(WELL, now)
    for _ in range(5):
        breaker.record(ILL, now)
    assert breaker.retry_at == now + 5


def test_late_answers_from_before_say_nothing() -> None:
    """While open, answers to earlier calls neither close it nor lengthen the cool-down."""
    breaker = opened()
    breaker.record(WELL, 1.0)
    breaker.record(ILL, 2.0)
    assert not breaker.admits(4.9)
    assert breaker.retry_at == 5.0


def test_lost_probes_do_not_wedge_it() -> None:
    """Probes that never come back are sent again after another cool-down."""
    breaker = opened()
    assert [breaker.admits(5.0) for _ in range(3)] == [True, True, False]
    assert not breaker.admits(9.0)
    assert breaker.admits(10.0)
