"""Permits for calls to endpoints: shared by all workers while the broker's server is there, a local share while not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from workers.limits.bucket import Grant, LimitSpec, LocalLimits
from workers.limits.shared import LEASE_S, SharedLimits, server_url

#: Permits are leased ahead for about this long, and what is not spent by then is given up.
BLOCK_S = 1.0
_MAX_BLOCK = 256
_HEARTBEAT_S = LEASE_S / 4
#: Freed slots are told to the server together, this long after the first.
_RELEASE_DELAY_S = 0.05
#: How long the local share serves before the server is tried again.
_AWAY_S = 1.0


@dataclass(slots=True)
class _Endpoint:
    """What this process knows of one endpoint. ``in_use`` counts calls that are out, ``stock`` permits leased ahead."""

    limits: LimitSpec
    local: LocalLimits | None = None
    in_use: int = 0
    stock: int = 0
    stock_tokens_each: int = 0
    stock_until: float = 0.0
    told: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def held(self) -> int:
        return self.in_use + self.stock


class EndpointLimits:
    """Used from one event loop of one worker process.

    ``url`` is the broker's URL; ``None``, or that of a broker which keeps no counters, leaves only the local share.
    ``local_share`` (0 to 1) is this process's part of each limit while it is on its own: one over the number of
    worker processes keeps them all together within it. ``clock`` gives seconds that only go forward.
    """

    def __init__(self, url: str | None, *, local_share: float, clock: Callable[[], float] = time.monotonic) -> None:
        if not 0 < local_share <= 1:
            raise ValueError(f"local_share must be above 0 and at most 1: {local_share}")
        self._url = server_url(url) if url else None
        self._share = local_share
        self._clock = clock
        self._worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._endpoints: dict[str, _Endpoint] = {}
        self._server: SharedLimits | None = None
        self._away_until = float("-inf")
        self._freed = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def shared(self) -> bool:
        """Whether limits are shared right now; ``False`` means that the local share serves."""
        return self._url is not None and self._clock() >= self._away_until

    async def acquire(self, endpoint_id: str, limits: LimitSpec, want: int, tokens_each: int) -> Grant:
        """Ask for ``want`` calls of about ``tokens_each`` tokens, prompt and answer together; never waits for permits.

        Each call granted must be released when it has ended. Grants nothing rather than raise where the server is
        away and the local share is spent.
        """
        if want < 0 or tokens_each < 0:
            raise ValueError(f"want and tokens_each must not be negative: {want}, {tokens_each}")
        endpoint = self._known(endpoint_id, limits)
        if limits.unlimited or want == 0:
            endpoint.in_use += want
            return Grant(want, 0.0)
        # one at a time for an endpoint: each asking states what this process holds
        async with endpoint.lock:
            n = self._from_stock(endpoint, want, tokens_each)
            if n == want:
                return Grant(n, 0.0)
            more = await self._lease(endpoint_id, endpoint, want - n, tokens_each)
            return Grant(n + more.n, more.retry_after_s)

    async def release(self, endpoint_id: str, n: int) -> None:
        """Give back ``n`` calls that have ended. Other workers can use their slots a moment later."""
        endpoint = self._endpoints.get(endpoint_id)
        if endpoint is None:
            return
        endpoint.in_use = max(0, endpoint.in_use - n)
        if endpoint.limits.concurrency is not None and self._keeper is not None:
            self._freed.set()

    async def close(self) -> None:
        """Give all slots back and close the connection."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        for endpoint in self._endpoints.values():
            endpoint.in_use = endpoint.stock = 0
        await self._tell_all(renew=False)
        if self._server is not None:
            with contextlib.suppress(RedisError, OSError):
                await self._server.close()
            self._server = None

    def _known(self, endpoint_id: str, limits: LimitSpec) -> _Endpoint:
        endpoint = self._endpoints.get(endpoint_id)
        if endpoint is None:
            endpoint = self._endpoints[endpoint_id] = _Endpoint(limits)
        elif endpoint.limits != limits:  # the catalogue was changed
            endpoint.limits, endpoint.local, endpoint.stock = limits, None, 0
        return endpoint

    def _from_stock(self, endpoint: _Endpoint, want: int, tokens_each: int) -> int:
        if endpoint.stock and self._clock() >= endpoint.stock_until:
            endpoint.stock = 0
        if tokens_each > endpoint.stock_tokens_each:
            return 0
        n = min(want, endpoint.stock)
        endpoint.stock -= n
        endpoint.in_use += n
        return n

    async def _lease(self, endpoint_id: str, endpoint: _Endpoint, want: int, tokens_each: int) -> Grant:
        """Lease ``want`` permits and, where the limits are wide, some ahead."""
        if not self.shared:
            return self._alone(endpoint, want, tokens_each)
        # permits for another size of call would mix two sizes in one stock
        ahead = _block(endpoint.limits, tokens_each) if endpoint.stock == 0 else 0
        asked = max(want, ahead)
        try:
            grant = await self._shared().acquire(endpoint_id, endpoint.limits, endpoint.held, asked, tokens_each)
        except (RedisError, OSError):
            self._away_until = self._clock() + _AWAY_S
            return self._alone(endpoint, want, tokens_each)
        endpoint.local = None
        endpoint.told = endpoint.held + grant.n
        n = min(want, grant.n)
        endpoint.in_use += n
        if grant.n > n:
            endpoint.stock, endpoint.stock_tokens_each = grant.n - n, tokens_each
            endpoint.stock_until = self._clock() + BLOCK_S
        return Grant(n, 0.0 if n == want else grant.retry_after_s)

    def _alone(self, endpoint: _Endpoint, want: int, tokens_each: int) -> Grant:
        now = self._clock()
        if endpoint.local is None:
            endpoint.local = LocalLimits(endpoint.limits, self._share, now)
        grant = endpoint.local.take(want, tokens_each, endpoint.in_use, now)
        endpoint.in_use += grant.n
        return grant

    def _shared(self) -> SharedLimits:
        if self._server is None:
            assert self._url is not None  # noqa: S101 - `shared` said so
            self._server = SharedLimits(self._url, self._worker)
            self._keeper = asyncio.create_task(self._keep(), name="endpoint-limits")
        return self._server

    async def _keep(self) -> None:
        """Tell the server of freed slots soon, and of all slots held every few seconds, which renews their leases."""
        while True:
            renew = False
            try:
                async with asyncio.timeout(_HEARTBEAT_S):
                    await self._freed.wait()
                await asyncio.sleep(_RELEASE_DELAY_S)
            except TimeoutError:
                renew = True
            self._freed.clear()
            await self._tell_all(renew=renew)

    async def _tell_all(self, *, renew: bool) -> None:
        if self._server is None or not self.shared:
            return
        now = self._clock()
        for endpoint_id, endpoint in list(self._endpoints.items()):
            async with endpoint.lock:
                if endpoint.stock and now >= endpoint.stock_until:
                    endpoint.stock = 0
                held = endpoint.held
                if endpoint.limits.concurrency is None or (held == endpoint.told and not (renew and held)):
                    continue
                try:
                    await self._server.acquire(endpoint_id, endpoint.limits, held, 0, 0)
                except (RedisError, OSError):
                    self._away_until = now + _AWAY_S
                    return
                endpoint.told = held


def _block(limits: LimitSpec, tokens_each: int) -> int:
    """How many permits to lease ahead: about a second's worth, and never more than an eighth of the slots."""
    sizes = [_MAX_BLOCK]
    if limits.rpm is not None:
        sizes.append(int(limits.rpm * BLOCK_S / 60 / 2))
    if limits.tpm is not None and tokens_each:
        sizes.append(int(limits.tpm * BLOCK_S / 60 / 2 / tokens_each))
    if limits.concurrency is not None:
        sizes.append(limits.concurrency // 8)
    return min(sizes)
