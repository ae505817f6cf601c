"""The paths under ``/standin/``: the bill, the faults, the figures and the rules, in JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from bench.standin.counting import RULES
from bench.standin.faults import KINDS, FaultPlan, FaultRuleError, read_rules

if TYPE_CHECKING:
    from bench.standin.service import Service

_LONGEST_PAGE = 10_000


async def watch(service: Service, request: web.BaseRequest, path: str) -> web.Response:
    """Answer one request to a path under ``/standin/``."""
    methods = _PATHS.get(path)
    if methods is None:
        return _error(404, f"no such path; there are {', '.join(_PATHS)}")
    if request.method not in methods:
        return _error(405, f"use {' or '.join(methods)}")
    return await methods[request.method](service, request)


async def _bill(service: Service, _: web.BaseRequest) -> web.Response:
    return _body(service.bill.summary())


async def _reset_bill(service: Service, _: web.BaseRequest) -> web.Response:
    service.bill.reset()
    return _body(service.bill.summary())


async def _reset_cache(service: Service, _: web.BaseRequest) -> web.Response:
    service.cache.clear()
    return _body(b"{}")


async def _stats(service: Service, request: web.BaseRequest) -> web.Response:
    manager = request.protocol._manager
    return _body(orjson.dumps(service.tally.as_json(0 if manager is None else len(manager.connections))))


async def _rules(service: Service, _: web.BaseRequest) -> web.Response:
    billed = {name: kind.billed for name, kind in KINDS.items()}
    paths = ["/{provider}[/v1]/chat/completions", "/{provider}[/v1]/messages", *_PATHS]
    return _body(orjson.dumps({"counting": RULES, "faults_billed": billed, "paths": paths}))


async def _faults(service: Service, _: web.BaseRequest) -> web.Response:
    return _body(service.plan.as_json())


async def _set_faults(service: Service, request: web.BaseRequest) -> web.Response:
    try:
        service.plan = FaultPlan(read_rules(await request.read()))
    except web.HTTPRequestEntityTooLarge:
        return _error(413, "the rules are too long")
    except FaultRuleError as error:
        return _error(400, str(error))
    return _body(service.plan.as_json())


async def _entries(service: Service, request: web.BaseRequest) -> web.Response:
    try:
        offset, limit = (int(request.query.get(name, usual)) for name, usual in (("offset", 0), ("limit", 1000)))
    except ValueError:
        return _error(400, "offset and limit must be whole numbers")
    if offset < 0 or not 0 <= limit <= _LONGEST_PAGE:
        return _error(400, f"offset is 0 or more, limit 0 to {_LONGEST_PAGE}")
    return _body(service.bill.entries(offset, limit))


_PATHS: dict[str, dict[str, Callable[[Service, web.BaseRequest], Awaitable[web.Response]]]] = {
    "/standin/bill": {"GET": _bill},
    "/standin/bill/entries": {"GET": _entries},
    "/standin/bill/reset": {"POST": _reset_bill},
    "/standin/cache/reset": {"POST": _reset_cache},
    "/standin/faults": {"GET": _faults, "PUT": _set_faults},
    "/standin/stats": {"GET": _stats},
    "/standin/rules": {"GET": _rules},
}


def _body(body: bytes, status: int = 200) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")


def _error(status: int, says: str) -> web.Response:
    return _body(orjson.dumps({"error": {"message": says}}), status)
