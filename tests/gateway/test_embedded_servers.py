"""The embedded servers: what they keep, who may hold them, what they survive."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
import redis
from kombu import Connection

from gateway.embedded import EmbeddedServers, ServersError, client_url, running_urls
from gateway.embedded.guard_link import Identity
from gateway.embedded.readiness import wait_until

pytestmark = pytest.mark.system
ROOT = Path(__file__).resolve().parents[2]

HOLDER = """
import signal, sys
from pathlib import Path
from gateway.embedded import EmbeddedServers
servers = EmbeddedServers(Path(sys.argv[1]), durable=False)
servers.start()
print("started", flush=True)
signal.pause()
"""


def processes_of(folder: Path) -> list[str]:
    """The command lines that name this folder."""
    shown = subprocess.run(["ps", "-eo", "pid,args", "-ww"], capture_output=True, text=True, check=True).stdout
    return [line for line in shown.splitlines() if str(folder) in line and not line.endswith("-ww")]


def hold(state_dir: Path) -> subprocess.Popen[bytes]:
    """A process of its own that holds started servers."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(state_dir)], cwd=ROOT, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == b"started\n"
    return holder


def test_both_servers_answer_and_the_database_keeps_its_rows(tmp_path: Path):
    """What was committed is there after a stop and a start; the URLs suit psycopg, redis-py and kombu."""
    state_dir = tmp_path / "state"
    with EmbeddedServers(state_dir, durable=False) as servers, psycopg.connect(servers.urls.database) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
        assert running_urls(state_dir) == servers.urls
    assert running_urls(state_dir) is None
    with EmbeddedServers(state_dir, durable=False) as servers:
        with psycopg.connect(servers.urls.database) as connection:
            assert connection.execute("SELECT seven FROM kept").fetchone() == (7,)
        with Connection(servers.urls.broker) as broker:
            queue = broker.SimpleQueue("bell")
            queue.put({"chunk": 1})
            message = queue.get(timeout=5)
            assert message.payload == {"chunk": 1}
            message.ack()
            queue.close()
    assert processes_of(state_dir) == []


def test_the_application_is_no_superuser(servers: EmbeddedServers):
    """The role of the URL can't do what a server of one's own would not let it do."""
    with psycopg.connect(servers.urls.database) as connection:
        assert connection.execute("SELECT current_setting('is_superuser')").fetchone() == ("off",)


def test_rows_do_not_reach_the_server_log(private_servers: EmbeddedServers):
    """A failing statement, its values and the row in question are told to the client alone."""
    with psycopg.connect(private_servers.urls.database, autocommit=True) as connection:
        connection.execute("CREATE TABLE once (word text PRIMARY KEY, number int)")
        connection.execute("INSERT INTO once VALUES ('a patient''s secret', 1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO once VALUES ('a patient''s secret', 2)")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            connection.execute("SELECT 'a patient''s secret'::int")
    assert "secret" not in (private_servers.state_dir / "postgres.log").read_text()


def test_a_second_start_names_the_holder(servers: EmbeddedServers):
    """One process at a time holds a state folder, and the refusal says which."""
    with pytest.raises(ServersError, match=f"held by process {os.getpid()}"):
        EmbeddedServers(servers.state_dir).start()
    assert running_urls(servers.state_dir) == servers.urls


def test_killing_the_holder_ends_the_servers_and_the_folder_starts_again(tmp_path: Path):
    """After SIGKILL of the process that started them nothing is left, and the next start needs no help."""
    state_dir = tmp_path / "state"
    holder = hold(state_dir)
    assert running_urls(state_dir) is not None
    holder.kill()
    holder.wait()
    with EmbeddedServers(state_dir, durable=False) as servers:  # waits for the dying ones
        assert servers.ended() == []
    assert wait_until(lambda: processes_of(state_dir) == [], 20), processes_of(state_dir)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
def test_killing_the_guard_too_ends_the_servers(tmp_path: Path):
    """With holder and guard killed at once the kernel ends the servers, and the folder starts again."""
    state_dir = tmp_path / "state"
    holder = hold(state_dir)
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
    for pid in (holder.pid, *map(int, children)):
        os.kill(pid, 9)
    holder.wait()
    assert wait_until(lambda: processes_of(state_dir) == [], 20), processes_of(state_dir)
    with EmbeddedServers(state_dir, durable=False) as servers:
        assert servers.ended() == []


