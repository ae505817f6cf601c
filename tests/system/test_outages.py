"""Endpoints that fail: jobs finish elsewhere at the same level or better, or wait; never below their floor."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.vocabulary import Tier
from tests.system.conftest import Trial, job, open_trial, own_servers

pytestmark = pytest.mark.system

GREETING = "Write a cheerful one-line birthday greeting, number {}."
CLAUSE = "Does clause {} of our supplier's contract still bind us after the negligence in May, and should we sue?"


@pytest.fixture(scope="module")
def pair() -> Iterator[Trial]:
    """Two workers, whose breakers know nothing of each other, the sweeper and the stand-in."""
    with own_servers() as servers, open_trial(servers.urls.database, servers.urls.broker) as trial:
        trial.start(workers=2)
        yield trial


def faults(*providers: str, **fault: Any) -> list[dict[str, Any]]:
    return [{"match": {"provider": provider}, **fault} for provider in providers]


def first_choice(trial: Trial, batch_id: str) -> str:
    """The endpoint that the jobs of a batch were planned for."""
    chosen = trial.one("SELECT DISTINCT endpoints[1] AS id FROM chunk WHERE batch_id = :b AND stage = 0", b=batch_id)
    return str(chosen.id)


def planned_for(trial: Trial, ask: str, batch_id: str) -> str:
    """Run one job to learn where others like it go first."""
    trial.submit([job("scout", ask, tenant="acme")], batch_id)
    trial.finished(batch_id)
    return first_choice(trial, batch_id)


def assert_no_call_below_its_floor(trial: Trial) -> None:
    catalogue = trial.runtime.rulebook.catalogue
    calls = trial.rows(
        "SELECT a.model, j.decision -> 'stages' -> CAST(a.stage AS int) ->> 'at_least' AS floor"
        " FROM attempt a JOIN job j ON j.id = a.job_id"
    )
    assert [c for c in calls if catalogue.model(c.model).tier.rank < Tier(c.floor).rank] == []


@pytest.mark.parametrize(
    ("name", "fault"),
    [("down", {"fault": "overloaded", "status": 503}), ("wrong-key", {"fault": "unauthorized"})],
)
@pytest.mark.parametrize("count", [1, 40])
def test_jobs_finish_at_another_endpoint_that_qualifies(
    pair: Trial, name: str, fault: dict[str, Any], count: int
) -> None:
    """Whether the first choice is down or refuses the key, and whether there is one job or many."""
    batch = f"{name}-{count}"
    pair.standin.set_faults([])
    first = planned_for(pair, CLAUSE.format(0), f"scout-{batch}")
    provider = pair.runtime.rulebook.catalogue.endpoint(first).provider
    pair.standin.set_faults(faults(provider, **fault))
    before, billed = pair.charged_pico(), int(pair.standin.bill()["total_pico"])
    pair.submit([job(f"j{n}", CLAUSE.format(n), tenant="acme") for n in range(count)], batch)
    jobs = pair.finished(batch, 25)
    assert {(row.state, row.tier) for row in jobs.values()} == {("done", "frontier")}
    assert first_choice(pair, batch) == first
    served = pair.rows("SELECT DISTINCT a.provider FROM result r JOIN attempt a ON a.id = r.attempt_id"
                       " WHERE a.batch_id = :b", b=batch)  # fmt: skip
    assert provider not in {row.provider for row in served}
    refused = pair.rows("SELECT DISTINCT state FROM attempt WHERE batch_id = :b AND provider = :p", b=batch, p=provider)
    assert [row.state for row in refused] in ([], ["unbilled"])
    assert pair.charged_pico() - before == int(pair.standin.bill()["total_pico"]) - billed
    assert_no_call_below_its_floor(pair)


def test_a_storm_of_429_ends_with_all_done_and_nothing_charged_for_the_refused(pair: Trial) -> None:
    """Every job is refused twice with Retry-After and waits as asked."""
    pair.standin.set_faults([{"match": {"tries": 2}, "fault": "rate_limit", "retry_after": "1"}])
    before, billed = pair.charged_pico(), int(pair.standin.bill()["total_pico"])
    pair.submit([job(f"j{n}", GREETING.format(n), tenant="acme") for n in range(60)], "storm")
    jobs = pair.finished("storm", 25)
    pair.standin.set_faults([])
    assert {row.state for row in jobs.values()} == {"done"}
    attempts = pair.rows("SELECT * FROM attempt WHERE batch_id = 'storm' ORDER BY job_id, number")
    assert sum(row.status == 429 for row in attempts) >= 60
    for earlier, later in itertools.pairwise(attempts):
        if earlier.job_id == later.job_id:
            assert (later.sent_at - earlier.ended_at).total_seconds() >= 1
    charged = pair.rows(
        "SELECT DISTINCT a.state FROM ledger_line l JOIN attempt a ON a.id = l.attempt_id WHERE l.batch_id = 'storm'"
    )
    assert [row.state for row in charged] == ["billed"]
    assert pair.charged_pico() - before == int(pair.standin.bill()["total_pico"]) - billed


def test_with_the_whole_frontier_tier_down_high_jobs_wait_and_low_ones_are_done() -> None:
    """Nothing goes lower; when the tier is back, what waited is done."""
    env = {"POINTSMAN_WORKER_THREADS": "4"}
    with own_servers() as servers, open_trial(servers.urls.database, servers.urls.broker, env=env) as trial:
        catalogue = trial.runtime.rulebook.catalogue
        closed = sorted({e.provider for e in catalogue.endpoints if catalogue.model(e.model).tier is Tier.FRONTIER})
        trial.standin.set_faults(faults(*closed, fault="server_error"))
        trial.start()
        high = [job(f"high{n}", CLAUSE.format(n), tenant="acme") for n in range(20)]
        low = [job(f"low{n}", GREETING.format(n), tenant="acme") for n in range(40)]
        trial.submit(high, "high")
        trial.submit(low, "low")
        assert {row.state for row in trial.finished("low", 20).values()} == {"done"}
        trial.wait_for(
            lambda: trial.one("SELECT count(*) AS n FROM attempt WHERE batch_id = 'high'").n >= 8, "frontier tried"
        )
        waiting = trial.rows("SELECT DISTINCT state, reason FROM job WHERE batch_id = 'high'")
        assert {(row.state, row.reason) for row in waiting} <= {
            ("queued", None), ("running", None), ("parked", "unavailable"),
        }  # fmt: skip
        assert trial.rows("SELECT 1 FROM ledger_line WHERE batch_id = 'high'") == []
        trial.standin.set_faults([])
        jobs = trial.finished("high", 60)
        assert {(row.state, row.reason) for row in jobs.values()} <= {("done", None), ("parked", "unavailable")}
        assert {row.tier for row in jobs.values()} == {"frontier"}
        assert trial.charged_pico() == int(trial.standin.bill()["total_pico"])
        assert_no_call_below_its_floor(trial)
