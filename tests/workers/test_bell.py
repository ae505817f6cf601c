"""The doorbell: messages that tell where work is, and a broker that may be away or unwilling."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import redis

from gateway.embedded import EmbeddedServers, client_url
from schemas.vocabulary import Tier
from tests.workers.core import Core, mails, open_core

pytestmark = pytest.mark.system


def waiting(broker_url: str, queue: str) -> list[tuple[str, list[Any]]]:
    """The messages of a queue as (task, positional arguments), oldest first."""
    with redis.Redis.from_url(client_url(broker_url)) as client:
        raw = [json.loads(message) for message in reversed(client.lrange(queue, 0, -1))]
    return [(one["headers"]["task"], json.loads(_body(one))[0]) for one in raw]


def _body(message: dict[str, Any]) -> bytes:
    return base64.b64decode(message["body"])


def test_a_message_holds_an_id_and_nothing_of_the_job(core: Core, broker_url: str) -> None:
    """Chunks go to the queue of their lane, batches to intake."""
    assert core.runtime.bell.ring([(7, Tier.OPEN), (8, Tier.FRONTIER), (9, Tier.OPEN)]) == 3
    assert core.runtime.bell.ring_batch("b-1")
    assert waiting(broker_url, "pointsman.open") == [("pointsman.dispatch", [7]), ("pointsman.dispatch", [9])]
    assert waiting(broker_url, "pointsman.frontier") == [("pointsman.dispatch", [8])]
    assert waiting(broker_url, "pointsman.intake") == [("pointsman.plan", ["b-1"])]


def test_nothing_to_ring_asks_no_broker(database_url: str, tmp_path: Path) -> None:
    """No message, no connection."""
    with open_core(database_url, tmp_path) as core:
        assert core.runtime.bell.ring([]) == core.runtime.bell.ring_due() == core.runtime.bell.ring_unplanned() == 0


def test_a_broker_that_is_away_only_delays(database_url: str, tmp_path: Path) -> None:
    """It is told how many messages were taken; what was not is rung again by the sweeper."""
    with open_core(database_url, tmp_path) as core:
        core.planned(mails(2), chunk_jobs=1)
        assert core.runtime.bell.ring([(1, Tier.OPEN)]) == 0
        assert not core.runtime.bell.ring_batch("b")
        assert core.sweep().swept


def test_a_broker_that_refuses_messages_only_delays(private_servers: EmbeddedServers, tmp_path: Path) -> None:
    """A full one (out of memory) says so with an error of its own kind: nobody dies of it."""
    urls = private_servers.urls
    with (
        open_core(urls.database, tmp_path, broker_url=urls.broker) as core,
        redis.Redis.from_url(client_url(urls.broker)) as client,
    ):
        core.planned(mails(1))
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
        assert core.runtime.bell.ring([(1, Tier.OPEN)]) == 0
        assert core.sweep().swept
        client.config_set("maxmemory", "0")
        assert core.runtime.bell.ring([(1, Tier.OPEN)]) == 1
