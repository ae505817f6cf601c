"""Calls to a stand-in over plain sockets and the standard library, which know nothing of its code."""

import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PRICES = Path(__file__).with_name("prices.toml")
MONDAY_NOON = "2026-11-23T12:00:00Z"


@dataclass(frozen=True)
class Reply:
    """What came back: the body as bytes, and read as JSON."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self):
        return json.loads(self.raw)

    @property
    def text(self):
        """The text of the answer, whichever protocol it came by."""
        body = self.body
        if "choices" in body:
            return body["choices"][0]["message"]["content"]
        return "".join(block["text"] for block in body["content"])


def send(url, path, body, *, headers=None, method="POST", timeout=20.0):
    """One request on a connection of its own; ``body`` is JSON, or bytes as they are."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)
    try:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, fields, answer.read())
    finally:
        connection.close()


def chat(url, text, *, model="one", headers=None, timeout=20.0, **more):
    """A Chat Completions call with one user message."""
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    return send(url, "/alpha/v1/chat/completions", body, headers=headers, timeout=timeout)


def message(url, text, *, model="two", headers=None, **more):
    """A Messages call with one user message."""
    body = {"model": model, "max_tokens": 400, "messages": [{"role": "user", "content": text}], **more}
    return send(url, "/beta/v1/messages", body, headers=headers)
