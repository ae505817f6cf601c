"""Chunks: the unit of a broker message."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from schemas.database import query
from schemas.vocabulary import Tier


def new_chunk(connection: Connection, batch_id: str, lane: Tier, stage: int, endpoints: Sequence[str]) -> int:
    """Make a chunk and return its id; ``stage`` counts from 0, ``endpoints`` are ranked."""
    row = {"batch_id": batch_id, "lane": lane.value, "stage": stage, "endpoints": list(endpoints)}
    return int(connection.execute(query("workers", "new_chunk"), row).scalar_one())
