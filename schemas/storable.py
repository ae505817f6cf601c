"""JSON text that PostgreSQL's JSONB takes, from values that came from elsewhere."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

#: An escaped U+0000, not preceded by an odd backslash. JSONB can't hold it.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def as_json(value: Any) -> str:
    """JSON text of a value: U+0000 and halves of surrogate pairs become U+FFFD, large integers stay as they are."""
    try:
        written = orjson.dumps(value).decode()
    except TypeError:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False)
        written = written.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return _NUL.sub("\\1\ufffd", written) if "\\u0000" in written else written
