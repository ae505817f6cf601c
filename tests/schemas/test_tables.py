"""The database as the migrations make it is the one that the code describes, and it refuses what can't be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, NullPool, create_engine, insert, inspect, select, text, update
from sqlalchemy.exc import IntegrityError

from schemas.database import database_url as as_url
from schemas.migrate import configuration, missing, upgrade
from schemas.tables import attempt, batch, job, ledger_line, metadata, result

pytestmark = pytest.mark.system


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A transaction on a fresh database, rolled back at the end."""
    engine = create_engine(as_url(database_url), poolclass=NullPool)
    with engine.connect() as opened:
        yield opened


def checks(engine: Engine) -> dict[str, set[str]]:
    """The names of the check constraints of each table: Alembic doesn't compare those."""
    found = inspect(engine)
    return {name: {str(check["name"]) for check in found.get_check_constraints(name)} for name in metadata.tables}


def test_migrated_database_equals_the_metadata(database_url):
    """Nothing is to be added, dropped or changed, defaults and check constraints included."""
    engine = create_engine(as_url(database_url), poolclass=NullPool)
    with engine.connect() as opened:
        context = MigrationContext.configure(opened, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        assert missing(opened) == []
    migrated = checks(engine)
    # The metadata's own tables beside them, in a schema of their own.
    with engine.begin() as opened:
        opened.execute(text("CREATE SCHEMA described"))
        opened.execute(text("SET LOCAL search_path TO described"))
        metadata.create_all(opened, checkfirst=False)
        found = inspect(opened)
        described = {
            name: {(str(check["name"]), check["sqltext"]) for check in found.get_check_constraints(name, "described")}
            for name in metadata.tables
        }
        public = {
            name: {(str(check["name"]), check["sqltext"]) for check in found.get_check_constraints(name, "public")}
            for name in metadata.tables
        }
    assert described == public
    assert migrated["job"] >= {"job_lease_check", "job_ended_check"}


def test_migrations_run_up_down_and_up_again(empty_database_url):
    """An empty database lacks every revision; upgrading twice is one upgrade; going down leaves nothing behind."""
    engine = create_engine(as_url(empty_database_url), poolclass=NullPool)
    with engine.connect() as opened:
        assert missing(opened)[0] == "0001"
    upgrade(empty_database_url)
    upgrade(empty_database_url)
    with engine.begin() as opened:
        assert missing(opened) == []
        command.downgrade(configuration(opened), "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    upgrade(empty_database_url)
    assert set(inspect(engine).get_table_names()) == {"alembic_version", *metadata.tables}


def a_batch(connection: Connection, key: str = "b1", **values: Any) -> str:
    """A batch with what a test doesn't care about filled in."""
    row = {"id": key, "tenant": "t", "state": "accepted", "way_in": "function", "content_digest": "d"}
    connection.execute(insert(batch).values(row | {"jobs": 1, "bad_lines": 0} | values))
    return key


def a_job(connection: Connection, line: int = 1, **values: Any) -> int:
    """A job of batch b1; returns its id."""
    row: dict[str, Any] = {
        "batch_id": "b1", "line": line, "custom_id": f"c{line}", "body": {}, "asked_model": "auto", "facts": {},
        "tenant": "t", "cost_centre": "c", "stakes": "low", "assessment": {}, "state": "accepted",
        "prompt_tokens": 1, "prefix_tokens": 0,
    }  # fmt: skip
    found: int = connection.execute(insert(job).values(row | values).returning(job.c.id)).scalar_one()
    return found


def an_attempt(connection: Connection, job_id: int, number: int = 1, **values: Any) -> int:
    """An attempt of a job; returns its id."""
    row: dict[str, Any] = {
        "job_id": job_id, "batch_id": "b1", "number": number, "stage": 0, "purpose": "answer", "endpoint": "e",
        "model": "m", "provider": "p", "standin": True, "state": "sent", "lease_token": uuid4(), "estimated_input": 1,
        "estimated_output": 1, "card": "k", "sent_at": text("now()"),
    }  # fmt: skip
    found: int = connection.execute(insert(attempt).values(row | values).returning(attempt.c.id)).scalar_one()
    return found


def refused(connection: Connection, statement: Any, constraint: str) -> None:
    """Run a statement that must fail on this constraint."""
    with pytest.raises(IntegrityError) as caught, connection.begin_nested():
        connection.execute(statement)
    assert caught.value.orig is not None
    assert caught.value.orig.diag.constraint_name == constraint  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"state": "done"}, "job_ended_check"),
        ({"state": "parked"}, "job_ended_check"),
        ({"state": "failed"}, "job_ended_check"),
        ({"state": "queued", "ended_at": text("now()")}, "job_ended_check"),
        ({"state": "running"}, "job_lease_check"),
        ({"state": "queued", "lease_token": uuid4()}, "job_lease_check"),
        ({"state": "lost"}, "job_state_check"),
        ({"stakes": "none"}, "job_stakes_check"),
        ({"tier": "cheap"}, "job_tier_check"),
        ({"line": 2}, "job_batch_id_line_key"),
        ({"custom_id": "c2"}, "job_batch_id_custom_id_key"),
        ({"batch_id": "b9"}, "job_batch_id_fkey"),
        ({"chunk_id": 9}, "job_chunk_id_fkey"),
    ],
)
def test_jobs_that_cannot_be(connection, values, constraint):
    """An ended job has an end, a running one a lease, and no word is outside its enumeration."""
    a_batch(connection)
    found, _ = a_job(connection), a_job(connection, 2)
    refused(connection, update(job).where(job.c.id == found).values(values), constraint)


