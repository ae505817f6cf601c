"""The answer to a request, drawn from its digest alone; faults that spoil an answer are applied here too."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from bench.standin.asks import Ask, RefusedRequestError, labels, language
from bench.standin.counting import BYTES_A_TOKEN, REASONING_TOKENS
from bench.standin.instances import SchemaTooLargeError, instance
from bench.standin.phrases import MARK, SENTENCES

Finish = Literal["stop", "length", "tool", "refusal"]

_MOST_SENTENCES = 14
_BOUNDLESS = 10**9  # bytes: no cap
_REFUSAL = "The stand-in declines this request, as it was told to."
_SPOILT = {
    "invalid_json": (MARK + 'Here is the JSON: {"answer": "it has no end').encode(),
    "wrong_label": b"not one of your labels",
}
#: Every answer in prose there is, by language, first sentence and number of sentences.
_PROSE: dict[str, tuple[tuple[bytes, ...], ...]] = {
    name: tuple(
        tuple(
            (MARK + " ".join(sentences[(first + more) % len(sentences)] for more in range(count))).encode()
            for count in range(1, _MOST_SENTENCES + 1)
        )
        for first in range(len(sentences))
    )
    for name, sentences in SENTENCES.items()
}


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What is said: ``text`` in UTF-8 (the arguments, when ``tool`` names a tool), and ``reasoning`` tokens unseen."""

    text: bytes
    finish: Finish
    reasoning: int = 0
    tool: str | None = None


def answer(ask: Ask, digest: int, fault: str | None = None) -> Answer:
    """The answer to a request; the same for the same request and fault.

    Raises ``RefusedRequestError`` where the JSON schema asks for more than the stand-in makes.
    """
    if fault == "refusal":
        return Answer(_REFUSAL.encode(), "refusal")
    if fault == "empty":
        return Answer(b"", "stop")
    reasoning = 0 if ask.effort is None else REASONING_TOKENS.get(ask.effort, 0)
    reasoning = reasoning if ask.cap is None else min(reasoning, ask.cap)
    room = _BOUNDLESS if ask.cap is None else (ask.cap - reasoning) * BYTES_A_TOKEN
    text, tool = _said(ask, digest, fault, room)
    if fault == "truncated":
        return Answer(_cut(text, len(text) // 2), "length", tool=tool)
    if len(text) > room:
        return Answer(_cut(text, room), "length", reasoning, tool)
    return Answer(text, "stop" if tool is None else "tool", reasoning, tool)


def _said(ask: Ask, digest: int, fault: str | None, room: int) -> tuple[bytes, str | None]:
    """The whole text, and the name of the tool whose arguments it is, if any."""
    if fault in _SPOILT:
        return _SPOILT[fault], None
    if fault == "wrong_language":
        return _prose("en" if language(ask) in ("zh", "ja", "ko", "ar", "hi", "ru") else "zh", digest, room), None
    if ask.tool is not None:
        return _json(ask.tool[1], digest, "tools"), ask.tool[0]
    if ask.schema is not None:
        return _json(ask.schema, digest, "response_format"), None
    if ask.json_object:
        return orjson.dumps({"standin": True, "answer": _prose("en", digest, room // 2).decode()}), None
    names = labels(ask)
    return (names[digest % len(names)].encode() if names else _prose(language(ask), digest, room)), None


def _prose(name: str, digest: int, room: int) -> bytes:
    """As many sentences as the digest says of those numbers that fit; one, where not even that does."""
    starts = _PROSE[name]
    lengths = starts[digest % len(starts)]
    fitting = bisect_right(lengths, room, key=len)
    return lengths[digest // len(starts) % max(fitting, 1)]


def _json(schema: Any, digest: int, param: str) -> bytes:
    try:
        return orjson.dumps(instance(schema, digest))
    except SchemaTooLargeError as error:
        raise RefusedRequestError(f"the schema is too large for the stand-in: {error}", param=param) from None


def _cut(text: bytes, room: int) -> bytes:
    """As much of a text as fits so many bytes, in whole characters."""
    return text[:room].decode(errors="ignore").encode()
