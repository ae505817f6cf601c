"""Batches that arrive as messages from producers that import nothing of Pointsman."""

from __future__ import annotations

import base64
import json
import uuid
from pathlib import Path

import pytest
import redis
from celery import Celery

from gateway.embedded import client_url
from tests.system.conftest import Trial, job, open_trial, own_servers

pytestmark = pytest.mark.system


def test_plain_celery_submits_a_batch_and_sending_it_twice_gives_one(yard: Trial) -> None:
    """Ten lines with plain Celery are enough; the batch id is the producer's own idempotency key."""
    producer = Celery(broker=yard.broker, set_as_current=False)
    message = {
        "batch_id": "plain-celery-1",
        "tenant": "acme",
        "lines": [job("a", "Write a birthday greeting for Kim.")],
    }
    for _ in range(2):
        producer.send_task("pointsman.submit", kwargs=message, queue="pointsman.intake", ignore_result=True)
    producer.close()
    assert yard.finished("plain-celery-1")["a"].state == "done"
    assert yard.one("SELECT count(*) AS n FROM attempt WHERE batch_id = 'plain-celery-1'").n == 1


def test_a_producer_without_celery_speaks_its_protocol_over_the_broker(yard: Trial) -> None:
    """A message written by hand, as a producer in another language writes it, is taken like any other."""
    task_id, batch_id = str(uuid.uuid4()), "by-hand-1"
    kwargs = {"batch_id": batch_id, "tenant": "acme", "lines": [job("a", "Write a birthday greeting for Ali.")]}
    body = json.dumps([[], kwargs, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    message = {
        "body": base64.b64encode(body.encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "go", "task": "pointsman.submit", "id": task_id, "root_id": task_id, "parent_id": None},
        "properties": {
            "correlation_id": task_id,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "pointsman.intake"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
    }
    with redis.Redis.from_url(client_url(yard.broker)) as client:
        client.lpush("pointsman.intake", json.dumps(message))
    assert yard.finished(batch_id)["a"].state == "done"


def test_a_large_batch_goes_by_reference_to_a_file_in_the_inbox(tmp_path: Path) -> None:
    """A file below the inbox folder is read by the worker; one outside of it is refused with an event that says so."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "big.jsonl").write_text("\n".join(json.dumps(job(f"f{n}", f"Write greeting {n}.")) for n in range(50)))
    (tmp_path / "outside.jsonl").write_text(json.dumps(job("x", "Write a greeting.")))
    env = {"POINTSMAN_INBOX_DIR": str(inbox)}
    with own_servers() as servers, open_trial(servers.urls.database, servers.urls.broker, env=env) as trial:
        trial.start()
        send = trial.runtime.app.send_task
        for name, file in (("inside", inbox / "big.jsonl"), ("outside", inbox / ".." / "outside.jsonl")):
            kwargs = {"batch_id": name, "tenant": "acme", "file": str(file)}
            send("pointsman.submit", kwargs=kwargs, queue="pointsman.intake", ignore_result=True)
        assert len(trial.finished("inside")) == 50
        trial.wait_for(lambda: bool(trial.rows("SELECT 1 FROM event WHERE batch_id = 'outside'")), "the refusal")
        refusal = trial.one("SELECT kind, detail FROM event WHERE batch_id = 'outside'")
        assert refusal.kind == "refused"
        assert "POINTSMAN_INBOX_DIR" in refusal.detail["says"]
        assert not trial.rows("SELECT 1 FROM batch WHERE id = 'outside'")


def test_a_message_that_cannot_be_taken_leaves_an_event_and_nothing_else(yard: Trial) -> None:
    """Unknown fields, and a budget that is no amount, are told where `pointsman status` looks."""
    kwargs = {"batch_id": "broken-1", "lines": [job("a", "Hello")], "budget_usd": "a lot", "colour": "red"}
    yard.runtime.app.send_task("pointsman.submit", kwargs=kwargs, queue="pointsman.intake", ignore_result=True)
    yard.wait_for(lambda: bool(yard.rows("SELECT 1 FROM event WHERE batch_id = 'broken-1'")), "the refusal")
    detail = yard.one("SELECT detail FROM event WHERE batch_id = 'broken-1'").detail
    assert {problem["field"] for problem in detail["problems"]} == {"budget_usd", "colour"}
    assert not yard.rows("SELECT 1 FROM batch WHERE id = 'broken-1'")
