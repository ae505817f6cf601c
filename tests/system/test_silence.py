"""Prompts, answers and secrets appear in no log, event, error or ledger line, however a job ends."""

from __future__ import annotations

import json

import pytest

from tests.system.conftest import Trial, job, open_trial, own_servers
from workers.logs import trace_id

pytestmark = pytest.mark.system

MARK = "xyzzy-4711-do-not-print"


def test_nothing_that_a_job_says_reaches_a_log_an_event_or_the_ledger() -> None:
    """Done, escalated, failed and parked jobs, and bad messages, run at DEBUG; their text stays in job and result."""
    faults = [
        {"match": {"contains": "BADREQ"}, "fault": "bad_request"},
        {"match": {"contains": "EMPTY"}, "fault": "empty"},
        {"match": {"contains": "BUSY", "first": 2}, "fault": "server_error"},
    ]
    env = {"POINTSMAN_LOG_LEVEL": "DEBUG", "OPENAI_API_KEY": ""}
    with (
        own_servers() as servers,
        open_trial(servers.urls.database, servers.urls.broker, faults=faults, env=env) as trial,
    ):
        trial.start()
        lines = [
            job("done", f"Write a birthday greeting for {MARK}.", tenant="acme"),
            job("failed", f"Draft an internal memo about BADREQ {MARK}.", tenant="acme"),
            job("flawed", f"Draft an internal memo about EMPTY {MARK}.", tenant="acme"),
            job("again", f"Draft an internal memo about BUSY {MARK}.", tenant="acme"),
            job("parked", f"What dose of {MARK} may my 3-year-old take?", tenant="individual/ada"),
            {"custom_id": "bad", "body": {"messages": [{"role": "nobody", "content": MARK}], "colour": MARK}},
        ]
        trial.submit(lines, "silent")
        states = {name: row.state for name, row in trial.finished("silent").items()}
        assert states == {"done": "done", "failed": "failed", "flawed": "done", "again": "done", "parked": "parked"}
        send = trial.runtime.app.send_task
        send(
            "pointsman.submit",
            kwargs={"batch_id": "odd", "colour": MARK},
            queue="pointsman.intake",
            ignore_result=True,
        )
        send("pointsman.unknown", kwargs={"text": MARK}, queue="pointsman.intake", ignore_result=True)
        trial.wait_for(lambda: bool(trial.rows("SELECT 1 FROM event WHERE batch_id = 'odd'")), "the refusal")
        trial.submit([job("last", "Write a greeting.", tenant="acme")], "after")
        trial.finished("after")
        logs = b"".join(trial.logged)
        assert b"worker.ready" in logs
        assert b"batch.planned" in logs
        assert MARK.encode() not in logs
        for table in ("event", "ledger_line", "attempt", "line_problem", "chunk", "batch"):
            rows = trial.rows(f"SELECT to_jsonb(t) AS row FROM {table} t")  # noqa: S608 - names from this list
            assert MARK not in json.dumps([row.row for row in rows]), table


def test_logs_are_json_lines_with_the_ids_that_find_a_job(yard: Trial) -> None:
    """Each line of a worker's log is JSON with role, level and time; a failed job's names batch, job and attempt."""
    yard.standin.set_faults([{"match": {"contains": "BADREQ"}, "fault": "bad_request"}])
    yard.submit([job("failed", "Draft an internal memo about BADREQ.", tenant="acme")], "logged")
    row = yard.finished("logged")["failed"]
    yard.standin.set_faults([])
    assert (row.state, row.reason) == ("failed", "http_400:bad_request")
    lines = [json.loads(line) for line in yard.logged if line.startswith(b"{")]
    assert all({"event", "level", "timestamp", "role"} <= line.keys() for line in lines)
    ended = [line for line in lines if line["event"] == "job.ended" and line["batch_id"] == "logged"]
    assert [(line["job_id"], line["reason"]) for line in ended] == [(row.id, "http_400:bad_request")]
    assert ended[0]["trace_id"] == trace_id("logged")
    assert ended[0]["attempt_id"] == yard.attempts("logged", "failed")[0].id
