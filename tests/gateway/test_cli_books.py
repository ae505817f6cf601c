"""Commands on a real database: submit, status, results, explain, ledger, db."""

from __future__ import annotations

import csv
import io
import json
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest
from sqlalchemy import text

from tests.gateway.cli_runs import BAD_LINES, Cli, without_pace
from tests.workers.settled_batches import (
    DOSE,
    DRAFT,
    MAIL,
    answered,
    call_all,
    flawed,
    job,
    jsonl,
    make_runtime,
    plan_batch,
    timed_out,
)
from workers.runtime import Runtime

pytestmark = pytest.mark.system

JOBS = jsonl([job("dose", DOSE), job("mail", MAIL), job("draft", DRAFT), job("solo", DOSE, tenant="individual/me")])


@pytest.fixture
def runtime(cli: Cli) -> Iterator[Runtime]:
    """The worker's side of the same database."""
    made = make_runtime(cli.env["POINTSMAN_DATABASE_URL"])
    yield made
    made.engine.dispose()


@pytest.fixture
def finished(cli: Cli, runtime: Runtime) -> str:
    """A finished batch of which one job is parked and one was escalated."""
    assert cli("submit", "-", "--batch-id", "b", stdin=JOBS).exit_code == 0
    plan_batch(runtime, "b")
    call_all(runtime, "b", lambda claimed: flawed(claimed) if claimed.checked else answered(claimed))
    return "b"


def test_submit_makes_a_durable_batch_and_says_what_next(cli: Cli, runtime: Runtime) -> None:
    """The batch is in the database with the options as its lines' defaults, and was announced."""
    options = ("--tenant", "acme", "--cost-centre", "care", "--project", "spring", "--budget-usd", "2.5")
    found = cli("submit", "-", "--batch-id", "b", *options, stdin=JOBS)
    assert (found.exit_code, without_pace(found.stderr)) == (0, "")
    assert "Batch b is accepted: 4 jobs." in found.stdout
    assert "pointsman status b" in found.stdout
    with runtime.engine.connect() as connection:
        row = connection.execute(text("SELECT tenant, way_in, state, budget_pico FROM batch")).one()
        tenants = connection.execute(text("SELECT tenant, cost_centre, project FROM job ORDER BY line")).all()
    assert tuple(row) == ("acme", "command", "accepted", 2_500_000_000_000)
    assert [tuple(one) for one in tenants] == [("acme", "care", "spring")] * 3 + [("individual/me", "care", "spring")]


def test_the_same_key_gives_the_same_batch_and_other_content_is_refused(cli: Cli) -> None:
    """Submitting again is safe; a reused key is exit 3."""
    cli("submit", "-", "--batch-id", "b", stdin=JOBS)
    again = cli("submit", "-", "--batch-id", "b", "--json", stdin=JOBS)
    assert again.exit_code == 0
    assert {key: json.loads(again.stdout)[key] for key in ("batch", "jobs", "known", "announced")} == {
        "batch": "b",
        "jobs": 4,
        "known": True,
        "announced": True,
    }
    other = cli("submit", "-", "--batch-id", "b", stdin=jsonl([job("x", MAIL)]))
    assert (other.exit_code, "exists with other content" in other.stderr) == (3, True)


def test_bad_lines_are_listed_and_left_out(cli: Cli) -> None:
    """Exit 0 with the good lines taken; a random key is made and told; problems can be listed later."""
    found = cli("submit", str(BAD_LINES), "--json")
    assert found.exit_code == 0
    told = json.loads(found.stdout)
    assert (told["jobs"], told["bad_lines"]) == (2, 19)
    assert {problem["code"] for problem in told["problems"]} >= {"invalid_utf8", "unknown_model", "bad_schema"}
    listed = cli("problems", told["batch"])
    assert listed.exit_code == 0
    assert "line 2: invalid_utf8" in listed.stdout
    as_lines = [json.loads(line) for line in cli("problems", told["batch"], "--json").stdout.splitlines()]
    assert as_lines == told["problems"]
    assert cli("results", told["batch"], "--problems").stdout.splitlines() == [json.dumps(p) for p in as_lines]


