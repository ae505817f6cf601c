"""The queues: one for intake and planning, and one a tier, so that operators scale each on its own."""

from __future__ import annotations

from schemas.vocabulary import Tier

INTAKE = "intake"
#: What ``pointsman worker --lanes`` takes.
LANES = (INTAKE, *(tier.value for tier in Tier))


def queue(lane: str) -> str:
    """The broker's name of a lane's queue."""
    return f"pointsman.{lane}"
