"""One job line: the line of an OpenAI batch file, with routing facts in ``body.metadata``."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.facts import JobFacts

#: Version of the wire schemas; a change that breaks producers makes a new one.
WIRE_VERSION = "v1"

CHAT_COMPLETIONS: Final = "/v1/chat/completions"


class ChatMessage(BaseModel):
    """One message of a conversation; what else it holds is passed on as it came."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None


class ChatBody(BaseModel):
    """The body of a Chat Completions request. Fields not named here are passed on as they came."""

    model_config = ConfigDict(extra="allow")

    model: str = Field("auto", min_length=1, description="auto, a tier (open, hybrid, frontier) or a catalogue model")
    messages: list[ChatMessage] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    n: Literal[1] | None = None
    stream: Literal[False] | None = None
    metadata: JobFacts = Field(default_factory=lambda: JobFacts.model_validate({}))


class JobLine(BaseModel):
    """A job as it is submitted."""

    model_config = ConfigDict(extra="forbid")

    custom_id: str = Field(min_length=1, max_length=256)
    method: Literal["POST"] = "POST"
    url: Literal["/v1/chat/completions"] = CHAT_COMPLETIONS
    body: ChatBody
