"""A worker dies by kill -9 in mid-batch, another takes over."""

from __future__ import annotations

import os
import signal

import pytest

from tests.system.conftest import job, open_trial, own_servers

pytestmark = pytest.mark.system


def test_a_batch_completes_after_its_worker_was_killed_and_no_job_has_two_results() -> None:
    """Jobs of the dead worker are taken over, uncertain calls are accrued, and the books tell them from the charged."""
    lines = [
        job(f"j{n}", f"Write a cheerful one-line birthday greeting, number {n}.", tenant="acme") for n in range(300)
    ]
    env = {"POINTSMAN_WORKER_CALLS": "40", "POINTSMAN_CHUNK_JOBS": "20"}
    with (
        own_servers() as servers,
        open_trial(servers.urls.database, servers.urls.broker, latency_ms=300, env=env) as trial,
    ):
        trial.start()
        trial.submit(lines, "killed")
        trial.wait_for(
            lambda: (
                trial.one("SELECT count(*) FILTER (WHERE state = 'done') AS done FROM job").done >= 60
                and trial.one("SELECT count(*) AS sent FROM attempt WHERE state = 'sent'").sent >= 10
            ),
            "calls under way with some jobs done",
        )
        os.kill(trial.supervisor.processes()["worker 1"], signal.SIGKILL)
        trial.supervisor.add("worker 2", "worker")
        jobs = trial.finished("killed")
        trial.wait_for(
            lambda: trial.one("SELECT count(*) AS sent FROM attempt WHERE state = 'sent'").sent == 0,
            "no call left open",
        )
        assert {row.state for row in jobs.values()} == {"done"}
        results = trial.one("SELECT count(*) AS n, count(DISTINCT job_id) AS jobs FROM result")
        assert (results.n, results.jobs) == (300, 300)
        lost = trial.rows("SELECT id, job_id FROM attempt WHERE state = 'uncertain' AND outcome = 'lease_lost'")
        assert lost, "the killed worker had calls under way"
        accrued = trial.one("SELECT count(DISTINCT attempt_id) AS n FROM ledger_line WHERE kind = 'accrual'").n
        assert accrued == len(lost)
        # The provider billed what the dead worker had sent, too; whatever the books don't charge, they name as accrued.
        billed = {entry["key"]: entry["total_pico"] for entry in trial.standin.entries()}
        charged = {
            f"{row.lease_token}-{row.id}": int(row.pico)
            for row in trial.rows(
                "SELECT a.id, a.lease_token, sum(l.amount_pico) AS pico FROM attempt a"
                " JOIN ledger_line l ON l.attempt_id = a.id AND l.kind = 'charge' GROUP BY a.id"
            )
        }
        uncertain = {
            f"{row.lease_token}-{row.id}" for row in trial.rows("SELECT * FROM attempt WHERE state = 'uncertain'")
        }
        assert {key: int(pico) for key, pico in billed.items() if key not in uncertain} == charged
        assert billed.keys() <= charged.keys() | uncertain


def test_a_stopped_worker_finishes_its_calls_and_hands_back_the_rest() -> None:
    """SIGTERM in mid-batch leaves no uncertain call behind, and another worker completes the batch at once."""
    lines = [job(f"j{n}", f"Write a cheerful one-line greeting, number {n}.", tenant="acme") for n in range(120)]
    env = {"POINTSMAN_WORKER_CALLS": "20", "POINTSMAN_CHUNK_JOBS": "10"}
    with (
        own_servers() as servers,
        open_trial(servers.urls.database, servers.urls.broker, latency_ms=300, env=env) as trial,
    ):
        trial.start()
        trial.submit(lines, "stopped")
        trial.wait_for(
            lambda: trial.one("SELECT count(*) AS sent FROM attempt WHERE state = 'sent'").sent >= 5, "calls under way"
        )
        worker = trial.supervisor.processes()["worker 1"]
        os.kill(worker, signal.SIGTERM)
        trial.wait_for(lambda: "worker 1" in trial.supervisor.tend(), "the worker ended", 20)
        assert trial.one("SELECT count(*) AS n FROM job WHERE state = 'running'").n == 0
        trial.supervisor.add("worker 2", "worker")
        jobs = trial.finished("stopped")
        assert {row.state for row in jobs.values()} == {"done"}
        assert trial.one("SELECT count(*) AS n FROM attempt WHERE state <> 'billed'").n == 0
        assert trial.charged_pico() == int(trial.standin.bill()["total_pico"])
