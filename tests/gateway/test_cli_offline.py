"""Commands that need no server: assess, plan, policy, catalogue, config, schema."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from gateway.cli.config import markdown_table
from schemas.export import exported
from tests.gateway.cli_runs import BAD_LINES, Cli, without_pace
from tests.workers.settled_batches import DOSE, DRAFT, MAIL, job, jsonl
from workers.rulebook import read
from workers.settings import Settings

STANDIN = {"POINTSMAN_STANDIN_URL": "http://127.0.0.1:9"}


@pytest.fixture
def file(cli_alone: Cli) -> str:
    """A bulk file of three jobs, high, low and medium, and a parked one."""
    lines = [job("dose", DOSE), job("mail", MAIL), job("draft", DRAFT), job("solo", DOSE, tenant="individual/me")]
    path = cli_alone.folder / "jobs.jsonl"
    path.write_text(jsonl(lines), "utf-8")
    return str(path)


def test_assess_says_what_is_at_stake_line_by_line(cli_alone: Cli, file: str) -> None:
    """Each line has the rubric's axes with reasons, in the order of the file; none quotes the prompt."""
    found = cli_alone("assess", file)
    assert (found.exit_code, without_pace(found.stderr)) == (0, "")
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert [(line["custom_id"], line["stakes"], line["tier"]) for line in lines] == [
        ("dose", "high", "frontier"),
        ("mail", "low", "open"),
        ("draft", "medium", "hybrid"),
        ("solo", "high", "frontier"),
    ]
    assert all(line["reasons"] and 0 <= line["p_high"] <= 1 for line in lines)
    assert "warfarin" not in found.stdout


def test_assess_reads_standard_input_and_names_bad_lines_on_standard_error(cli_alone: Cli) -> None:
    """Good lines are assessed, each bad one is named by its number, and the exit status is 0."""
    found = cli_alone("assess", "-", stdin=BAD_LINES.read_bytes())
    assert found.exit_code == 0
    assert [json.loads(line)["custom_id"] for line in found.stdout.splitlines()] == ["good-1", "good-2"]
    assert "line 2: invalid_utf8" in found.stderr
    assert "line 20: invalid_field" in found.stderr


def test_assess_explains_itself_on_demand(cli_alone: Cli, file: str) -> None:
    """Spans of the job's own text, known cases with reasons, and the margin; without the option none of it."""
    found = cli_alone("assess", "--explain", file)
    assert found.exit_code == 0
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    told = lines[0]["explanation"]
    assert "warfarin" in told["spans"][0]["text"]
    assert len(told["nearest_cases"]) == 3
    assert told["margin"] == pytest.approx(told["p_high"] - told["threshold"], abs=2e-4)
    assert all("explanation" in line for line in lines)


def test_assess_needs_neither_celery_nor_long(cli_alone: Cli) -> None:
    """It starts without Celery and without the tokenizer's vocabulary."""
    began = time.monotonic()
    done = cli_alone.process("assess", "-", stdin=jsonl([job("mail", MAIL)]).encode())
    # Two seconds on a quiet machine; the tests may share theirs.
    assert time.monotonic() - began < 20
    assert (done.returncode, without_pace(done.stderr.decode())) == (0, "")
    assert json.loads(done.stdout)["stakes"] == "low"


@pytest.mark.parametrize("command", ["assess", "plan"])
def test_input_without_a_job_is_refused(cli_alone: Cli, command: str) -> None:
    """Empty input and input of bad lines alone are exit 3, in words."""
    for stdin, says in ((b"", "empty_batch"), (b"{\n", "line 1: invalid_json")):
        found = cli_alone(command, "-", stdin=stdin)
        assert (found.exit_code, found.stdout) == (3, "")
        assert says in found.stderr
        assert found.stderr.splitlines()[-1].startswith("pointsman: ")


def test_plan_shows_where_jobs_would_go_and_what_is_parked(cli_alone: Cli, file: str) -> None:
    """Counts, costs, the named baseline and the reason and price of the parked job; nothing is stored."""
    found = cli_alone("plan", file, **STANDIN)
    assert found.exit_code == 0
    assert "4 jobs: 3 would be sent, 1 parked." in found.stdout
    assert "above_ceiling" in found.stdout
    assert "claude-opus-4-6" in found.stdout
    assert found.stdout.isascii()
    assert without_pace(found.stderr) == ""


