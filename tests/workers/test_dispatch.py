"""Dispatch: claimed, called, judged and settled; over endpoints that fail, limits that are reached, and stops."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from schemas.vocabulary import Tier
from tests.workers.core import (
    BUSY,
    CHEAPEST,
    CLAUSE,
    DRAFT,
    FRONTIER,
    MAIL_PICO,
    NEXT_CHEAPEST,
    NEXT_FRONTIER,
    PRESSED,
    TIMEOUT,
    Clock,
    Core,
    Script,
    answer,
    eventually,
    line,
    mails,
    open_core,
    open_worker,
    together,
)
from workers import flight
from workers.calls import Call, Outcome
from workers.limits import EndpointLimits, Grant, LimitSpec

pytestmark = pytest.mark.system


def test_a_chunk_is_worked_off(core: Core) -> None:
    """Each job is called once at the cheapest endpoint, with its body, a key of its own and nothing else."""
    (chunk,) = core.planned(mails(20))
    with open_worker(core, Script()) as worker:
        assert worker.dispatcher.work(chunk) == 20
        assert worker.dispatcher.work(chunk) == 0
        eventually(worker.at_rest, "slots given back")
        eventually(lambda: worker.ended == {"b"}, "the batch's end told")
    calls = worker.script.calls
    assert worker.script.by_endpoint() == {CHEAPEST: 20}
    assert len({call.key for call in calls}) == 20
    keys = {f"{row.lease_token}-{row.id}" for row in core.rows("SELECT id, lease_token FROM attempt")}
    assert {call.key for call in calls} == keys
    assert all(set(call.body) == {"messages"} and call.target.standin for call in calls)
    assert core.one("SELECT ended_at FROM chunk").ended_at is not None
    assert core.one("SELECT sum(amount_pico) AS pico FROM ledger_line").pico == 20 * MAIL_PICO
    core.hold_books()


def test_calls_are_written_down_before_they_leave(core: Core) -> None:
    """When a provider sees a call, the database has it."""
    (chunk,) = core.planned(mails(1))
    seen: list[str] = []

    def look(call: Call) -> Outcome:
        seen.extend(row.state for row in core.rows("SELECT state FROM attempt WHERE id = :id", id=call.attempt_id))
        return answer()

    with open_worker(core, Script(look)) as worker:
        worker.dispatcher.work(chunk)
    assert seen == ["sent"]


def test_a_flawed_answer_goes_on_to_the_stronger_model(core: Core) -> None:
    """The check runs on what came back; the next chunk is told of after the commit."""
    (chunk,) = core.planned([line("j0", DRAFT)])
    empty = {CHEAPEST: answer(content="")}
    with open_worker(core, Script(lambda call: empty.get(call.target.endpoint_id, answer()))) as worker:
        worker.dispatcher.work(chunk)
        eventually(lambda: len(worker.opened) == 1, "the chunk told")
        ((opened, lane),) = worker.opened
        assert lane is Tier.HYBRID
        assert worker.dispatcher.work(opened) == 1
    assert [a.flaws for a in core.attempts(core.job().id)] == [["empty"], []]
    assert core.job().state == "done"
    core.hold_books()


def test_an_ill_endpoint_is_left_for_the_next_that_qualifies(core: Core) -> None:
    """Its breaker opens in this process, and all are done elsewhere, none below its floor."""
    (chunk,) = core.planned([line(f"j{n}", CLAUSE) for n in range(20)])
    with open_worker(core, Script(lambda c: BUSY if c.target.endpoint_id == FRONTIER else answer()), calls=5) as worker:
        worker.dispatcher.work(chunk)
        core.all_due()
        worker.dispatcher.work(chunk)
    assert {row.state for row in core.rows("SELECT state FROM job")} == {"done"}
    assert worker.script.by_endpoint() == {FRONTIER: 5, NEXT_FRONTIER: 20}
    assert core.one("SELECT count(DISTINCT attempt_id) AS n FROM ledger_line").n == 20
    core.hold_books()


def test_a_single_job_is_not_spent_on_one_ill_endpoint(core: Core) -> None:
    """Processes whose breakers never open, since each sees few failures, still reach the next endpoint."""
    (chunk,) = core.planned([line("j0", CLAUSE)])
    script = Script(lambda call: BUSY if call.target.endpoint_id == FRONTIER else answer())
    for _ in range(3):
        with open_worker(core, script) as worker:
            worker.dispatcher.work(chunk)
        core.all_due()
    assert [a.endpoint for a in core.attempts(core.job().id)] == [FRONTIER, FRONTIER, NEXT_FRONTIER]
    assert core.job().state == "done"
    core.hold_books()


def test_when_everything_failed_twice_it_is_asked_once_more_and_then_parked(core: Core) -> None:
    """The attempts that the policy grants are all made, at endpoints that qualify, and the job says what happened."""
    (chunk,) = core.planned([line("j0", CLAUSE)])
    script = Script(lambda call: BUSY)
    for _ in range(6):
        with open_worker(core, script) as worker:
            worker.dispatcher.work(chunk)
        core.all_due()
    row = core.job()
    assert (row.state, row.reason, row.attempts) == ("parked", "unavailable", 6)
    assert script.by_endpoint() == {FRONTIER: 4, NEXT_FRONTIER: 2}
    core.hold_books()


def test_a_chunk_is_put_off_while_every_endpoint_is_ill(core: Core) -> None:
    """Nothing is called below the floor; when a breaker lets probes through, the jobs get done."""
    (chunk,) = core.planned([line(f"j{n}", CLAUSE) for n in range(14)])
    clock, well = Clock(), threading.Event()
    script = Script(lambda call: answer() if well.is_set() else TIMEOUT)
    with open_worker(core, script, calls=5, clock=clock) as worker:
        worker.dispatcher.work(chunk)
        assert script.by_endpoint() == {FRONTIER: 5, NEXT_FRONTIER: 5}
        waiting = core.rows("SELECT 1 FROM job WHERE attempts = 0 AND next_attempt_at > now() + interval '2 seconds'")
        assert len(waiting) == 4
        core.all_due()
        assert worker.dispatcher.work(chunk) == 0
        well.set()
        clock.now += 60
        core.all_due()
        worker.dispatcher.work(chunk)
        assert worker.at_rest()
    assert {row.state for row in core.rows("SELECT state FROM job")} == {"done"}
    assert set(script.by_endpoint()) == {FRONTIER, NEXT_FRONTIER}
    core.hold_books()


def test_pressure_delays_jobs_and_opens_no_breaker(core: Core) -> None:
    """429 with Retry-After: every job waits as asked, at the same endpoint, and is charged once."""
    (chunk,) = core.planned(mails(8))
    pressed = [PRESSED] * 8
    script = Script(lambda call: pressed.pop() if pressed else answer())
    with open_worker(core, script) as worker:
        assert worker.dispatcher.work(chunk) == 8
        assert core.claim(chunk) == []
        core.all_due()
        assert worker.dispatcher.work(chunk) == 8
    assert script.by_endpoint() == {CHEAPEST: 16}
    assert core.one("SELECT sum(amount_pico) AS pico FROM ledger_line").pico == 8 * MAIL_PICO
    core.hold_books()


def test_a_chunk_whose_endpoint_has_no_permits_for_long_makes_room_for_others(
    database_url: str, tmp_path: Path
) -> None:
    """It is put off at once for as long as the limit says, and holds neither a thread nor a place in its lane."""
    clock = Clock()
    permits = EndpointLimits(None, local_share=1.0, clock=clock)
    with open_core(database_url, tmp_path, limits="rpm = 5, tpm = 100_000, concurrency = 10") as core:
        (chunk,) = core.planned(mails(2))
        with open_worker(core, Script(), limits=permits, clock=clock) as worker:
            assert worker.dispatcher.work(chunk) == 1
            wait = "SELECT extract(epoch FROM next_attempt_at - now()) AS s FROM job WHERE state = 'queued'"
            assert core.one(wait).s > 5
            assert worker.at_rest()
            clock.now += 120
            core.all_due()
            assert worker.dispatcher.work(chunk) == 1
        core.hold_books()


def test_slots_that_a_wave_does_not_use_serve_other_chunks(database_url: str, tmp_path: Path) -> None:
    """An endpoint that grants few calls must not keep the process's other slots while they last."""
    with open_core(database_url, tmp_path, limits="rpm = 6000, tpm = 10_000_000, concurrency = 5") as core:
        first, second = core.planned([*mails(30), *(line(f"law{n}", CLAUSE) for n in range(30))])
        script = Script(holding=True)
        with open_worker(core, script, calls=32) as worker:
            threads = [threading.Thread(target=worker.dispatcher.work, args=(chunk,)) for chunk in (first, second)]
            threads[0].start()
            script.wait_for_calls(5)
            threads[1].start()
            script.wait_for_calls(10)
            assert worker.dispatcher._free_calls == 32 - 10
            worker.dispatcher._stopping.set()
            script.release()
            for thread in threads:
                thread.join(30)
                assert not thread.is_alive()
            assert worker.at_rest()


