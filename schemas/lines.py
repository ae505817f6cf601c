"""Reading a batch: a stream of bytes to lines, a line to a job, with every problem named and flat memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from schemas.facts import JobFacts
from schemas.parsing import LineError, read_job
from schemas.problems import Problem, ProblemCode
from schemas.seen import SeenIds
from schemas.strict_json import DEEPEST, UnreadableError, decode

_BOM = b"\xef\xbb\xbf"
_SKIP_BYTES = 1 << 16
_NO_DEFAULTS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class LineLimits:
    """How much one batch may hold. Bytes and levels count as they are written; blank lines count as lines."""

    max_line_bytes: int = 1 << 20
    max_depth: int = 32
    max_lines: int = 1_000_000
    max_bytes: int = 2 << 30

    def __post_init__(self) -> None:
        if min(self.max_line_bytes, self.max_depth, self.max_lines, self.max_bytes) < 1:
            raise ValueError("each limit of a batch must be at least 1")
        if self.max_depth > DEEPEST:
            raise ValueError(f"max_depth must be at most {DEEPEST}")


DEFAULT_LIMITS = LineLimits()


@dataclass(frozen=True, slots=True, repr=False)
class RawLine:
    """One line as it came, without its line ending; ``line`` counts from 1."""

    line: int
    data: bytes


@dataclass(frozen=True, slots=True, repr=False)
class ParsedJob:
    """A good line. ``body`` is the Chat Completions body without ``metadata`` and with ``model`` filled in."""

    line: int
    custom_id: str
    model: str
    body: dict[str, Any]
    facts: JobFacts


def read_lines(stream: BinaryIO, limits: LineLimits = DEFAULT_LIMITS) -> Iterator[RawLine | Problem]:
    """The lines of a file, blank ones skipped, in memory bounded by ``limits.max_line_bytes``.

    Takes LF and CRLF, a byte order mark, and a last line without an ending. A line over the limit is a problem and
    is passed over unread; a problem of the whole batch (see ``Problem.refuses_batch``) is the last item.
    """
    number = total = found = 0
    # Room for CRLF after a line of full length; the byte order mark gets its own.
    while chunk := stream.readline(limits.max_line_bytes + 2 + (len(_BOM) if number == 0 else 0)):
        number += 1
        total += len(chunk)
        too_long = False
        data = chunk.removeprefix(_BOM) if number == 1 else chunk
        ended = data.endswith(b"\n")
        data = data.removesuffix(b"\n").removesuffix(b"\r") if ended else data
        if len(data) > limits.max_line_bytes:
            too_long = True
            while not ended and total <= limits.max_bytes and (rest := stream.readline(_SKIP_BYTES)):
                total += len(rest)
                ended = rest.endswith(b"\n")
        if total > limits.max_bytes:
            says = f"holds more than the limit of {limits.max_bytes} bytes; split it into several batches"
            yield Problem(0, None, "", ProblemCode.FILE_TOO_LARGE, says)
            return
        if number > limits.max_lines:
            yield _too_many(limits)
            return
        if too_long:
            found += 1
            yield _too_long(number, limits)
        elif data.strip():
            found += 1
            yield RawLine(number, data)
    if not found:
        yield _empty()


def lines_of(
    items: Iterable[str | Mapping[str, Any]], limits: LineLimits = DEFAULT_LIMITS
) -> Iterator[RawLine | Problem]:
    """The lines of a message, each an object or its text, under the same limits; the first is line 1."""
    found = total = 0
    for number, item in enumerate(items, start=1):
        if number > limits.max_lines:
            yield _too_many(limits)
            return
        try:
            data = _as_bytes(item, limits.max_depth)
        except UnreadableError as error:
            found += 1
            yield Problem(number, None, "", error.code, error.says)
            continue
        total += len(data)
        if total > limits.max_bytes:
            says = f"holds more than the limit of {limits.max_bytes} bytes; send it by reference to a file"
            yield Problem(0, None, "", ProblemCode.FILE_TOO_LARGE, says)
            return
        if len(data) > limits.max_line_bytes:
            found += 1
            yield _too_long(number, limits)
        elif data.strip():
            found += 1
            yield RawLine(number, data)
    if not found:
        yield _empty()


def parse_line(
    raw: RawLine,
    *,
    model_names: frozenset[str],
    defaults: Mapping[str, str] = _NO_DEFAULTS,
    max_depth: int = DEFAULT_LIMITS.max_depth,
) -> ParsedJob | tuple[Problem, ...]:
    """One line as a job, or all that is wrong with it (at least one problem, at most some twenty).

    ``model_names`` are the catalogue's models and their aliases; ``auto`` and the tiers are always known.
    ``defaults`` are facts of the batch (tenant, cost_centre ...) for lines that don't give their own.
    """
    try:
        value = decode(raw.data, max_depth=max_depth)
    except UnreadableError as error:
        return (Problem(raw.line, None, "", error.code, error.says),)
    try:
        custom_id, body, facts = read_job(value, model_names, defaults)
    except LineError as refused:
        return tuple(Problem(raw.line, refused.custom_id, *fault) for fault in refused.faults)
    return ParsedJob(raw.line, custom_id, body["model"], body, facts)


def read_jobs(
    lines: Iterable[RawLine | Problem],
    *,
    model_names: frozenset[str],
    defaults: Mapping[str, str] = _NO_DEFAULTS,
    max_depth: int = DEFAULT_LIMITS.max_depth,
) -> Iterator[ParsedJob | Problem]:
    """The jobs of a batch and its problems, in order, as they are read.

    ``lines`` come from ``read_lines`` or ``lines_of``. A ``custom_id`` belongs to the first line that uses it, also
    where that line is bad.
    """
    seen = SeenIds()
    for item in lines:
        if isinstance(item, Problem):
            yield item
            continue
        parsed = parse_line(item, model_names=model_names, defaults=defaults, max_depth=max_depth)
        custom_id = parsed.custom_id if isinstance(parsed, ParsedJob) else parsed[0].custom_id
        before = None if custom_id is None else seen.first_line(custom_id, item.line)
        if before is not None:
            says = f"was used on line {before} already; give each line its own"
            yield Problem(item.line, custom_id, "custom_id", ProblemCode.DUPLICATE_CUSTOM_ID, says)
        if not isinstance(parsed, ParsedJob):
            yield from parsed
        elif before is None:
            yield parsed


def _as_bytes(item: Any, max_depth: int) -> bytes:
    if isinstance(item, str):
        text = item
    elif isinstance(item, Mapping):
        try:
            text = json.dumps(item, allow_nan=False, ensure_ascii=False)
        except RecursionError:
            says = f"objects and arrays are nested deeper than the limit of {max_depth} levels"
            raise UnreadableError(ProblemCode.TOO_DEEP, says) from None
        except ValueError:
            says = "holds NaN or an infinite number, which JSON does not have; use null or a number"
            raise UnreadableError(ProblemCode.NOT_A_NUMBER, says) from None
        except TypeError:
            raise UnreadableError(ProblemCode.INVALID_JSON, "holds a value that JSON does not have") from None
    else:
        raise UnreadableError(ProblemCode.NOT_AN_OBJECT, "must be a JSON object, or the text of one")
    try:
        return text.encode()
    except UnicodeEncodeError:
        says = "holds half of a surrogate pair, which is not text; repair or remove it"
        raise UnreadableError(ProblemCode.INVALID_JSON, says) from None


def _too_long(number: int, limits: LineLimits) -> Problem:
    says = f"is longer than the limit of {limits.max_line_bytes} bytes; shorten it or raise the limit"
    return Problem(number, None, "", ProblemCode.LINE_TOO_LONG, says)


def _too_many(limits: LineLimits) -> Problem:
    says = f"holds more than the limit of {limits.max_lines} lines; split it into several batches"
    return Problem(0, None, "", ProblemCode.TOO_MANY_LINES, says)


def _empty() -> Problem:
    return Problem(0, None, "", ProblemCode.EMPTY_BATCH, "holds no job: write one JSON object a line")
