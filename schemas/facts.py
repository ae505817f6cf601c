"""What the producer says about a job besides the request itself: the ``metadata`` of a job line."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

from schemas.linear_pattern import SUPPORTED, UnsupportedPatternError, linear_pattern
from schemas.money import pico_from_usd
from schemas.vocabulary import DataClass, Stakes

#: No colon, no control characters (line and direction controls among them), no space at either end.
_NO_NAME = r":\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069"
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128, pattern=rf"^[^\s{_NO_NAME}]([^{_NO_NAME}]*[^\s{_NO_NAME}])?$"),
]
AMOUNT = re.compile(r"[0-9]{1,7}(\.[0-9]{1,12})?")
#: RFC 3339, which has seconds and an offset.
TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
MAX_PATTERN = 512


def _is_rfc_3339(value: Any) -> Any:
    """Pydantic alone would take a bare number, too, as seconds or milliseconds since 1970."""
    if isinstance(value, str) and TIME.fullmatch(value.strip()):
        return value.strip()
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    raise ValueError("must be an RFC 3339 time with an offset, such as 2026-12-01T08:00:00Z")


def _comma_separated(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class JobFacts(BaseModel):
    """The routing facts of one job. Every value arrives as a string, as OpenAI's ``metadata`` has it.

    Unknown keys are the producer's own: they are kept with the job and read by nobody. Names hold no colon,
    since ledger accounts are built from them. ``deadline`` is RFC 3339 with an offset.
    """

    model_config = ConfigDict(frozen=True, extra="allow", str_strip_whitespace=True)

    tenant: Name = "default"
    cost_centre: Name = "unassigned"
    project: Name | None = None
    producer: Name | None = Field(
        None, description="who submits; the policy may allow a named producer to lower stakes"
    )
    stakes: Stakes | None = Field(
        None, description="declared stakes: raise the assessment, lower it only by permission"
    )
    data_class: DataClass | None = Field(
        None, description="declared data class: raises what was found, never lowers it"
    )
    deadline: Annotated[datetime, BeforeValidator(_is_rfc_3339)] | None = None
    budget_usd: str | None = Field(None, description="the most this one job may cost, in US dollars")
    template_id: Name | None = Field(None, description="rows made from one template share this name")
    labels: Annotated[tuple[str, ...], BeforeValidator(_comma_separated)] = Field(
        (), description="the answer must be one of these, comma separated"
    )
    pattern: str | None = Field(
        None, max_length=MAX_PATTERN, description=f"the whole answer must match this: {SUPPORTED}"
    )
    language: str | None = Field(None, pattern=r"^[a-z]{2}$", description="ISO 639-1 code the answer must be in")

    @field_validator("budget_usd")
    @classmethod
    def _is_an_amount(cls, value: str | None) -> str | None:
        if value is not None:
            if not AMOUNT.fullmatch(value):
                raise ValueError("must be an amount in US dollars such as 12.50")
            pico_from_usd(value)
        return value

    @field_validator("pattern")
    @classmethod
    def _can_be_run(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                linear_pattern(value)
            except UnsupportedPatternError as error:
                raise ValueError(f"{error}; it must be {SUPPORTED}") from None
        return value

    @property
    def budget_pico(self) -> int | None:
        return None if self.budget_usd is None else pico_from_usd(self.budget_usd)
