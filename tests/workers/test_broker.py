"""The Celery application: the options that keep workers alive and messages harmless."""

from __future__ import annotations

import pytest

from workers.broker import make_app

URLS = ["redis://localhost/0", "rediss://localhost/0", "redis+socket:///run/valkey.sock", "amqp://localhost//"]


@pytest.mark.parametrize("url", URLS)
def test_every_broker_takes_json_alone_and_acknowledges_early(url: str) -> None:
    """No pickle, no result backend, no events, a publisher that gives up soon."""
    conf = make_app(url).conf
    assert (conf.task_serializer, conf.accept_content) == ("json", ["json"])
    assert not conf.result_backend
    assert (conf.task_acks_late, conf.task_ignore_result, conf.worker_send_task_events) == (False, True, False)
    assert conf.broker_connection_timeout == 5
    assert conf.task_publish_retry_policy["max_retries"] == 1
    assert conf.task_default_queue == "pointsman.intake"


@pytest.mark.parametrize("url", URLS[:3])
def test_redis_leaves_chunks_in_the_queue_and_survives_outages(url: str) -> None:
    """Emulated acknowledgements would end the process when the server goes away; sockets have time-outs."""
    conf = make_app(url).conf
    assert conf.worker_disable_prefetch is True
    options = conf.broker_transport_options
    assert options["ack_emulation"] is False
    assert 0 < options["socket_timeout"] <= 10
    assert 0 < options["socket_connect_timeout"] <= 5


def test_rabbitmq_confirms_what_it_took() -> None:
    """A message that was published is in the broker, and a dead connection is noticed."""
    conf = make_app(URLS[3]).conf
    assert conf.broker_transport_options == {"confirm_publish": True}
    assert conf.broker_heartbeat > 0
