"""JSON, read fast and strictly: what two readers could understand differently is an error.

``orjson`` reads; the standard library's reader runs only on the rare line that needs a closer look, to name what is
wrong. Beyond RFC 8259 this refuses duplicate keys, whole numbers beyond 64 bits (they would silently become floats),
numbers beyond a double, halves of surrogate pairs, and the character U+0000, which PostgreSQL's JSONB can't hold.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import orjson

from schemas.problems import ProblemCode

#: ``orjson`` writes no deeper than 254 and reads no deeper than 1,024 levels.
DEEPEST = 200

_LONG_DIGITS = re.compile(rb"[0-9]{19}")
# Strings are matched whole and possessively (linear time on any input), so that brackets in them don't count.
_BRACKETS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)


class UnreadableError(ValueError):
    """The text is not what we accept; ``code`` and ``says`` go into a ``Problem``. Quotes nothing of the text."""

    def __init__(self, code: ProblemCode, says: str) -> None:
        super().__init__(says)
        self.code = code
        self.says = says


def decode(data: bytes, *, max_depth: int) -> Any:
    """The value that ``data`` holds, nested at most ``max_depth`` levels. Raises ``UnreadableError``."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        _explain(data, max_depth)
    if data.count(b"{") + data.count(b"[") > max_depth and _deeper_than(value, max_depth):
        raise _too_deep(max_depth)
    if b"\\u0000" in data:
        _refuse_nul(value)
    # A dropped duplicate takes at least one colon with it; escaped colons are the one thing that could hide that.
    if data.count(b":") != orjson.dumps(value).count(b":") or b"\\u003" in data or _LONG_DIGITS.search(data):
        _look_closely(data)
    return value


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        if not level:
            return False
        level = [inner for holder in level for inner in _items(holder) if isinstance(inner, dict | list)]
    return bool(level)


def _items(holder: Any) -> Any:
    return holder.values() if isinstance(holder, dict) else holder


def _leaves(value: Any) -> Iterator[Any]:
    """Every key and every scalar, without recursion."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield from item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        else:
            yield item


def _refuse_nul(value: Any) -> None:
    if any(isinstance(leaf, str) and "\0" in leaf for leaf in _leaves(value)):
        raise UnreadableError(
            ProblemCode.INVALID_FIELD, "holds the character U+0000 (\\u0000), which can't be stored; remove it"
        )


def _look_closely(data: bytes) -> None:
    """Find what ``orjson`` passes over: duplicate keys and whole numbers beyond 64 bits."""
    _refuse_big(json.loads(data, object_pairs_hook=_no_duplicates))


def _refuse_big(value: Any) -> None:
    if any(type(leaf) is int and not -(2**63) <= leaf < 2**64 for leaf in _leaves(value)):
        raise _too_big()


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableError(
            ProblemCode.DUPLICATE_KEY, "an object holds the same key twice; readers differ on which one counts"
        )
    return found


def _too_big() -> UnreadableError:
    return UnreadableError(ProblemCode.INVALID_FIELD, "holds a whole number beyond 64 bits; write it as a string")


def _too_deep(max_depth: int) -> UnreadableError:
    return UnreadableError(
        ProblemCode.TOO_DEEP, f"objects and arrays are nested deeper than the limit of {max_depth} levels"
    )


def _not_a_number(name: str) -> NoReturn:
    raise UnreadableError(ProblemCode.NOT_A_NUMBER, f"holds {name}, which JSON does not have; use null or a number")


def _explain(data: bytes, max_depth: int) -> NoReturn:
    """Name what ``orjson`` refused."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        says = f"byte {error.start + 1} of the line is not UTF-8; save the file as UTF-8"
        raise UnreadableError(ProblemCode.INVALID_UTF8, says) from None
    if _bracket_depth(data) > max_depth:
        raise _too_deep(max_depth)
    try:
        value = json.loads(text, parse_constant=_not_a_number)
    except UnreadableError:
        raise
    except json.JSONDecodeError as error:
        says = f"is not JSON at character {error.pos + 1}: {error.msg.partition(':')[0]}"
        raise UnreadableError(ProblemCode.INVALID_JSON, says) from None
    except ValueError:  # int() refuses more than 4,300 digits
        raise _too_big() from None
    _refuse_big(value)
    if any(isinstance(leaf, float) and math.isinf(leaf) for leaf in _leaves(value)):
        raise UnreadableError(ProblemCode.NOT_A_NUMBER, "holds a number too large for a 64-bit float")
    says = "is not JSON: a \\u escape is half of a surrogate pair, or the text is otherwise malformed"
    raise UnreadableError(ProblemCode.INVALID_JSON, says)


def _bracket_depth(data: bytes) -> int:
    depth = deepest = 0
    for match in _BRACKETS.finditer(data):
        first = match[0][:1]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest
