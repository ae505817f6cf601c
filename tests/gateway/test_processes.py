"""`pointsman up`, `down` and `demo` as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from tests.system.conftest import job

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with a space in its name, as people have them."""
    place = tmp_path / "my batches"
    place.mkdir()
    return place


#: So that a test need not wait as long as a yard would.
QUICK = {"POINTSMAN_GRACE_S": "2", "POINTSMAN_LEASE_S": "3", "POINTSMAN_SWEEP_MS": "200", "POINTSMAN_RING_AGAIN_S": "2"}


def environment() -> dict[str, str]:
    """No key, and no setting but the quick ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POINTSMAN_")}
    return (
        {name: value for name, value in kept.items() if not name.endswith("_API_KEY")}
        | QUICK
        | {"PYTHONPATH": str(ROOT)}
    )


def pointsman(folder: Path, *args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", *args],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


class Up:
    """`pointsman up` in a folder, with what it says."""

    def __init__(self, folder: Path) -> None:
        self.said = (folder / "up.log").open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "up", "--standin", "--workers", "1"],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stderr=self.said,
        )
        self.wait_for("pointsman is up")

    def wait_for(self, words: str) -> None:
        until = time.monotonic() + 60
        while words not in self.text():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < until, self.text()
            time.sleep(0.1)

    def text(self) -> str:
        return Path(self.said.name).read_text("utf-8", "replace")

    def end(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait(60)
        self.said.close()


def left_running(folder: Path) -> list[str]:
    """Command lines of processes that work in this folder or name it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                inside = (entry / "cwd").readlink().is_relative_to(folder)
            except OSError:
                continue
            if inside or str(folder) in words:
                found.append(words)
    return found


def test_a_batch_goes_through_what_up_runs_and_down_ends_it_all(folder: Path) -> None:
    """Submit, results and explain from another terminal find the embedded servers by the folder alone."""
    up = Up(folder)
    try:
        lines = [
            job("mail", "Write a birthday e-mail for Kim.", tenant="acme"),
            job("dose", "Is 40 mg safe with warfarin?"),
        ]
        (folder / "jobs.jsonl").write_text("\n".join(map(json.dumps, lines)))
        told = pointsman(folder, "submit", "jobs.jsonl", "--batch-id", "first", "--wait", "--json")
        assert json.loads(told.stdout)["status"]["state"] == "finished"
        written = pointsman(folder, "results", "first").stdout.splitlines()
        assert [json.loads(line)["custom_id"] for line in written] == ["mail", "dose"]
        explained = json.loads(pointsman(folder, "explain", "first", "dose", "--json").stdout)
        entries = [entry for attempt in explained["attempts"] for entry in attempt["lines"]]
        for entry in entries:
            assert entry["quantity"] * Decimal(entry["usd_per_million"]) / 10**6 == Decimal(entry["amount_usd"])
        assert sum(Decimal(entry["amount_usd"]) for entry in entries) == Decimal(explained["cost_usd"]) > 0
        again = pointsman(folder, "up", code=2)
        assert "up already" in again.stderr
        pointsman(folder, "down")
        assert up.process.wait(30) == 0
        assert left_running(folder) == []
    finally:
        up.end(signal.SIGTERM)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_nothing_is_left_after_a_kill_and_the_batch_goes_on_when_it_is_up_again(folder: Path) -> None:
    """kill -9 of `up` ends workers and servers; the next `up` finds the batch and finishes it."""
    up = Up(folder)
    lines = [job(f"j{n}", f"Write a cheerful greeting, number {n}.", tenant="acme") for n in range(150)]
    (folder / "jobs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    pointsman(folder, "submit", "jobs.jsonl", "--batch-id", "long")
    up.end(signal.SIGKILL)
    until = time.monotonic() + 60
    while left_running(folder):
        assert time.monotonic() < until, left_running(folder)
        time.sleep(0.2)
    up = Up(folder)
    try:
        pointsman(folder, "results", "long", "--wait", "--output", "out.jsonl")
        assert len((folder / "out.jsonl").read_text().splitlines()) == len(lines)
    finally:
        up.end(signal.SIGTERM)


@pytest.mark.parametrize("role", ["worker", "sweeper"])
def test_a_process_does_not_start_on_a_database_without_the_schema(
    folder: Path, role: str, empty_database_url: str, broker_url: str
) -> None:
    """It says what to run, and ends with the status of a wrong configuration."""
    env = environment() | {"POINTSMAN_DATABASE_URL": empty_database_url, "POINTSMAN_BROKER_URL": broker_url}
    command = [sys.executable, "-m", "gateway.cli", role]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "run: pointsman db upgrade" in done.stderr) == (2, True)


def test_the_demo_accounts_for_every_job_and_its_ledger_equals_the_bill(folder: Path) -> None:
    """The main job on real input: the exit status says that the books are equal to the pico-dollar."""
    done = pointsman(folder, "demo", "--standin-only", "--every", "8")  # the whole of it is ./dev demo
    assert "Accounted for: 170 of 170 jobs" in done.stdout
    assert "equal to the pico-dollar" in done.stdout
    assert "stand-in provider, not to models" in done.stdout
    assert left_running(folder) == []
    assert list((folder / ".pointsman").glob("demo-*")) == []