def test_jobs_that_can_be(connection):
    """The states with what belongs to them are taken."""
    a_batch(connection)
    a_job(connection, 1, state="running", lease_token=uuid4())
    for line, state in enumerate(("done", "parked", "failed"), 2):
        a_job(connection, line, state=state, ended_at=text("now()"), tier="open")
    assert len(connection.execute(select(job.c.id)).all()) == 4


def test_a_job_has_one_result(connection):
    """A second result of a job is refused, and so is a second result of one attempt."""
    a_batch(connection)
    first, second = a_job(connection), a_job(connection, 2)
    one, other = an_attempt(connection, first), an_attempt(connection, first, 2)
    row = {"completion": {}, "baseline_pico": 1, "baseline_card": "k"}
    connection.execute(insert(result).values(row | {"job_id": first, "attempt_id": one}))
    refused(connection, insert(result).values(row | {"job_id": first, "attempt_id": other}), "result_pkey")
    refused(connection, insert(result).values(row | {"job_id": second, "attempt_id": one}), "result_attempt_id_key")


def test_attempts_are_numbered_once(connection):
    """A job's attempts have distinct numbers and known states."""
    a_batch(connection)
    found = a_job(connection)
    an_attempt(connection, found)
    with pytest.raises(IntegrityError, match="attempt_job_id_number_key"), connection.begin_nested():
        an_attempt(connection, found)
    refused(connection, update(attempt).values(state="billed twice"), "attempt_state_check")


def test_batches_have_known_states(connection):
    """The key is the producer's and is used once."""
    a_batch(connection)
    refused(connection, update(batch).values(state="lost"), "batch_state_check")
    with pytest.raises(IntegrityError, match="batch_pkey"), connection.begin_nested():
        a_batch(connection)


def test_the_books_outlive_the_batch(connection):
    """Deleting a batch takes its jobs along and leaves its ledger lines."""
    a_batch(connection)
    found = a_job(connection)
    attempt_id = an_attempt(connection, found)
    connection.execute(
        insert(ledger_line).values(
            attempt_id=attempt_id, meter="input", kind="charge", debit="expense:t:c", credit="payable:p",
            amount_pico=1, quantity=1, usd_per_million=1, card="k", tenant="t", cost_centre="c", batch_id="b1",
            job_id=found, provider="p", endpoint="e", model="m", tier="open", purpose="answer",
            occurred_at=text("now()"),
        )
    )  # fmt: skip
    connection.execute(batch.delete())
    assert connection.execute(select(job.c.id)).all() == []
    assert len(connection.execute(select(ledger_line.c.id)).all()) == 1
