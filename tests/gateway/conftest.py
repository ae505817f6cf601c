"""What tests of the command line share."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.gateway.cli_runs import Cli


@pytest.fixture
def cli_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """The command line without any server, in an empty folder, with nobody's keys and settings."""
    for name in os.environ:
        if (name.startswith("POINTSMAN_") and "_TEST_" not in name) or name.endswith(("_API_KEY", "_BASE_URL")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield Cli(tmp_path, {})
    # Its logs went to a stream that is gone.
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


@pytest.fixture
def cli(cli_alone: Cli, database_url: str, broker_url: str) -> Cli:
    """The command line with a fresh database, an empty broker, and a stand-in at whose address nobody listens."""
    cli_alone.env = {
        "POINTSMAN_DATABASE_URL": database_url,
        "POINTSMAN_BROKER_URL": broker_url,
        "POINTSMAN_STANDIN_URL": "http://127.0.0.1:9",
    }
    return cli_alone
