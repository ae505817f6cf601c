"""What tests of workers on a real database share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.core import Core, open_core
from tests.workers.settled_batches import make_runtime
from workers.runtime import Runtime


@pytest.fixture
def runtime(database_url: str) -> Iterator[Runtime]:
    """A runtime on a fresh database, the stand-in answering for every remote endpoint."""
    made = make_runtime(database_url)
    yield made
    made.engine.dispose()


@pytest.fixture
def core(database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Core]:
    """A worker's core on a fresh database and an empty broker, with the small catalogue."""
    with open_core(database_url, tmp_path, broker_url=broker_url) as opened:
        yield opened
