"""The broker and the database of one state folder, for as long as this process lives."""

import contextlib
import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.embedded import postgres, valkey
from gateway.embedded.addresses import (
    POSTGRES_SOCKET,
    PREFIX,
    VALKEY_SOCKET,
    Record,
    ServerUrls,
    choose_sockets,
    forget_record,
    read_record,
    urls_of,
    write_record,
)
from gateway.embedded.errors import ServersError
from gateway.embedded.guard_link import GuardLink, Identity
from gateway.embedded.readiness import wait_until


def _silent(_: str) -> None:
    """Say nothing."""


class EmbeddedServers:
    """Starts Valkey and PostgreSQL on Unix sockets and keeps the database in `state_dir`.

    One process at a time may hold a state folder. However it ends, `kill -9` included, the servers end with it.
    `durable=False` trades safety after a power cut for speed; `discard=True` deletes the state folder when the servers
    have stopped. Both are for tests. `log` is given a line before anything that takes long. `identities` is for tests
    too: as whom PostgreSQL may run. Every method raises ServersError for what it can't do.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        durable: bool = True,
        discard: bool = False,
        log: Callable[[str], None] = _silent,
        identities: list[Identity] | None = None,
    ) -> None:
        self.state_dir = Path(os.path.abspath(state_dir))  # noqa: PTH100 - a link may stay a link
        self._durable, self._discard, self._log, self._identities = durable, discard, log, identities
        self._owner = os.getpid()
        self._guard: GuardLink | None = None
        self._identity = Identity("own", os.geteuid(), os.getegid())
        self._sockets = self.state_dir

    def start(self) -> ServerUrls:
        """Start both servers and return when both answer."""
        if self._guard is not None:
            raise ServersError("these servers are started already")
        self._owner = os.getpid()
        try:
            # Root's servers run as another user, who has to pass through this folder but can't list it.
            self.state_dir.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
            lock = self._lock()
        except OSError as error:
            raise ServersError(f"can't use the state folder {self.state_dir}: {error.strerror}") from error
        try:
            self._guard = GuardLink(lock, self.state_dir / "guard.log")
        finally:
            os.close(lock)  # the guard holds it from here on, until its servers are gone
        try:
            self._start(self._guard)
        except OSError as error:
            self.stop()
            raise ServersError(f"can't start the servers in {self.state_dir}: {error}") from error
        except BaseException:
            self.stop()
            raise
        return urls_of(self._sockets)

    def _start(self, guard: GuardLink) -> None:
        postgres.stop_orphan(self.state_dir)
        record = read_record(self.state_dir)
        if record is not None:
            valkey.shut_down(Path(record.sockets))
        forget_record(self.state_dir)
        valkey.forget(self.state_dir)

        self._sockets = choose_sockets(self.state_dir)
        write_record(self.state_dir, Record(pid=os.getpid(), sockets=str(self._sockets)))
        temporary = self._sockets.name.startswith(PREFIX)
        leftovers = [self._sockets] if temporary else [self._sockets / VALKEY_SOCKET]
        guard.tidy([*leftovers, self.state_dir / "servers.json", *([self.state_dir] if self._discard else [])])
        database_socket = (self._sockets / POSTGRES_SOCKET).parent
        database_socket.mkdir(mode=0o700, exist_ok=True)
        self._sockets.chmod(0o711 if os.geteuid() == 0 else 0o700)

        cluster = postgres.cluster_folder(self.state_dir)
        self._identity = postgres.settle_identity(guard, (cluster, database_socket), self._identities)
        if cluster.name != "postgres":
            self._log(f"making a database in {self.state_dir / 'postgres'}, once")
            postgres.make_cluster(guard, self._identity, self.state_dir, durable=self._durable)
        valkey.start(guard, self.state_dir, self._sockets)
        self.start_database()

    def _lock(self) -> int:
        """Take the state folder's lock; waits for servers that are just stopping."""
        lock = os.open(self.state_dir / "servers.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _taken(lock):
                holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
                if _alive(holder):
                    raise ServersError(
                        f"the servers of {self.state_dir} are held by process {holder}; stop it, or use it"
                    )
                self._log("waiting for servers of an earlier run to stop")
                if not wait_until(lambda: _taken(lock), 90):
                    raise ServersError(
                        f"servers of an earlier run in {self.state_dir} do not stop; see {self.state_dir}/*.log"
                    )
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        except BaseException:
            os.close(lock)
            raise
        return lock

    def stop(self) -> None:
        """Stop both servers and return when they are gone. Stopping twice, or in a forked child, does nothing."""
        if self._guard is not None and os.getpid() == self._owner:
            self._guard.close()
            self._guard = None

    def _running(self) -> GuardLink:
        if self._guard is None:
            raise ServersError("the servers are not started")
        return self._guard

    def ended(self) -> list[str]:
        """The names of the servers, of `valkey` and `postgres`, that do not run now."""
        guard = self._running()
        return [name for name in (valkey.NAME, postgres.NAME) if guard.wait(name) is not None]

    def kill_broker(self) -> None:
        """Kill the broker (SIGKILL) and return when it is gone; what it held is lost."""
        self._running().signal(valkey.NAME, signal.SIGKILL)
        self._running().wait(valkey.NAME, 10)

    def start_broker(self) -> None:
        """Start the broker after `kill_broker`."""
        valkey.start(self._running(), self.state_dir, self._sockets)

    def restart_broker(self, *, empty: bool) -> None:
        """Stop the broker and start it again, either `empty` or with what it held."""
        guard = self._running()
        valkey.forget(self.state_dir)
        valkey.shut_down(self._sockets, keep=not empty)
        guard.wait(valkey.NAME, 10)
        self.start_broker()

    def stop_database(self, mode: str = "immediate") -> None:
        """Stop the database, `smart`, `fast` or `immediate` as PostgreSQL has it, and return when it is gone."""
        self._running().signal(postgres.NAME, postgres.STOPS[mode])
        if self._running().wait(postgres.NAME, 60) is None:
            raise ServersError(f"the database did not stop in 60 s ({mode})")

    def start_database(self) -> None:
        """Start the database, which recovers what an immediate stop left."""
        postgres.start(self._running(), self._identity, self.state_dir, self._sockets, durable=self._durable)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def urls(self) -> ServerUrls:
        """Where the started servers are."""
        self._running()
        return urls_of(self._sockets)


def _taken(lock: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True
