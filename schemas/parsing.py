"""A decoded job line to a job: the envelope, the body and the facts, with all that is wrong with them at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from schemas.answer_schema import schema_problem
from schemas.facts import JobFacts
from schemas.job import CHAT_COMPLETIONS, ChatBody
from schemas.metadata import read_facts
from schemas.problems import ProblemCode
from schemas.vocabulary import Tier

#: field, code, says
Fault = tuple[str, ProblemCode, str]

#: What ``body.model`` may be besides a model of the catalogue.
ROUTES = frozenset({"auto"} | {tier.value for tier in Tier})
MAX_FAULTS = 20
MAX_CUSTOM_ID = 256

_ENVELOPE = ("custom_id", "method", "url", "body")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.$-]{1,64}")
_FORMATS = ("text", "json_object", "json_schema")


class LineError(ValueError):
    """The line is no job; ``faults`` says why, ``custom_id`` whose it is where that could be read."""

    def __init__(self, custom_id: str | None, faults: list[Fault]) -> None:
        super().__init__("the line is no job")
        self.custom_id = custom_id
        if len(faults) > MAX_FAULTS:
            more = f"and {len(faults) - MAX_FAULTS} more problems on this line"
            faults = [*faults[:MAX_FAULTS], ("", ProblemCode.INVALID_FIELD, more)]
        self.faults = tuple(faults)


def read_job(
    value: Any, model_names: frozenset[str], defaults: Mapping[str, str]
) -> tuple[str, dict[str, Any], JobFacts]:
    """The custom_id, the body (without ``metadata``, with ``model``) and the facts of a line. Raises ``LineError``.

    ``value`` is taken apart: the body returned is the one inside it.
    """
    if not isinstance(value, dict):
        raise LineError(None, [("", ProblemCode.NOT_AN_OBJECT, "must be a JSON object, one a line")])
    custom_id, faults = _envelope(value)
    body, facts = value.get("body"), None
    if isinstance(body, dict):
        metadata = body.pop("metadata", None)
        faults += _body(body, model_names)
        facts = _facts(metadata, defaults, faults)
    if faults or custom_id is None or facts is None or not isinstance(body, dict):
        raise LineError(custom_id, faults)
    return custom_id, body, facts


def _envelope(value: dict[str, Any]) -> tuple[str | None, list[Fault]]:
    faults: list[Fault] = []
    custom_id = value.get("custom_id")
    if "custom_id" not in value:
        faults.append(
            ("custom_id", ProblemCode.MISSING_FIELD, "is missing: name each line so that you find its result")
        )
    elif not isinstance(custom_id, str) or not 0 < len(custom_id) <= MAX_CUSTOM_ID or _CONTROL.search(custom_id):
        says = f"must be a string of 1 to {MAX_CUSTOM_ID} characters without control characters"
        faults.append(("custom_id", ProblemCode.INVALID_FIELD, says))
        custom_id = None
    if value.get("method", "POST") != "POST":
        faults.append(("method", ProblemCode.UNSUPPORTED_METHOD, "must be POST"))
    if value.get("url", CHAT_COMPLETIONS) != CHAT_COMPLETIONS:
        says = f"must be {CHAT_COMPLETIONS}; other endpoints aren't served"
        faults.append(("url", ProblemCode.UNSUPPORTED_URL, says))
    if "body" not in value:
        faults.append(("body", ProblemCode.MISSING_FIELD, "is missing: it holds the Chat Completions request"))
    elif not isinstance(value["body"], dict):
        faults.append(("body", ProblemCode.INVALID_FIELD, "must be an object: the Chat Completions request"))
    for key in value:
        if key not in _ENVELOPE:
            says = f"is not part of a job line, which holds {', '.join(_ENVELOPE)}"
            if key == "metadata":
                says += "; metadata belongs inside of body"
            faults.append((_named(key), ProblemCode.UNKNOWN_FIELD, says))
    return custom_id, faults


def _facts(metadata: Any, defaults: Mapping[str, str], faults: list[Fault]) -> JobFacts | None:
    if metadata is not None and not isinstance(metadata, dict):
        says = "must be an object of strings"
        faults.append(("body.metadata", ProblemCode.INVALID_METADATA, says))
        return None
    read = read_facts(metadata or {}, defaults)
    if isinstance(read, JobFacts):
        return read
    for key, says in read:
        faults.append((f"body.metadata.{key}".rstrip("."), ProblemCode.INVALID_METADATA, says))
    return None


def _body(body: dict[str, Any], model_names: frozenset[str]) -> list[Fault]:
    faults: list[Fault] = []
    if body.get("stream") not in (None, False):
        says = "must be false or left out: a batch has no one to stream to"
        faults.append(("body.stream", ProblemCode.STREAMING_UNSUPPORTED, says))
    if body.get("n") not in (None, 1) or body.get("n") is True:
        says = "must be 1 or left out: each line gets one answer"
        faults.append(("body.n", ProblemCode.SEVERAL_CHOICES_UNSUPPORTED, says))
    messages = body.get("messages")
    try:
        ChatBody.model_validate(body, strict=True)
    except ValidationError as error:
        faults += _pydantic_faults(error, skip={fault[0] for fault in faults})
    else:
        if not any(_says_something(message) for message in body["messages"]):
            says = "say nothing: every content is empty"
            faults.append(("body.messages", ProblemCode.EMPTY_MESSAGES, says))
    if messages == []:
        faults = [fault for fault in faults if fault[0] != "body.messages"]
        faults.append(("body.messages", ProblemCode.EMPTY_MESSAGES, "must hold at least one message"))
    model = body.setdefault("model", "auto")
    if isinstance(model, str) and model and model not in ROUTES and model not in model_names:
        faults.append(("body.model", ProblemCode.UNKNOWN_MODEL, _unknown_model(model[:128], model_names)))
    faults += _response_format(body.get("response_format"))
    return faults


def _pydantic_faults(error: ValidationError, skip: set[str]) -> Iterator[Fault]:
    told = set(skip)
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        loc = list(one["loc"])
        if "content" in loc:  # what follows names the branches of a union
            loc = loc[: loc.index("content") + 1]
        field = _path(["body", *loc])
        if field in told:
            continue
        told.add(field)
        if one["type"] == "missing":
            yield field, ProblemCode.MISSING_FIELD, "is missing"
        elif loc[-1:] == ["content"]:
            yield field, ProblemCode.INVALID_FIELD, "must be a string, a list of parts, or null"
        else:
            yield field, ProblemCode.INVALID_FIELD, one["msg"].replace("Input should", "must")


def _says_something(message: dict[str, Any]) -> bool:
    content = message.get("content")
    if isinstance(content, str):
        return bool(content.strip())
    for part in content or ():
        text = part.get("text") if part.get("type") == "text" else part
        if not isinstance(text, str) or text.strip():
            return True
    return False


def _response_format(asked: Any) -> Iterator[Fault]:
    field = "body.response_format"
    if asked is None:
        return
    if not isinstance(asked, dict) or asked.get("type") not in _FORMATS:
        yield field, ProblemCode.INVALID_FIELD, f"must be an object whose type is one of {', '.join(_FORMATS)}"
    elif asked["type"] == "json_schema":
        wrapper = asked.get("json_schema")
        schema = wrapper.get("schema") if isinstance(wrapper, dict) else None
        if not isinstance(schema, dict):
            yield f"{field}.json_schema.schema", ProblemCode.BAD_SCHEMA, "is missing or not an object"
        elif wrong := schema_problem(schema):
            yield f"{field}.json_schema.schema", ProblemCode.BAD_SCHEMA, wrong


@lru_cache(maxsize=1024)
def _unknown_model(model: str, model_names: frozenset[str]) -> str:
    close = get_close_matches(model, sorted(model_names | ROUTES), n=3, cutoff=0.6)
    meant = f"did you mean {' or '.join(close)}?" if close else f"use {', '.join(sorted(ROUTES))} or a catalogue model"
    return f"is not in the catalogue; {meant}"


def _named(key: str) -> str:
    """A field's name where it is one, since a stray key could hold anything."""
    return key if _PLAIN_NAME.fullmatch(key) else "(a field)"


def _path(loc: list[Any]) -> str:
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{_named(str(part))}" if path else _named(str(part))
    return path
