"""The conversation and the tools of a Chat Completions body, in the form of Anthropic Messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from workers.providers.failure import UntranslatableError

_DATA_URL = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,", re.IGNORECASE)

Block = dict[str, Any]


def conversation(body: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The system text and the messages.

    System and developer messages are lifted out wherever they stand, joined by a blank line. Answers of tools become
    blocks of one user message, as the protocol wants those of one turn together. A body with nothing but system
    messages asks with them. Raises ``UntranslatableError``.
    """
    system: list[str] = []
    messages: list[dict[str, Any]] = []
    for message in body["messages"]:
        role, content = message["role"], message.get("content")
        if role in ("system", "developer"):
            system.append(_plain(content))
        elif role == "user":
            messages.append({"role": "user", "content": content if isinstance(content, str) else _parts(content)})
        elif role == "assistant":
            blocks = _assistant(message)
            if blocks:
                messages.append({"role": "assistant", "content": blocks})
        elif role == "tool":
            _add_tool_result(messages, message)
        else:
            raise UntranslatableError("message_role")
    if not messages:
        return "", [{"role": "user", "content": "\n\n".join(system)}]
    return "\n\n".join(text for text in system if text), messages


def _plain(content: Any) -> str:
    """The text of a message that may hold only text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    if len(texts) != len(content) or not all(isinstance(text, str) for text in texts):
        raise UntranslatableError("content_part")
    return "\n".join(str(text) for text in texts)


def _parts(content: Any) -> list[Block]:
    if not isinstance(content, list):
        raise UntranslatableError("content")
    return [_part(part) for part in content]


def _part(part: Any) -> Block:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text" and isinstance(part.get("text"), str):
        return {"type": "text", "text": part["text"]}
    if kind == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        if isinstance(url, str):
            return {"type": "image", "source": _image(url)}
    raise UntranslatableError("content_part")


def _image(url: str) -> dict[str, str]:
    inline = _DATA_URL.match(url)
    if inline:
        return {"type": "base64", "media_type": inline[1].lower(), "data": url[inline.end() :]}
    if url.startswith("https://"):
        return {"type": "url", "url": url}
    raise UntranslatableError("image_url")


def _assistant(message: Mapping[str, Any]) -> list[Block]:
    if message.get("function_call"):
        raise UntranslatableError("function_call")
    text = _plain(message.get("content"))
    blocks: list[Block] = [{"type": "text", "text": text}] if text.strip() else []
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise UntranslatableError("tool_call")
        try:
            arguments = orjson.loads(function.get("arguments") or "{}")
        except (orjson.JSONDecodeError, TypeError):
            raise UntranslatableError("tool_call_arguments") from None
        blocks.append({"type": "tool_use", "id": call.get("id"), "name": function.get("name"), "input": arguments})
    return blocks


def _add_tool_result(messages: list[dict[str, Any]], message: Mapping[str, Any]) -> None:
    result = {
        "type": "tool_result",
        "tool_use_id": message.get("tool_call_id"),
        "content": _plain(message.get("content")),
    }
    last = messages[-1]["content"] if messages and messages[-1]["role"] == "user" else None
    if isinstance(last, list) and last and last[0].get("type") == "tool_result":
        last.append(result)
    else:
        messages.append({"role": "user", "content": [result]})


def tools(declared: Any) -> list[dict[str, Any]]:
    """Function tools in the protocol's form. Raises ``UntranslatableError`` for a tool that is no function."""
    if not isinstance(declared, list):
        return []
    return [_tool(tool) for tool in declared]


def _tool(tool: Any) -> dict[str, Any]:
    function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
    if not isinstance(function, dict):
        raise UntranslatableError("tool_type")
    translated = {
        "name": function.get("name"),
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
    }
    if function.get("description"):
        translated["description"] = function["description"]
    return translated


def tool_choice(choice: Any, *, parallel: bool) -> dict[str, Any] | None:
    """The protocol's ``tool_choice``; ``None`` where nothing was said and tools may run side by side."""
    if choice == "none":
        return {"type": "none"}
    if isinstance(choice, dict):
        function = choice.get("function")
        if choice.get("type") != "function" or not isinstance(function, dict):
            raise UntranslatableError("tool_choice")
        translated: dict[str, Any] = {"type": "tool", "name": function.get("name")}
    elif choice == "required":
        translated = {"type": "any"}
    elif choice == "auto" or not parallel:
        translated = {"type": "auto"}
    else:
        return None
    if not parallel:
        translated["disable_parallel_tool_use"] = True
    return translated
