"""The submit message: taken in, announced, or refused with an event that says why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from gateway.embedded import client_url
from tests.workers.core import Core, line, mails, open_core
from workers.submitting import take_message

pytestmark = pytest.mark.system


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """The folder that messages may name files of."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def core(database_url: str, broker_url: str, tmp_path: Path, inbox: Path) -> Iterator[Core]:
    """A core that takes files from the inbox."""
    with open_core(database_url, tmp_path, broker_url=broker_url, inbox_dir=inbox) as opened:
        yield opened


def announced(broker_url: str) -> int:
    with redis.Redis.from_url(client_url(broker_url)) as client:
        return int(client.llen("pointsman.intake"))


def refusal(core: Core, batch: str) -> Any:
    event = core.one("SELECT kind, detail FROM event WHERE batch_id = :b", b=batch)
    assert event.kind == "refused"
    assert core.rows("SELECT 1 FROM batch WHERE id = :b", b=batch) == []
    return event.detail


def test_the_lines_of_a_message_become_a_batch_and_are_announced(core: Core, broker_url: str) -> None:
    """Its defaults hold for lines without their own; the budget is the batch's."""
    message = {"batch_id": "m", "lines": [line("a"), line("b", tenant="other")], "tenant": "acme", "budget_usd": "1.5"}
    receipt = take_message(core.runtime, message)
    assert receipt is not None
    assert (receipt.jobs, receipt.known) == (2, False)
    assert [row.tenant for row in core.rows("SELECT tenant FROM job ORDER BY line")] == ["acme", "other"]
    batch = core.one("SELECT * FROM batch")
    assert (batch.budget_pico, batch.way_in, batch.tenant) == (1_500_000_000_000, "message", "acme")
    assert announced(broker_url) == 1


def test_the_same_message_again_is_announced_again_and_stores_nothing(core: Core, broker_url: str) -> None:
    """A producer that saw nothing sends once more: the broker may have lost the first announcement."""
    message = {"batch_id": "m", "lines": mails(3)}
    first, again = take_message(core.runtime, message), take_message(core.runtime, message)
    assert first is not None
    assert again is not None
    assert (first.known, again.known, again.jobs) == (False, True, 3)
    assert len(core.rows("SELECT 1 FROM job")) == 3
    assert announced(broker_url) == 2


def test_a_broker_that_is_away_does_not_lose_a_batch(database_url: str, tmp_path: Path) -> None:
    """What is stored is durable; the sweeper announces it."""
    with open_core(database_url, tmp_path) as core:
        receipt = take_message(core.runtime, {"batch_id": "m", "lines": mails(1)})
        assert receipt is not None
        assert core.one("SELECT state FROM batch").state == "accepted"


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ({"lines": [{}], "batch_id": "no spaces please"}, {"batch_id"}),
        ({"batch_id": "m"}, {""}),
        ({"batch_id": "m", "lines": [{}], "file": "/x"}, {""}),
        ({"batch_id": "m", "lines": [{}], "budget_usd": 3, "colour": "red"}, {"budget_usd", "colour"}),
    ],
)
def test_a_message_of_the_wrong_shape_is_told_field_by_field(
    core: Core, broker_url: str, message: dict[str, Any], fields: set[str]
) -> None:
    """Under the key it gave, where `pointsman status` looks."""
    assert take_message(core.runtime, message) is None
    detail = refusal(core, message["batch_id"])
    assert {problem["field"] for problem in detail["problems"]} == fields
    assert announced(broker_url) == 0


@pytest.mark.parametrize("key", ["a\x00b", "a\ud800b", "x" * 5000, "", None, 7])
def test_a_key_that_cannot_be_stored_is_refused_like_any_other(core: Core, key: Any) -> None:
    """The refusal stands in the database under a name that it can hold."""
    assert take_message(core.runtime, {"batch_id": key, "lines": [line("a")]}) is None
    event = core.one("SELECT batch_id, detail FROM event")
    assert 0 < len(event.batch_id) <= 128
    assert event.detail["problems"][0]["field"] == "batch_id"


def test_a_strict_message_with_a_bad_line_is_refused_with_its_problems(core: Core) -> None:
    """All of them counted, the first hundred listed, none with the job's own words."""
    lines = ["{xyzzy"] * 150
    assert take_message(core.runtime, {"batch_id": "m", "lines": lines, "strict": True}) is None
    detail = refusal(core, "m")
    assert (detail["found"], len(detail["problems"])) == (150, 100)
    assert "xyzzy" not in json.dumps(detail)


def test_a_key_that_another_content_has_is_refused(core: Core) -> None:
    """The first batch stays as it is."""
    take_message(core.runtime, {"batch_id": "m", "lines": mails(2)})
    assert take_message(core.runtime, {"batch_id": "m", "lines": mails(3)}) is None
    assert "another key" in core.one("SELECT detail FROM event WHERE kind = 'refused'").detail["says"]
    assert len(core.rows("SELECT 1 FROM job")) == 2


def test_a_file_of_the_inbox_is_taken(core: Core, inbox: Path) -> None:
    """By its path, its digest checked where one is given."""
    data = "\n".join(json.dumps(one) for one in mails(4)).encode()
    (inbox / "bulk.jsonl").write_bytes(data)
    message = {"batch_id": "m", "file": str(inbox / "bulk.jsonl"), "sha256": hashlib.sha256(data).hexdigest()}
    receipt = take_message(core.runtime, message)
    assert receipt is not None
    assert receipt.jobs == 4
    wrong = message | {"batch_id": "n", "sha256": "0" * 64}
    assert take_message(core.runtime, wrong) is None
    assert "SHA-256" in refusal(core, "n")["says"]


def test_files_elsewhere_are_not_read(core: Core, inbox: Path, tmp_path: Path) -> None:
    """Neither by dots nor by a link; one that is missing, or a folder, is told as that."""
    (tmp_path / "secret.jsonl").write_text(json.dumps(line("a")))
    (inbox / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (inbox / "folder.jsonl").mkdir()
    outside = [inbox / ".." / "secret.jsonl", tmp_path / "secret.jsonl", inbox / "link.jsonl"]
    for number, file in enumerate([*outside, inbox / "missing.jsonl", inbox / "folder.jsonl"]):
        assert take_message(core.runtime, {"batch_id": f"m{number}", "file": str(file)}) is None
        says = refusal(core, f"m{number}")["says"]
        assert ("outside" in says) == (number < len(outside))
        assert str(tmp_path) not in says


def test_without_an_inbox_no_message_names_a_file(database_url: str, tmp_path: Path) -> None:
    """The refusal names the setting."""
    with open_core(database_url, tmp_path) as core:
        assert take_message(core.runtime, {"batch_id": "m", "file": "/etc/hostname"}) is None
        assert "POINTSMAN_INBOX_DIR" in refusal(core, "m")["says"]
