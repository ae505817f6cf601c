"""The sweeper: what fell silent is taken over, what is due is announced, what has ended is finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import redis
from sqlalchemy import create_engine, text

from gateway.embedded import client_url
from schemas.database import query
from tests.routing.small_catalogue import FRONTIER_US, catalogue_text, small_catalogue
from tests.workers.core import BUSY, CLAUSE, DRAFT, EMPTY, Core, answer, line, mails, together
from workers.bell import Bell
from workers.claimed import ClaimedJob
from workers.rulebook import Rulebook
from workers.sweep import finish_batches, sweep

pytestmark = pytest.mark.system

LANES = ("intake", "open", "hybrid", "frontier")


def counted(broker_url: str) -> dict[str, int]:
    with redis.Redis.from_url(client_url(broker_url)) as client:
        return {lane: int(client.llen(f"pointsman.{lane}")) for lane in LANES}


def rung(core: Core, *, window: int = 200, again_s: float = 3600) -> list[int]:
    """Ring what is due; the chunks that were announced by it."""
    before = {row.id: row.rung_at for row in core.rows("SELECT id, rung_at FROM chunk")}
    Bell(core.runtime.app, core.engine, window=window, again_s=again_s).ring_due()
    return [r.id for r in core.rows("SELECT id, rung_at FROM chunk ORDER BY id") if r.rung_at != before[r.id]]


def lost(core: Core, jobs: Sequence[ClaimedJob]) -> None:
    core.expire(*jobs)
    assert core.sweep().leases == len(jobs)


def test_a_silent_workers_call_is_accrued_and_its_job_tried_again(core: Core) -> None:
    """What was under way is uncertain, its estimate is in the books, and another may claim after a short wait."""
    (chunk,) = core.planned(mails(3))
    silent = core.claim(chunk, 2)
    alive = core.claim(chunk)
    lost(core, silent)
    (attempt,) = core.attempts(silent[0].job_id)
    assert (attempt.state, attempt.outcome) == ("uncertain", "lease_lost")
    assert core.lines(attempt.id) == {
        ("accrual", "input", attempt.estimated_input * 100_000),
        ("accrual", "output", attempt.estimated_output * 300_000),
    }
    credit = core.one("SELECT DISTINCT credit FROM ledger_line").credit
    assert credit == "accrued:cn"
    assert core.job(alive[0].custom_id).lease_token == alive[0].token
    core.all_due()
    assert [(job.custom_id, job.attempt) for job in core.claim(chunk)] == [("j0", 2), ("j1", 2)]
    core.hold_books()


def test_a_job_that_brings_no_answer_in_all_its_attempts_is_parked(core: Core) -> None:
    """The batch finishes, its chunk is closed, and the job says that calls may have been charged."""
    (chunk,) = core.planned(mails(1))
    attempts = core.runtime.rulebook.policy.retries.max_attempts
    for _ in range(attempts):
        core.all_due()
        lost(core, core.claim(chunk))
    row = core.job()
    assert (row.state, row.reason, row.attempts) == ("parked", "uncertain", attempts)
    assert core.one("SELECT state FROM batch").state == "finished"
    assert core.one("SELECT ended_at FROM chunk").ended_at is not None
    assert core.one("SELECT state FROM hold").state == "released"
    core.hold_books()


def test_a_call_whose_card_is_not_in_this_catalogue_is_priced_by_its_batchs(core: Core) -> None:
    """A sweeper with a newer catalogue takes over what an older one sent, at the price that held."""
    (chunk,) = core.planned(mails(1))
    (job,) = core.claim(chunk)
    core.expire(job)
    newer = replace(FRONTIER_US, id="us/next")
    rulebook = core.runtime.rulebook
    changed = Rulebook(rulebook.policy, rulebook.policy_text, small_catalogue([newer]), catalogue_text([newer]))
    assert sweep(core.engine, core.runtime.bell, changed).leases == 1
    assert ("accrual", "input", job.estimate.input * 100_000) in core.lines(job.attempt_id)
    core.hold_books()


def test_a_call_that_nobody_can_price_holds_up_nobody(core: Core) -> None:
    """A card that no catalogue knows: the job goes on all the same, and so does the rest of the round."""
    (chunk,) = core.planned(mails(2))
    odd, other = core.claim(chunk)
    core.run("UPDATE attempt SET card = 'gone@1' WHERE id = :id", id=odd.attempt_id)
    lost(core, [odd, other])
    assert {row.state for row in core.rows("SELECT state FROM job")} == {"queued"}
    assert core.lines(odd.attempt_id) == set()
    assert core.lines(other.attempt_id) != set()


def test_a_step_that_fails_keeps_no_other_from_being_taken(core: Core, broker_url: str) -> None:
    """While leases can't be taken over, chunks are announced and batches finished all the same."""
    (chunk,) = core.planned(mails(1), "broken")
    core.expire(*core.claim(chunk))
    core.run("UPDATE job SET assessment = '{}'")
    core.planned(mails(1), "waits")
    swept = core.sweep()
    assert (swept.swept, swept.leases, swept.chunks) == (True, 0, 1)
    assert counted(broker_url)["open"] == 1