def test_plan_as_json_adds_up(cli_alone: Cli, file: str) -> None:
    """One document, amounts as exact text, stable between runs but for the clock."""
    found = json.loads(cli_alone("plan", file, "--json", **STANDIN).stdout)
    assert (found["jobs"], found["dispatched"]["jobs"], found["problems"]) == (4, 3, 0)
    assert sum(group["jobs"] for group in found["groups"]) == 3
    assert [reason["reason"] for reason in found["parked"]] == ["above_ceiling"]
    assert (found["assumed_reachable"], found["history_used"]) == (False, False)
    assert len(found["dispatched"]["expected_usd"].partition(".")[2]) == 12


def test_plan_of_each_job_is_json_lines(cli_alone: Cli, file: str) -> None:
    """One line a job with its decision."""
    found = cli_alone("plan", file, "--jobs", "--json", **STANDIN)
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert [line["custom_id"] for line in lines] == ["dose", "mail", "draft", "solo"]
    assert lines[0]["endpoint"] == lines[0]["decision"]["stages"][0]["endpoints"][0]
    assert (lines[3]["parked"], lines[3]["endpoint"]) == ("above_ceiling", None)
    shown = cli_alone("plan", file, "--jobs", **STANDIN).stdout
    assert "parked: above_ceiling" in shown


def test_plan_holds_to_the_budget_and_reads_what_cannot_be_wound_back(cli_alone: Cli, file: str) -> None:
    """Standard input is read once; jobs beyond the budget would be parked."""
    stdin = Path(file).read_bytes()
    done = cli_alone.process("plan", "-", "--json", "--budget-usd", "0.000001", stdin=stdin, **STANDIN)
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["dispatched"]["jobs"] == 0
    assert {reason["reason"]: reason["jobs"] for reason in found["parked"]} == {"over_budget": 3, "above_ceiling": 1}


def test_plan_without_any_provider_says_what_it_assumes(cli_alone: Cli, file: str) -> None:
    """With nothing configured it plans as if every remote endpoint had a key; with one key it holds to that."""
    found = cli_alone("plan", file, "--json")
    assert "planned as if every remote endpoint had a key" in found.stderr
    assert json.loads(found.stdout)["dispatched"]["jobs"] == 3
    found = cli_alone("plan", file, "--json", ANTHROPIC_US_API_KEY="k")
    assert without_pace(found.stderr) == ""
    places = {place["endpoint"].split("/")[0] for place in json.loads(found.stdout)["endpoints"]}
    assert places == {"anthropic-us"}


def test_plan_refuses_bad_lines_only_when_strict(cli_alone: Cli) -> None:
    """Bad lines are told; --strict makes them exit 3."""
    stdin = BAD_LINES.read_bytes()
    found = cli_alone("plan", "-", "--json", stdin=stdin, **STANDIN)
    assert (found.exit_code, json.loads(found.stdout)["jobs"]) == (0, 2)
    found = cli_alone("plan", "-", "--json", "--strict", stdin=stdin, **STANDIN)
    assert (found.exit_code, found.stdout) == (3, "")


def test_the_policy_shows_its_rows(cli_alone: Cli) -> None:
    """The table names each rule; JSON holds the whole policy."""
    found = cli_alone("policy", "show")
    assert found.exit_code == 0
    for name in ("clinical-support", "individual-builder", "never below tier", "claude-opus-4-6"):
        assert name in found.stdout
    told = json.loads(cli_alone("policy", "show", "--json").stdout)
    assert told["rules"][0]["id"] == "individual-builder"
    assert told["data"][0]["class"] == "public"


def test_a_sound_policy_and_catalogue_pass_their_check(cli_alone: Cli) -> None:
    """The shipped ones, by name and version."""
    for kind in ("policy", "catalogue"):
        found = cli_alone(kind, "check")
        assert found.exit_code == 0, found.stderr
        assert f"{kind}.toml is sound (version " in found.stdout
        told = json.loads(cli_alone(kind, "check", "--json").stdout)
        assert (told["sound"], told["problems"]) == (True, [])


