"""What a request asks for, whatever its protocol; read from it once, and refused in plain words where it is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from bench.standin.counting import IMAGE_TOKENS, message_bytes
from bench.standin.phrases import LANGUAGE_NAMES, MARKERS

_LOOKED_AT = 8_000  # characters at either end of a text where labels are looked for
_LANGUAGE_SAMPLE = 800
_FEWEST_MARKERS = 3  # words that must tell a language other than English
#: A sentence that tells to answer with one label, up to its list: in brackets, in lines of its own, or to a full stop.
_LISTED = re.compile(
    r"\b(?:answer|reply|respond|choose|pick|select|classify|tag|return|output)\b[^.\n]{0,120}?"
    r"\b(?:one of|labels?|intents?|categor(?:y|ies)|classes)\b[^.:\[\n]{0,60}"
    r"(?:\[([^\]]{3,6000})\]|:((?:[ \t]*\n[ \t]*[-*][^\n]{1,80}){2,})|:([^\n]{3,6000}))",
    re.I,
)
_LABEL_WORDS = ("one of", "label", "intent", "categor", "classes")
_BETWEEN = re.compile(r"[,;|\n]|\bor\b", re.I)
_SENTENCE_END = re.compile(r"[.?!](?:\s|$)")
_ASKED_LANGUAGE = re.compile(
    r"\b(?:answer|reply|respond|write|translate)\b[^.\n]{0,60}\b(?:in|into|to) (" + "|".join(LANGUAGE_NAMES) + r")\b"
)
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("zh", re.compile(r"[\u3400-\u9fff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
_LATIN = re.compile(r"[A-Za-zÀ-ÿ]")


class RefusedRequestError(ValueError):
    """The request cannot be taken; ``param`` names the field. Never holds text of the request's messages."""

    def __init__(self, says: str, *, param: str | None = None, status: int = 400, code: str | None = None) -> None:
        super().__init__(says)
        self.says, self.param, self.status, self.code = says, param, status, code


@dataclass(frozen=True, slots=True, repr=False)
class Ask:
    """One request.

    ``stream`` is the whole prompt (``counting.message_bytes``), of which the first ``marked`` bytes are to be written
    to the provider's cache. ``cap`` is the most output tokens. ``schema`` is the JSON schema asked for; ``tool`` is
    a tool that must be called, with its schema. ``effort`` is the reasoning effort asked for.
    """

    model: str
    stream: bytes
    system: str
    last_user: str
    cap: int | None
    marked: int = 0
    schema: Mapping[str, Any] | None = None
    json_object: bool = False
    tool: tuple[str, Any] | None = None
    effort: str | None = None

    def digest(self) -> int:
        """64 bits of the model and the messages: what answers and faults are drawn from."""
        return int.from_bytes(blake2b(self.model.encode() + b"\0" + self.stream, digest_size=8).digest(), "big")


class Prompt:
    """Gathers the messages of a request into an ``Ask``."""

    __slots__ = ("last_user", "marked", "parts", "system")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.system: list[str] = []
        self.last_user = ""
        self.marked = 0

    def add(self, role: str, text: str, marked: bool = False) -> None:
        self.parts.append(message_bytes(role, text))
        if role in ("system", "developer"):
            self.system.append(text)
        elif role == "user":
            self.last_user = text
        if marked:
            self.marked = sum(map(len, self.parts))

    def add_json(self, role: str, value: Any, marked: bool = False) -> None:
        self.add(role, orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode(), marked)

    def ask(self, model: str, cap: int | None, **rest: Any) -> Ask:
        system = "\n".join(self.system)
        return Ask(model, b"".join(self.parts), system, self.last_user, cap, self.marked, **rest)


def field(body: Mapping[str, Any], name: str, kind: type, *, needed: bool = False) -> Any:
    """The field of a request, None where it is absent. Raises ``RefusedRequestError`` for another type."""
    value = body.get(name)
    if value is None and not needed:
        return None
    if not isinstance(value, kind) or (isinstance(value, int) and (isinstance(value, bool) or value < 1)):
        words = {str: "a text", list: "a list", dict: "an object", int: "a whole number from 1"}
        raise RefusedRequestError(f"{name} must be {words[kind]}", param=name)
    return value


def content_text(content: Any, where: str) -> tuple[str, bool]:
    """The text of a message's content, and whether one of its parts is marked with ``cache_control``.

    An image stands in the text as so many bytes as make its tokens. Raises ``RefusedRequestError``.
    """
    if isinstance(content, str):
        return content, False
    if content is None:
        return "", False
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise RefusedRequestError(f"{where}.content must be a text or a list of objects", param=f"{where}.content")
    texts, marked = [], False
    for part in content:
        marked = marked or part.get("cache_control") is not None
        if isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif part.get("type") in ("image", "image_url"):
            shown = blake2b(orjson.dumps(part, option=orjson.OPT_SORT_KEYS), digest_size=32).hexdigest()
            texts.append(shown * (IMAGE_TOKENS * 4 // len(shown)))
        else:
            plain = {key: value for key, value in part.items() if key != "cache_control"}
            texts.append(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS).decode())
    return "\n".join(texts), marked


def labels(ask: Ask) -> tuple[str, ...]:
    """The labels that an answer is to be one of, where the last user message or the system text lists them."""
    for text in (ask.last_user, ask.system):
        lowered = text.lower()
        if not any(word in lowered for word in _LABEL_WORDS):  # most requests end here, and soon
            continue
        if len(text) > 2 * _LOOKED_AT:
            text = text[:_LOOKED_AT] + "\n" + text[-_LOOKED_AT:]  # noqa: PLW2901 - the same text, its middle left out
        for found in _LISTED.finditer(text):
            listed = found[1] or found[2] or _SENTENCE_END.split(found[3], maxsplit=1)[0]
            names = [name.strip(" \t\n\r.'\"`*-“”‘’") for name in _BETWEEN.split(listed)]
            names = [name for name in names if name]
            if len(names) > 1 and max(map(len, names)) <= 64:
                return tuple(names)
    return ()


def language(ask: Ask) -> str:
    """The language to answer in: the one asked for by name, else that of most letters of the last user message."""
    text = ask.last_user[:_LANGUAGE_SAMPLE].lower()
    if any(name in text for name in LANGUAGE_NAMES):
        named = _ASKED_LANGUAGE.search(text)
        if named is not None:
            return LANGUAGE_NAMES[named[1]]
    if not text.isascii():
        latin = len(_LATIN.findall(text))
        found = {name: len(letters.findall(text)) for name, letters in _SCRIPTS}
        if found["ja"] > 0:  # Japanese writes most of its meaning in Chinese characters
            found["ja"] += found.pop("zh")
        best = max(found, key=lambda name: found[name])
        # one character of Chinese, Japanese or Korean says as much as two or three letters
        if found[best] * (3 if best in ("zh", "ja", "ko") else 1) > latin:
            return best
    words = set(text.split())
    best, most = "en", max(len(words & MARKERS["en"]), _FEWEST_MARKERS - 1)
    for name, markers in MARKERS.items():
        found_markers = len(words & markers)
        if found_markers > most:
            best, most = name, found_markers
    return best
