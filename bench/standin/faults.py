"""Faults by name, and the rules that say which calls meet them. The table of names is in ``bench.standin``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from zlib import crc32

import orjson

from bench.standin.prices import Endpoint

Billed = Literal["yes", "no", "choice"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is fixed about a fault: whether the call is billed (``choice``: the rule says), and an error's status."""

    billed: Billed
    status: int = 0


KINDS = {
    "rate_limit": Kind("no", 429),
    "server_error": Kind("no", 500),
    "overloaded": Kind("no", 529),
    "bad_request": Kind("no", 400),
    "unauthorized": Kind("no", 401),
    "refusal": Kind("yes"),
    "empty": Kind("yes"),
    "truncated": Kind("yes"),
    "invalid_json": Kind("yes"),
    "wrong_label": Kind("yes"),
    "wrong_language": Kind("yes"),
    "slow": Kind("yes"),
    "hang": Kind("choice"),
    "reset_before_billing": Kind("no"),
    "reset_after_billing": Kind("yes"),
    "cut_body": Kind("yes"),
    "bad_usage": Kind("yes"),
}
_MATCH_TEXTS = ("provider", "model", "endpoint", "contains")
_MATCH_COUNTS = ("every", "first", "tries")
_MOST_RULES = 1000
_MOST_TRACKED = 1_000_000


class FaultRuleError(ValueError):
    """A rule cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which calls meet which fault. Everything given in ``match`` must hold; 0 and an empty text mean "not given"."""

    fault: str
    provider: str = ""
    model: str = ""
    endpoint: str = ""
    contains: bytes = b""
    every: int = 0
    first: int = 0
    tries: int = 0
    seconds: float = 0.0
    retry_after: str = ""
    status: int = 0
    billed: bool = False
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        return KINDS[self.fault]

    def concerns(self, endpoint: Endpoint) -> bool:
        return (
            self.provider in ("", endpoint.provider)
            and self.model in ("", endpoint.remote_model)
            and self.endpoint in ("", endpoint.name)
        )


class FaultPlan:
    """The rules in force and how often each has struck; the first rule that matches a call decides."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = tuple(rules)
        self._struck = [0] * len(self.rules)
        self._tried: dict[tuple[int, int], int] = {}

    def strike(self, endpoint: Endpoint, prompt: bytes, digest: int) -> Rule | None:
        """The rule that this call meets, counted as met. ``digest`` is the 64-bit digest of the request."""
        for place, rule in enumerate(self.rules):
            if not rule.concerns(endpoint) or rule.contains not in prompt:
                continue
            if rule.every and _mixed(digest, place) % rule.every:
                continue
            if rule.first and self._struck[place] >= rule.first:
                continue
            if rule.tries and not self._tries_left(place, rule, digest):
                continue
            self._struck[place] += 1
            return rule
        return None

    def _tries_left(self, place: int, rule: Rule, digest: int) -> bool:
        tried = self._tried.get((place, digest), 0)
        if tried >= rule.tries or len(self._tried) >= _MOST_TRACKED:
            return False
        self._tried[place, digest] = tried + 1
        return True

    def as_json(self) -> bytes:
        return orjson.dumps(
            [{**rule.given, "struck": struck} for rule, struck in zip(self.rules, self._struck, strict=True)]
        )


def _mixed(digest: int, place: int) -> int:
    """Other bits for each rule, so that two rules with the same ``every`` don't strike the same requests."""
    return crc32(digest.to_bytes(8, "big"), place)


def read_rules(text: bytes | str) -> list[Rule]:
    """Read a JSON list of rules. Raises ``FaultRuleError``."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FaultRuleError(f"fault rules are not JSON: {error}") from None
    if not isinstance(found, list) or len(found) > _MOST_RULES:
        raise FaultRuleError(f"fault rules must be a JSON list of at most {_MOST_RULES} objects")
    return [_rule(entry, f"fault rule {number}") for number, entry in enumerate(found, 1)]


def _rule(entry: Any, where: str) -> Rule:
    if not isinstance(entry, dict):
        raise FaultRuleError(f"{where}: must be an object")
    _only(entry, {"match", "fault", "seconds", "retry_after", "status", "billed"}, where)
    name = entry.get("fault")
    if not isinstance(name, str) or name not in KINDS:
        raise FaultRuleError(f"{where}: fault must be one of {', '.join(KINDS)}")
    match = entry.get("match", {})
    if not isinstance(match, dict):
        raise FaultRuleError(f"{where}: match must be an object")
    _only(match, {*_MATCH_TEXTS, *_MATCH_COUNTS}, f"{where}: match")
    for key in _MATCH_TEXTS:
        if not isinstance(match.get(key, ""), str):
            raise FaultRuleError(f"{where}: match.{key} must be a text")
    for key in _MATCH_COUNTS:
        count = match.get(key, 1)
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise FaultRuleError(f"{where}: match.{key} must be a whole number from 1")
    billed = entry.get("billed", False)
    if not isinstance(billed, bool) or ("billed" in entry and KINDS[name].billed != "choice"):
        raise FaultRuleError(f"{where}: billed is true or false, and only for hang")
    return Rule(
        fault=name,
        provider=match.get("provider", ""),
        model=match.get("model", ""),
        endpoint=match.get("endpoint", ""),
        contains=match.get("contains", "").encode(),
        every=match.get("every", 0),
        first=match.get("first", 0),
        tries=match.get("tries", 0),
        seconds=_seconds(entry, name, where),
        retry_after=_retry_after(entry, where),
        status=_status(entry, name, where),
        billed=billed,
        given=entry,
    )


def _only(entry: dict[str, Any], known: set[str], where: str) -> None:
    strange = sorted(set(entry) - known)
    if strange:
        raise FaultRuleError(f"{where}: unknown field {strange[0][:40]!r}; known are {', '.join(sorted(known))}")


def _seconds(entry: dict[str, Any], name: str, where: str) -> float:
    seconds = entry.get("seconds", 5.0 if name == "slow" else 0.0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 86_400:
        raise FaultRuleError(f"{where}: seconds must be a number from 0 to 86400")
    return float(seconds)


def _retry_after(entry: dict[str, Any], where: str) -> str:
    value = entry.get("retry_after", "1" if entry["fault"] == "rate_limit" else "")
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str) or not text.isprintable() or len(text) > 64:
        raise FaultRuleError(f"{where}: retry_after must be seconds, or a date as HTTP writes it")
    return text


def _status(entry: dict[str, Any], name: str, where: str) -> int:
    status = entry.get("status", KINDS[name].status)
    if "status" in entry and not KINDS[name].status:
        raise FaultRuleError(f"{where}: {name} has no status of its own")
    if isinstance(status, bool) or not isinstance(status, int) or not (status == 0 or 400 <= status <= 599):
        raise FaultRuleError(f"{where}: status must be 400 to 599")
    return status
