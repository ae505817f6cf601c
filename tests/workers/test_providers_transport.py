"""The HTTP transport against servers that misbehave, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from schemas.vocabulary import Protocol
from tests.workers.provider_calls import KEY, a_call, completion
from workers.calls import Outcome, OutcomeKind
from workers.providers import HttpTransport, TransportSettings

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

BODY = orjson.dumps(completion())


def ok(body: bytes = BODY, extra: str = "", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{extra}\r\n".encode() + body


async def request_of(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """The head and the body of the next request. Raises ``IncompleteReadError`` at the end of the connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length"))
    return head, await reader.readexactly(length)


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[str]:
    ended = asyncio.Event()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            ended.set()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.wait_for(ended.wait(), 5)


def answering(*pieces: bytes) -> Serve:
    """A server that reads the request, writes the pieces and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return serve


async def exchange(
    serve: Serve, settings: TransportSettings | None = None, *, scheme: str = "http", **call: Any
) -> Outcome:
    transport = HttpTransport(settings)
    async with serving(serve) as address:
        try:
            return await transport.send(a_call(base_url=f"{scheme}://{address}/v1", **call))
        finally:
            await transport.close()


def test_a_plain_exchange() -> None:
    """The answer comes back with its latency, and the request held what it should."""
    seen: list[tuple[str, bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await request_of(reader))
        writer.write(ok(extra="x-request-id: r1\r\n"))

    outcome = asyncio.run(exchange(serve))
    assert (outcome.kind, outcome.text, outcome.request_id) == (OutcomeKind.ANSWERED, "Hi", "r1")
    assert 0 < outcome.latency_s < 5
    head = seen[0][0].lower()
    assert head.startswith("post /v1/chat/completions http/1.1\r\n")
    for header in (f"authorization: bearer {KEY}", "idempotency-key: key-1", "accept-encoding: identity"):
        assert header in head
    assert KEY not in repr(outcome)
    assert orjson.loads(seen[0][1])["model"] == "remote-model"


def test_the_other_protocol() -> None:
    """An Anthropic target is spoken to in its own protocol."""
    body = b'{"content": [{"type": "text", "text": "Hi"}], "usage": {"input_tokens": 1, "output_tokens": 2}}'
    outcome = asyncio.run(exchange(answering(ok(body)), protocol=Protocol.ANTHROPIC))
    assert (outcome.kind, outcome.text) == (OutcomeKind.ANSWERED, "Hi")


def test_connections_are_kept() -> None:
    """Calls one after another share a connection."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await request_of(reader)
            writer.write(ok())

    async def scenario() -> list[OutcomeKind]:
        transport = HttpTransport()
        async with serving(serve) as address:
            kinds = [(await transport.send(a_call(base_url=f"http://{address}"))).kind for _ in range(5)]
            await transport.close()
        return kinds

    assert asyncio.run(scenario()) == [OutcomeKind.ANSWERED] * 5
    assert connections == 1


def test_a_large_body_leaves_whole() -> None:
    """A request of several megabytes, images inside, arrives as it is."""
    sizes: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sizes.append(len((await request_of(reader))[1]))
        writer.write(ok())

    outcome = asyncio.run(exchange(serve, body={"messages": [{"role": "user", "content": "x" * 3_000_000}]}))
    assert outcome.kind is OutcomeKind.ANSWERED
    assert sizes[0] > 3_000_000


def test_connection_refused_is_unbilled() -> None:
    """Nothing listens, so nothing left."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def scenario() -> Outcome:
        transport = HttpTransport()
        try:
            return await transport.send(a_call(base_url=f"http://127.0.0.1:{port}"))
        finally:
            await transport.close()

    outcome = asyncio.run(scenario())
    assert (outcome.kind, outcome.error_code) == (OutcomeKind.UNAVAILABLE, "connection_refused")


def test_tls_failure_is_unbilled() -> None:
    """A server that speaks no TLS never got the request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    outcome = asyncio.run(exchange(serve, scheme="https"))
    assert (outcome.kind, outcome.error_code) == (OutcomeKind.UNAVAILABLE, "tls")


