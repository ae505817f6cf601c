"""A worker's core on a real database, with a catalogue whose prices a reader can reckon with, and calls by script."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, event, text

from routing.assessment import Assessor
from routing.verify import Flaw, FlawCode
from schemas.database import open_engine
from schemas.lines import lines_of
from schemas.usage import Usage
from schemas.vocabulary import Tier
from tests.routing.small_catalogue import PLACES, Place, catalogue_text
from workers.assessors import load_assessors
from workers.calls import Call, Outcome, OutcomeKind
from workers.claimed import ClaimedJob, claim
from workers.dispatch import Dispatcher
from workers.intake import Order, Receipt, accept
from workers.limits import EndpointLimits
from workers.loop import LoopThread
from workers.planning import plan
from workers.runtime import Runtime
from workers.settings import load_settings
from workers.settle import Reference, Settled, Settlement, settle
from workers.settler import Settler
from workers.sweep import Swept, finish_batches, sweep
from workers.verdict import judge

MAIL = "Write a birthday e-mail to a customer of our shop."
DOSE = "Is 40 mg safe with warfarin for my patient? Diagnose and prescribe."
DRAFT = "Summarise this internal memo about the office move for my team lead."

CLAUSE = "Our supplier's contract caps liability. Does clause 9.2 bind us after the negligence, and should we sue?"

#: Where a mail, a clause and the second call for a draft go first in the small catalogue, and next.
CHEAPEST, NEXT_CHEAPEST = "cn/deepseek", "zz/mistral"
FRONTIER, NEXT_FRONTIER = "zz/opus", "us/opus"
SECOND = "us/mini"

EMPTY = (Flaw(FlawCode.EMPTY, "says nothing"),)
USAGE = Usage(input=100, output=20)
#: USAGE at CHEAPEST, 0.10 and 0.30 USD a million tokens, in pico-USD.
MAIL_PICO = 100 * 100_000 + 20 * 300_000


def answer(usage: Usage = USAGE, content: str = "Happy birthday!") -> Outcome:
    """A sound answer."""
    message = {"role": "assistant", "content": content}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    completion = {"object": "chat.completion", "choices": choices}
    return Outcome(
        OutcomeKind.ANSWERED, usage, completion, content, "stop", status=200, request_id="req-1", latency_s=0.1
    )


TIMEOUT = Outcome(OutcomeKind.UNCERTAIN, error_code="timeout")
BUSY = Outcome(OutcomeKind.UNAVAILABLE, status=503, error_code="http_503")
PRESSED = Outcome(OutcomeKind.UNAVAILABLE, status=429, error_code="http_429", retry_after_s=30.0)
REFUSED = Outcome(OutcomeKind.REJECTED, status=422, error_code="http_422")


def line(custom_id: str, ask: str = MAIL, **metadata: str) -> dict[str, Any]:
    """A job line."""
    body: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": ask}], "metadata": metadata}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def mails(count: int) -> list[dict[str, Any]]:
    """Job lines j0, j1 ... of low stakes that share one list of endpoints."""
    return [line(f"j{number}") for number in range(count)]


@dataclass(frozen=True)
class Core:
    """A runtime and its database; what a test wants to know of rows it asks here."""

    runtime: Runtime

    @property
    def engine(self) -> Engine:
        return self.runtime.engine

    def take_in(
        self, lines: Iterable[Any], batch: str = "b", *, budget_pico: int | None = None, strict: bool = False
    ) -> Receipt:
        order = Order(batch, "function", {}, budget_pico, strict)
        return accept(self.engine, order, lines_of(lines), self.runtime.rulebook, self.runtime.assessors)

    def plan(self, batch: str = "b", *, chunk_jobs: int = 64, hold_days: int = 7) -> bool:
        runtime = self.runtime
        return plan(self.engine, batch, runtime.rulebook, runtime.reach, chunk_jobs=chunk_jobs, hold_days=hold_days)

    def planned(self, lines: Iterable[Any], batch: str = "b", *, chunk_jobs: int = 64) -> list[int]:
        """Take a batch in and plan it; the ids of its chunks."""
        self.take_in(lines, batch)
        assert self.plan(batch, chunk_jobs=chunk_jobs)
        return self.chunks(batch)

    def chunks(self, batch: str = "b") -> list[int]:
        return [row.id for row in self.rows("SELECT id FROM chunk WHERE batch_id = :b ORDER BY id", b=batch)]

    def rows(self, statement: str, **given: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(statement), given).all())

    def one(self, statement: str, **given: Any) -> Any:
        (row,) = self.rows(statement, **given)
        return row

    def run(self, statement: str, **given: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), given)

    def job(self, custom_id: str = "j0", batch: str = "b") -> Any:
        return self.one("SELECT * FROM job WHERE batch_id = :b AND custom_id = :c", b=batch, c=custom_id)

    def attempts(self, job_id: int) -> list[Any]:
        return self.rows("SELECT * FROM attempt WHERE job_id = :j ORDER BY number", j=job_id)

    def lines(self, attempt_id: int) -> set[tuple[str, str, int]]:
        """An attempt's ledger lines as (kind, meter, pico-USD)."""
        found = self.rows("SELECT kind, meter, amount_pico FROM ledger_line WHERE attempt_id = :a", a=attempt_id)
        return {(row.kind, row.meter, row.amount_pico) for row in found}

    def claim(
        self,
        chunk: int,
        want: int = 1000,
        *,
        endpoint: str | None = None,
        lease_s: int = 60,
        spent: int | None = None,
    ) -> list[ClaimedJob]:
        """Claim as a worker does, for the chunk's first endpoint where none is named."""
        if endpoint is None:
            endpoint = self.one("SELECT endpoints[1] AS first FROM chunk WHERE id = :c", c=chunk).first
        catalogue = self.runtime.rulebook.catalogue
        with self.engine.begin() as connection:
            return claim(
                connection,
                chunk,
                catalogue.endpoint(endpoint),
                f"{endpoint}@2026",
                standin=True,
                want=want,
                token=uuid4(),
                lease_s=lease_s,
                spent=spent,
            )

    def settled(self, job: ClaimedJob, outcome: Outcome, flaws: tuple[Flaw, ...] = ()) -> Settled:
        """A call that ended, judged by the shipped policy."""
        verdict = judge(job, outcome, flaws, self.runtime.rulebook.policy.retries)
        rates = self.runtime.rulebook.catalogue.card(job.charged.card).rates(job.charged.occurred_at)
        return Settled(job, outcome, flaws, verdict, rates)

    def settle(self, *calls: Settled) -> Settlement:
        with self.engine.begin() as connection:
            return settle(connection, calls, self.reference(), self.runtime.rulebook.catalogue)

    def reference(self) -> Reference:
        return self.runtime.reference(datetime.now(UTC))

    def expire(self, *jobs: ClaimedJob) -> None:
        """The workers of these jobs fell silent a while ago."""
        self.run(
            "UPDATE job SET lease_until = now() - interval '1 second' WHERE id = ANY(:jobs) AND state = 'running'",
            jobs=[job.job_id for job in jobs],
        )

    def all_due(self) -> None:
        """Time passes: no retry waits any longer."""
        self.run("UPDATE job SET next_attempt_at = now() WHERE state = 'queued'")

    def sweep(self) -> Swept:
        return sweep(self.engine, self.runtime.bell, self.runtime.rulebook)

    def finish(self, batch: str = "b") -> int:
        return finish_batches(self.engine, [batch])

    def hold_books(self) -> None:
        """What must be true of jobs, results, attempts and lines at every moment, whatever happened."""
        broken = {
            "a job is done exactly when it has a result": """
                SELECT job.id FROM job LEFT JOIN result ON result.job_id = job.id
                WHERE (job.state = 'done') <> (result.job_id IS NOT NULL)""",
            "a result is of a call that was paid for": """
                SELECT result.job_id FROM result JOIN attempt ON attempt.id = result.attempt_id
                WHERE attempt.state <> 'billed' OR attempt.job_id <> result.job_id""",
            "a job counts its calls": """
                SELECT id FROM job WHERE attempts <> (SELECT count(*) FROM attempt WHERE attempt.job_id = job.id)""",
            "a running job has one call under way, any other has none": """
                SELECT id FROM job WHERE CAST(state = 'running' AS int) <>
                    (SELECT count(*) FROM attempt WHERE attempt.job_id = job.id AND attempt.state = 'sent')""",
            "a call has the lines of its state": """
                SELECT id FROM (SELECT attempt.id, attempt.state, attempt.input_tokens IS NOT NULL AS counted,
                    EXISTS (SELECT FROM ledger_line l WHERE l.attempt_id = attempt.id AND kind = 'charge') AS charge,
                    EXISTS (SELECT FROM ledger_line l WHERE l.attempt_id = attempt.id AND kind = 'accrual') AS accrual,
                    EXISTS (SELECT FROM ledger_line l WHERE l.attempt_id = attempt.id AND kind = 'reversal') AS reversal
                    FROM attempt) AS a
                WHERE charge <> (state = 'billed' OR (state = 'reconciled' AND counted))
                    OR accrual <> (state IN ('uncertain', 'reconciled')) OR reversal <> (state = 'reconciled')""",
            "a reversal takes back what was accrued": """
                SELECT attempt_id FROM ledger_line WHERE kind <> 'charge' GROUP BY attempt_id
                HAVING bool_or(kind = 'reversal') AND sum(CASE kind WHEN 'accrual' THEN amount_pico
                    ELSE -amount_pico END) <> 0""",
            "a finished batch has no job left": """
                SELECT batch.id FROM batch JOIN job ON job.batch_id = batch.id
                WHERE batch.state = 'finished' AND job.ended_at IS NULL""",
            "a job that is queued is in an open chunk of its stage": """
                SELECT job.id FROM job JOIN chunk ON chunk.id = job.chunk_id
                WHERE job.state = 'queued' AND (chunk.ended_at IS NOT NULL OR chunk.stage <> job.stage)""",
        }
        for rule, statement in broken.items():
            assert self.rows(statement) == [], rule
        catalogue = self.runtime.rulebook.catalogue
        below = [
            row.id
            for row in self.rows(
                "SELECT attempt.id, model, decision -> 'stages' -> attempt.stage ->> 'at_least' AS floor"
                " FROM attempt JOIN job ON job.id = job_id"
            )
            if catalogue.model(row.model).tier.rank < Tier(row.floor).rank
        ]
        assert below == [], "the floor holds"


