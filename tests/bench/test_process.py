"""The stand-in as a process: it starts, says what is wrong, and never outlives its parent."""

import os
import select
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.standin.process import StandIn, StandInError
from tests.bench.calling import MONDAY_NOON, PRICES, chat

ROOT = Path(__file__).parents[2]
PARENT = """
import sys
from pathlib import Path
from bench.standin.process import StandIn
standin = StandIn.start(prices=Path(sys.argv[1]))
print(standin.pid, standin.url, flush=True)
sys.stdin.read()
"""


def ended(pid, within=20.0):
    """Whether a process that is not our child is gone, or goes before the time is over."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], within)[0])
    finally:
        os.close(watched)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for a process by its file descriptor, which is Linux")
def test_it_ends_with_a_parent_that_is_killed():
    """A kill -9 of the parent leaves no stand-in behind."""
    command = [sys.executable, "-c", PARENT, str(PRICES)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        pid, url = parent.stdout.readline().split()
        assert chat(url, "hello").status == 200
        parent.kill()
    assert ended(int(pid))


def test_it_ends_at_sigterm_with_a_call_that_hangs():
    """Exit status 0, nothing on standard error."""
    with StandIn.start(prices=PRICES, faults=[{"fault": "hang"}]) as standin, ThreadPoolExecutor(1) as caller:
        call = caller.submit(chat, standin.url, "hello")
        while standin.stats()["in_flight"] == 0:
            pass
        os.kill(standin.pid, signal.SIGTERM)
        assert isinstance(call.exception(20), ConnectionError)
        assert standin._process.wait(20) == 0
        standin._complaints.seek(0)
        assert standin._complaints.read() == b""


def test_calls_at_once_are_seen():
    """Eight calls of a tenth of a second and more overlap, and each is billed once."""
    with StandIn.start(prices=PRICES, now=MONDAY_NOON, latency_ms=150, latency_spread=0.2) as standin:
        with ThreadPoolExecutor(8) as callers:
            begun = time.monotonic()
            replies = list(callers.map(lambda number: chat(standin.url, f"question {number}"), range(8)))
            took = time.monotonic() - begun
        assert {reply.status for reply in replies} == {200}
        assert took >= 0.12
        assert standin.stats()["peak_in_flight"] > 1
        assert standin.bill()["calls"] == 8


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[endpoint]\n", "not TOML"),
        ("", "there is no"),
        ('[[endpoint]]\nid = "a/b"\n', "endpoint 'a/b': provider must be a text"),
        (PRICES.read_text().replace('input = "2.00"', "input = 2.00"), "card 'alpha/one@new': input must be an amount"),
        (PRICES.read_text().replace('"01-04"', '"1-4"'), "hours_utc must be a list"),
        (
            PRICES.read_text().replace('id = "alpha/odd"\n', 'id = "alpha/twin"\n').replace('"odd"', '"one"'),
            "the same provider",
        ),
    ],
)
def test_prices_that_cannot_be_used_are_named(tmp_path, text, says):
    """One line, with the file and the entry."""
    file = tmp_path / "prices.toml"
    file.write_text(text)
    with pytest.raises(StandInError, match=says) as refused:
        StandIn.start(prices=file)
    assert str(refused.value).startswith(f"stand-in: {file}: ")
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_one_line(tmp_path):
    """No traceback."""
    with pytest.raises(StandInError, match=r"^stand-in: .*none\.toml'$"):
        StandIn.start(prices=tmp_path / "none.toml")


def test_the_catalogue_of_the_project_can_be_read():
    """The stand-in's own reading takes every card that ships."""
    with StandIn.start() as standin:
        assert standin.bill()["calls"] == 0
