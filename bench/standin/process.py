"""Start a stand-in from Python, as a process that never outlives the one that started it."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

_ROOT = Path(__file__).parents[2]
_READY_S = 30.0
_STOP_S = 10.0
_ANSWER_S = 30.0
_PAGE = 5_000


class StandInError(RuntimeError):
    """The stand-in did not start, or did not do what it was asked; the message is its own."""


class StandIn:
    """A running stand-in; a context manager. ``url`` has no trailing slash; a provider is at ``url/provider/v1``."""

    def __init__(self, process: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("the process needs pipes for its standard input and output")
        self._process = process
        self._held, self._said, self._complaints = process.stdin, process.stdout, complaints
        self._direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({})
        )  # loopback: no proxy, whatever is set
        self.url = ""

    @classmethod
    def start(
        cls,
        *,
        prices: Path | None = None,
        port: int = 0,
        latency_ms: float = 0,
        latency_spread: float = 0,
        bill: Path | None = None,
        faults: Sequence[Mapping[str, Any]] = (),
        now: str | None = None,
        dedupe: bool = False,
    ) -> Self:
        """Start one and wait until it answers. Without ``prices`` it has the project's catalogue.

        Options are those of ``python -m bench.standin``. Raises ``StandInError`` with what it said.
        """
        command = [sys.executable, "-m", "bench.standin", "--stdin-watch", f"--port={port}"]
        command += [f"--latency-ms={latency_ms}", f"--latency-spread={latency_spread}"]
        for option, value in (("--prices", prices), ("--bill", bill), ("--now", now)):
            if value is not None:
                command.append(f"{option}={value.absolute() if isinstance(value, Path) else value}")
        if dedupe:
            command.append("--dedupe")
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        # Its standard input is a pipe that nobody writes to: the system closes it when this process ends, however it
        # ends. A session of its own keeps Ctrl-C in a terminal from stopping it before those who call it.
        process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
            command,
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,
        )
        standin = cls(process, complaints)
        try:
            standin.url = standin._ready()
            if faults:
                standin.set_faults(faults)
        except BaseException:
            standin.stop()
            raise
        return standin

    def _ready(self) -> str:
        """The address that the process prints when it is ready."""
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._said, selectors.EVENT_READ)
            if selector.select(_READY_S):
                line = self._said.readline()
        if not line:
            self._complaints.seek(0)
            said = self._complaints.read(2000).decode(errors="replace").strip()
            raise StandInError(said or f"the stand-in was not ready after {_READY_S:.0f} s")
        url: str = json.loads(line)["url"]
        return url

    @property
    def pid(self) -> int:
        return self._process.pid

    def bill(self) -> dict[str, Any]:
        """Totals overall, ``by_provider`` and ``by_model``: calls, counts by meter, whole pico-USD."""
        found: dict[str, Any] = self._ask("GET", "/standin/bill")
        return found

    def entries(self) -> Iterator[dict[str, Any]]:
        """All entries of the bill that are held, oldest first."""
        offset = 0
        while True:
            page = self._ask("GET", f"/standin/bill/entries?offset={offset}&limit={_PAGE}")["entries"]
            yield from page
            if len(page) < _PAGE:
                return
            offset = page[-1]["n"]

    def stats(self) -> dict[str, Any]:
        """Calls, those in flight now and at most, connections, and calls by status, fault and endpoint."""
        found: dict[str, Any] = self._ask("GET", "/standin/stats")
        return found

    def set_faults(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Replace the fault rules. Raises ``StandInError`` for one that cannot be used."""
        self._ask("PUT", "/standin/faults", list(faults))

    def reset_bill(self) -> None:
        self._ask("POST", "/standin/bill/reset")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)  # noqa: S310 - our own http address
        try:
            with self._direct.open(request, timeout=_ANSWER_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                says = json.load(error)["error"]["message"]
            raise StandInError(says) from None
        except OSError as error:
            raise StandInError(f"the stand-in does not answer: {error}") from None

    def stop(self) -> None:
        """End it by closing its standard input, as the end of this process would; kill it where that doesn't do."""
        self._held.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()
        self._complaints.close()

    def kill(self) -> None:
        """End it at once, as a crash would; its bill file keeps what was billed."""
        self._process.kill()
        self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
