"""What the producer says about a job besides the request itself: the ``metadata`` of a job line."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

from schemas.money import pico_from_usd
from schemas.vocabulary import DataClass, Stakes

Name = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\s:]([^:\n]*[^\s:])?$")]


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
    producer: Name | None = Field(None, description="who submits; the policy may allow a named producer to lower stakes")
    stakes: Stakes | None = Field(None, description="declared stakes: raise the assessment, lower it only by permission")
    data_class: DataClass | None = Field(None, description="declared data class: raises what was found, never lowers it")
    deadline: datetime | None = None
    budget_usd: str | None = Field(None, description="the most this one job may cost, in US dollars")
    template_id: Name | None = Field(None, description="rows made from one template share this name")
    labels: Annotated[tuple[str, ...], BeforeValidator(_comma_separated)] = Field(
        (), description="the answer must be one of these, comma separated"
    )
    pattern: str | None = Field(None, max_length=512, description="the whole answer must match this regular expression")
    language: str | None = Field(None, pattern=r"^[a-z]{2}$", description="ISO 639-1 code the answer must be in")

    @field_validator("budget_usd")
    @classmethod
    def _is_an_amount(cls, value: str | None) -> str | None:
        if value is not None:
            pico_from_usd(value)
        return value

    @field_validator("deadline")
    @classmethod
    def _has_an_offset(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("needs an offset from UTC, such as 2026-12-01T08:00:00Z")
        return value

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"is not a regular expression: {error}") from None
        return value

    @property
    def budget_pico(self) -> int | None:
        return None if self.budget_usd is None else pico_from_usd(self.budget_usd)
