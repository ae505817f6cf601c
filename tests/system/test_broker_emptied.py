"""The broker goes away for ten seconds and comes back with nothing in it."""

from __future__ import annotations

import time

import pytest

from gateway.embedded import EmbeddedServers
from tests.system.conftest import job, open_trial

pytestmark = pytest.mark.system

#: How long the broker is away, in seconds: what the issue of the spine asks for.
OUTAGE_S = 10


def test_a_batch_completes_after_the_broker_was_away_and_came_back_empty(private_servers: EmbeddedServers) -> None:
    """Messages are hints: the sweeper announces again what the broker forgot, and the worker process survives."""
    lines = [job(f"j{n}", f"Write a cheerful one-line greeting, number {n}.", tenant="acme") for n in range(200)]
    urls = private_servers.urls
    env = {"POINTSMAN_WORKER_CALLS": "16", "POINTSMAN_CHUNK_JOBS": "8", "POINTSMAN_WORKER_THREADS": "2"}
    with open_trial(urls.database, urls.broker, latency_ms=300, env=env) as trial:
        trial.start()
        worker = trial.supervisor.processes()["worker 1"]
        trial.submit(lines, "outage")
        trial.wait_for(lambda: trial.one("SELECT count(*) AS done FROM result").done >= 20, "some jobs done")
        private_servers.kill_broker()
        time.sleep(OUTAGE_S)  # the scenario itself: an outage of this length
        private_servers.restart_broker(empty=True)
        jobs = trial.finished("outage", 90)
        assert {row.state for row in jobs.values()} == {"done"}
        results = trial.one("SELECT count(*) AS n, count(DISTINCT job_id) AS jobs FROM result")
        assert (results.n, results.jobs) == (200, 200)
        assert trial.charged_pico() == int(trial.standin.bill()["total_pico"])
        assert trial.supervisor.processes()["worker 1"] == worker, "the worker process outlived the outage"
        assert trial.supervisor.tend() == []
