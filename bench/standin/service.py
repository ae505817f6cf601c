"""The stand-in's HTTP service: one handler for every provider's paths, and ``/standin/`` for those who watch it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType

import orjson
from aiohttp import web

from bench.standin import anthropic_wire, openai_wire
from bench.standin.answers import Answer, answer
from bench.standin.asks import Ask, RefusedRequestError
from bench.standin.bill import Bill, Charge
from bench.standin.breaking import cut, hang, reset
from bench.standin.counting import Counts, PrefixCache, count
from bench.standin.faults import FaultPlan, Rule
from bench.standin.prices import Card, Endpoint, Prices
from bench.standin.tally import Tally
from bench.standin.watching import watch

_BAD_KEYS = ("Bearer sk-bad", "sk-bad")
_KEY_LENGTH = 255
_REPLAYS_KEPT = 100_000
_PATHS_KEPT = 1000
_WIRES: tuple[tuple[ModuleType, str], ...] = ((openai_wire, "openai"), (anthropic_wire, "anthropic"))
_ERRORS = {
    "rate_limit": "too many requests",
    "overloaded": "overloaded",
    "server_error": "the server failed",
    "bad_request": "the request is refused",
    "unauthorized": "the key is refused",
}


@dataclass(frozen=True, slots=True)
class Manner:
    """How the stand-in behaves. ``latency_s`` is drawn from the request within +- ``spread`` (0 to 1) of itself.

    ``now`` is the bill's clock. ``dedupe``: a call with an idempotency key seen before gets the first answer again
    and is not billed. ``most_bytes`` is the limit on a request's body.
    """

    latency_s: float = 0.0
    spread: float = 0.0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    dedupe: bool = False
    most_bytes: int = 8 * 2**20


@dataclass(frozen=True, slots=True, repr=False)
class _Arrival:
    """A request that can be answered, with the price that holds at its arrival and the headers of its answer."""

    wire: ModuleType
    headers: dict[str, str]
    ask: Ask
    endpoint: Endpoint
    card: Card
    key: str | None
    at: datetime
    digest: int


class Service:
    """Everything one stand-in holds. ``handle`` answers one request; ``stopping`` ends the calls that hang."""

    def __init__(self, prices: Prices, bill: Bill, manner: Manner, plan: FaultPlan) -> None:
        self.prices = prices
        self.bill = bill
        self.manner = manner
        self.plan = plan
        self.cache = PrefixCache()
        self.tally = Tally()
        self.stopping = asyncio.Event()
        self._replays: dict[str, bytes] = {}
        self._ways: dict[str, tuple[str, ModuleType, str] | None] = {}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request. A plain 500 for what nobody thought of: only its kind goes to standard error."""
        try:
            path = request.raw_path.partition("?")[0]
            if path.startswith("/standin/"):
                return await watch(self, request, path)
            return await self._counted(request, path)
        except (ConnectionError, web.RequestPayloadError):
            raise ConnectionResetError("the connection has ended") from None
        except Exception as error:  # noqa: BLE001 - no traceback may reach a caller, nor a prompt within it a log
            print(f"stand-in: unexpected {type(error).__name__}", file=sys.stderr, flush=True)
            return _json(500, b'{"error":{"message":"the stand-in failed","type":"server_error"}}', {})

    async def _counted(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        way = self._way(path)
        if way is None:
            return _json(404, b'{"error":{"message":"no such path; GET /standin/rules lists them"}}', {})
        if request.method != "POST":
            return _json(405, way[1].error(405, "use POST", ""), {"Allow": "POST"})
        self.tally.begin()
        status = 0
        try:
            response = await self._call(request, *way)
            status = response.status
        finally:
            self.tally.end(status)
        return response

    def _way(self, path: str) -> tuple[str, ModuleType, str] | None:
        """The provider, wire and protocol of a path, remembered."""
        if path in self._ways:
            return self._ways[path]
        provider, _, rest = path[1:].partition("/")
        way = None
        for wire, protocol in _WIRES:
            if provider and rest in (wire.PATH[1:], "v1" + wire.PATH):
                way = (provider, wire, protocol)
        if len(self._ways) < _PATHS_KEPT:
            self._ways[path] = way
        return way

    async def _call(
        self, request: web.BaseRequest, provider: str, wire: ModuleType, protocol: str
    ) -> web.StreamResponse:
        headers = {wire.REQUEST_ID: f"standin-{self.tally.calls}"}
        try:
            arrival = await self._admit(request, provider, wire, protocol, headers)
            replay = self._replays.get(arrival.key) if arrival.key is not None else None
            if replay is not None:
                return _json(200, replay, headers | {"Idempotent-Replayed": "true"})
            rule = self.plan.strike(arrival.endpoint, arrival.ask.stream, arrival.digest)
            said = answer(arrival.ask, arrival.digest, None if rule is None else rule.fault)
        except RefusedRequestError as error:
            says = wire.error(error.status, error.says, headers[wire.REQUEST_ID], param=error.param, code=error.code)
            response = _json(error.status, says, headers)
            if error.status == 413:
                response.force_close()
            return response
        await self._wait(arrival.digest, rule)
        if rule is None:
            return self._answered(arrival, said)
        self.tally.fault(rule.fault)
        return await self._faulty(request, arrival, said, rule)

    async def _admit(
        self, request: web.BaseRequest, provider: str, wire: ModuleType, protocol: str, headers: dict[str, str]
    ) -> _Arrival:
        """Read a request and find its price. Raises ``RefusedRequestError``."""
        given = request.headers
        if given.get("Authorization") in _BAD_KEYS or given.get("x-api-key") in _BAD_KEYS:
            raise RefusedRequestError("the key is not valid", status=401)
        ask = self._read(await self._body(request), wire)
        endpoint = self.prices.find(provider, ask.model, protocol)
        if endpoint is None:
            raise RefusedRequestError("this provider has no such model over this protocol", param="model", status=404)
        at = self.manner.now()
        card = endpoint.card(at)
        if card is None:
            raise RefusedRequestError("no approved price of this model holds now", param="model", status=404)
        key = given.get("Idempotency-Key")
        if key is not None and len(key) > _KEY_LENGTH:
            raise RefusedRequestError(f"Idempotency-Key is over {_KEY_LENGTH} characters")
        return _Arrival(wire, headers, ask, endpoint, card, key, at, ask.digest())

    async def _body(self, request: web.BaseRequest) -> bytes:
        try:
            return await request.read()
        except web.HTTPRequestEntityTooLarge:
            says = f"the body is over {self.manner.most_bytes} bytes"
            raise RefusedRequestError(says, status=413, code="request_too_large") from None

    @staticmethod
    def _read(raw: bytes, wire: ModuleType) -> Ask:
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise RefusedRequestError("the body is not JSON in UTF-8", code="invalid_json") from None
        if not isinstance(body, dict):
            raise RefusedRequestError("the body must be an object")
        try:
            ask: Ask = wire.read(body)
        except orjson.JSONEncodeError:
            raise RefusedRequestError("the body is nested too deeply") from None
        return ask

    async def _wait(self, digest: int, rule: Rule | None) -> None:
        seconds = 0.0 if rule is None or rule.fault == "hang" else rule.seconds
        if self.manner.latency_s:
            drawn = (digest >> 11) / 2**53  # 0 to 1, from other bits than the answer's
            seconds += self.manner.latency_s * (1 + self.manner.spread * (2 * drawn - 1))
        if seconds > 0:
            await asyncio.sleep(seconds)

    def _billed(self, arrival: _Arrival, said: Answer, fault: str | None) -> Counts:
        """Count a call and put it on the bill. Raises ``OSError`` where the bill's file cannot be written."""
        ask, endpoint = arrival.ask, arrival.endpoint
        cached = self.cache.read(endpoint.name, ask.stream)
        counts = count(ask.stream, cached, ask.marked, said.text, said.reasoning)
        self.bill.enter(Charge(arrival.at, endpoint, arrival.card, arrival.key, counts, fault))
        self.tally.answered(endpoint.name)
        return counts

    def _answered(self, arrival: _Arrival, said: Answer, fault: str | None = None) -> web.Response:
        wire = arrival.wire
        try:
            counts: Counts | None = self._billed(arrival, said, fault)
        except OSError as error:
            says = f"the bill cannot be written: {error.strerror}"
            return _json(500, wire.error(500, says, arrival.headers[wire.REQUEST_ID]), arrival.headers)
        if fault == "bad_usage":
            counts = None
        body = wire.completion(arrival.ask, said, counts, f"{arrival.digest:016x}", int(arrival.at.timestamp()))
        if self.manner.dedupe and arrival.key is not None and len(self._replays) < _REPLAYS_KEPT:
            self._replays[arrival.key] = body
        return _json(200, body, arrival.headers)

    async def _faulty(
        self, request: web.BaseRequest, arrival: _Arrival, said: Answer, rule: Rule
    ) -> web.StreamResponse:
        """What a call gets that meets a fault rule."""
        fault = rule.fault
        if fault in _ERRORS:
            return _failure(rule, arrival)
        if fault == "reset_before_billing":
            reset(request)
        if fault == "hang":
            if rule.billed:
                self._billed(arrival, said, fault)
            await hang(request, rule.seconds, self.stopping)
        response = self._answered(arrival, said, fault)
        if response.status == 200 and fault == "reset_after_billing":
            reset(request)
        if response.status == 200 and fault == "cut_body":
            await cut(request, bytes(response.body), arrival.headers)  # type: ignore[arg-type] # it was made from bytes
        return response


def _failure(rule: Rule, arrival: _Arrival) -> web.Response:
    wire, headers, status = arrival.wire, arrival.headers, rule.status
    if rule.fault == "overloaded" and wire is openai_wire and status == rule.kind.status:
        status = 503  # 529 is Anthropic's own
    if rule.retry_after:
        headers = headers | {"Retry-After": rule.retry_after}
    says = f"{_ERRORS[rule.fault]}; this is the stand-in's fault of that name"
    code = rule.fault if rule.fault in ("overloaded", "bad_request") else None
    return _json(status, wire.error(status, says, headers[wire.REQUEST_ID], code=code), headers)


def _json(status: int, body: bytes, headers: Mapping[str, str]) -> web.Response:
    return web.Response(status=status, body=body, headers={**headers, "Content-Type": "application/json"})
