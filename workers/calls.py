"""One call to a provider and what came of it, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from schemas.usage import Usage
from schemas.vocabulary import Protocol as WireProtocol


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes, resolved: ``base_url`` without a trailing slash, ``api_key`` empty when none is needed.

    ``served_by`` is what results name: the endpoint's id, and ``standin`` tells whether the stand-in answers for it.
    """

    endpoint_id: str
    protocol: WireProtocol
    base_url: str
    remote_model: str
    api_key: str
    timeout_s: float
    default_max_output: int
    standin: bool = False

    def __repr__(self) -> str:  # the key must not reach a log by way of a traceback
        return f"Target({self.endpoint_id!r}, {self.base_url!r})"


@dataclass(frozen=True, slots=True, repr=False)
class Call:
    """One attempt about to leave. ``body`` is the job's Chat Completions body; ``key`` is the idempotency key."""

    attempt_id: int
    key: str
    target: Target
    body: Mapping[str, Any]


class OutcomeKind(StrEnum):
    """What became of a call.

    ``answered``: a complete answer with usage (a content refusal is an answer too).
    ``rejected``: the provider refused the request for good (4xx other than 408, 409, 425 and 429); not billed.
    ``unavailable``: not taken now (429, 5xx, connection refused, reset before anything was sent); not billed.
    ``uncertain``: the request left and no complete answer came (time-out, reset, cut or unreadable answer).
    """

    ANSWERED = "answered"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """What came of one call.

    ``completion`` is the answer as an OpenAI ``chat.completion`` object whatever the protocol was; ``text`` its text,
    ``finish_reason`` in OpenAI's words, ``refused`` whether the model or the provider declined on content.
    ``error_code`` is a short machine word (``http_429``, ``timeout``, ``connection_reset``); neither it nor anything
    else here but ``completion`` and ``text`` holds text of the provider's or the job's.
    ``retry_after_s`` is what the provider asked for. ``latency_s`` is wall time.
    """

    kind: OutcomeKind
    usage: Usage | None = None
    completion: Mapping[str, Any] | None = None
    text: str = ""
    finish_reason: str = ""
    refused: bool = False
    status: int | None = None
    error_code: str = ""
    request_id: str = ""
    served_model: str = ""
    retry_after_s: float | None = None
    latency_s: float = 0.0


class Transport(Protocol):
    """How calls leave a worker: real HTTP in production, a scripted one in a simulation."""

    async def send(self, call: Call) -> Outcome:
        """Never raises for what a provider or a network does; that is an ``Outcome``."""
        ...

    async def close(self) -> None: ...
