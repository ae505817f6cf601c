"""The same workers on RabbitMQ, by changing one URL."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.conftest import job, open_trial, own_servers

pytestmark = pytest.mark.system

#: Debian keeps the server beside a wrapper that insists on an account of its own.
_SERVER = next(
    (p for p in ("/usr/lib/rabbitmq/bin/rabbitmq-server", "/opt/rabbitmq/sbin/rabbitmq-server") if Path(p).exists()),
    shutil.which("rabbitmq-server"),
)
OWN = os.environ.get("POINTSMAN_TEST_AMQP_URL")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextmanager
def rabbitmq() -> Iterator[str]:
    """A RabbitMQ of the test's own on loopback, or the one that POINTSMAN_TEST_AMQP_URL names."""
    if OWN:
        yield OWN
        return
    with tempfile.TemporaryDirectory(prefix="rabbit-") as folder:
        port, dist, epmd = _free_port(), _free_port(), _free_port()
        env = {
            **os.environ,
            "HOME": folder,
            "RABBITMQ_BASE": folder,
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_NODENAME": f"pointsman{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(dist),
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        log = Path(folder, "server.log").open("wb")  # noqa: SIM115 - closed below
        server = subprocess.Popen(
            [str(_SERVER)], env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            until = time.monotonic() + 60
            while not _accepts(port):
                assert server.poll() is None, Path(folder, "server.log").read_text("utf-8", "replace")[-2000:]
                assert time.monotonic() < until, "RabbitMQ did not start within a minute"
                time.sleep(0.2)
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
        finally:
            os.killpg(server.pid, 15)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, 9)
                server.wait()
            # The name server that Erlang starts beside a node detaches itself; this one, on our own port, is ours.
            subprocess.run(["epmd", "-port", str(epmd), "-kill"], env=env, stdout=log, stderr=log, check=False)
            log.close()


@pytest.mark.skipif(
    _SERVER is None and not OWN, reason="no RabbitMQ on this machine, and POINTSMAN_TEST_AMQP_URL is not set"
)
def test_a_batch_runs_on_rabbitmq_by_changing_the_brokers_url() -> None:
    """Only the URL differs: submitted, dispatched, escalated where needed, paid, and equal to the provider's bill."""
    lines = [job(f"j{n}", f"Write a cheerful one-line greeting, number {n}.", tenant="acme") for n in range(40)]
    lines.append(job("dose", "Is 40 mg safe with warfarin for my patient?", tenant="st-mary"))
    with own_servers() as servers, rabbitmq() as broker, open_trial(servers.urls.database, broker) as trial:
        trial.start()
        trial.submit(lines, "rabbit")
        jobs = trial.finished("rabbit")
        assert {row.state for row in jobs.values()} == {"done"}
        assert jobs["dose"].tier == "frontier"
        assert trial.charged_pico() == int(trial.standin.bill()["total_pico"])