#: The limits of every endpoint of the small catalogue: so narrow that a test would wait for them.
_LIMITS = "rpm = 100, tpm = 100_000, concurrency = 10"


@contextmanager
def open_core(
    database_url: str,
    folder: Path,
    *,
    broker_url: str = "redis+socket:///nowhere/broker.sock",
    places: Sequence[Place] = PLACES,
    limits: str = "rpm = 100_000, tpm = 100_000_000, concurrency = 1000",
    **settings: Any,
) -> Iterator[Core]:
    """A core with the small catalogue, on a migrated database. Waiting for a row's lock fails after two seconds."""
    catalogue, policy = folder / "catalogue.toml", folder / "policy.toml"
    catalogue.write_text(catalogue_text(places).replace(_LIMITS, limits), "utf-8")
    shipped = files("routing.data").joinpath("policy.toml").read_text("utf-8")
    policy.write_text(shipped.replace('reference_model = "claude-opus-4-6"', 'reference_model = "opus"'), "utf-8")
    made = load_settings(
        standin_url="http://127.0.0.1:9", catalogue_file=catalogue, policy_file=policy, ring_window=200, **settings
    )
    runtime = Runtime(made, database_url, broker_url, "test")
    engine = open_engine(database_url, pool_size=20, application="pointsman-test")
    event.listen(engine, "connect", lambda connection, _: _limit_lock_waits(connection))
    # Cached properties: a test's threads need more connections than a worker's, and reading the lexicons takes a while.
    runtime.__dict__.update(engine=engine, assessors=_assessors())
    try:
        yield Core(runtime)
    finally:
        engine.dispose()
        if "app" in runtime.__dict__:
            runtime.app.close()


