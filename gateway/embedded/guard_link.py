"""The starter's end of the pipe to the guard process."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway.embedded.errors import ServersError


@dataclass(frozen=True)
class Identity:
    """As whom a server runs: `own`, `nobody`, `namespace` (that user in a user namespace) or `nobody-dac` (that user,
    with root's right to pass through closed folders). `uid` and `gid` are the server's own view of itself."""

    kind: str
    uid: int
    gid: int

    def owner(self) -> tuple[int, int]:
        """Uid and gid of the files it makes, as seen from outside."""
        return (self.uid, self.gid) if self.kind.startswith("nobody") else (os.geteuid(), os.getegid())


class GuardLink:
    """Starts a guard and speaks to it. Threads may share it; a forked child must not use it."""

    def __init__(self, lock_fd: int, stderr: Path) -> None:
        """`lock_fd` is a held file lock, which the guard goes on holding until its servers are gone."""
        command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")), str(os.getpid())]
        out = os.open(stderr, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                cwd="/",
                start_new_session=True,  # Ctrl-C in the terminal is for the workers, which need the servers to finish
                pass_fds=[lock_fd],
            )
        finally:
            os.close(out)
        self._lock = threading.RLock()  # a signal handler may close in the middle of a question

    def run(
        self,
        name: str,
        argv: Sequence[str],
        identity: Identity,
        stop: Sequence[tuple[int, int]],
        *,
        env: Mapping[str, str],
        log: Path | None = None,
    ) -> int:
        """Start a server and return its pid; `stop` lists (signal, seconds to wait for the end), tried in turn."""
        asked = {"argv": list(argv), "identity": asdict(identity), "stop": [list(step) for step in stop]}
        answer = self._ask("run", name=name, env=dict(env), log=str(log) if log else None, **asked)
        return int(answer["pid"])

    def wait(self, name: str, seconds: float = 0) -> int | None:
        """Wait for a server's end: its exit status, or None if it still runs."""
        status = self._ask("wait", name=name, seconds=seconds)["returncode"]
        return None if status is None else int(status)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a server."""
        self._ask("signal", name=name, signal=int(number))

    def tidy(self, paths: Sequence[Path]) -> None:
        """Say which files and folders to delete when the servers have stopped."""
        self._ask("tidy", paths=[str(path) for path in paths])

    def close(self, seconds: float = 90) -> None:
        """Have everything stopped and wait until it is."""
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018 - for mypy
        with self._lock:
            try:
                with self._process.stdin as pipe:
                    pipe.write(b'{"do": "quit"}\n')
            except BrokenPipeError:
                pass  # gone already
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()

    def _ask(self, do: str, **what: Any) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018 - for mypy
        with self._lock:
            try:
                self._process.stdin.write(json.dumps({"do": do, **what}).encode() + b"\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
            except (OSError, ValueError) as error:
                raise ServersError("the guard process of the embedded servers is gone; start them again") from error
        if not line:
            raise ServersError("the guard process of the embedded servers is gone; start them again")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ServersError(f"the embedded servers' guard could not {do} {what.get('name', '')}: {answer['error']}")
        return answer
