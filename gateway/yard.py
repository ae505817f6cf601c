"""Everything on one machine: servers (embedded where none are configured), workers and the sweeper."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.embedded import EmbeddedServers
from gateway.servers import Urls
from gateway.supervisor import Supervisor
from schemas.migrate import upgrade
from workers.settings import PREFIX, ConfigurationError, Settings

_READY_S = 60.0


@dataclass(frozen=True)
class Yard:
    """A running set of processes."""

    urls: Urls
    supervisor: Supervisor
    servers: EmbeddedServers | None


@contextmanager
def open_yard(
    settings: Settings,
    *,
    workers: int,
    say: Callable[[str], None],
    sink: Callable[[bytes], None],
    env: Mapping[str, str] | None = None,
) -> Iterator[Yard]:
    """Start servers, bring the schema up, start workers and sweeper; stop them in the opposite order at the end.

    ``say`` is told what takes long, ``sink`` is given each line the processes log. Raises ``ServersError``,
    ``NotReadyError``.
    """
    with ExitStack() as stack:
        servers = None
        configured = settings.database_url, settings.broker_url
        if None in configured:
            servers = stack.enter_context(EmbeddedServers(settings.state_dir, log=say))
        urls = Urls(
            database=settings.database_url.get_secret_value()
            if settings.database_url
            else _embedded(servers).urls.database,
            broker=settings.broker_url.get_secret_value() if settings.broker_url else _embedded(servers).urls.broker,
        )
        upgrade(urls.database)
        given = {
            f"{PREFIX}DATABASE_URL": urls.database,
            f"{PREFIX}BROKER_URL": urls.broker,
            f"{PREFIX}STATE_DIR": str(settings.state_dir.absolute()),
            **(env or {}),
        }
        supervisor = Supervisor(given, sink)
        stack.callback(supervisor.stop, settings.grace_s + 15)
        say(f"starting {workers} worker{'s' if workers > 1 else ''} and the sweeper")
        for number in range(1, workers + 1):
            supervisor.add(f"worker {number}", "worker")
        supervisor.add("sweeper", "sweeper")
        supervisor.wait_ready(_READY_S)
        yield Yard(urls, supervisor, servers)


@contextmanager
def only_one(state_dir: Path) -> Iterator[None]:
    """Hold the state folder's ``up.pid`` for this process. Raises ``ConfigurationError`` naming who holds it."""
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "up.pid").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ConfigurationError(
                f"pointsman is up already in {state_dir} (process {file.read().strip()})"
            ) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            file.seek(0)
            file.truncate()


def running_pid(state_dir: Path) -> int | None:
    """The process that holds ``up.pid``; None when nobody does."""
    try:
        with (state_dir / "up.pid").open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                said = file.read().strip()
                return int(said) if said.isdigit() else None
    except FileNotFoundError:
        return None
    return None


def _embedded(servers: EmbeddedServers | None) -> EmbeddedServers:
    if servers is None:
        raise ConfigurationError("no server is configured and none was started")
    return servers
