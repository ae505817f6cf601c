"""``python -m bench.standin``: the stand-in provider as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from bench.standin.bill import Bill, BillFileError
from bench.standin.faults import FaultPlan, FaultRuleError, read_rules
from bench.standin.prices import PriceFileError, read_prices
from bench.standin.service import Manner, Service

_PRICES = Path(__file__).parents[2] / "routing" / "data" / "catalogue.toml"
_SHUTDOWN_S = 2.0


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 600_000:
        raise ValueError(text)
    return value / 1000


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(text)
    return value


def _instant(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError(text)
    return value.astimezone(UTC)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.standin", description="A stand-in for every provider.")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one (0)")
    add("--prices", type=Path, default=_PRICES, help="the catalogue with endpoints and price cards (the project's own)")
    add("--latency-ms", type=_seconds, default=0.0, dest="latency_s", help="how long an answer takes (0)")
    add("--latency-spread", type=_share, default=0.0, help="share by which that varies either way, 0 to 1 (0)")
    add("--bill", type=Path, help="file for the bill, one JSON object a line; an earlier bill in it is continued")
    add("--faults", default="[]", help="fault rules: a JSON list, or a file that holds one")
    add("--now", type=_instant, help="fix the bill's clock, for example 2026-11-23T08:00:00Z")
    add("--dedupe", action="store_true", help="bill an Idempotency-Key once (real providers don't)")
    add("--max-body", type=int, default=8 * 2**20, help="largest request body in bytes (8388608)")
    add("--stdin-watch", action="store_true", help="end when standard input closes, so as not to outlive a parent")
    return parser


def _service(given: argparse.Namespace) -> Service:
    prices = read_prices(given.prices.read_text(encoding="utf-8"))
    rules = given.faults if given.faults.lstrip().startswith("[") else Path(given.faults).read_bytes()
    plan = FaultPlan(read_rules(rules))
    manner = Manner(given.latency_s, given.latency_spread, dedupe=given.dedupe, most_bytes=given.max_body)
    if given.now is not None:
        manner = replace(manner, now=lambda: given.now)
    return Service(prices, Bill(given.bill), manner, plan)


async def _serve(service: Service, given: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    quiet = logging.getLogger("bench.standin")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False  # aiohttp logs garbage from callers with tracebacks; a stand-in has nobody to tell
    server = web.Server(
        service.handle,
        request_factory=_request_factory(service.manner.most_bytes),
        access_log=None,
        logger=quiet,
        lingering_time=2.0,
    )
    runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    site = web.TCPSite(runner, given.host, given.port, backlog=1024)
    await site.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stopping.set)
    if given.stdin_watch:
        threading.Thread(target=_watch_stdin, args=(loop, service.stopping), daemon=True).start()
    host, port = runner.addresses[0][:2]
    print(json.dumps({"url": f"http://{f'[{host}]' if ':' in host else host}:{port}"}), flush=True)
    gc.freeze()
    try:
        await service.stopping.wait()
    finally:
        await runner.cleanup()
        service.bill.close()


def _request_factory(most_bytes: int) -> Callable[..., web.BaseRequest]:
    """Requests whose body is refused beyond ``most_bytes``."""

    def make(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=most_bytes)

    return make


def _watch_stdin(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended before
        loop.call_soon_threadsafe(stopping.set)


def main() -> int:
    """Run until told to stop; 0 then, 2 where it cannot start, with one line that says why."""
    given = _arguments().parse_args()
    try:
        if sys.platform == "win32":
            asyncio.run(_started(given))
        else:
            import uvloop  # noqa: PLC0415 - not there on Windows

            uvloop.run(_started(given))
    except (PriceFileError, FaultRuleError, BillFileError) as error:
        print(f"stand-in: {_origin(error, given)}{error}", file=sys.stderr)
        return 2
    except (OSError, OverflowError, UnicodeDecodeError) as error:
        print(f"stand-in: {error}", file=sys.stderr)
        return 2
    return 0


def _origin(error: Exception, given: argparse.Namespace) -> str:
    return f"{given.prices}: " if isinstance(error, PriceFileError) else ""


async def _started(given: argparse.Namespace) -> None:
    await _serve(_service(given), given)


if __name__ == "__main__":
    sys.exit(main())
