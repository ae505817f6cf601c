"""Logs: what they hold, and what never reaches them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import structlog

from workers.logs import configure_logs, redact, trace_id
from workers.settings import LogFormat

MARK = "xyzzy-4711-do-not-print"
Lines = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    """The logging of the test process is put back."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    levels = {name: logging.getLogger(name).level for name in ("", "kombu", "amqp", "celery", "asyncio", "alembic")}
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """The lines written to stderr since the last look."""
    return lambda: capsys.readouterr().err.splitlines()  # noqa: PLW0108 - read at each call


def logged(lines: Lines) -> dict[str, Any]:
    (line,) = lines()
    found: dict[str, Any] = json.loads(line)
    return found


def hidden(**event: Any) -> Any:
    return redact(None, "info", event)


@pytest.mark.parametrize("name", ["prompt", "body", "messages", "content", "Authorization", "API_KEY", "database_url"])
def test_fields_are_redacted_by_name_at_any_depth(name: str) -> None:
    """A field that may hold a job's text or a secret shows nothing of it, wherever it stands."""
    event = hidden(**{name: MARK}, detail={"rows": [{"inner": ({name: {"x": MARK}},)}]})
    assert MARK not in repr(event)
    assert event[name] == "[redacted]"
    assert event["detail"] == {"rows": [{"inner": [{name: "[redacted]"}]}]}


def test_long_strings_are_cut() -> None:
    """No text slips in under another name, in a list or a mapping either."""
    event = hidden(note="x" * 300, other="x" * 301, deep=[{"a": "y" * 5000}])
    assert event["note"] == "x" * 300
    assert event["other"] == "x" * 300 + "..."
    assert len(event["deep"][0]["a"]) == 303


def test_objects_show_their_type_only() -> None:
    """What is neither text nor a number may quote anything in its own words."""

    class Holder:
        """Quotes a secret."""

        def __repr__(self) -> str:
            return MARK

    event = hidden(error=ValueError(MARK), one=Holder(), raw=MARK.encode(), some={MARK[:5]}, keyed={1: 2.5, None: True})
    assert event == {
        "error": "ValueError", "one": "Holder", "raw": "bytes", "some": ["xyzzy"], "keyed": {"1": 2.5, "None": True},
    }  # fmt: skip
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert hidden(at=at, id=UUID(int=1)) == {"at": str(at), "id": str(UUID(int=1))}


def test_json_lines_hold_role_time_level_and_trace(lines: Lines) -> None:
    """An event of ours is one JSON object with what an operator looks for."""
    configure_logs(LogFormat.JSON, "INFO", "worker")
    structlog.get_logger("workers.test").info("job_settled", batch_id="b-1", job_id=7, attempt_id=9)
    found = logged(lines)
    assert found.pop("timestamp").endswith("Z")
    assert found == {
        "event": "job_settled", "role": "worker", "level": "info", "logger": "workers.test", "batch_id": "b-1",
        "job_id": 7, "attempt_id": 9, "trace_id": trace_id("b-1"),
    }  # fmt: skip


def test_a_trace_id_is_the_same_everywhere() -> None:
    """Every process finds the same one for a batch, in the form of W3C Trace Context."""
    assert trace_id("b-1") == trace_id("b-1") != trace_id("b-2")
    assert len(trace_id("b-1")) == 32
    assert int(trace_id("b-1"), 16)


def test_console_lines_are_for_people_and_as_silent(lines: Lines) -> None:
    """The console shows the same event, redacted too, without JSON."""
    configure_logs(LogFormat.CONSOLE, "INFO", "worker")
    structlog.get_logger("workers.test").warning("job_settled", batch_id="b-1", prompt=MARK)
    (line,) = lines()
    assert "job_settled" in line
    assert "[redacted]" in line
    assert MARK not in line
    assert not line.startswith("{")


def test_where_there_is_no_terminal_auto_is_json(lines: Lines) -> None:
    """Logs that are collected are machine-readable without a setting."""
    configure_logs(LogFormat.AUTO, "INFO", "worker")
    structlog.get_logger("workers.test").info("started")
    assert logged(lines)["event"] == "started"


def test_other_libraries_keep_their_template_only(lines: Lines) -> None:
    """Their arguments, later lines and long texts may quote a job, so they are dropped."""
    configure_logs(LogFormat.JSON, "INFO", "worker")
    logging.getLogger("somebody").warning(f"took %s for %r\nand more: {MARK}", MARK, {"prompt": MARK})  # noqa: G004 - the habit meant
    found = logged(lines)
    assert (found["event"], found["logger"], found["role"]) == ("took %s for %r", "somebody", "worker")
    logging.getLogger("somebody").warning("z" * 500)
    assert logged(lines)["event"] == "z" * 120


@pytest.mark.parametrize("message", [ValueError(MARK), {"prompt": MARK}, 7])
def test_other_libraries_messages_that_are_no_text(lines: Lines, message: object) -> None:
    """An object logged in place of a message shows its type."""
    configure_logs(LogFormat.JSON, "INFO", "worker")
    logging.getLogger("somebody").error(message)
    assert logged(lines)["event"] == type(message).__name__


def test_a_template_that_its_arguments_do_not_fit(lines: Lines) -> None:
    """The library's slip is logged all the same, and its arguments aren't printed."""
    configure_logs(LogFormat.JSON, "INFO", "worker")
    logging.getLogger("somebody").error("took %d", MARK)
    assert logged(lines)["event"] == "took %d"


@pytest.mark.parametrize("ours", [True, False])
def test_a_traceback_is_told_by_its_type(lines: Lines, ours: bool) -> None:
    """Neither the error's words nor the lines of code around it are written, in our events or others'."""
    configure_logs(LogFormat.JSON, "INFO", "worker")
    try:
        raise KeyError(MARK)
    except KeyError:
        if ours:
            structlog.get_logger("workers.test").exception("went_wrong")
        else:
            logging.getLogger("somebody").exception("went_wrong", stack_info=True)
    found = logged(lines)
    assert (found["event"], found["error"]) == ("went_wrong", "KeyError")
    assert MARK not in json.dumps(found)
    assert "Traceback" not in json.dumps(found)
    assert "stack_info" not in found


def test_an_error_that_was_caught_elsewhere_is_told_by_its_type() -> None:
    """exc_info may be the error itself, or ask for one that isn't there."""
    assert hidden(exc_info=OSError(MARK)) == {"error": "OSError"}
    assert hidden(exc_info=True) == {"error": "unknown"}


def test_levels_and_noisy_libraries(lines: Lines) -> None:
    """The level holds for all, and the noisiest libraries are heard from warnings on, at DEBUG too."""
    configure_logs(LogFormat.JSON, "DEBUG", "worker")
    logging.getLogger("kombu.connection").info("chatter")
    structlog.get_logger("workers.test").debug("fine_print")
    assert logged(lines)["event"] == "fine_print"
    configure_logs(LogFormat.JSON, "ERROR", "worker")
    logging.getLogger("kombu").warning("chatter")
    logging.getLogger("somebody").warning("chatter")
    assert lines() == []