@cache
def _assessors() -> Sequence[Assessor]:
    return load_assessors(20)


def _limit_lock_waits(connection: Any) -> None:
    connection.execute("SET lock_timeout = '2s'")
    connection.commit()


Answers = Callable[[Call], Outcome]


class Script:
    """A transport whose outcomes a test writes. While ``holding``, calls wait for ``release``."""

    def __init__(self, answers: Answers | None = None, *, holding: bool = False) -> None:
        self.answers: Answers = answers or (lambda call: answer())
        self.calls: list[Call] = []
        self._left = threading.Condition()
        self._holding = holding
        self._gate: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def send(self, call: Call) -> Outcome:
        if self._gate is None:
            self._gate, self._loop = asyncio.Event(), asyncio.get_running_loop()
        with self._left:
            self.calls.append(call)
            self._left.notify_all()
        if self._holding:
            await self._gate.wait()
        return self.answers(call)

    async def close(self) -> None:
        """Nothing is open."""

    def wait_for_calls(self, count: int, seconds: float = 10) -> None:
        with self._left:
            assert self._left.wait_for(lambda: len(self.calls) >= count, seconds), f"{len(self.calls)} calls left"

    def release(self) -> None:
        self._holding = False
        if self._gate is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._gate.set)

    def by_endpoint(self) -> Mapping[str, int]:
        counts: dict[str, int] = {}
        for call in self.calls:
            counts[call.target.endpoint_id] = counts.get(call.target.endpoint_id, 0) + 1
        return counts