def test_a_job_past_its_deadline_is_parked_where_it_waits(core: Core) -> None:
    """One under way is left to end; one without a deadline or with a later one waits on."""
    later = {"deadline": "2099-01-01T00:00:00Z"}
    (chunk,) = core.planned([line("j0", **later), line("j1", **later), line("j2", **later), line("j3")])
    (running,) = core.claim(chunk, 1)
    core.run("""UPDATE job SET facts = facts || '{"deadline": "2001-01-01T00:00:00Z"}' WHERE custom_id < 'j2'""")
    core.sweep()
    found = {row.custom_id: (row.state, row.reason) for row in core.rows("SELECT * FROM job")}
    assert found == {
        "j0": ("running", None),
        "j1": ("parked", "deadline_passed"),
        "j2": ("queued", None),
        "j3": ("queued", None),
    }
    core.settle(core.settled(running, answer()))
    core.hold_books()


def test_deadlines_are_passed_beside_a_claim_that_is_under_way(core: Core) -> None:
    """Jobs that somebody is claiming at this moment are not waited for."""
    (chunk,) = core.planned([line(f"j{n}", deadline="2099-01-01T00:00:00Z") for n in range(2)])
    core.run("""UPDATE job SET facts = facts || '{"deadline": "2001-01-01T00:00:00Z"}'""")
    with core.engine.connect() as other:
        other.execute(text("SELECT 1 FROM job WHERE custom_id = 'j0' FOR UPDATE"))
        core.sweep()
        assert (core.job("j0").state, core.job("j1").state) == ("queued", "parked")
        other.rollback()
    core.run("UPDATE chunk SET ended_at = NULL WHERE id = :id", id=chunk)


def test_a_hold_that_outlives_its_term_goes_to_review_and_is_told_once(core: Core) -> None:
    """It is not dropped, and it is released when its batch finishes after all."""
    (chunk,) = core.planned(mails(1))
    held = core.one("SELECT amount_pico FROM hold").amount_pico
    core.run("UPDATE hold SET expires_at = now() - interval '1 second'")
    core.sweep()
    core.sweep()
    assert core.one("SELECT state FROM hold").state == "review"
    assert core.one("SELECT detail FROM event WHERE kind = 'hold_in_review'").detail == {"amount_pico": held}
    core.settle(*(core.settled(job, answer()) for job in core.claim(chunk)))
    core.sweep()
    assert core.one("SELECT state FROM hold").state == "released"


def test_chunks_are_announced_in_order_up_to_a_window_a_lane(core: Core, broker_url: str) -> None:
    """Each goes to the queue of its lane, and is not announced again at once."""
    core.planned([*mails(5), line("law", CLAUSE)], chunk_jobs=1)
    chunks = core.rows("SELECT id, lane FROM chunk ORDER BY id")
    cheap = [row.id for row in chunks if row.lane == "open"]
    frontier = [row.id for row in chunks if row.lane == "frontier"]
    assert rung(core, window=2) == sorted(cheap[:2] + frontier)
    assert counted(broker_url) == {"intake": 0, "open": 2, "hybrid": 0, "frontier": 1}
    assert rung(core, window=2) == []
    core.settle(*(core.settled(job, answer()) for chunk in cheap[:2] for job in core.claim(chunk)))
    assert rung(core, window=2) == cheap[2:4]


def test_what_waits_unheard_is_announced_again(core: Core) -> None:
    """After a while, by the database's clock: the broker may have lost the message."""
    chunks = core.planned(mails(2), chunk_jobs=1)
    assert rung(core) == chunks
    core.run("UPDATE chunk SET rung_at = rung_at - interval '20 seconds' WHERE id = :id", id=chunks[0])
    assert rung(core, again_s=15) == chunks[:1]


def test_a_retry_is_announced_when_it_comes_due(core: Core) -> None:
    """Neither before that nor only when the message would be repeated anyway."""
    (chunk,) = core.planned(mails(1))
    assert rung(core) == [chunk]
    (job,) = core.claim(chunk)
    core.settle(core.settled(job, BUSY))
    core.run("UPDATE job SET next_attempt_at = now() + interval '1 hour'")
    assert rung(core) == []
    core.all_due()
    assert rung(core) == [chunk]
    assert rung(core) == []


