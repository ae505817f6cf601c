"""Job lines for the tests of this room."""

from __future__ import annotations

import io
import json
from typing import Any

from schemas.lines import LineLimits, ParsedJob, RawLine, parse_line, read_jobs, read_lines
from schemas.problems import Problem

MODELS = frozenset({"claude-opus-4-6", "deepseek-v3.2"})


def job(custom_id: str = "job-1", **body: Any) -> dict[str, Any]:
    """A good job line, its body changed by ``body``."""
    plain = {"model": "auto", "messages": [{"role": "user", "content": "Tag this."}]}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": plain | body}


def parse(line: Any, **defaults: str) -> ParsedJob | tuple[Problem, ...]:
    """Parse one line, given as bytes or as an object."""
    data = line if isinstance(line, bytes) else json.dumps(line).encode()
    return parse_line(RawLine(1, data), model_names=MODELS, defaults=defaults)


def problems(line: Any, **defaults: str) -> list[tuple[str, str]]:
    """(code, field) of each problem of a line."""
    parsed = parse(line, **defaults)
    return [] if isinstance(parsed, ParsedJob) else [(problem.code.value, problem.field) for problem in parsed]


def read(data: bytes, **limits: int) -> list[ParsedJob | Problem]:
    """Read a whole file from memory."""
    return list(read_jobs(read_lines(io.BytesIO(data), LineLimits(**limits)), model_names=MODELS))
