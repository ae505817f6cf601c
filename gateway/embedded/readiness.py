"""Waiting for a server to be ready, and saying what its log says when it is not."""

import time
from collections.abc import Callable
from pathlib import Path

from gateway.embedded.errors import ServersError
from gateway.embedded.guard_link import GuardLink


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Look every 20 ms until the condition holds; whether it came to hold in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def until_ready(guard: GuardLink, name: str, log: Path, ready: Callable[[], bool], seconds: float = 300) -> None:
    """Wait until a server is ready. Raises ServersError, with the end of its log, if it ends or takes too long."""

    def settled() -> bool:
        return ready() or guard.wait(name) is not None

    if wait_until(settled, seconds) and guard.wait(name) is None:
        return
    status = guard.wait(name)
    how = f"was not ready after {seconds:.0f} s" if status is None else f"ended with status {status}"
    raise ServersError(f"{name} {how}; its last words, from {log}:\n{last_lines(log)}")


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a log file."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-count:]) or "(nothing)"
    except OSError as error:
        return f"(unreadable: {error.strerror})"


def rotate(log: Path, most: int = 5_000_000) -> None:
    """Keep a log from growing for ever: at `most` bytes it becomes `.1`, replacing the one before."""
    if log.exists() and log.stat().st_size > most:
        log.replace(log.with_name(log.name + ".1"))
