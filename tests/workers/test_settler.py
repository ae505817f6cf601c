"""The settler: whatever happens to the database, to answers or to those who listen, calls are settled once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gateway.embedded import EmbeddedServers
from schemas.usage import Usage
from tests.workers.core import DRAFT, EMPTY, MAIL_PICO, TIMEOUT, Core, answer, eventually, line, mails, open_core
from workers.calls import Outcome
from workers.claimed import ClaimedJob
from workers.settle import Reference
from workers.settler import Settler, Wave, refused

pytestmark = pytest.mark.system


class Running:
    """A settler that was started, and what it told."""

    def __init__(self, core: Core, *, lease_s: int = 60, **given: Any) -> None:
        self.core = core
        self.opened: list[Any] = []
        self.ended: set[str] = set()
        told: dict[str, Any] = {
            "on_opened": self.opened.extend,
            "on_ended": self.ended.update,
            "reference": core.runtime.reference,
        }
        told |= given
        self.settler = Settler(core.engine, core.runtime.rulebook.catalogue, tick_s=0.01, lease_s=lease_s, **told)
        self.settler.start()

    def put(self, jobs: list[ClaimedJob], outcome: Outcome, *, flawed: bool = False) -> Wave:
        wave = Wave(jobs)
        self.settler.watch(wave)
        for job in jobs:
            self.settler.put(self.core.settled(job, outcome, EMPTY if flawed else ()), wave)
        return wave


@pytest.fixture
def running(core: Core) -> Iterator[Running]:
    """A settler on the test's database."""
    started = Running(core)
    yield started
    started.settler.stop()


def test_a_wave_is_done_when_all_of_it_is_settled(running: Running) -> None:
    """Results and lines are there when the wave says so, and listeners hear of what ended and what was opened."""
    chunks = running.core.planned([*mails(3), line("draft", DRAFT)])
    jobs = {job.custom_id: job for chunk in chunks for job in running.core.claim(chunk)}
    draft = jobs.pop("draft")
    assert running.put(list(jobs.values()), answer()).done.wait(10)
    assert len(running.core.rows("SELECT 1 FROM result")) == 3
    assert running.put([draft], answer(), flawed=True).done.wait(10)
    running.settler.stop()
    assert running.ended == {"b"}
    assert [chunk for chunk, _ in running.opened] == [running.core.chunks()[-1]]
    running.core.hold_books()


def test_calls_wait_for_a_database_that_was_killed_and_are_settled_once(
    private_servers: EmbeddedServers, tmp_path: Path
) -> None:
    """PostgreSQL stops at once while answers wait; when it is back all of them are there, each paid once."""
    with open_core(private_servers.urls.database, tmp_path) as core:
        (chunk,) = core.planned(mails(30))
        jobs = core.claim(chunk)
        running = Running(core)
        first = running.put(jobs[:10], answer())
        assert first.done.wait(10)
        private_servers.stop_database("immediate")
        rest = [running.put(jobs[10:20], answer()), running.put(jobs[20:], TIMEOUT)]
        assert not rest[0].done.wait(1.0)
        private_servers.start_database()
        assert all(wave.done.wait(20) for wave in rest)
        running.settler.stop()
        states = core.rows("SELECT state, count(*) AS n FROM attempt GROUP BY state ORDER BY state")
        assert [(row.state, row.n) for row in states] == [("billed", 20), ("uncertain", 10)]
        charged = core.one("SELECT sum(amount_pico) AS pico FROM ledger_line WHERE kind = 'charge'").pico
        assert charged == 20 * MAIL_PICO
        core.hold_books()


