"""How long to wait."""

from __future__ import annotations

import pytest

from workers.backoff import delay


def test_same_attempt_same_delay() -> None:
    """The jitter is a function of the attempt, so a decision can be repeated."""
    assert delay(3, 42) == delay(3, 42)
    assert delay(3, 42) != delay(3, 43)
    assert delay(3, 42) != delay(4, 42)


def test_grows_and_is_capped() -> None:
    """The span doubles with each attempt, to the cap, and the jitter fills it."""
    for attempt, span in [(1, 1.0), (2, 2.0), (5, 16.0), (8, 60.0), (10_000, 60.0)]:
        waits = [delay(attempt, seed) for seed in range(2000)]
        assert 0 <= min(waits) < 0.02 * span
        assert 0.98 * span < max(waits) < span
        assert sum(waits) / len(waits) == pytest.approx(span / 2, rel=0.1)


def test_retry_after_is_a_floor() -> None:
    """What the provider asks for is waited at least, up to a cap, and attempts still spread out."""
    waits = [delay(1, seed, 10.0) for seed in range(100)]
    assert min(waits) >= 10.0
    assert max(waits) < 11.0
    assert len(set(waits)) == 100
    assert 900.0 <= delay(1, 1, 1e9) < 901.0
    assert delay(1, 1, -5.0) == delay(1, 1)


def test_attempts_count_from_one() -> None:
    """Attempt zero is a mistake of the caller's."""
    with pytest.raises(ValueError, match="counted from 1"):
        delay(0, 1)
