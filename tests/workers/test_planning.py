"""Planning a batch: chunks, holds and what doesn't fit, in one step and once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routing.choose import Chooser
from schemas.database import query
from schemas.money import MAX_PICO
from tests.workers.core import CHEAPEST, CLAUSE, DRAFT, FRONTIER, Core, answer, line, mails, together
from workers.plan_inputs import gather
from workers.planning import Budget, decide, question_of

pytestmark = pytest.mark.system


def test_jobs_that_share_lane_and_endpoints_share_chunks_up_to_a_size(core: Core) -> None:
    """A chunk is of one lane and one ranked list; jobs keep their order within it."""
    core.planned([*mails(5), line("law", CLAUSE), line("memo", DRAFT)], chunk_jobs=2)
    chunks = core.rows(
        "SELECT chunk.lane, chunk.stage, chunk.endpoints[1] AS first, array_agg(custom_id ORDER BY line) AS jobs"
        " FROM chunk JOIN job ON job.chunk_id = chunk.id GROUP BY chunk.id ORDER BY chunk.id"
    )
    assert [(c.lane, c.stage, c.first, c.jobs) for c in chunks] == [
        ("open", 0, CHEAPEST, ["j0", "j1"]),
        ("open", 0, CHEAPEST, ["j2", "j3"]),
        ("open", 0, CHEAPEST, ["j4"]),
        ("frontier", 0, FRONTIER, ["law"]),
        ("hybrid", 0, CHEAPEST, ["memo"]),
    ]
    core.hold_books()


def test_the_worst_case_of_every_queued_job_is_held(core: Core) -> None:
    """Until the batch is finished; the hold is the sum of what the jobs may cost at the most."""
    (chunk,) = core.planned(mails(3))
    hold = core.one("SELECT *, expires_at - created_at AS term FROM hold")
    worst = core.one("SELECT sum(worst_pico) AS pico FROM job").pico
    assert (hold.amount_pico, hold.state, hold.term.days) == (worst, "active", 7)
    assert worst > 0
    core.settle(*(core.settled(job, answer()) for job in core.claim(chunk)))
    core.finish()
    assert core.one("SELECT state FROM hold").state == "released"


def test_what_does_not_fit_the_budget_is_parked_and_told_once(core: Core) -> None:
    """Jobs take room in the order of their lines; a cheaper one behind a dear one may still fit."""
    core.take_in(mails(3), "rehearsal")
    core.plan("rehearsal")
    each = core.job("j0", "rehearsal").worst_pico
    core.take_in([line("j0"), line("law", CLAUSE), line("j1"), line("j2")], budget_pico=2 * each + each // 2)
    assert core.plan()
    found = {row.custom_id: (row.state, row.reason) for row in core.rows("SELECT * FROM job WHERE batch_id = 'b'")}
    parked = ("parked", "over_budget")
    assert found == {"j0": ("queued", None), "law": parked, "j1": ("queued", None), "j2": parked}
    assert core.one("SELECT amount_pico FROM hold WHERE batch_id = 'b'").amount_pico == 2 * each
    told = core.one("SELECT kind, detail FROM event WHERE batch_id = 'b'")
    assert (told.kind, told.detail) == ("jobs_parked", {"jobs": {"over_budget": 2}})
    assert "not held" in core.job("law").reason_says
    core.hold_books()


def test_nothing_is_put_below_its_floor_to_fit_a_budget(core: Core) -> None:
    """A batch whose only job can't be afforded is finished with that job parked."""
    core.take_in([line("law", CLAUSE)], budget_pico=1)
    core.plan()
    row = core.job("law")
    assert (row.state, row.reason, row.tier, row.attempts) == ("parked", "over_budget", "frontier", 0)
    assert core.rows("SELECT 1 FROM hold") == []
    assert core.finish() == 1
    assert core.one("SELECT detail FROM event WHERE kind = 'finished'").detail == {"parked": 1}


def test_without_a_limit_a_batch_holds_at_most_what_an_amount_can_be(core: Core) -> None:
    """A sum that the database can't hold would keep the whole batch from being planned, for ever."""
    core.take_in(mails(1))
    with core.engine.connect() as connection:
        at = connection.exec_driver_sql("SELECT now()").scalar_one()
        known = gather(connection, "b", core.runtime.rulebook, core.runtime.reach.unreachable, at)
        row = connection.execute(query("workers", "jobs_to_plan"), {"batch": "b", "after": 0, "page": 1}).one()

    decision, parked = decide(question_of(row, known), Chooser(known.inputs), Budget(None))
    assert parked is None
    huge = replace(decision, worst_pico=MAX_PICO)
    budget = Budget(None)
    assert budget.take(huge) is None
    refused = budget.take(decision)
    assert refused is not None
    assert refused.code == "over_budget"
    assert budget.held_pico == MAX_PICO


def test_a_batch_is_planned_once(core: Core) -> None:
    """Messages may come twice, and at the same moment."""
    core.take_in(mails(6))
    assert sorted(together(4, lambda _: core.plan())) == [False, False, False, True]
    assert not core.plan()
    assert not core.plan("nobody knows it")
    assert len(core.chunks()) == 1
    assert {row.state for row in core.rows("SELECT state FROM job")} == {"queued"}


def test_a_plan_that_fails_leaves_nothing_behind(core: Core) -> None:
    """Chunks, hold and decisions are one transaction: the next message plans the batch."""
    core.take_in(mails(2))
    core.run("ALTER TABLE hold RENAME TO away")
    with pytest.raises(Exception, match="hold"):
        core.plan()
    core.run("ALTER TABLE away RENAME TO hold")
    assert core.chunks() == []
    assert core.one("SELECT state FROM batch").state == "accepted"
    assert core.plan()


def test_what_decided_is_kept_once(core: Core) -> None:
    """The texts of policy and catalogue, by digest, whatever the number of batches."""
    core.planned(mails(1), "one")
    core.planned(mails(1), "two")
    kept = core.rows("SELECT kind, content FROM rulebook ORDER BY kind")
    assert [row.kind for row in kept] == ["catalogue", "policy"]
    assert kept[1].content == core.runtime.rulebook.policy_text
    digests = core.rows("SELECT DISTINCT policy_digest, catalogue_digest FROM batch")
    assert len(digests) == 1


def test_a_job_past_its_deadline_is_parked_when_it_is_planned(core: Core) -> None:
    """A deadline before the time of planning is told as that."""
    core.planned([line("late", deadline="2001-01-01T00:00:00Z"), line("j0", deadline="2099-01-01T00:00:00Z")])
    assert core.job("late").reason == "deadline_passed"
    assert core.job("j0").state == "queued"


def test_a_job_that_cannot_be_decided_is_parked_and_the_others_go_on(core: Core) -> None:
    """A model that has left the catalogue since the job was taken in is one job's trouble, not its batch's."""
    core.take_in([line("j0"), line("gone")])
    core.run("UPDATE job SET asked_model = 'no-such-model' WHERE custom_id = 'gone'")
    assert core.plan()
    found = {row.custom_id: (row.state, row.reason) for row in core.rows("SELECT * FROM job")}
    assert found == {"j0": ("queued", None), "gone": ("parked", "undecided")}