def test_a_handshake_that_never_ends_is_unbilled() -> None:
    """The connect time-out is apart from the total one and covers TLS."""

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass

    outcome = asyncio.run(exchange(serve, TransportSettings(connect_timeout_s=0.2), scheme="https", timeout_s=30.0))
    assert (outcome.kind, outcome.error_code) == (OutcomeKind.UNAVAILABLE, "connect_timeout")
    assert outcome.latency_s < 10


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_of(reader)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await request_of(reader)
    await reader.read(1)


async def _slow_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_of(reader)
    writer.write(ok()[:-20])
    await reader.read(1)


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("serve", "code"),
    [
        (_reset, "connection_reset"),
        (answering(), "connection_reset"),
        (_silent, "timeout"),
        (_slow_body, "timeout"),
        (answering(ok()[:-20]), "cut_answer"),
        (answering(CHUNKED + b'5\r\n{"a":'), "cut_answer"),
        (answering(CHUNKED + b"zz\r\n"), "unreadable_answer"),
        (answering(b"\x00\x01 not http at all\r\n\r\n"), "unreadable_answer"),
        (answering(ok(b"<html>")), "unreadable_answer"),
        (answering(ok(b"x" * 5000)), "answer_too_large"),
        (answering(CHUNKED, *[b"3e8\r\n" + b"x" * 1000 + b"\r\n"] * 5), "answer_too_large"),
    ],
)
def test_after_it_left_all_is_uncertain(serve: Serve, code: str) -> None:
    """Resets, silence, cut, unreadable and endless answers may have been charged."""
    settings = TransportSettings(max_answer_bytes=4000)
    outcome = asyncio.run(exchange(serve, settings, timeout_s=0.4))
    assert (outcome.kind, outcome.error_code) == (OutcomeKind.UNCERTAIN, code)


def test_redirects_are_not_followed() -> None:
    """A redirect could carry the prompt and the key elsewhere."""
    outcome = asyncio.run(exchange(answering(ok(b"", "location: http://127.0.0.1:1/\r\n", "307 Temporary Redirect"))))
    assert (outcome.kind, outcome.error_code) == (OutcomeKind.UNAVAILABLE, "http_307")


def test_headers_are_read_in_any_case() -> None:
    """Retry-After is found however it is written."""
    outcome = asyncio.run(exchange(answering(ok(b"", "Retry-After: 3\r\n", "429 Too Many Requests"))))
    assert (outcome.kind, outcome.retry_after_s) == (OutcomeKind.UNAVAILABLE, 3.0)


@pytest.mark.parametrize(
    ("call", "kind", "code"),
    [
        ({"base_url": "http://[bad"}, OutcomeKind.UNAVAILABLE, "invalid_url_or_header"),
        ({"base_url": "ftp://127.0.0.1"}, OutcomeKind.UNAVAILABLE, "invalid_url_or_header"),
        ({"api_key": "sk\r\nx: y"}, OutcomeKind.REJECTED, "untranslatable:api_key"),
        ({"body": {"user": "\ud800"}}, OutcomeKind.REJECTED, "untranslatable:not_json"),
    ],
)
def test_what_can_not_be_sent(call: dict[str, Any], kind: OutcomeKind, code: str) -> None:
    """A wrong URL or key, or a body that is not JSON, never leaves and never raises."""

    async def scenario() -> Outcome:
        transport = HttpTransport()
        try:
            return await transport.send(a_call(**call))
        finally:
            await transport.close()

    outcome = asyncio.run(scenario())
    assert (outcome.kind, outcome.error_code) == (kind, code)


def test_closing_twice_is_fine() -> None:
    """A transport that was never used, or is closed already, closes."""

    async def scenario() -> None:
        transport = HttpTransport()
        await transport.close()
        await transport.close()

    asyncio.run(scenario())