def test_a_screen_shows_some_bad_lines_and_counts_the_rest(cli: Cli) -> None:
    """However many there are, the screen isn't flooded."""
    found = cli("submit", "-", "--batch-id", "b", stdin=JOBS + "{\n" * 50)
    assert found.exit_code == 0
    assert found.stderr.count("invalid_json") == 20
    assert "and 30 more; see them with: pointsman problems b" in found.stderr


def test_a_refused_batch_leaves_nothing_and_is_exit_3(cli: Cli, runtime: Runtime) -> None:
    """--strict, an empty file, and a file in which no line is good."""
    strict = cli("submit", str(BAD_LINES), "--strict")
    assert (strict.exit_code, strict.stdout) == (3, "")
    assert "line 2: invalid_utf8" in strict.stderr
    assert "nothing of it was stored" in strict.stderr
    as_json = cli("submit", str(BAD_LINES), "--strict", "--json")
    assert json.loads(as_json.stdout)["refused"] is True
    assert cli("submit", "-", stdin="").exit_code == 3
    with runtime.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM batch")).scalar_one() == 0
    hopeless = cli("submit", "-", stdin="{\n")
    assert (hopeless.exit_code, "none of the lines" in hopeless.stderr) == (3, True)


def test_a_broker_that_is_away_only_delays_a_batch(cli: Cli, runtime: Runtime) -> None:
    """The batch is stored, and the words say so."""
    found = cli("submit", "-", "--json", stdin=JOBS, POINTSMAN_BROKER_URL="redis://127.0.0.1:1")
    assert (found.exit_code, json.loads(found.stdout)["announced"]) == (0, False)
    assert "the batch is durable and will start when it is back" in found.stderr
    with runtime.engine.connect() as connection:
        assert connection.execute(text("SELECT jobs FROM batch")).scalar_one() == 4


def test_waiting_for_a_finished_batch_shows_its_summary(cli: Cli, finished: str) -> None:
    """Stakes by tier, cost, the named baseline as an estimate, parked jobs with price, and whose answers these are."""
    found = cli("submit", "-", "--batch-id", finished, "--wait", stdin=JOBS)
    assert found.exit_code == 4
    assert found.stdout.isascii()
    for words in (
        "Batch b was accepted before: 4 jobs.",
        "Batch b is finished",
        "| high   | frontier",
        "claude-opus-4-6 (anthropic/claude-opus-4-6@2026-03-13)",
        "* An estimate",
        "the saving is",
        "above_ceiling",
        "1 job went on to a stronger model",
        "All 4 calls went to the stand-in provider, not to models",
    ):
        assert words in found.stdout, words
    as_json = json.loads(cli("submit", "-", "--batch-id", finished, "--wait", "--json", stdin=JOBS).stdout)
    assert as_json["status"]["state"] == "finished"
    assert as_json["status"]["states"] == {"done": 3, "parked": 1}