class Clock:
    """Seconds that go forward only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Worker:
    """The parts of a worker process, started, without Celery around them."""

    core: Core
    script: Script
    loop: LoopThread
    settler: Settler
    dispatcher: Dispatcher
    opened: list[tuple[int, Tier]] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    free_calls: int = 0

    def at_rest(self) -> bool:
        """Whether every call slot is free again and no wave is under way."""
        return (self.dispatcher._free_calls, self.dispatcher._waves) == (self.free_calls, 0)


@contextmanager
def open_worker(
    core: Core,
    script: Script,
    *,
    calls: int = 64,
    lease_s: int = 60,
    clock: Callable[[], float] = time.monotonic,
    limits: EndpointLimits | None = None,
) -> Iterator[Worker]:
    """A worker's dispatcher and settler; stopped at the end as a process does."""
    opened: list[tuple[int, Tier]] = []
    ended: set[str] = set()
    loop = LoopThread()
    settler = Settler(
        core.engine,
        core.runtime.rulebook.catalogue,
        core.runtime.reference,
        tick_s=0.01,
        lease_s=lease_s,
        on_opened=opened.extend,
        on_ended=ended.update,
    )
    limits = limits or EndpointLimits(None, local_share=1.0)
    dispatcher = Dispatcher(
        core.engine,
        core.runtime.rulebook,
        core.runtime.reach.targets,
        loop=loop,
        transport=script,
        limits=limits,
        settler=settler,
        calls=calls,
        lease_s=lease_s,
        clock=clock,
    )
    loop.start()
    settler.start()
    try:
        yield Worker(core, script, loop, settler, dispatcher, opened, ended, calls)
    finally:
        script.release()
        dispatcher.stop(0)
        settler.stop()
        loop.run(limits.close())
        loop.stop()


def together(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Run ``act`` in this many threads at the same moment; what each returned. Raises what one of them raised."""
    barrier = threading.Barrier(count)
    done: list[Any] = [None] * count
    failed: list[BaseException] = []

    def run(number: int) -> None:
        try:
            barrier.wait(10)
            done[number] = act(number)
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's thread
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a thread hangs"
    if failed:
        raise failed[0]
    return done


def eventually(condition: Callable[[], bool], what: str, seconds: float = 15) -> None:
    """Wait for something that another thread is about to do."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.01)
