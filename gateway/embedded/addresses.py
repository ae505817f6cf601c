"""Where the embedded servers listen: Unix sockets, and the URLs that lead to them."""

import contextlib
import json
import os
import re
import shutil
import socket
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

LONGEST_SOCKET = 100  # bytes; the kernels' own limits are 107 (Linux) and 103 (macOS)
POSTGRES_SOCKET = "postgres/.s.PGSQL.5432"  # PostgreSQL's own name for it, in a folder of its own
VALKEY_SOCKET = "valkey.sock"
PREFIX = "pointsman-"
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")  # a comma would be a list to libpq, a % would be unquoted twice by kombu


@dataclass(frozen=True)
class ServerUrls:
    """`database` for psycopg and SQLAlchemy; `broker` for Celery and kombu (see `client_url` for redis-py)."""

    database: str
    broker: str


@dataclass(frozen=True)
class Record:
    """What the state folder's `servers.json` holds while servers run: who started them, where their sockets are."""

    pid: int
    sockets: str


def client_url(broker: str) -> str:
    """The broker's URL for redis-py: `redis+socket:///p?virtual_host=1` is `unix:///p?db=1`; others unchanged."""
    parts = urlsplit(broker)
    if parts.scheme not in ("redis+socket", "valkey+socket"):
        return broker
    number = re.search(r"(?:^|&)virtual_host=(\d+)", parts.query)
    return f"unix://{parts.path}" + (f"?db={number[1]}" if number else "")


def urls_of(sockets: Path) -> ServerUrls:
    """The URLs of servers whose sockets lie in `sockets`."""
    folder = quote(str((sockets / POSTGRES_SOCKET).parent), safe="")
    return ServerUrls(
        database=f"postgresql://pointsman@/pointsman?host={folder}&port=5432",  # PGPORT must not decide
        broker=f"redis+socket://{quote(str(sockets / VALKEY_SOCKET))}",
    )


def choose_sockets(state_dir: Path) -> Path:
    """A folder for the sockets: in the state folder, or a new private one where that path is too long or odd."""
    folder = state_dir / "run"
    if _fits(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - mkdtemp makes a private folder in it
        if _fits(parent / f"{PREFIX}xxxxxxxx") and os.access(parent, os.W_OK | os.X_OK):
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    return Path(tempfile.mkdtemp(prefix=PREFIX))


def _fits(folder: Path) -> bool:
    path = str(folder / POSTGRES_SOCKET)
    return len(os.fsencode(path)) <= LONGEST_SOCKET and _PLAIN.fullmatch(path) is not None


def write_record(state_dir: Path, record: Record) -> None:
    """Write `servers.json`, whole or not at all."""
    new = state_dir / "servers.json.new"
    new.write_text(json.dumps(asdict(record)))
    new.replace(state_dir / "servers.json")


def read_record(state_dir: Path) -> Record | None:
    """What `servers.json` says; None where there is none or it can't be read."""
    try:
        found = json.loads((state_dir / "servers.json").read_text())
        return Record(pid=int(found["pid"]), sockets=str(found["sockets"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def forget_record(state_dir: Path) -> None:
    """Delete what a run that is over left: its record, and its socket folder where that was a temporary one."""
    record = read_record(state_dir)
    if record is not None and Path(record.sockets).name.startswith(PREFIX):
        with contextlib.suppress(OSError):
            if Path(record.sockets).lstat().st_uid == os.geteuid():
                shutil.rmtree(record.sockets)
    (state_dir / "servers.json").unlink(missing_ok=True)


def listening(path: Path) -> bool:
    """Whether a server accepts connections at this socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def running_urls(state_dir: Path) -> ServerUrls | None:
    """The URLs of this state folder's servers if both accept connections now, else None. Starts nothing."""
    record = read_record(state_dir)
    if record is None:
        return None
    sockets = Path(record.sockets)
    if not (listening(sockets / POSTGRES_SOCKET) and listening(sockets / VALKEY_SOCKET)):
        return None
    return urls_of(sockets)
