"""One result line: the line of an OpenAI batch output file, with what Pointsman did beside it."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.vocabulary import JobState, Stakes, Tier


class AnswerResponse(BaseModel):
    """What the provider answered; ``body`` is an OpenAI ``chat.completion`` object whatever the protocol was."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status_code: int = Field(ge=100, le=599)
    request_id: str
    body: dict[str, Any] = Field(repr=False)


class AnswerError(BaseModel):
    """Why there is no answer: a machine word, and a sentence that quotes neither the prompt nor an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(pattern=r"^[a-z0-9_.-]{1,64}$")
    message: str


class Receipt(BaseModel):
    """What was done for the job and what it cost.

    ``endpoint``, ``model`` and ``standin`` are those of the accepted answer; ``standin`` tells that the stand-in
    provider answered, not a model. ``flaws`` are the codes of failed checks, over all its answers. ``cost_usd`` is
    the exact sum over all attempts, with twelve decimals. ``reason`` says why it was parked or failed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: Literal[JobState.DONE, JobState.PARKED, JobState.FAILED]
    stakes: Stakes
    tier: Tier | None = None
    endpoint: str | None = None
    model: str | None = None
    standin: bool = False
    attempts: int = Field(default=0, ge=0)
    escalated: bool = False
    flaws: tuple[str, ...] = ()
    cost_usd: str = Field(default="0.000000000000", pattern=r"^-?[0-9]+\.[0-9]{12}$")
    reason: str | None = None


class OutputLine(BaseModel):
    """The result of one job. A ``done`` job has a ``response``; a ``parked`` or ``failed`` one has an ``error``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    custom_id: str
    response: AnswerResponse | None = None
    error: AnswerError | None = None
    pointsman: Receipt

    @model_validator(mode="after")
    def _response_or_error(self) -> Self:
        done = self.pointsman.state is JobState.DONE
        if done != (self.response is not None) or done == (self.error is not None):
            raise ValueError("a done job has a response and no error, any other job an error and no response")
        return self

    def as_line(self) -> bytes:
        """The line as UTF-8 JSON with its line feed, its fields always in the same order."""
        return self.model_dump_json().encode() + b"\n"