def test_an_unsound_policy_is_exit_2_with_a_line_for_each_problem(cli_alone: Cli) -> None:
    """File, line and field; a reference model that the catalogue lacks is a problem too."""
    text, _ = read(None, "policy.toml")
    path = cli_alone.folder / "mine.toml"
    path.write_text(
        text.replace('high = "frontier"', 'high = "open"').replace('tier = "open",     stage', 'tier = "x", stage')
    )
    found = cli_alone("policy", "check", str(path))
    assert (found.exit_code, found.stdout) == (2, "")
    assert all(line.startswith(f"{path}:") for line in found.stderr.splitlines())
    told = cli_alone("policy", "check", str(path), "--json")
    assert (told.exit_code, json.loads(told.stdout)["problems"]) == (2, found.stderr.splitlines())
    path.write_text(text.replace('reference_model = "claude-opus-4-6"', 'reference_model = "gpt-9"'))
    found = cli_alone("policy", "check", str(path))
    assert (found.exit_code, "gpt-9 is not in the catalogue" in found.stderr) == (2, True)
    assert cli_alone("policy", "show", "missing.toml").exit_code == 2


def test_the_catalogue_shows_models_prices_and_reach(cli_alone: Cli) -> None:
    """Each endpoint says whether it can be called from here."""
    found = cli_alone("catalogue", "show", OPENAI_API_KEY="k")
    assert found.exit_code == 0
    assert "ANTHROPIC_API_KEY is not set" in found.stdout
    rows = [line for line in found.stdout.splitlines() if "openai/gpt-5.2 " in line]
    assert any(line.rstrip(" |").endswith("yes") for line in rows)
    told = json.loads(cli_alone("catalogue", "show", "--json").stdout)
    assert {"models", "endpoints", "cards", "bars", "version"} == set(told)


def test_an_unreadable_catalogue_is_exit_2(cli_alone: Cli) -> None:
    """A line for each problem, from the file that the setting names."""
    path = cli_alone.folder / "mine.toml"
    path.write_text('[[model]]\nid = "x"\n')
    found = cli_alone("catalogue", "check", POINTSMAN_CATALOGUE_FILE=str(path))
    assert found.exit_code == 2
    assert f"{path}:1: [[model]] x, developer: is missing" in found.stderr
    path.write_text("")
    found = cli_alone("catalogue", "check", str(path))
    assert (found.exit_code, "has no model" in found.stderr) == (2, True)


def test_config_tells_each_setting_its_source_and_hides_secrets(cli_alone: Cli) -> None:
    """The environment goes before .env, and that before the file."""
    (cli_alone.folder / ".env").write_text("POINTSMAN_LEASE_S=50\nPOINTSMAN_GRACE_S=5\n")
    (cli_alone.folder / "pointsman.toml").write_text("lease_s = 40\nchunk_jobs = 9\ngrace_s = 7\n")
    env = {"POINTSMAN_GRACE_S": "3", "POINTSMAN_DATABASE_URL": "postgresql://me:secret@host/db"}
    found = cli_alone("config", "--json", **env)
    told = {one["setting"]: (one["value"], one["source"]) for one in json.loads(found.stdout)}
    assert told["POINTSMAN_GRACE_S"] == ("3", "environment")
    assert told["POINTSMAN_LEASE_S"] == ("50", ".env")
    assert told["POINTSMAN_CHUNK_JOBS"] == ("9", "pointsman.toml")
    assert told["POINTSMAN_SWEEP_MS"] == ("1000", "default")
    assert told["POINTSMAN_DATABASE_URL"] == ("(hidden)", "environment")
    shown = cli_alone("config", **env).stdout
    assert "secret" not in found.stdout + shown
    assert len(told) == len(Settings.model_fields)


def test_config_writes_the_readme_table(cli_alone: Cli) -> None:
    """Every setting has a row with its default and its description, whatever is set here."""
    found = cli_alone("config", "--markdown", POINTSMAN_LEASE_S="7")
    assert found.stdout.splitlines() == list(markdown_table())
    assert "| `POINTSMAN_LEASE_S` | `60` |" in found.stdout
    assert all(f"`POINTSMAN_{name.upper()}`" in found.stdout for name in Settings.model_fields)


def test_schemas_are_shown_and_exported(cli_alone: Cli) -> None:
    """What is exported are the files of the checkout."""
    folder = cli_alone.folder / "out"
    found = cli_alone("schema", "export", str(folder))
    assert (found.exit_code, len(found.stdout.splitlines())) == (0, len(exported()))
    assert {path.name: path.read_text() for path in folder.iterdir()} == exported()
    assert json.loads(cli_alone("schema", "show", "job_line").stdout)["$id"].endswith("job_line")
    assert "output_line" in cli_alone("schema", "show").stdout
