"""Logs: structlog events as JSON or for a console, with batch, job, attempt and trace ids, and nothing of a prompt."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Mapping, MutableMapping
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

import structlog

from workers.settings import LogFormat

#: What may hold a prompt, an answer or a secret. Its value never reaches a log, whoever logs it.
_NEVER = frozenset(
    {
        "answer", "api_key", "authorization", "body", "broker_url", "completion", "content", "database_url", "facts",
        "headers", "key", "message", "messages", "metadata", "password", "prompt", "request", "response", "secret",
        "system", "text", "token",
    }
)  # fmt: skip
_HIDDEN = "[redacted]"
#: Strings of an event are short words; a longer one is cut, so that no text slips in under another name.
_LONGEST = 300
_PLAIN = (UUID, date, time, timedelta, Decimal, PurePath)


def configure_logs(log_format: LogFormat, level: str, role: str) -> None:
    """Set up logging for a process whose ``role`` (worker, sweeper, submit ...) is in every line. Logs go to stderr."""
    console = log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        _Identity(role),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, _foreign],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, renderer],
        use_get_message=False,  # a template that its arguments don't fit would have them printed
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("kombu", "amqp", "celery", "asyncio", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


class _Identity:
    """Puts the process's role into each event, and the trace id of the batch that it is about."""

    def __init__(self, role: str) -> None:
        self._role = role

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("role", self._role)
        batch = event.get("batch_id")
        if isinstance(batch, str):
            event.setdefault("trace_id", trace_id(batch))
        return event


def trace_id(batch_id: str) -> str:
    """The trace id of a batch, 32 hex digits as W3C Trace Context has it: every process finds the same by itself."""
    return hashlib.sha256(batch_id.encode()).hexdigest()[:32]


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide values by the name of their field, at any depth, and cut long strings; tracebacks become their type."""
    event.pop("stack_info", None)
    trouble = event.pop("exc_info", None)
    if trouble:
        error = trouble[1] if isinstance(trouble, tuple) else trouble
        error = error if isinstance(error, BaseException) else sys.exc_info()[1]
        event["error"] = type(error).__name__ if error is not None else "unknown"
    return {name: _clean(name, value) for name, value in event.items()}


def _clean(name: str, value: Any) -> Any:
    if name.casefold() in _NEVER:
        return _HIDDEN
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else value[:_LONGEST] + "..."
    if isinstance(value, Mapping):
        return {str(key): _clean(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    # what else there is says its type only: an error's or an object's own words may quote anything
    return str(value) if isinstance(value, _PLAIN) else type(value).__name__


def _foreign(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A library's own message may quote task arguments: keep its first line's start, drop its arguments."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        first = record.msg.partition("\n")[0] if isinstance(record.msg, str) else type(record.msg).__name__
        event["event"] = first[:120]
    return event
