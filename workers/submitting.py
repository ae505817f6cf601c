"""The ``pointsman.submit`` message: a producer's batch, from any language that speaks Celery's protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine

from schemas.lines import LineLimits, RawLine, lines_of, read_lines
from schemas.money import pico_from_usd
from schemas.problems import Problem
from schemas.submission import MESSAGE_LIMITS, Submission, read_submission
from workers.intake import BatchRefusedError, KeyReusedError, Order, Receipt, accept
from workers.planning import tell
from workers.runtime import Runtime
from workers.settings import Settings

_log = structlog.get_logger(__name__)
#: How many of a refused message's problems its event lists.
_TOLD = 100


class FileRefusedError(Exception):
    """A file that a message refers to can't be taken."""


def take_message(runtime: Runtime, kwargs: Mapping[str, Any]) -> Receipt | None:
    """Take the batch of a message in and announce it. A refused one leaves an event that says why, and None."""
    submission = read_submission(kwargs)
    if not isinstance(submission, Submission):
        _refused(runtime.engine, _named(kwargs.get("batch_id")), submission, len(submission))
        return None
    order = Order(
        batch_id=submission.batch_id,
        way_in="message",
        defaults=submission.defaults,
        budget_pico=None if submission.budget_usd is None else pico_from_usd(submission.budget_usd),
        strict=submission.strict,
    )
    try:
        with _lines(submission, runtime.settings) as lines:
            receipt = accept(
                runtime.engine,
                order,
                lines,
                runtime.rulebook,
                runtime.assessors,
                max_depth=runtime.settings.max_line_depth,
            )
    except BatchRefusedError as refused:
        _refused(runtime.engine, order.batch_id, refused.problems, refused.found)
        return None
    except (KeyReusedError, FileRefusedError) as refused:
        _event(runtime.engine, order.batch_id, {"says": str(refused)})
        return None
    runtime.bell.ring_batch(receipt.batch_id)
    _log.info("batch.accepted", batch_id=receipt.batch_id, jobs=receipt.jobs, bad_lines=receipt.bad_lines)
    return receipt


@contextmanager
def _lines(submission: Submission, settings: Settings) -> Iterator[Iterator[RawLine | Problem]]:
    if submission.lines is not None:
        limits = LineLimits(
            max_line_bytes=settings.max_line_bytes,
            max_depth=settings.max_line_depth,
            max_lines=min(settings.max_batch_lines, MESSAGE_LIMITS.max_lines),
            max_bytes=min(settings.max_message_bytes, MESSAGE_LIMITS.max_bytes),
        )
        yield lines_of(submission.lines, limits)
        return
    path = _allowed(submission.file or "", settings.inbox_dir)
    try:
        with path.open("rb") as stream:
            if submission.sha256 is not None and hashlib.file_digest(stream, "sha256").hexdigest() != submission.sha256:
                raise FileRefusedError("the file's SHA-256 is not the one that the message states")
            stream.seek(0)
            yield read_lines(stream, settings.line_limits)
    except OSError as error:
        raise FileRefusedError(f"the file can't be read here: {error.strerror}") from None


def _allowed(file: str, inbox: Path | None) -> Path:
    """The file's path, links resolved, where it lies in the inbox."""
    if inbox is None:
        raise FileRefusedError("messages may submit files only when POINTSMAN_INBOX_DIR is set on the workers")
    folder = inbox.resolve()
    path = (folder / file).resolve()
    if not path.is_relative_to(folder):
        raise FileRefusedError("the file lies outside of the inbox folder (POINTSMAN_INBOX_DIR)")
    return path


def _refused(engine: Engine, batch_id: str, problems: Sequence[Problem], found: int) -> None:
    _event(engine, batch_id, {"found": found, "problems": [problem.as_json() for problem in problems[:_TOLD]]})


def _named(batch_id: Any) -> str:
    """A refused message's key as a log and a table can hold it: it may be anything."""
    if not isinstance(batch_id, str) or not batch_id:
        return "unnamed"
    return "".join(letter if letter.isprintable() else "?" for letter in batch_id[:128])


def _event(engine: Engine, batch_id: str, detail: Mapping[str, Any]) -> None:
    """Tell why a message was refused, where ``pointsman status`` finds it."""
    _log.warning("submission.refused", batch_id=batch_id)
    with engine.begin() as connection:
        tell(connection, batch_id, "refused", detail)
