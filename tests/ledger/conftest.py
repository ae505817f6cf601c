"""A transaction on a database of its own for each test of the ledger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, NullPool, create_engine

from schemas.database import database_url as as_url


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A transaction on a fresh database, rolled back at the end."""
    engine = create_engine(as_url(database_url), poolclass=NullPool)
    with engine.connect() as opened:
        yield opened
