"""Real servers for the tests: one PostgreSQL and one Valkey for each pytest process, a fresh database for each test.

`POINTSMAN_TEST_DATABASE_URL` (a role that may create databases) and `POINTSMAN_TEST_BROKER_URL` name servers to use
instead of the embedded ones; what the broker holds is deleted before each test.
"""

import ctypes
import itertools
import os
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy import make_url

from gateway.embedded import EmbeddedServers, client_url
from schemas.migrate import upgrade

DATABASE_SETTING, BROKER_SETTING = "POINTSMAN_TEST_DATABASE_URL", "POINTSMAN_TEST_BROKER_URL"
TAKE_LONG = {"test_processes.py", "test_cli_books.py", "test_dry_run.py"}
_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """A parallel worker of pytest ends with pytest itself, also when that is killed."""
    if hasattr(config, "workerinput") and sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long go first, so that none of them is what the others wait for at the end."""
    items.sort(key=lambda item: not (item.path.parent.name == "system" or item.path.name in TAKE_LONG))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Tests marked no_cover run untraced: in a parallel worker pytest-cov starts two tracers and stops one."""
    traced = sys.gettrace()
    if item.get_closest_marker("no_cover") is None or traced is None:
        return (yield)
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(traced)


@pytest.fixture(scope="session")
def servers() -> Iterator[EmbeddedServers]:
    """Embedded servers that the tests of this process share; their data is deleted when they stop."""
    state_dir = Path(tempfile.mkdtemp(prefix="pointsman-test-"))
    with EmbeddedServers(state_dir, durable=False, discard=True) as started:
        yield started


@pytest.fixture
def private_servers() -> Iterator[EmbeddedServers]:
    """Embedded servers of one test's own, to be killed and restarted at will; the database is migrated."""
    state_dir = Path(tempfile.mkdtemp(prefix="pointsman-test-"))
    with EmbeddedServers(state_dir, durable=False, discard=True) as started:
        upgrade(started.urls.database)
        yield started


def _at(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def _plain(url: str) -> str:
    """The URL as psycopg takes it, without SQLAlchemy's name of a driver."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def _database(server: str, template: str | None = None) -> Iterator[str]:
    """A database of a unique name on this server, dropped at the end whoever is still connected."""
    name = f"pointsman_test_{os.getpid()}_{next(_numbers)}"
    create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        create += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(_plain(server), autocommit=True) as admin:
        admin.execute(create)
        try:
            yield _at(server, name)
        finally:
            admin.execute(drop)


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> str:
    """The URL of a database server on which a test may create databases."""
    found = os.environ.get(DATABASE_SETTING)
    if found is not None:
        return found
    servers: EmbeddedServers = request.getfixturevalue("servers")
    return servers.urls.database


@pytest.fixture(scope="session")
def migrated_template(database_server: str) -> Iterator[str]:
    """The name of a database with the current schema and no rows, to be copied."""
    with _database(database_server) as url:
        upgrade(url)
        yield str(make_url(url).database)


@pytest.fixture
def empty_database_url(database_server: str) -> Iterator[str]:
    """The URL of a fresh database without any table, for tests of the migrations."""
    with _database(database_server) as url:
        yield url


@pytest.fixture
def database_url(database_server: str, migrated_template: str) -> Iterator[str]:
    """The URL of a fresh database with the current schema."""
    with _database(database_server, migrated_template) as url:
        yield url


@pytest.fixture
def broker_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty broker. One of one's own that is not Redis or Valkey is used as it is."""
    found = os.environ.get(BROKER_SETTING)
    if found is None:
        servers: EmbeddedServers = request.getfixturevalue("servers")
        found = servers.urls.broker
    elif found.startswith(("redis://", "rediss://")):
        parts = urlsplit(found)  # each parallel worker takes a numbered database, from the named one upwards
        number = int(parts.path.strip("/") or 0) + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
        found = urlunsplit(parts._replace(path=f"/{number}"))
    if "redis" in found.split(":", 1)[0]:
        with redis.Redis.from_url(client_url(found)) as client:
            client.flushdb()
    return found
