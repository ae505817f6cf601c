"""Several processes of Pointsman on one machine: started together, started again when one ends, stopped together."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
#: What a process logs when it can work (see ``workers.process``).
_READY = (b"worker.ready", b"sweeper.ready")


class NotReadyError(Exception):
    """A process ended, or said nothing, before it could work."""


@dataclass
class _Child:
    name: str
    args: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    pause_s: float = _FIRST_PAUSE_S
    start_at: float = 0.0


class Supervisor:
    """Runs ``pointsman`` commands as children. They end with this process, however it ends: their input closes.

    ``sink`` is given each line that a child logs.
    """

    def __init__(self, env: Mapping[str, str], sink: Callable[[bytes], None]) -> None:
        self._env = {**os.environ, **env, "PYTHONUNBUFFERED": "1"}
        self._sink = sink
        self._children: list[_Child] = []
        self._stopping = False

    def add(self, name: str, *args: str) -> None:
        """Start a child: ``pointsman ARGS``."""
        child = _Child(name, args)
        self._children.append(child)
        self._start(child)

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until all children can work. Raises ``NotReadyError``."""
        until = time.monotonic() + timeout_s
        for child in self._children:
            while not child.ready.wait(0.1):
                if child.process is not None and child.process.poll() is not None:
                    raise NotReadyError(f"the {child.name} ended with status {child.process.returncode}")
                if time.monotonic() > until:
                    raise NotReadyError(f"the {child.name} was not ready within {timeout_s:.0f} seconds")

    def tend(self) -> list[str]:
        """Start again what has ended, after a pause that grows; returns the names of what had to be."""
        again = []
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                _let_go(child.process)
                child.process = None
                child.start_at = time.monotonic() + child.pause_s
                child.pause_s = min(child.pause_s * 2, _LONGEST_PAUSE_S)
                again.append(child.name)
            if child.process is None and time.monotonic() >= child.start_at:
                self._start(child)
        return again

    def processes(self) -> dict[str, int]:
        """Process ids by name."""
        return {child.name: child.process.pid for child in self._children if child.process is not None}

    def stop(self, timeout_s: float) -> None:
        """Ask all children to end, wait, and kill what doesn't."""
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        until = time.monotonic() + timeout_s
        for process in running:
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            _let_go(process)

    def _start(self, child: _Child) -> None:
        # A session of its own: Ctrl-C in the terminal reaches this process alone, which then stops them in order.
        child.process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
            [sys.executable, "-m", "gateway.cli", *child.args, "--until-stdin-closes"],
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(child, child.process), daemon=True).start()

    def _read(self, child: _Child, process: subprocess.Popen[bytes]) -> None:
        if process.stderr is None:
            return
        for line in process.stderr:
            if any(word in line for word in _READY):
                child.ready.set()
                child.pause_s = _FIRST_PAUSE_S
            self._sink(line)
        process.stderr.close()


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Close our end of a child's input."""
    if process.stdin is not None:
        process.stdin.close()
