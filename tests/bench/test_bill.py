"""The bill: figures worked out by hand, and a file that survives."""

import json

import pytest

from bench.standin.process import StandIn, StandInError
from tests.bench.calling import MONDAY_NOON, PRICES, chat, message

FIVE_TOKENS = "x" * 17  # 17 bytes are 5 tokens, with the message 9


def test_a_call_is_billed_to_the_pico_dollar(standin):
    """Nine tokens in at 2 USD a million, the answer at 8, and a fee of a tenth of a cent."""
    used = chat(standin.url, FIVE_TOKENS, max_tokens=7).body["usage"]
    assert (used["prompt_tokens"], used["completion_tokens"], used["total_tokens"]) == (9, 7, 16)
    (entry,) = standin.entries()
    assert entry["amount_pico"] == {
        "input": 18_000_000,
        "cached_read": 0,
        "cache_write": 0,
        "output": 56_000_000,
        "fee": 1_000_000_000,
    }
    assert entry["total_pico"] == 1_074_000_000
    assert entry["card"] == "alpha/one@new"
    assert standin.bill()["total_usd"] == "0.001074000000"


def test_each_line_is_rounded_half_to_even(standin):
    """Half a pico-dollar a token: 9 tokens are 4.5, so 4; one and a half a token: 5 tokens are 7.5, so 8."""
    chat(standin.url, FIVE_TOKENS, model="odd", max_tokens=5)
    (entry,) = standin.entries()
    assert (entry["amount_pico"]["input"], entry["amount_pico"]["output"]) == (4, 8)


def test_peak_prices_hold_in_their_hours():
    """On a Monday at 03:59 UTC the peak holds, at 04:00 it does not."""
    amounts = []
    for now in ("2026-11-23T03:59:59Z", "2026-11-23T04:00:00Z"):
        with StandIn.start(prices=PRICES, now=now) as standin:
            message(standin.url, FIVE_TOKENS, max_tokens=2)
            amounts.append(standin.bill()["amount_pico"])
    assert [(found["input"], found["output"]) for found in amounts] == [
        (72_000_000, 80_000_000),
        (36_000_000, 40_000_000),
    ]


def test_an_older_card_holds_before_the_newer_one():
    """A clock in 2025 finds the card of 2025."""
    with StandIn.start(prices=PRICES, now="2025-12-31T23:59:59Z") as standin:
        chat(standin.url, FIVE_TOKENS, max_tokens=1)
        (entry,) = standin.entries()
    assert (entry["card"], entry["total_pico"]) == ("alpha/one@old", 90_000_000)


def test_a_repeated_prefix_is_billed_as_cached(standin):
    """The second call with the same 1,100 tokens reads eight blocks of 128 from the cache."""
    text = "a stem that is long enough, number one " * 113
    tokens = -(-len(text) // 4) + 4
    first, second = chat(standin.url, text, max_tokens=1), chat(standin.url, text, max_tokens=1)
    assert 1024 <= tokens < 1152
    assert first.body["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert second.body["usage"]["prompt_tokens_details"]["cached_tokens"] == 1024
    assert second.body["usage"]["prompt_tokens"] == tokens
    amounts = list(standin.entries())[1]["amount_pico"]
    assert (amounts["input"], amounts["cached_read"]) == ((tokens - 1024) * 2_000_000, 1024 * 500_000)


def test_anthropic_writes_what_is_marked_and_reads_it_back(standin):
    """A marked system text is written once and read the next time, each token in one meter."""
    system = [{"type": "text", "text": "rules of the house. " * 260, "cache_control": {"type": "ephemeral"}}]
    first, second = (message(standin.url, text, system=system, max_tokens=1).body["usage"] for text in ("one", "two"))
    whole = 1300 + 4 + 1 + 4
    for usage, written, read in ((first, 1280, 0), (second, 0, 1280)):
        assert (usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"]) == (written, read)
        assert usage["input_tokens"] == whole - 1280
    amounts = [entry["amount_pico"] for entry in standin.entries()]
    assert (amounts[0]["cache_write"], amounts[1]["cached_read"]) == (1280 * 5_000_000, 1280 * 400_000)


def test_the_totals_are_the_sums_of_the_entries(standin):
    """Overall, by provider and by model; what is refused costs nothing."""
    for number in range(5):
        chat(standin.url, f"question {number}")
    message(standin.url, "one more")
    assert chat(standin.url, "nobody", model="none").status == 404
    bill, entries = standin.bill(), list(standin.entries())
    assert bill["calls"] == len(entries) == 6
    assert [entry["n"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert bill["total_pico"] == sum(entry["total_pico"] for entry in entries)
    assert bill["by_provider"]["alpha"]["calls"] == bill["by_model"]["alpha/one"]["calls"] == 5
    assert bill["by_provider"]["beta"]["total_pico"] == entries[-1]["total_pico"]


def test_a_key_seen_twice_is_billed_twice_and_counted(standin):
    """Real providers don't look at it, so neither does the stand-in."""
    for _ in range(3):
        chat(standin.url, "same", headers={"Idempotency-Key": "k-1"})
    bill = standin.bill()
    assert (bill["calls"], bill["duplicate_keys"]) == (3, 2)
    assert {entry["key"] for entry in standin.entries()} == {"k-1"}


def test_a_key_is_billed_once_when_told_to_dedupe():
    """The same answer comes back, and the bill has one entry."""
    with StandIn.start(prices=PRICES, now=MONDAY_NOON, dedupe=True) as standin:
        first, second = (chat(standin.url, "same", headers={"Idempotency-Key": "k-1"}) for _ in range(2))
        assert first.raw == second.raw
        assert second.headers["idempotent-replayed"] == "true"
        assert standin.bill()["calls"] == 1


def test_the_bill_survives_a_kill_in_its_file(tmp_path):
    """What was answered before a kill -9 is in the file, and the next stand-in goes on from there."""
    file = tmp_path / "bill.jsonl"
    with StandIn.start(prices=PRICES, now=MONDAY_NOON, bill=file) as standin:
        for number in range(3):
            chat(standin.url, f"question {number}", headers={"Idempotency-Key": "k"})
        before = standin.bill()
        standin.kill()
    assert [json.loads(line)["n"] for line in file.read_text().splitlines()] == [1, 2, 3]
    with file.open("a") as end:
        end.write('{"n":4,"at"')  # what a kill in mid-write leaves
    with StandIn.start(prices=PRICES, now=MONDAY_NOON, bill=file) as standin:
        assert standin.bill() == before
        chat(standin.url, "the next")
    assert [json.loads(line)["n"] for line in file.read_text().splitlines()] == [1, 2, 3, 4]


def test_a_file_that_holds_no_bill_is_refused(tmp_path):
    """The message names the file and the line."""
    file = tmp_path / "other.txt"
    file.write_text("shopping list\n")
    with pytest.raises(StandInError, match=r"other\.txt, line 1: not an entry"):
        StandIn.start(prices=PRICES, bill=file)
    assert file.read_text() == "shopping list\n"


def test_entries_come_in_pages(standin):
    """An offset and a limit give the entries after the first ones."""
    for number in range(4):
        chat(standin.url, f"question {number}")
    page = standin._ask("GET", "/standin/bill/entries?offset=1&limit=2")
    assert [entry["n"] for entry in page["entries"]] == [2, 3]
    with pytest.raises(StandInError, match="whole numbers"):
        standin._ask("GET", "/standin/bill/entries?offset=a")
