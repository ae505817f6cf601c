"""How long to wait before the next attempt."""

from __future__ import annotations

from hashlib import blake2b

BASE_S = 0.5
CAP_S = 60.0
#: A provider that asks for longer than this is asked again all the same.
RETRY_AFTER_CAP_S = 900.0


def delay(
    attempt_number: int,
    seed: int,
    retry_after_s: float | None = None,
    *,
    base_s: float = BASE_S,
    cap_s: float = CAP_S,
) -> float:
    """Seconds to wait after attempt ``attempt_number`` (the first is 1) has failed.

    Exponential with full jitter: somewhere from 0 to ``min(cap_s, base_s * 2 ** attempt_number)``. The jitter comes
    from ``seed`` (the attempt's id), so the same attempt always waits alike and attempts of one burst spread out.
    ``retry_after_s`` is a floor that the jitter is added to. Raises ``ValueError`` for an attempt number below 1.
    """
    if attempt_number < 1:
        raise ValueError(f"attempts are counted from 1: {attempt_number}")
    span = min(cap_s, base_s * 2.0 ** min(attempt_number, 62))
    floor = min(max(retry_after_s or 0.0, 0.0), RETRY_AFTER_CAP_S)
    return floor + span * _unit(seed, attempt_number)


def _unit(seed: int, attempt_number: int) -> float:
    """A number from 0 to under 1 that looks random and depends on both arguments alone."""
    digest = blake2b(f"{seed}:{attempt_number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
