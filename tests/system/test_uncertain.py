"""Calls that left and whose answer never came: done by a second call, the first accrued, each named in the books."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import Trial, job, open_trial, own_servers
from workers.rulebook import read

pytestmark = pytest.mark.system

FAULTS = {
    "reset": {"match": {"contains": "RESET", "tries": 1}, "fault": "reset_after_billing"},
    "cut": {"match": {"contains": "CUT", "tries": 1}, "fault": "cut_body"},
    "uncounted": {"match": {"contains": "UNCOUNTED", "tries": 1}, "fault": "bad_usage"},
    "hung": {"match": {"contains": "HUNG", "tries": 1}, "fault": "hang", "billed": True},
    "lost": {"match": {"contains": "LOST", "tries": 1}, "fault": "hang", "billed": False},
}
#: What the attempt says happened.
CODES = {
    "reset": {"connection_reset", "cut_answer", "connection_lost"},
    "cut": {"cut_answer"},
    "uncounted": {"no_usage"},
    "hung": {"timeout"},
    "lost": {"timeout"},
}


def books(trial: Trial, kind: str) -> dict[str, int]:
    """The calls that have lines of a kind, by the key that was sent with them, with their amounts."""
    rows = trial.rows(
        "SELECT a.lease_token, a.id, sum(l.amount_pico) AS pico"
        " FROM ledger_line l JOIN attempt a ON a.id = l.attempt_id WHERE l.kind = :kind GROUP BY a.id",
        kind=kind,
    )
    return {f"{row.lease_token}-{row.id}": int(row.pico) for row in rows}


@pytest.fixture
def impatient_catalogue(tmp_path: Path) -> Path:
    """The shipped catalogue, its endpoints given two seconds to answer."""
    text, _ = read(None, "catalogue.toml")
    own = "timeout_s = "  # local servers have one of their own; none is called here
    before, *parts = text.split("[[endpoint]]\n")
    parts = [part if own in part.partition("[[")[0] else f"{own}2\n{part}" for part in parts]
    changed = tmp_path / "catalogue.toml"
    changed.write_text("[[endpoint]]\n".join([before, *parts]), "utf-8")
    return changed


def test_every_call_that_was_billed_is_charged_or_accrued_and_none_twice(impatient_catalogue: Path) -> None:
    """Resets, cut and uncounted answers, and time-outs: all jobs are done, and the books name what the bill names."""
    env = {"POINTSMAN_CATALOGUE_FILE": str(impatient_catalogue)}
    words = {name: rule["match"]["contains"] for name, rule in FAULTS.items()}  # type: ignore[index]
    lines: list[dict[str, Any]] = [
        job(f"{name}{n}", f"Write a cheerful one-line greeting about {word} number {n}.", tenant="acme")
        for name, word in words.items()
        for n in range(4)
    ]
    lines += [job(f"plain{n}", f"Write a cheerful one-line greeting, number {n}.", tenant="acme") for n in range(4)]
    with (
        own_servers() as servers,
        open_trial(servers.urls.database, servers.urls.broker, env=env, faults=list(FAULTS.values())) as trial,
    ):
        trial.start()
        trial.submit(lines, "uncertain")
        began = time.monotonic()
        jobs = trial.finished("uncertain", 45)
        assert time.monotonic() - began < 45
        assert {row.state for row in jobs.values()} == {"done"}
        for name, codes in CODES.items():
            for n in range(4):
                *failed, last = trial.attempts("uncertain", f"{name}{n}")
                assert last.state == "billed", name
                assert {row.state for row in failed} == {"uncertain"}
                assert {row.outcome for row in failed} <= codes
        charged, accrued = books(trial, "charge"), books(trial, "accrual")
        billed: dict[str, int] = {}
        for entry in trial.standin.entries():
            assert entry["key"] not in billed, "a key is used for one call"
            billed[entry["key"]] = int(entry["total_pico"])
        assert charged.keys() & accrued.keys() == set()
        assert billed.keys() <= charged.keys() | accrued.keys()
        assert {key: billed[key] for key in charged} == charged, "to the pico-dollar"
        uncertain = trial.rows(
            "SELECT a.lease_token, a.id, j.custom_id FROM attempt a JOIN job j ON j.id = a.job_id"
            " WHERE a.state = 'uncertain'"
        )
        asked = {f"{row.lease_token}-{row.id}": row.custom_id for row in uncertain}
        assert accrued.keys() == asked.keys()
        assert len(accrued) >= 4 * len(FAULTS)
        never_counted = {asked[key][:-1] for key in accrued.keys() - billed.keys()}
        assert never_counted == {"lost"}, "only calls that hung before the provider counted them"
        twice = trial.rows("SELECT 1 FROM ledger_line GROUP BY attempt_id, meter, kind HAVING count(*) > 1")
        assert twice == []
        results = trial.one("SELECT count(*) AS n, count(DISTINCT job_id) AS jobs FROM result")
        assert (results.n, results.jobs) == (len(lines), len(lines))
