"""What a change has to pass: `python -m tests.gate lint`, `python -m tests.gate test [PYTEST ARGUMENTS]`.

Runs the linters, then pytest in parallel (with `coverage` in place of `test`: traced, which takes twice as long), and
sees to it that nothing is left running: a process that the tests leave behind is ended and counts as a failure, and
all of it ends when this process is killed (on Linux; a child of it, told by the kernel, does the ending).
"""
# ruff: noqa: T201 - it prints what it finds

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
GRACE, PATIENCE = 3.0, 15.0  # seconds to end unasked, and when asked

CHECKS = {
    "ruff check": ["ruff", "check", "--quiet", ".", "dev"],
    "ruff format": ["ruff", "format", "--check", "--quiet", ".", "dev"],
    "mypy": ["mypy", "--no-error-summary"],
    "import rules": ["lint-imports"],
}


def prctl(option: int, value: int) -> None:
    """Linux's process control; elsewhere nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def lint() -> list[str]:
    """Run the linters and print how they went, with the output of those that failed; the names of those."""
    failed = []
    for name, command in CHECKS.items():
        began = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        print(f"{name:14} {'FAILED' if done.returncode else 'ok'} ({time.monotonic() - began:.1f} s)", flush=True)
        if done.returncode:
            failed.append(name)
            print(done.stdout + done.stderr, flush=True)
    return failed


def test(arguments: list[str], *, traced: bool) -> int:
    """Linters, then pytest; the exit status is 0 only if all of them passed and left nothing running."""
    failed = lint()
    workers = str(min(4, (os.cpu_count() or 1) + 1))  # one more than cores: many tests wait for processes
    command = [sys.executable, "-m", "pytest", "-n", workers, "--dist", "loadfile", "--no-loadscope-reorder"]
    coverage = ["--cov", "--cov-branch", "--cov-report="] if traced else []
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C reaches pytest by itself, and it has things to put away
    code = subprocess.call([*command, *coverage, *arguments], cwd=ROOT)
    left = end_descendants()
    if traced:
        subprocess.run([sys.executable, "-m", "coverage", "report", "--precision=1"], cwd=ROOT, check=False)
    failed += ["pytest"] * bool(code) + [f"left running: {command}" for command in left]
    if failed:
        print("FAILED: " + "; ".join(failed), flush=True)
    return code or bool(failed)


def watched(run: Callable[[], int]) -> int:
    """Call `run` in a child process, and end all that it started when it is done, or when either is killed."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # orphans become ours, so that they can be found
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _run_below(parent, run)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child has it too
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    end_descendants()
    return code if code >= 0 else 128 - code


def _run_below(parent: int, run: Callable[[], int]) -> None:
    code = 1
    try:
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        signal.signal(signal.SIGTERM, _terminated)
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == parent:
            code = run()
    except KeyboardInterrupt:
        end_descendants()
        code = 130
    finally:
        sys.stdout.flush()
        os._exit(code)


def _terminated(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_descendants(grace=0)
    os._exit(128 + number)


def descendants() -> dict[int, str]:
    """The living processes below this one, as pid to command line. Empty where there is no /proc."""
    parents, commands = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except (OSError, ValueError):
            continue  # it ended while we looked
        if state != "Z":
            parents[int(folder.name)], commands[int(folder.name)] = int(parent), command
    found: dict[int, str] = {}
    look = [os.getpid()]
    while look:
        above = look.pop()
        below = [pid for pid, parent in parents.items() if parent == above]
        found.update({pid: commands[pid][:100] for pid in below})
        look += below
    return found


def end_descendants(grace: float = GRACE) -> list[str]:
    """End what still runs below this process: asked first, then killed. What had not ended by itself after `grace`."""
    left: list[str] = []
    for number, seconds in ((0, grace), (signal.SIGTERM, PATIENCE), (signal.SIGKILL, PATIENCE)):
        running = descendants()
        if number and not left:
            left = list(running.values())
        for pid in running if number else ():
            try:
                os.kill(pid, number)
            except OSError:
                continue
        until = time.monotonic() + seconds
        while running and time.monotonic() < until:
            _reap()
            time.sleep(0.05)
            running = descendants()
        if not running:
            break
    return left


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return


def main() -> int:
    """The exit status: 0 when all passed."""
    what, arguments = sys.argv[1], sys.argv[2:]
    if what == "lint":
        return bool(lint())
    return watched(lambda: test(arguments, traced=what == "coverage"))


if __name__ == "__main__":
    sys.exit(main())
