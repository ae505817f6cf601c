"""URLs and records of the embedded servers."""

from pathlib import Path

import psycopg
import pytest
import redis
from sqlalchemy import make_url

from gateway.embedded import client_url, running_urls
from gateway.embedded.addresses import Record, read_record, urls_of, write_record


def test_the_urls_survive_odd_characters():
    """Each client reads the folder back from the URL as it is."""
    urls = urls_of(Path("/srv/a b%2F?#é"))
    assert psycopg.conninfo.conninfo_to_dict(urls.database)["host"] == "/srv/a b%2F?#é/postgres"
    assert make_url(urls.database).query["host"] == "/srv/a b%2F?#é/postgres"
    with redis.Redis.from_url(client_url(urls.broker)) as client:
        assert client.connection_pool.connection_kwargs["path"] == "/srv/a b%2F?#é/valkey.sock"


@pytest.mark.parametrize(
    ("broker", "client"),
    [
        ("redis+socket:///run/v.sock", "unix:///run/v.sock"),
        ("redis+socket:///run/v.sock?virtual_host=3", "unix:///run/v.sock?db=3"),
        ("rediss://host:6380/2", "rediss://host:6380/2"),
    ],
)
def test_the_broker_url_as_a_client_takes_it(broker: str, client: str):
    """Only the socket form differs between kombu and redis-py."""
    assert client_url(broker) == client


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "sockets": "/"}', '{"pid": 1}', "\x00"])
def test_a_broken_record_counts_as_none(tmp_path: Path, text: str):
    """A record that a crash left half written is no error."""
    (tmp_path / "servers.json").write_text(text)
    assert read_record(tmp_path) is None
    assert running_urls(tmp_path) is None


def test_a_record_of_servers_that_are_gone_is_not_believed(tmp_path: Path):
    """Only sockets that accept count as running."""
    write_record(tmp_path, Record(pid=1, sockets=str(tmp_path)))
    assert read_record(tmp_path) == Record(pid=1, sockets=str(tmp_path))
    assert running_urls(tmp_path) is None
