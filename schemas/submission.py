"""The ``pointsman.submit`` message: a batch handed over by plain Celery, from any language.

It is the ``kwargs`` of a task message named ``SUBMIT_TASK`` whose ``args`` are empty, in JSON.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from schemas.facts import AMOUNT, TIME, Name
from schemas.lines import LineLimits
from schemas.metadata import RULES
from schemas.problems import Problem, ProblemCode

SUBMIT_TASK = "pointsman.submit"

#: What one message may carry itself; a larger batch goes by reference to a file.
MESSAGE_LIMITS = LineLimits(max_lines=10_000, max_bytes=16 << 20)

_KEY_RULE = "must be 1 to 128 letters, digits, dots, underscores, colons or hyphens"


def _is_an_amount(value: Any) -> Any:
    if not isinstance(value, str) or not AMOUNT.fullmatch(value):
        raise ValueError("not an amount")
    return value


def _is_a_time(value: Any) -> Any:
    if not isinstance(value, str) or not TIME.fullmatch(value):
        raise ValueError("not a time")
    return value


class Submission(BaseModel):
    """One batch: the lines themselves, or a file that both sides can read at the same path.

    Sending the same ``batch_id`` again gives the same batch, so a producer that is unsure just sends again.
    ``tenant``, ``cost_centre``, ``project`` and ``deadline`` hold for lines that don't name their own;
    ``budget_usd`` is for the batch as a whole. With ``strict`` one bad line refuses the batch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    batch_id: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,128}$", description="the producer's own idempotency key")
    lines: (
        Annotated[
            list[Any],
            WithJsonSchema(
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MESSAGE_LIMITS.max_lines,
                    "items": {"anyOf": [{"type": "object"}, {"type": "string"}]},
                }
            ),
        ]
        | None
    ) = Field(default=None, repr=False, description="job lines, each an object or its text, 16 MiB in all")
    file: str | None = Field(default=None, min_length=1, max_length=4096, description="absolute path of a bulk file")
    sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="of the file, checked before it is taken"
    )
    tenant: Name | None = None
    cost_centre: Name | None = None
    project: Name | None = None
    budget_usd: (
        Annotated[str, BeforeValidator(_is_an_amount), StringConstraints(pattern=rf"^{AMOUNT.pattern}$")] | None
    ) = Field(default=None, description="the most the batch may cost, in US dollars, as a string")
    deadline: Annotated[datetime, BeforeValidator(_is_a_time)] | None = Field(
        default=None, description="RFC 3339, with offset"
    )
    strict: StrictBool = False

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.lines is None) == (self.file is None):
            raise ValueError("source")
        if self.file is not None and not _is_absolute(self.file):
            raise ValueError("path")
        if self.sha256 is not None and self.file is None:
            raise ValueError("sha256")
        if self.deadline is not None and self.deadline.tzinfo is None:
            raise ValueError("deadline")
        return self

    @property
    def defaults(self) -> dict[str, str]:
        """The facts for lines that don't give their own, as ``schemas.lines`` takes them."""
        facts = {
            "tenant": self.tenant,
            "cost_centre": self.cost_centre,
            "project": self.project,
            "deadline": None if self.deadline is None else self.deadline.isoformat(),
        }
        return {key: value for key, value in facts.items() if value is not None}


def read_submission(message: Any) -> Submission | tuple[Problem, ...]:
    """The submission that a message's ``kwargs`` hold, or what is wrong with it (line 0; the batch is refused).

    The lines themselves are read by ``schemas.lines.lines_of`` with ``MESSAGE_LIMITS``.
    """
    if not isinstance(message, dict):
        return (_problem("", ProblemCode.NOT_AN_OBJECT, "the message must be an object"),)
    try:
        return Submission.model_validate(message)
    except ValidationError as error:
        return tuple(dict.fromkeys(_explain(one) for one in error.errors(include_url=False, include_input=False)))


_RULES = {
    "batch_id": _KEY_RULE,
    "lines": "must be a list of job lines, each an object or its text",
    "file": "must be the absolute path of a bulk file that the workers can read",
    "sha256": "must be the file's SHA-256 as 64 hexadecimal digits in lower case",
    "strict": "must be true or false",
    **{key: RULES[key] for key in ("tenant", "cost_centre", "project", "budget_usd", "deadline")},
}
_WHOLE = {
    "source": ("", 'give either "lines" or "file"'),
    "path": ("file", _RULES["file"]),
    "sha256": ("sha256", 'goes with "file" only'),
    "deadline": ("deadline", _RULES["deadline"]),
}


def _explain(one: Any) -> Problem:
    if not one["loc"]:
        field, says = _WHOLE[str(one["ctx"]["error"])]
        return _problem(field, ProblemCode.INVALID_FIELD, says)
    field = str(one["loc"][0])
    if one["type"] == "extra_forbidden":
        named = field if re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", field) else "(a field)"
        return _problem(named, ProblemCode.UNKNOWN_FIELD, f"is not known; the message may hold {', '.join(_RULES)}")
    if one["type"] == "missing":
        return _problem(field, ProblemCode.MISSING_FIELD, f"is missing: it {_RULES[field]}")
    return _problem(field, ProblemCode.INVALID_FIELD, _RULES[field])


def _problem(field: str, code: ProblemCode, says: str) -> Problem:
    return Problem(0, None, field, code, says)


def _is_absolute(path: str) -> bool:
    return "\0" not in path and (PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute())