def test_threads_at_one_chunk_share_it(core: Core) -> None:
    """A message that was delivered four times makes no call twice."""
    (chunk,) = core.planned(mails(40))
    with open_worker(core, Script(), calls=16) as worker:
        made = together(4, lambda _: worker.dispatcher.work(chunk))
        assert sum(made) == 40
        eventually(worker.at_rest, "slots given back")
    core.hold_books()


def test_a_crash_in_the_client_makes_the_call_uncertain(core: Core) -> None:
    """The call may have left: it is accrued and tried again, and the job is not lost."""
    (chunk,) = core.planned(mails(2))
    crashes = [RuntimeError("a bug"), KeyError("another")]

    def crash(call: Call) -> Outcome:
        if crashes:
            raise crashes.pop()
        return answer()

    with open_worker(core, Script(crash)) as worker:
        worker.dispatcher.work(chunk)
        core.all_due()
        worker.dispatcher.work(chunk)
    states = core.rows("SELECT state, outcome, count(*) AS n FROM attempt GROUP BY 1, 2 ORDER BY 1")
    assert [(r.state, r.outcome, r.n) for r in states] == [
        ("billed", "answered", 2),
        ("uncertain", "client_crashed", 2),
    ]
    core.hold_books()


def test_a_crash_in_the_check_parks_the_job_and_books_the_answer(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that nobody could check isn't accepted; nothing hangs and no slot is lost."""
    chunks = core.planned([line("j0", DRAFT), line("j1", DRAFT)])

    def broken(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr(flight, "verify", broken)
    with open_worker(core, Script()) as worker:
        assert worker.dispatcher.work(chunks[0]) == 2
        eventually(worker.at_rest, "slots given back")
    row = core.job()
    assert (row.state, row.reason) == ("parked", "unjudged")
    assert core.attempts(row.id)[0].state == "billed"
    assert core.finish() == 1
    core.hold_books()


def test_an_answer_without_choices_hangs_nothing(core: Core) -> None:
    """A completion of an unexpected shape is parked with a reason, its spend booked."""
    (chunk,) = core.planned(mails(1))
    odd = answer()
    script = Script(lambda call: Outcome(odd.kind, odd.usage, {"choices": []}, "text", "stop", status=200))
    with open_worker(core, script) as worker:
        assert worker.dispatcher.work(chunk) == 1
    assert core.job().reason == "unjudged"
    assert sum(pico for _, _, pico in core.lines(core.attempts(core.job().id)[0].id)) == MAIL_PICO
    core.hold_books()


def test_stopping_lets_calls_under_way_end(core: Core) -> None:
    """Within the grace they are settled as usual; nothing new is claimed."""
    (chunk,) = core.planned(mails(10))
    script = Script(holding=True)
    with open_worker(core, script, calls=4) as worker:
        thread = threading.Thread(target=worker.dispatcher.work, args=(chunk,))
        thread.start()
        script.wait_for_calls(4)
        stopping = threading.Thread(target=worker.dispatcher.stop, args=(20,))
        stopping.start()
        script.release()
        stopping.join(15)
        thread.join(5)
        assert not stopping.is_alive()
        assert not thread.is_alive()
        assert worker.dispatcher.work(chunk) == 0
    states = core.rows("SELECT state, count(*) AS n FROM job GROUP BY 1 ORDER BY 1")
    assert [(row.state, row.n) for row in states] == [("done", 4), ("queued", 6)]
    core.hold_books()


def test_calls_that_outlast_the_grace_are_cut_off_and_accrued(core: Core) -> None:
    """The worker ends soon after its grace; the calls' fate is uncertain, their jobs are free for others."""
    (chunk,) = core.planned(mails(6))
    script = Script(holding=True)
    with open_worker(core, script, calls=4) as worker:
        thread = threading.Thread(target=worker.dispatcher.work, args=(chunk,))
        thread.start()
        script.wait_for_calls(4)
        worker.dispatcher.stop(0.2)
        thread.join(10)
        assert not thread.is_alive()
        assert worker.at_rest()
    states = core.rows("SELECT state, outcome, count(*) AS n FROM attempt GROUP BY 1, 2")
    assert [(row.state, row.outcome, row.n) for row in states] == [("uncertain", "worker_stopped", 4)]
    assert {row.state for row in core.rows("SELECT state FROM job")} == {"queued"}
    core.hold_books()


class WaitingLimits(EndpointLimits):
    """Limits that answer when the test says so."""

    def __init__(self) -> None:
        super().__init__(None, local_share=1.0)
        self.asked, self.answer = threading.Event(), threading.Event()

    async def acquire(self, endpoint_id: str, limits: LimitSpec, want: int, tokens_each: int) -> Grant:
        self.asked.set()
        self.answer.wait(10)  # the loop has nothing else to do here
        return await super().acquire(endpoint_id, limits, want, tokens_each)


def test_a_stop_while_permits_are_asked_for_claims_nothing(core: Core) -> None:
    """No call leaves a process that has been told to stop, and its permits and slots are given back."""
    (chunk,) = core.planned(mails(3))
    limits = WaitingLimits()
    with open_worker(core, Script(), limits=limits) as worker:
        thread = threading.Thread(target=worker.dispatcher.work, args=(chunk,))
        thread.start()
        assert limits.asked.wait(10)
        stopping = threading.Thread(target=worker.dispatcher.stop, args=(10,))
        stopping.start()
        eventually(worker.dispatcher._stopping.is_set, "told to stop")
        limits.answer.set()
        stopping.join(10)
        thread.join(10)
        assert worker.at_rest()
        eventually(lambda: all(e.in_use == 0 for e in limits._endpoints.values()), "permits given back")
    assert worker.script.calls == []
    assert core.rows("SELECT 1 FROM attempt") == []


def test_a_call_claimed_at_the_last_moment_does_not_leave_after_the_cut(core: Core) -> None:
    """It never left, so it is not billed and not uncertain."""
    (chunk,) = core.planned(mails(2))
    with open_worker(core, Script()) as worker:
        worker.dispatcher._flights.cut()
        assert worker.dispatcher.work(chunk) == 2
    assert worker.script.calls == []
    states = core.rows("SELECT state, outcome FROM attempt")
    assert [(row.state, row.outcome) for row in states] == [("unbilled", "worker_stopped")] * 2
    core.hold_books()


def test_a_database_that_fails_during_the_claim_costs_no_slot(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is the task's; permits and slots are free again, and the next message works."""
    (chunk,) = core.planned(mails(2))
    with open_worker(core, Script()) as worker:
        core.run("ALTER TABLE attempt RENAME TO away")
        with pytest.raises(Exception, match="attempt"):
            worker.dispatcher.work(chunk)
        core.run("ALTER TABLE away RENAME TO attempt")
        assert worker.at_rest()
        assert worker.dispatcher.work(chunk) == 2
    assert NEXT_CHEAPEST not in worker.script.by_endpoint()
    core.hold_books()