def test_a_commit_whose_answer_was_lost_is_not_settled_twice(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database did commit, the worker can't know: it settles again and changes nothing."""
    (chunk,) = core.planned(mails(4))
    jobs = core.claim(chunk)
    running = Running(core)
    commit, lost = core.engine.dialect.do_commit, threading.Event()

    def commit_and_lose_the_answer(connection: Any) -> None:
        commit(connection)
        if not lost.is_set() and threading.current_thread().name == "settler":
            lost.set()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(core.engine.dialect, "do_commit", commit_and_lose_the_answer)
    wave = running.put(jobs, answer())
    assert wave.done.wait(10)
    running.settler.stop()
    assert lost.is_set()
    assert core.one("SELECT sum(amount_pico) AS pico FROM ledger_line").pico == 4 * MAIL_PICO
    assert {row.state for row in core.rows("SELECT state FROM job")} == {"done"}
    core.hold_books()


def test_an_answer_that_cannot_be_stored_costs_only_its_own_job(running: Running) -> None:
    """Deeply nested among good ones: those are accepted, it fails with a reason, and what it cost is booked."""
    core = running.core
    (chunk,) = core.planned(mails(5))
    bad, *good = core.claim(chunk)
    nested: Any = []
    for _ in range(5000):
        nested = [nested]
    sound = answer()
    deep = Outcome(sound.kind, sound.usage, {"choices": nested}, sound.text, "stop", status=200)
    waves = [running.put([bad], deep), running.put(good, answer())]
    assert all(wave.done.wait(15) for wave in waves)
    row = core.job(bad.custom_id)
    assert (row.state, row.reason) == ("failed", "unstorable")
    assert sum(pico for _, _, pico in core.lines(bad.attempt_id)) == MAIL_PICO
    assert len(core.rows("SELECT 1 FROM result")) == 4
    core.hold_books()


def test_a_call_whose_cost_cannot_be_written_is_left_to_the_sweeper(running: Running) -> None:
    """A count of tokens beyond any ledger line is no count: the call ends as uncertain and is accrued."""
    core = running.core
    (chunk,) = core.planned(mails(2))
    odd, good = core.claim(chunk)
    absurd = answer(Usage(input=2**62, output=1))
    waves = [running.put([odd], absurd), running.put([good], answer())]
    assert all(wave.done.wait(15) for wave in waves)
    assert core.job(good.custom_id).state == "done"
    assert core.attempts(odd.job_id)[0].state == "sent"
    core.expire(odd)
    core.sweep()
    assert core.attempts(odd.job_id)[0].state == "uncertain"
    assert {kind for kind, _, _ in core.lines(odd.attempt_id)} == {"accrual"}
    core.hold_books()


def test_leases_are_renewed_while_a_call_is_under_way(core: Core) -> None:
    """A call may take longer than a lease; nobody takes its job over meanwhile."""
    (chunk,) = core.planned(mails(1))
    (job,) = core.claim(chunk, lease_s=2)
    before = core.job().lease_until
    running = Running(core, lease_s=2)
    wave = Wave([job])
    running.settler.watch(wave)
    eventually(lambda: core.job().lease_until > before, "the lease renewed", 5)
    running.settler.put(core.settled(job, answer()), wave)
    assert wave.done.wait(10)
    running.settler.stop()
    assert core.job().state == "done"


def test_a_lease_that_was_lost_is_not_renewed(core: Core) -> None:
    """What another worker holds by now is not touched."""
    (chunk,) = core.planned(mails(1))
    (lost,) = core.claim(chunk)
    core.expire(lost)
    core.sweep()
    core.all_due()
    (other,) = core.claim(chunk, lease_s=60)
    before = core.job().lease_until
    running = Running(core)
    running.settler.watch(Wave([lost]))
    running.settler._renew()
    running.settler.stop()
    assert (core.job().lease_until, core.job().lease_token) == (before, other.token)


def test_a_listener_that_fails_or_hangs_holds_nobody_up(core: Core) -> None:
    """The broker may be away in any way it likes: settling goes on, and so does telling."""
    chunks = core.planned([line(f"d{n}", DRAFT) for n in range(3)])
    jobs = [job for chunk in chunks for job in core.claim(chunk)]
    hangs, told = threading.Event(), threading.Event()
    heard: list[int] = []

    def listen(chunks: Any) -> None:
        heard.append(len(chunks))
        if len(heard) == 1:
            raise RuntimeError("the broker said something odd")
        if len(heard) == 2:
            told.set()
            hangs.wait(10)

    running = Running(core, on_opened=listen)
    assert running.put([jobs[0]], answer(), flawed=True).done.wait(10)
    eventually(lambda: heard == [1], "the listener called")
    assert running.put([jobs[1]], answer(), flawed=True).done.wait(10)
    assert told.wait(10)
    assert running.put([jobs[2]], answer(), flawed=True).done.wait(2), "settled while the listener hangs"
    hangs.set()
    running.settler.stop()
    assert heard == [1, 1, 1]


def test_answers_are_settled_when_the_reference_model_has_lost_its_price(core: Core) -> None:
    """Savings are an estimate: the last price known serves. Without any the process does not begin to claim."""
    (chunk,) = core.planned(mails(1))
    asked: list[datetime] = []

    def once(at: datetime) -> Reference:
        asked.append(at)
        if len(asked) > 1:
            raise LookupError("no approved card holds now")
        return core.runtime.reference(at)

    running = Running(core, reference=once)
    assert running.put(core.claim(chunk), answer()).done.wait(10)
    running.settler.stop()
    assert core.one("SELECT baseline_card FROM result").baseline_card == "us/opus@2026"

    def never(_at: datetime) -> Reference:
        raise LookupError("no approved card holds now")

    with pytest.raises(LookupError):
        Running(core, reference=never)


def test_stopping_settles_what_arrived_and_lets_go_of_what_comes_after(core: Core) -> None:
    """No thread waits for a settler that has ended: the sweeper takes those jobs over."""
    (chunk,) = core.planned(mails(2))
    first, second = core.claim(chunk)
    running = Running(core)
    wave = running.put([first], answer())
    running.settler.stop()
    assert wave.done.is_set()
    assert core.job("j0").state == "done"
    assert running.put([second], answer()).done.is_set()
    assert core.job("j1").state == "running"


def test_stopping_goes_on_trying_for_a_while_where_the_database_is_away(
    private_servers: EmbeddedServers, tmp_path: Path
) -> None:
    """A worker told to stop during a failover still writes what it paid for."""
    with open_core(private_servers.urls.database, tmp_path) as core:
        (chunk,) = core.planned(mails(3))
        jobs = core.claim(chunk)
        running = Running(core)
        private_servers.stop_database("immediate")
        wave = running.put(jobs, answer())
        stopping = threading.Thread(target=running.settler.stop)
        began = time.monotonic()
        stopping.start()
        assert not wave.done.wait(0.7)
        private_servers.start_database()
        stopping.join(20)
        assert time.monotonic() - began < 15
        assert len(core.rows("SELECT 1 FROM result")) == 3
        core.hold_books()


@pytest.mark.parametrize(
    ("error", "about_the_values"),
    [
        (psycopg.errors.NumericValueOutOfRange(), True),
        (psycopg.errors.UniqueViolation(), True),
        (psycopg.errors.ProgramLimitExceeded(), True),
        (psycopg.errors.StatementTooComplex(), True),
        (psycopg.errors.OutOfMemory(), True),
        (psycopg.DataError("PostgreSQL text fields cannot contain NUL"), True),
        (psycopg.errors.DeadlockDetected(), False),
        (psycopg.errors.AdminShutdown(), False),
        (psycopg.errors.CannotConnectNow(), False),
        (psycopg.errors.TooManyConnections(), False),
        (psycopg.errors.DiskFull(), False),
        (psycopg.errors.ReadOnlySqlTransaction(), False),
        (psycopg.errors.InsufficientPrivilege(), False),
        (psycopg.OperationalError("the connection is closed"), False),
        (psycopg.InterfaceError("the connection is closed"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_is_about_the_values_or_about_the_database(error: psycopg.Error, about_the_values: bool) -> None:
    """Values that the database refuses are refused for ever; a database that is away or read-only comes back."""
    wrapped = DBAPIError.instance("INSERT", {}, error, psycopg.Error, dialect=None)
    assert refused(wrapped) is about_the_values


def test_an_error_of_our_own_is_about_the_values_and_a_full_pool_is_not() -> None:
    """An amount beyond a ledger line can't be retried away; waiting for a connection can."""
    assert refused(OverflowError())
    assert refused(RecursionError())
    assert not refused(PoolTimeoutError())
