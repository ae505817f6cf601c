"""The shared side: one script on the broker's Redis or Valkey, one round trip a block.

A script of our own and not the ``limits`` library: a grant spans three limits and has to be atomic over them (else
requests are spent on calls that tokens then refuse), partial (as many of a chunk as may go), and one trip.
"""

from __future__ import annotations

from importlib.resources import files
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from workers.limits.bucket import BURST_S, SLOT_WAIT_S, Grant, LimitSpec

PREFIX = "pointsman:limits"
#: A worker that says nothing for this long has lost its slots. Calls that outlive it are renewed by a heartbeat.
LEASE_S = 20.0
#: A local server answers in a tenth of a millisecond; one that takes this long counts as away.
SOCKET_TIMEOUT_S = 0.5

_SCRIPT = files("workers.limits").joinpath("acquire.lua").read_text("utf-8")


def server_url(broker_url: str) -> str | None:
    """The broker's URL in redis-py's form; ``None`` for a broker that keeps no counters (``amqp://``).

    Takes ``redis://``, ``rediss://``, ``unix://`` and kombu's ``redis+socket:///path?virtual_host=1``.
    """
    scheme, _, rest = broker_url.partition("://")
    if scheme in ("redis", "unix"):
        return broker_url
    if scheme == "rediss":
        # kombu also takes OpenSSL's names, CERT_REQUIRED; redis-py takes only its own
        return broker_url.replace("=CERT_", "=").replace("=REQUIRED", "=required").replace("=NONE", "=none")
    if scheme == "redis+socket":
        parts = urlsplit(f"unix://{rest}")
        query = {"db" if name == "virtual_host" else name: value for name, value in parse_qsl(parts.query)}
        user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        return f"unix://{user}{quote(unquote(parts.path))}" + (f"?{urlencode(query)}" if query else "")
    return None


class SharedLimits:
    """The script, and the client it runs on. Errors are redis-py's, or ``OSError``."""

    def __init__(self, url: str, worker: str) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=SOCKET_TIMEOUT_S,
            # one more try, for a pooled connection that the server closed; twice granted is only twice as careful
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        )
        self._script = self._redis.register_script(_SCRIPT)
        self._worker = worker

    async def acquire(self, endpoint_id: str, limits: LimitSpec, held: int, want: int, tokens_each: int) -> Grant:
        """Grant up to ``want`` calls beside ``held`` that this worker has out; with ``want`` 0, renew its lease."""
        name = f"{PREFIX}:{{{endpoint_id}}}"
        n, wait_ms = await self._script(
            keys=[f"{name}:buckets", f"{name}:slots", f"{name}:leases"],
            args=[
                self._worker,
                held,
                want,
                tokens_each,
                limits.rpm or 0,
                limits.tpm or 0,
                limits.concurrency or 0,
                int(LEASE_S * 1000),
                BURST_S,
                int(SLOT_WAIT_S * 1000),
            ],
        )
        return Grant(int(n), int(wait_ms) / 1000)

    async def close(self) -> None:
        await self._redis.aclose()
