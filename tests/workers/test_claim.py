"""Claiming: leases that two workers never share, and calls that are written down before they leave."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.workers.core import BUSY, CHEAPEST, DRAFT, NEXT_CHEAPEST, PRESSED, Core, line, mails, together
from workers.claimed import claim

pytestmark = pytest.mark.system


def test_two_claimers_never_share_a_job(core: Core) -> None:
    """Eight workers at one chunk get each job once between them, in claims of their own."""
    (chunk,) = core.planned(mails(40))
    won = together(8, lambda _: core.claim(chunk, 3) + core.claim(chunk, 3))
    ids = [job.job_id for jobs in won for job in jobs]
    assert len(ids) == len(set(ids)) == 40
    assert core.claim(chunk) == []
    core.hold_books()


def test_a_claim_does_not_wait_for_one_that_is_under_way(core: Core) -> None:
    """Rows that another transaction is claiming are skipped; they are free again when it is rolled back."""
    (chunk,) = core.planned(mails(5))
    endpoint = core.runtime.rulebook.catalogue.endpoint(CHEAPEST)
    with core.engine.connect() as other:
        given: dict[str, Any] = {"standin": True, "want": 2, "token": uuid4(), "lease_s": 60}
        held = {job.custom_id for job in claim(other, chunk, endpoint, f"{CHEAPEST}@2026", **given)}
        assert held == {"j0", "j1"}
        assert {job.custom_id for job in core.claim(chunk)} == {"j2", "j3", "j4"}
        other.rollback()
    assert {job.custom_id for job in core.claim(chunk)} == held
    core.hold_books()


def test_the_call_is_written_down_with_the_claim(core: Core) -> None:
    """Endpoint, card, estimate and lease stand in the database, by its clock, when the claim returns."""
    (chunk,) = core.planned([line("j0", tenant="acme", cost_centre="mail", project="spring")])
    (claimed,) = core.claim(chunk, lease_s=45)
    row = core.job()
    (attempt,) = core.attempts(row.id)
    assert (row.state, row.lease_token, row.attempts) == ("running", claimed.token, 1)
    assert row.lease_until - attempt.sent_at == timedelta(seconds=45)
    assert (attempt.id, attempt.number, attempt.state, attempt.purpose) == (claimed.attempt_id, 1, "sent", "answer")
    assert (attempt.endpoint, attempt.card, attempt.model) == (CHEAPEST, f"{CHEAPEST}@2026", "deepseek")
    assert (attempt.estimated_input, attempt.estimated_output) == (claimed.estimate.input, claimed.estimate.output)
    assert claimed.estimate.input == row.prompt_tokens > 0
    assert set(claimed.body) == {"messages"}
    heads = (claimed.charged.tenant, claimed.charged.cost_centre, claimed.charged.project, claimed.charged.tier)
    assert heads == ("acme", "mail", "spring", "open")
    assert claimed.charged.occurred_at == attempt.sent_at


def test_a_claim_holds_no_prompt_in_its_words(core: Core) -> None:
    """What a log could print of a claimed job is not its content."""
    (chunk,) = core.planned([line("j0", DRAFT + " xyzzy")])
    assert "xyzzy" not in repr(core.claim(chunk))


def test_only_what_is_due_is_claimed(core: Core) -> None:
    """A retry waits until its time by the database's clock; the limit is kept; the oldest go first."""
    (chunk,) = core.planned(mails(4))
    core.run("UPDATE job SET next_attempt_at = now() + interval '1 hour' WHERE custom_id = 'j0'")
    assert [job.custom_id for job in core.claim(chunk, 2)] == ["j1", "j2"]
    assert [job.custom_id for job in core.claim(chunk)] == ["j3"]


def test_a_job_that_failed_twice_at_an_endpoint_is_left_for_the_next_one(core: Core) -> None:
    """Whatever a breaker knows in this process, another endpoint that qualifies is asked; at last all serve again."""
    (chunk,) = core.planned(mails(2))
    for _ in range(2):
        core.settle(*(core.settled(job, BUSY) for job in core.claim(chunk, spent=2) if job.custom_id == "j0"))
        core.run("UPDATE job SET state = 'queued', lease_token = NULL, attempts = 0 WHERE custom_id = 'j1'")
        core.run("DELETE FROM attempt USING job WHERE job.id = job_id AND custom_id = 'j1'")
        core.all_due()
    assert [job.custom_id for job in core.claim(chunk, 1, spent=2)] == ["j1"]
    assert core.claim(chunk, spent=2) == []
    (moved,) = core.claim(chunk, endpoint=NEXT_CHEAPEST, spent=2)
    core.settle(core.settled(moved, BUSY))
    core.all_due()
    (anywhere,) = core.claim(chunk, spent=None)
    assert (anywhere.custom_id, anywhere.attempt) == ("j0", 4)


def test_pressure_is_no_reason_to_leave_an_endpoint(core: Core) -> None:
    """Answers of 429 don't count as failures there."""
    (chunk,) = core.planned(mails(1))
    for _ in range(4):
        (job,) = core.claim(chunk, spent=2)
        core.settle(core.settled(job, PRESSED))
        core.all_due()
    assert len(core.claim(chunk, spent=2)) == 1
    core.hold_books()