@contextmanager
def _waiting(cli: Cli) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """A `submit --wait` of its own process that has begun to watch its batch."""
    (cli.folder / "jobs.jsonl").write_text(JOBS)
    running = subprocess.Popen(
        cli.command("submit", "jobs.jsonl", "--batch-id", "b", "--wait"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=cli.environment(),
        cwd=cli.folder,
    )
    with running:
        assert running.stderr is not None
        line = running.stderr.readline()
        while b" a second)" in line:  # the pace of a busy machine
            line = running.stderr.readline()
        assert b"0 of 4 jobs ended" in line
        try:
            yield running, running.stderr
        finally:
            if running.poll() is None:
                running.kill()


def test_wait_follows_a_batch_to_its_end(cli: Cli, runtime: Runtime) -> None:
    """Progress goes to standard error from the first look on; the summary ends it with exit 4."""
    with _waiting(cli) as (running, errors):
        plan_batch(runtime, "b")
        call_all(runtime, "b")
        out, told = running.communicate(timeout=60)
        assert running.returncode == 4, told + errors.name.__repr__().encode()
    assert b"Batch b is finished: 4 jobs (3 done, 1 parked)" in out


def test_ctrl_c_stops_watching_and_the_batch_goes_on(cli: Cli, runtime: Runtime) -> None:
    """Exit 130, and the words say how to see it again."""
    with _waiting(cli) as (running, _):
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
    assert running.returncode == 130
    assert told == b"pointsman: stopped watching; the batch b goes on. See it again with: pointsman status b\n"
    plan_batch(runtime, "b")


def test_status_lists_batches_and_shows_one(cli: Cli, finished: str) -> None:
    """The list in a table and as JSON; one batch with its events."""
    listed = cli("status")
    assert (listed.exit_code, listed.stdout.isascii()) == (0, True)
    assert "| b     | default | finished |" in listed.stdout
    (line,) = json.loads(cli("status", "--json").stdout)
    assert (line["batch"], line["done"], line["parked"], line["failed"]) == (finished, 3, 1, 0)
    one = cli("status", finished)
    assert one.exit_code == 0
    assert "event finished" in one.stdout
    told = json.loads(cli("status", finished, "--json").stdout)
    assert [event["kind"] for event in told["events"]] == ["jobs_parked", "finished"]
    assert told["total_usd"] == line["spent_usd"]
    assert json.loads(cli("status", "--tenant", "nobody", "--json").stdout) == []


def test_status_shows_accrued_spend_holds_and_what_waits(cli: Cli, runtime: Runtime) -> None:
    """A call of unknown fate, the held amount, and the reason why a job waits."""
    cli("submit", "-", "--batch-id", "b", "--budget-usd", "5", stdin=jsonl([job("mail", MAIL)]))
    plan_batch(runtime, "b")
    call_all(runtime, "b", timed_out, rounds=1)
    shown = cli("status", "b").stdout
    assert "accrued for 1 call that may yet be charged" in shown
    assert "the budget is 5.0000 USD" in shown
    assert "USD are held" in shown
    assert ": timeout" in shown


@pytest.mark.parametrize("args", [("status", "no"), ("results", "no"), ("problems", "no"), ("explain", "no", "x")])
def test_an_unknown_batch_is_exit_5(cli: Cli, args: tuple[str, ...]) -> None:
    """One line, nothing on standard output."""
    found = cli(*args)
    assert (found.exit_code, found.stdout, found.stderr.count("\n")) == (5, "", 1)
    assert "there is no" in found.stderr


def test_a_refused_message_is_found_by_its_key(cli: Cli, runtime: Runtime) -> None:
    """A batch that never came to be tells why."""
    detail = (
        '{"found": 1, "problems": [{"line": 0, "field": "file", "code": "invalid_field", "says": "must be absolute"}]}'
    )
    with runtime.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO event (batch_id, kind, detail) VALUES ('b', 'refused', CAST(:detail AS jsonb))"),
            {"detail": detail},
        )
    found = cli("status", "b")
    assert found.exit_code == 3
    assert "must be absolute" in found.stderr


def test_results_come_in_input_order_to_a_file_or_the_screen(cli: Cli, finished: str) -> None:
    """The file is written whole, with the usual rights, and leaves no part behind; parked jobs make exit 4."""
    found = cli("results", finished)
    assert found.exit_code == 4
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert [line["custom_id"] for line in lines] == ["dose", "mail", "draft", "solo"]
    assert lines[3]["error"]["code"] == "above_ceiling"
    assert lines[2]["pointsman"]["escalated"] is True
    path = cli.folder / "results.jsonl"
    path.write_text("old")
    written = cli("results", finished, "--output", str(path), "--wait")
    assert (written.exit_code, written.stdout) == (4, "")
    assert path.read_text() == found.stdout
    assert stat.S_IMODE(path.stat().st_mode) & 0o400
    assert [entry.name for entry in cli.folder.iterdir()] == ["results.jsonl"]
    nowhere = cli("results", finished, "--output", str(cli.folder / "no" / "results.jsonl"))
    assert (nowhere.exit_code, "No such file or directory" in nowhere.stderr) == (2, True)


