"""What a request says, read once from its body: the texts by role and what it needs of a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.vocabulary import Feature


@dataclass(frozen=True, slots=True)
class Prompt:
    """The readable part of a request.

    ``system`` joins system and developer messages; ``turns`` are (role, text) of the rest in order; ``last_user`` is
    the text of the last user message, the likeliest place of the ask. ``max_output`` is the producer's cap in tokens.
    ``json_schema`` is the schema asked for, if any; ``json_object`` tells that some JSON object was asked for.
    ``attached`` is what models read besides the texts, as JSON one a line: tools, tool calls and that schema;
    ``images`` counts pictures.
    """

    system: str
    turns: tuple[tuple[str, str], ...]
    last_user: str
    needs: frozenset[Feature]
    max_output: int | None
    json_schema: Mapping[str, Any] | None
    json_object: bool
    attached: str = ""
    images: int = 0

    @property
    def text(self) -> str:
        """All texts, system first, one a line."""
        parts = [self.system] if self.system else []
        return "\n".join(parts + [text for _, text in self.turns])


def read_prompt(body: Mapping[str, Any]) -> Prompt:
    """Read a validated Chat Completions body (shape: ``schemas.job.ChatBody``)."""
    system: list[str] = []
    turns: list[tuple[str, str]] = []
    last_user = ""
    needs: set[Feature] = set()
    attached, images = [body.get("tools")], 0
    for message in body["messages"]:
        role, text, seen = message["role"], *_content(message.get("content"))
        images += seen
        attached.append(message.get("tool_calls"))
        if role in ("system", "developer"):
            system.append(text)
        else:
            turns.append((role, text))
            if role == "user":
                last_user = text
    if images:
        needs.add(Feature.VISION)
    if body.get("tools"):
        needs.add(Feature.TOOLS)
    schema, json_object = _json_asked(body.get("response_format"))
    if schema is not None:
        needs.add(Feature.JSON_SCHEMA)
    cap = body.get("max_completion_tokens") or body.get("max_tokens")
    return Prompt(
        system="\n".join(system),
        turns=tuple(turns),
        last_user=last_user,
        needs=frozenset(needs),
        max_output=cap,
        json_schema=schema,
        json_object=json_object,
        attached="\n".join(json.dumps(part, ensure_ascii=False) for part in (*attached, schema) if part),
        images=images,
    )


def _content(content: Any) -> tuple[str, int]:
    """The text of a message's content and the number of images in it."""
    if content is None:
        return "", 0
    if isinstance(content, str):
        return content, 0
    texts, images = [], 0
    for part in content:
        kind = part.get("type")
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind in ("image_url", "input_image", "image"):
            images += 1
    return "\n".join(texts), images


def _json_asked(response_format: Any) -> tuple[Mapping[str, Any] | None, bool]:
    if not isinstance(response_format, Mapping):
        return None, False
    if response_format.get("type") == "json_schema":
        wrapper = response_format.get("json_schema")
        schema = wrapper.get("schema") if isinstance(wrapper, Mapping) else None
        return (schema if isinstance(schema, Mapping) else {}), True
    return None, response_format.get("type") == "json_object"
