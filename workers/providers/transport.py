"""How calls leave a worker: HTTP by aiohttp, one session and one pool of kept-alive connections for a process.

aiohttp for its cost: about 0.1 ms of CPU a call where httpx takes three times and the official SDKs ten times that.
Nothing is retried here: a retry is an attempt, and attempts are rows in the database. (aiohttp itself repeats only
idempotent methods, and a call is a POST.)
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import aiohttp

from schemas.vocabulary import Protocol
from workers.calls import Call, Outcome, OutcomeKind
from workers.providers import anthropic, openai
from workers.providers.failure import UntranslatableError

Build = Callable[[Call], tuple[str, dict[str, str], bytes]]
Read = Callable[[int, Mapping[str, str], bytes], Outcome]

# from this size on aiohttp wants a body as a stream, so that writing it doesn't hold up the loop
_LARGE_BODY = 2**20

PROTOCOLS: dict[Protocol, tuple[Build, Read]] = {
    Protocol.OPENAI: (openai.build, openai.read),
    Protocol.ANTHROPIC: (anthropic.build, anthropic.read),
}


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """``connect_timeout_s`` covers name resolution, TCP and TLS, apart from the target's total time-out.

    ``connections_per_endpoint`` is the most connections to one host and port, 0 for no bound of its own (the
    endpoints' concurrency limits bound it). ``max_answer_bytes`` is the most of an answer that is read.
    ``proxy_from_environment`` honours ``HTTPS_PROXY`` and ``NO_PROXY``.
    """

    connect_timeout_s: float = 10.0
    connections_per_endpoint: int = 0
    keepalive_s: float = 15.0
    max_answer_bytes: int = 32 * 1024 * 1024
    proxy_from_environment: bool = False


class HttpTransport:
    """Real HTTP; satisfies ``workers.calls.Transport``. Used from one event loop, which its first call decides."""

    def __init__(self, settings: TransportSettings | None = None) -> None:
        self._settings = settings or TransportSettings()
        self._session: aiohttp.ClientSession | None = None
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}

    async def send(self, call: Call) -> Outcome:
        """Send one call and wait for its whole answer.

        Never raises for what a provider or a network does. Cancelling it closes the connection and raises
        ``CancelledError``; the caller must then hold the call for uncertain.
        """
        started = time.perf_counter()
        build, read = PROTOCOLS[call.target.protocol]
        try:
            url, headers, body = build(call)
        except UntranslatableError as error:
            return Outcome(OutcomeKind.REJECTED, error_code=f"untranslatable:{error.code}")
        outcome = await self._exchange(call, url, headers, body, read)
        return replace(outcome, latency_s=time.perf_counter() - started)

    async def _exchange(self, call: Call, url: str, headers: dict[str, str], body: bytes, read: Read) -> Outcome:
        session = self._session or self._open()
        # the trace sets .left as soon as a byte of the request may have been written
        progress = SimpleNamespace(left=False)
        status: int | None = None
        try:
            async with session.post(
                url,
                data=body if len(body) < _LARGE_BODY else io.BytesIO(body),
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout(call.target.timeout_s),
                trace_request_ctx=progress,
            ) as response:
                status = response.status
                answer = await self._body(response)
                if answer is None:
                    return Outcome(OutcomeKind.UNCERTAIN, status=status, error_code="answer_too_large")
                return read(status, response.headers, answer)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return _interrupted(error, left=progress.left, status=status)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes | None:
        """The whole body, or ``None`` where it is larger than allowed."""
        limit = self._settings.max_answer_bytes
        if response.content_length is not None and response.content_length > limit:
            response.close()
            return None
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > limit:
                response.close()
                return None
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _timeout(self, total_s: float) -> aiohttp.ClientTimeout:
        timeout = self._timeouts.get(total_s)
        if timeout is None:
            connect = min(self._settings.connect_timeout_s, total_s)
            timeout = aiohttp.ClientTimeout(total=total_s, connect=connect, ceil_threshold=60)
            self._timeouts[total_s] = timeout
        return timeout

    def _open(self) -> aiohttp.ClientSession:
        settings = self._settings
        trace: aiohttp.TraceConfig = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_mark_left)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                limit_per_host=settings.connections_per_endpoint,
                keepalive_timeout=settings.keepalive_s,
                ttl_dns_cache=60,
            ),
            # no compression: answers are small, and an answer can't unfold to more than it weighs
            headers={"accept-encoding": "identity", "user-agent": "pointsman"},
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
            trust_env=settings.proxy_from_environment,
        )
        return self._session

    async def close(self) -> None:
        """Close all connections. Calls that are still out fail as uncertain."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _mark_left(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
    context.trace_request_ctx.left = True


def _interrupted(error: Exception, *, left: bool, status: int | None) -> Outcome:
    """The outcome of a call that ended in an exception: unbilled only where it can't have left."""
    if not left:
        return Outcome(OutcomeKind.UNAVAILABLE, error_code=_before(error))
    return Outcome(OutcomeKind.UNCERTAIN, status=status, error_code=_after(error, answering=status is not None))


def _before(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "connect_timeout"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns"
    if isinstance(error, aiohttp.ClientSSLError):
        return "tls"
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError | ValueError):
        return "invalid_url_or_header"
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError):
        return "connection_refused"
    return "connection_failed"


def _after(error: Exception, *, answering: bool) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if answering or isinstance(error, aiohttp.ClientPayloadError):
        return "cut_answer"
    if isinstance(error, aiohttp.ClientConnectionError | ConnectionError):
        return "connection_reset"
    if isinstance(error, aiohttp.ClientResponseError):
        return "unreadable_answer"
    return "connection_lost"
