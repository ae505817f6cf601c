"""Options that several commands share, and what they mean."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from functools import reduce
from typing import Any

import click

from schemas.submission import Submission, read_submission

Command = Callable[..., Any]

json_option = click.option("--json", "as_json", is_flag=True, help="write JSON for machines")

_BATCH_OPTIONS = (
    click.option("--tenant", help="tenant of lines that name none"),
    click.option("--cost-centre", help="cost centre of lines that name none"),
    click.option("--project", help="project of lines that name none"),
    click.option("--deadline", help="deadline of lines that name none, such as 2026-12-01T08:00:00Z"),
    click.option("--budget-usd", help="the most the batch may cost, such as 12.50; jobs beyond it are parked"),
    click.option("--strict", is_flag=True, help="refuse the batch if any line is bad"),
)
#: Where a bad option is named in the words of a message.
_NAMES = {
    "batch_id": "--batch-id",
    "tenant": "--tenant",
    "cost_centre": "--cost-centre",
    "project": "--project",
    "deadline": "--deadline",
    "budget_usd": "--budget-usd",
}


def batch_options(command: Command) -> Command:
    """The options of a batch, for ``submit`` and ``plan``."""
    return reduce(lambda wrapped, option: option(wrapped), reversed(_BATCH_OPTIONS), command)


def submission(batch_id: str | None = None, **given: Any) -> Submission:
    """The options of a batch, checked as a message's are. Raises ``click.UsageError`` naming each that is wrong.

    A batch without an id gets a random one.
    """
    stated = {name: value for name, value in given.items() if value is not None}
    key = f"batch-{secrets.token_hex(8)}" if batch_id is None else batch_id
    read = read_submission({"batch_id": key, "file": "/-", **stated})
    if isinstance(read, Submission):
        return read
    raise click.UsageError("; ".join(f"{_NAMES.get(problem.field, problem.field)} {problem.says}" for problem in read))


class Moment(click.ParamType[datetime]):
    """A date (its midnight UTC) or a date and time with an offset."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            if len(value) == 10:
                return datetime.combine(date.fromisoformat(value), time.min, UTC)
            at = datetime.fromisoformat(value)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            self.fail("must be a date such as 2026-12-01, or a time with an offset such as 2026-12-01T08:00:00Z")
        return at