def test_chunks_that_wait_for_a_retry_leave_the_window_to_others(core: Core) -> None:
    """A lane is not held up by jobs that can't be called for at present."""
    first, second, third = core.planned(mails(3), chunk_jobs=1)
    with core.engine.begin() as connection:
        connection.execute(query("workers", "defer_chunk"), {"chunk": first, "seconds": 60})
    assert rung(core, window=1) == [second]
    core.settle(*(core.settled(job, BUSY) for job in core.claim(second)))
    core.run("UPDATE job SET next_attempt_at = now() + interval '1 hour' WHERE chunk_id = :c", c=second)
    assert rung(core, window=1) == [third]


def test_two_that_announce_at_once_announce_each_chunk_once(core: Core, broker_url: str) -> None:
    """A planner and the sweeper may ring at the same moment."""
    core.planned(mails(12), chunk_jobs=1)
    together(4, lambda _: core.runtime.bell.ring_due())
    assert counted(broker_url)["open"] == 12


def test_an_escalation_that_nobody_heard_of_is_announced(core: Core) -> None:
    """Its worker died between the commit and the message."""
    (chunk,) = core.planned([line("j0", DRAFT)])
    core.runtime.bell.ring_due()
    ((opened, _),) = core.settle(*(core.settled(job, answer(), EMPTY) for job in core.claim(chunk))).opened
    assert rung(core) == [opened]
    core.sweep()
    ended = {row.id for row in core.rows("SELECT id FROM chunk WHERE ended_at IS NOT NULL")}
    assert ended == {chunk}, "the chunk it came from is over"


def test_unplanned_batches_are_announced_again_after_a_while(core: Core, broker_url: str) -> None:
    """A batch whose message was lost gets planned; one that is planned is left alone."""
    core.take_in(mails(1), "waits")
    core.planned(mails(1), "planned")
    bell = Bell(core.runtime.app, core.engine, window=10, again_s=15)
    assert [bell.ring_unplanned() for _ in range(2)] == [1, 0]
    core.run("UPDATE batch SET rung_at = now() - interval '16 seconds'")
    assert bell.ring_unplanned() == 1
    assert counted(broker_url)["intake"] == 2


def test_a_batch_that_is_being_planned_holds_up_no_sweep(core: Core) -> None:
    """Planning a large batch takes minutes and locks its row; leases and other lanes must not wait for it."""
    core.take_in(mails(1), "large")
    core.take_in(mails(1), "other")
    with core.engine.connect() as planner:
        assert planner.execute(query("workers", "lock_accepted_batch"), {"id": "large"}).one().id == "large"
        assert core.runtime.bell.ring_unplanned() == 1
        assert core.sweep().swept
        planner.rollback()


def test_of_two_sweepers_one_works_and_a_dead_ones_lock_is_released(core: Core, database_url: str) -> None:
    """The lock belongs to a session: it goes when the database sees that its holder is gone."""
    other = create_engine(core.engine.url)
    with other.connect() as holder:
        pid = holder.execute(text("SELECT pg_backend_pid()")).scalar_one()
        holder.execute(text("SELECT pg_advisory_lock(7011002)"))
        assert not core.sweep().swept
        core.run("SELECT pg_terminate_backend(:pid, 5000)", pid=pid)
        holder.invalidate()
    other.dispose()
    assert core.sweep().swept
    assert core.sweep().swept, "and the sweeper gave it back itself"


def test_a_batch_finishes_exactly_once(core: Core) -> None:
    """However many look at once; the event tells how its jobs ended."""
    (chunk,) = core.planned(mails(3))
    assert core.finish() == 0
    core.settle(*(core.settled(job, answer()) for job in core.claim(chunk)))
    assert sum(together(6, lambda _: finish_batches(core.engine, None))) == 1
    assert core.one("SELECT detail FROM event WHERE kind = 'finished'").detail == {"done": 3}
    assert core.sweep().finished == 0


def test_chunks_that_a_dead_worker_left_open_are_ended(core: Core) -> None:
    """It settled the last job and was killed before it could say so; the list of open chunks stays short."""
    chunks = core.planned(mails(4), chunk_jobs=2)
    core.settle(*(core.settled(job, answer()) for job in core.claim(chunks[0])))
    core.sweep()
    rows = core.rows("SELECT ended_at IS NOT NULL AS over FROM chunk ORDER BY id")
    assert [row.over for row in rows] == [True, False]
