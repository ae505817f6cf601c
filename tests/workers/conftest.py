"""What tests of workers on a real database share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.workers.settled_batches import make_runtime
from workers.runtime import Runtime


@pytest.fixture
def runtime(database_url: str) -> Iterator[Runtime]:
    """A runtime on a fresh database, the stand-in answering for every remote endpoint."""
    made = make_runtime(database_url)
    yield made
    made.engine.dispose()