def test_a_forked_child_neither_stops_nor_keeps_the_servers(tmp_path: Path):
    """A child that a pool forked can't stop the servers, and does not keep them alive when the holder is killed."""
    state_dir = tmp_path / "state"
    program = HOLDER.replace("signal.pause()", "import os\nif os.fork() == 0:\n    servers.stop()\nsignal.pause()")
    holder = subprocess.Popen([sys.executable, "-c", program, str(state_dir)], cwd=ROOT, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"started\n"
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
    assert wait_until(lambda: len(children.read_text().split()) == 2, 10)
    assert running_urls(state_dir) is not None
    forked = int(children.read_text().split()[-1])
    try:
        holder.kill()
        holder.wait()
        assert wait_until(lambda: len(processes_of(state_dir)) == 1, 20), processes_of(state_dir)  # the child
    finally:
        os.kill(forked, 9)
        holder.stdout.close()


def test_a_pid_file_that_names_a_stranger_is_no_obstacle(tmp_path: Path):
    """After a power cut the database's process number may belong to another process; the start sees through that."""
    state_dir = tmp_path / "state"
    with EmbeddedServers(state_dir, durable=False) as servers:
        servers.stop_database()
        left = f"{os.getpid()}\n{state_dir / 'postgres'}\n1\n5432\n\n\n0 0\nready\n"
        (state_dir / "postgres" / "postmaster.pid").write_text(left)
    (state_dir / "servers.json").write_text("{ half a rec")
    with EmbeddedServers(state_dir, durable=False) as servers:
        assert servers.ended() == []


def test_an_interrupted_initdb_is_made_again(tmp_path: Path):
    """Half a cluster is not taken for a whole one."""
    half = tmp_path / "state" / "postgres.new" / "base"
    half.mkdir(parents=True)
    (half / "1").write_text("half")
    with EmbeddedServers(tmp_path / "state", durable=False) as servers:
        assert servers.ended() == []


def test_a_start_that_fails_shows_the_end_of_the_log(tmp_path: Path):
    """The error says which server failed and what it said, and nothing stays behind."""
    state_dir = tmp_path / "state"
    with EmbeddedServers(state_dir, durable=False):
        pass
    with (state_dir / "postgres" / "postgresql.auto.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(ServersError, match=r"postgres ended with status 1[\s\S]*no_such_setting"):
        EmbeddedServers(state_dir, durable=False).start()
    assert processes_of(state_dir) == []


def test_broker_and_database_can_be_lost_and_brought_back(private_servers: EmbeddedServers):
    """The levers of the fault tests do what they say."""
    address = client_url(private_servers.urls.broker)
    with redis.Redis.from_url(address) as client:
        client.set("bell", "rung")
        private_servers.restart_broker(empty=False)
        assert client.get("bell") == b"rung"
        private_servers.restart_broker(empty=True)
        assert client.get("bell") is None
        private_servers.kill_broker()
        assert private_servers.ended() == ["valkey"]
        private_servers.start_broker()
        assert client.get("bell") is None
    private_servers.stop_database("immediate")
    assert private_servers.ended() == ["postgres"]
    assert running_urls(private_servers.state_dir) is None
    private_servers.start_database()
    assert running_urls(private_servers.state_dir) == private_servers.urls


def test_a_path_too_long_for_a_socket_works(tmp_path: Path):
    """Sockets move to a short private folder, which is gone afterwards."""
    state_dir = tmp_path / ("long name, 100 % odd" * 5) / "state"
    with EmbeddedServers(state_dir, durable=False) as servers:
        assert running_urls(state_dir) == servers.urls
        sockets = Path(client_url(servers.urls.broker).removeprefix("unix://")).parent
        assert sockets.parent != state_dir
        assert sockets.stat().st_mode & 0o077 in (0, 0o011)
    assert not sockets.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, which PostgreSQL refuses to run as")
@pytest.mark.parametrize("kind", ["nobody", "namespace", "nobody-dac"])
def test_root_has_three_ways(tmp_path: Path, kind: str):
    """In a folder open to others as nobody; in a closed one in a user namespace or with one of root's powers kept."""
    with tempfile.TemporaryDirectory(prefix="pointsman-test-") as name:
        outer = Path(name)
        outer.chmod(0o755 if kind == "nobody" else 0o700)
        servers = EmbeddedServers(outer / "state", durable=False, identities=[Identity(kind, 65534, 65534)])
        try:
            urls = servers.start()
        except ServersError as error:
            pytest.skip(f"not possible on this machine: {error}")
        try:
            with psycopg.connect(urls.database) as connection:
                assert connection.execute("SELECT current_user").fetchone() == ("pointsman",)
        finally:
            servers.stop()


def test_a_state_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path):
    """The error names the folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ServersError, match=r"can't use the state folder .*file/state: Not a directory"):
        EmbeddedServers(tmp_path / "file" / "state").start()


def test_nothing_listens_on_the_network(servers: EmbeddedServers):
    """Unix sockets only."""
    with psycopg.connect(servers.urls.database) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    with redis.Redis.from_url(client_url(servers.urls.broker)) as client:
        assert client.config_get("port") == {"port": "0"} or client.config_get("port") == {b"port": b"0"}


def test_only_the_owner_reaches_the_sockets(servers: EmbeddedServers):
    """The sockets and the data are closed to other users."""
    sockets = Path(client_url(servers.urls.broker).removeprefix("unix://")).parent
    for path in (sockets / "valkey.sock", sockets / "postgres", servers.state_dir / "postgres"):
        assert path.stat().st_mode & 0o077 == 0, path
