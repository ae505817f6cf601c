"""Whole runs: real broker, real database, real worker processes, and the stand-in provider over real HTTP."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bench.standin.process import StandIn
from gateway.embedded import EmbeddedServers
from gateway.supervisor import Supervisor
from schemas.lines import lines_of
from schemas.migrate import upgrade
from workers.intake import Order, Receipt, accept
from workers.runtime import Runtime
from workers.settings import Settings
from workers.sweep import sweep

FAST = {
    "POINTSMAN_SETTLE_MS": "50",
    "POINTSMAN_SWEEP_MS": "200",
    "POINTSMAN_RING_AGAIN_S": "2",
    "POINTSMAN_LEASE_S": "3",
}


class Trial:
    """A yard of the tests' own: submit lines, wait for what happens, look at the rows."""

    def __init__(self, database: str, broker: str, standin: StandIn, stack: ExitStack, env: Mapping[str, str]) -> None:
        self.database, self.broker, self.standin = database, broker, standin
        self.logged: list[bytes] = []
        self.env = {
            **FAST,
            "POINTSMAN_DATABASE_URL": database,
            "POINTSMAN_BROKER_URL": broker,
            "POINTSMAN_STANDIN_URL": standin.url,
            "POINTSMAN_LOG_FORMAT": "json",
            **env,
        }
        self.supervisor = Supervisor(self.env, self.logged.append)
        stack.callback(lambda: self.supervisor.stop(20))
        settings = Settings(standin_url=standin.url, _env_file=None)  # type: ignore[call-arg]
        self.runtime = Runtime(settings, database, broker, "test")
        stack.callback(self.runtime.engine.dispose)
        stack.callback(self.runtime.app.close)

    def start(self, *, workers: int = 1, sweeper: bool = True) -> None:
        for number in range(workers):
            self.supervisor.add(f"worker {number + 1}", "worker")
        if sweeper:
            self.supervisor.add("sweeper", "sweeper")
        self.supervisor.wait_ready(30)

    def submit(self, lines: Sequence[Mapping[str, Any]], batch_id: str, **defaults: str) -> Receipt:
        """Accept a batch and ring for it, as `pointsman submit` does."""
        budget = defaults.pop("budget_pico", None)
        order = Order(batch_id, "function", defaults, budget_pico=None if budget is None else int(budget))
        receipt = accept(self.runtime.engine, order, lines_of(lines), self.runtime.rulebook, self.runtime.assessors)
        self.runtime.bell.ring_batch(batch_id)
        return receipt

    def rows(self, statement: str, **given: Any) -> list[Any]:
        with self.runtime.engine.connect() as connection:
            return list(connection.execute(text(statement), given).all())

    def one(self, statement: str, **given: Any) -> Any:
        return self.rows(statement, **given)[0]

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}\n{self.state()}"
            time.sleep(0.05)

    def finished(self, batch_id: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until a batch is finished; its jobs by custom_id."""
        self.wait_for(
            lambda: [r.state for r in self.rows("SELECT state FROM batch WHERE id = :id", id=batch_id)] == ["finished"],
            f"batch {batch_id} finished",
            seconds,
        )
        return {row.custom_id: row for row in self.rows("SELECT * FROM job WHERE batch_id = :id", id=batch_id)}

    def attempts(self, batch_id: str, custom_id: str) -> list[Any]:
        return self.rows(
            "SELECT a.* FROM attempt a JOIN job j ON j.id = a.job_id"
            " WHERE j.batch_id = :batch AND j.custom_id = :custom ORDER BY a.number",
            batch=batch_id,
            custom=custom_id,
        )

    def charged_pico(self) -> int:
        """All charges in the books, whatever the batch."""
        return int(self.one("SELECT coalesce(sum(amount_pico), 0) AS pico FROM ledger_line WHERE kind = 'charge'").pico)

    def sweep_now(self) -> None:
        sweep(self.runtime.engine, self.runtime.bell, self.runtime.rulebook)

    def state(self) -> str:
        """What a failing test prints: no texts, only states."""
        jobs = self.rows("SELECT batch_id, state, reason, count(*) FROM job GROUP BY 1, 2, 3")
        attempts = self.rows("SELECT endpoint, state, outcome, count(*) FROM attempt GROUP BY 1, 2, 3")
        return "\n".join(map(str, [*jobs, *attempts, *self.logged[-20:]]))


@contextmanager
def open_trial(
    database: str, broker: str, *, latency_ms: float = 0, env: Mapping[str, str] | None = None, **faults: Any
) -> Iterator[Trial]:
    """A trial on given servers, without processes yet."""
    with ExitStack() as stack:
        standin = stack.enter_context(StandIn.start(latency_ms=latency_ms, **faults))
        yield Trial(database, broker, standin, stack, env or {})


@contextmanager
def own_servers() -> Iterator[EmbeddedServers]:
    """Servers of a trial's own: workers of two trials must not hear each other's messages."""
    state_dir = Path(tempfile.mkdtemp(prefix="pointsman-test-"))
    with EmbeddedServers(state_dir, durable=False, discard=True) as started:
        upgrade(started.urls.database)
        yield started


@pytest.fixture(scope="module")
def yard() -> Iterator[Trial]:
    """One worker, the sweeper and the stand-in, shared by the tests of a module."""
    with own_servers() as servers, open_trial(servers.urls.database, servers.urls.broker) as trial:
        trial.start()
        yield trial


def job(custom_id: str, ask: str, *, system: str | None = None, model: str = "auto", **metadata: str) -> dict[str, Any]:
    """A job line as a producer writes it."""
    messages = [{"role": "system", "content": system}] if system else []
    body: dict[str, Any] = {"model": model, "messages": [*messages, {"role": "user", "content": ask}]}
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": body | {"metadata": metadata},
    }


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
