"""Ways to break a connection in mid-answer. Each ends with ``ConnectionResetError``, which ends the handler too."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from typing import NoReturn

from aiohttp import web

_LOOK_S = 0.2


def reset(request: web.BaseRequest) -> NoReturn:
    """Break the connection with a TCP reset."""
    transport = request.transport
    if transport is not None:
        bare = transport.get_extra_info("socket")
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    raise ConnectionResetError("reset, as the fault rule says")


async def cut(request: web.BaseRequest, body: bytes, headers: Mapping[str, str]) -> NoReturn:
    """Announce the whole body, send half of it, and close the connection."""
    response = web.StreamResponse(headers={**headers, "Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    raise ConnectionResetError("cut, as the fault rule says")


async def hang(request: web.BaseRequest, seconds: float, stopping: asyncio.Event) -> NoReturn:
    """Say nothing until the caller leaves, the stand-in stops, or ``seconds`` (0: for ever) are over; then reset."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds if seconds else float("inf")
    while request.transport is not None and not stopping.is_set() and loop.time() < until:
        try:
            await asyncio.wait_for(stopping.wait(), min(_LOOK_S, max(until - loop.time(), 0.001)))
        except TimeoutError:
            continue
    reset(request)
