"""The rulebook that a stored batch was planned by, from the texts that were kept with it."""

from __future__ import annotations

from sqlalchemy import Connection

from schemas.database import query
from workers.rulebook import Rulebook, parse_rulebook


def rulebook_of(connection: Connection, batch_id: str) -> Rulebook | None:
    """Read the kept texts; None where the batch isn't planned. Raises ``ConfigurationError`` where this version of
    the program can't read them any more."""
    row = connection.execute(query("workers", "batch_rulebook"), {"batch": batch_id}).one_or_none()
    if row is None:
        return None
    return parse_rulebook(
        row.policy_text,
        row.catalogue_text,
        f"stored policy {row.policy_digest[:12]}",
        f"stored catalogue {row.catalogue_digest[:12]}",
    )
