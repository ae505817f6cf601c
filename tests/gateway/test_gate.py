"""The gate ends what the tests leave running."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.embedded.readiness import wait_until

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(sys.platform != "linux", reason="finding descendants needs /proc"),
]
ROOT = Path(__file__).resolve().parents[2]

# An orphan in a session of its own, as a daemon would be; `sleep` tells by its argument which test it is of.
PROGRAM = """
import subprocess, sys, time
from tests import gate
gate.GRACE = 0.2
def run():
    subprocess.run(["/bin/sh", "-c", f"setsid sleep {sys.argv[1]} & echo started"])
    sys.stdout.flush()
    if sys.argv[2] == "wait":
        time.sleep(60)
    left = gate.end_descendants(grace=0.2)
    print(left, flush=True)
    return len(left)
sys.exit(gate.watched(run))
"""


def sleeping(seconds: str) -> bool:
    """Whether such a `sleep` runs."""
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return f"sleep {seconds}" in shown.splitlines()


def test_a_process_left_behind_is_named_and_ended():
    """It counts as a failure, and is gone afterwards."""
    command = [sys.executable, "-c", PROGRAM, "61.0625", "end"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "started\n['sleep 61.0625']\n"
    assert done.returncode == 1
    assert not sleeping("61.0625")


def test_killing_the_gate_ends_what_it_started():
    """After SIGKILL of the outermost process nothing below it is left."""
    command = [sys.executable, "-c", PROGRAM, "61.125", "wait"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "started\n"
        assert wait_until(lambda: sleeping("61.125"), 10)
        started.kill()
    assert wait_until(lambda: not sleeping("61.125"), 20)
