"""The Celery application: how messages travel. Each option says what it prevents."""

from __future__ import annotations

from typing import Any

from celery import Celery

from workers.lanes import INTAKE, queue


def make_app(broker_url: str) -> Celery:
    """A Celery application on Redis, Valkey or RabbitMQ, by the URL's scheme alone."""
    app = Celery("pointsman", broker=broker_url, set_as_current=False)
    redis = broker_url.startswith(("redis://", "rediss://", "redis+socket://"))
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        result_backend=None,
        # Early acknowledgement: leases in the database lose nothing that late acknowledgement would keep.
        task_acks_late=False,
        task_default_queue=queue(INTAKE),
        task_create_missing_queues=True,
        task_routes=None,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=5,
        # A publisher gives up soon: the sweeper rings again.
        task_publish_retry=True,
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5},
        **(_redis() if redis else _amqp()),
    )
    return app


def _redis() -> dict[str, Any]:
    return {
        # A chunk waits in the queue until a thread is free, not inside a busy process.
        "worker_disable_prefetch": True,
        "broker_transport_options": {
            # Emulated acknowledgements make Celery 5.7.0 exit when Redis goes away while messages are unacked.
            "ack_emulation": False,
            # Without these a silent server is waited for without end.
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "retry_on_timeout": True,
        },
    }


def _amqp() -> dict[str, Any]:
    return {"broker_heartbeat": 30, "broker_transport_options": {"confirm_publish": True}}