def test_results_of_a_batch_under_way_say_so(cli: Cli, runtime: Runtime) -> None:
    """What has ended is written, the rest is counted on standard error, and that is no failure."""
    cli("submit", "-", "--batch-id", "b", stdin=JOBS)
    plan_batch(runtime, "b")
    found = cli("results", "b")
    assert (found.exit_code, len(found.stdout.splitlines())) == (0, 1)
    assert "1 of its 4 jobs have ended so far" in found.stderr


def test_explain_tells_why_and_that_the_decision_comes_out_the_same(cli: Cli, finished: str) -> None:
    """In words and tables, and as JSON; by custom_id and by the job's number."""
    found = cli("explain", finished, "draft")
    assert (found.exit_code, without_pace(found.stderr)) == (0, "")
    for words in (
        "Its stakes are medium",
        "rule general-productivity",
        "failed its check (empty)",
        "Made again from the stored facts, the decision comes out the same.",
        "Stage 2: models closed",
        "rules-1.",
    ):
        assert words in found.stdout, words
    told = json.loads(cli("explain", finished, "draft", "--json").stdout)
    assert told["rederived"] == {"same": True, "differs": [], "impossible": None}
    assert len(told["attempts"]) == 2
    number = told["job"]["job_id"]
    assert json.loads(cli("explain", str(number), "--json").stdout) == told
    assert "below_tier" in cli("explain", finished, "dose", "--all").stdout
    assert cli("explain", "999999").exit_code == 5


def test_the_ledger_reports_by_what_is_asked(cli: Cli, finished: str) -> None:
    """A table, exact CSV and JSON of the same sums, and books that balance."""
    table = cli("ledger", "report", "--by", "tier,model", "--batch", finished)
    assert (table.exit_code, table.stdout.isascii()) == (0, True)
    assert "frontier" in table.stdout
    told = json.loads(cli("ledger", "report", "--by", "tier", "--json").stdout)
    rows = list(csv.DictReader(io.StringIO(cli("ledger", "report", "--by", "tier", "--csv").stdout)))
    assert [row["total_usd"] for row in rows] == [row["total_usd"] for row in told["rows"]]
    status = json.loads(cli("status", finished, "--json").stdout)
    assert told["totals"]["total_usd"] == status["total_usd"]
    assert told["totals"]["baseline_estimate_usd"] == status["baseline_estimate_usd"]
    later = json.loads(cli("ledger", "report", "--since", "2999-01-01", "--json").stdout)
    assert (later["rows"], later["totals"]["calls"]) == ([], 0)
    balance = json.loads(cli("ledger", "balance", "--json").stdout)
    assert balance["balanced"] is True
    assert balance["debit_usd"] == told["totals"]["total_usd"]
    assert "expense:default:unassigned" in cli("ledger", "balance").stdout


def test_the_ledger_needs_no_broker(cli: Cli) -> None:
    """Whoever reads the books needs the database alone."""
    del cli.env["POINTSMAN_BROKER_URL"]
    assert cli("ledger", "report").exit_code == 0
    assert cli("status").exit_code == 0


def test_db_upgrade_brings_an_empty_database_up_to_date(cli_alone: Cli, empty_database_url: str) -> None:
    """Check says what is missing with exit 2; upgrade runs it; a second one finds nothing to do."""
    env = {"POINTSMAN_DATABASE_URL": empty_database_url}
    before = cli_alone("db", "check", **env)
    assert (before.exit_code, "pointsman db upgrade" in before.stderr) == (2, True)
    assert json.loads(cli_alone("db", "upgrade", "--json", **env).stdout)["ran"] != []
    assert cli_alone("db", "check", **env).stdout == "the schema is current\n"
    assert cli_alone("db", "upgrade", **env).stdout == "the schema is current\n"


def test_a_database_of_a_newer_program_is_told_as_such(cli: Cli, runtime: Runtime) -> None:
    """Neither a traceback nor a downgrade."""
    with runtime.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    found = cli("db", "check")
    assert (found.exit_code, "newer than this program" in found.stderr) == (2, True)
