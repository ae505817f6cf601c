"""Where endpoints that speak one protocol differ: the name of the output cap, and fields that a model refuses.

A job that says ``temperature: 0`` and leaves the model to the router must not fail because the model chosen takes no
temperature, so fields that are known to be refused are left out. What a field's absence changes is sampling only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

_SAMPLING = frozenset({"temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias"})
_LOGPROBS = frozenset({"logprobs", "top_logprobs"})

#: OpenAI's reasoning models (o1, o3, gpt-5 and later; not gpt-oss), also behind a gateway's prefix.
_OPENAI_REASONING = re.compile(r"(^|[/.])(o\d(-|$)|gpt-([5-9]|\d\d)(?!\d))")
#: Their non-reasoning chat variants, which take sampling fields.
_OPENAI_CHAT = re.compile(r"gpt-\d+(\.\d+)?-chat")
#: Kimi K2.5 and later fix their own sampling and answer 400 to other values.
_KIMI_FIXED = re.compile(r"(^|/)kimi-k(2\.[5-9]|[3-9])")
#: Claude Opus 4.7 and later, and the fifth generation, answer 400 to any sampling field.
_CLAUDE_FIXED = re.compile(r"claude-(opus-4-([7-9]|1\d)|(opus|sonnet|haiku)-([5-9]|1\d)|fable|mythos)(?!\d)")

#: Hosts where every chat model takes ``max_completion_tokens`` and the newer ones refuse ``max_tokens``.
_NEW_CAP_HOSTS = ("api.openai.com", ".openai.azure.com")


@dataclass(frozen=True, slots=True)
class Dialect:
    """``cap_field`` names the output cap; ``drops`` are body fields not to be sent."""

    cap_field: str
    drops: frozenset[str]


@lru_cache(maxsize=1024)
def openai_dialect(base_url: str, remote_model: str) -> Dialect:
    """The dialect of an OpenAI-compatible endpoint.

    OpenAI itself wants ``max_completion_tokens`` (its reasoning models answer 400 to ``max_tokens``). Others, Mistral,
    DeepSeek, Alibaba and older vLLM among them, know ``max_tokens`` only and refuse or, worse, ignore the new name,
    which would leave the worst case unbounded. So: the new name on OpenAI's and Azure's hosts and for OpenAI's
    reasoning models on any host, the old name elsewhere.
    """
    try:
        host = urlsplit(base_url).hostname or ""
    except ValueError:  # not a URL, which the transport will report
        host = ""
    model = remote_model.lower()
    reasoning = bool(_OPENAI_REASONING.search(model))
    new_cap = reasoning or any(host == known or host.endswith(known) for known in _NEW_CAP_HOSTS)
    drops: frozenset[str] = frozenset()
    if reasoning and not _OPENAI_CHAT.search(model):
        drops = _SAMPLING | _LOGPROBS
    elif _KIMI_FIXED.search(model):
        drops = _SAMPLING
    return Dialect("max_completion_tokens" if new_cap else "max_tokens", drops)


@lru_cache(maxsize=1024)
def takes_sampling(claude_model: str) -> bool:
    """Whether a Claude model accepts ``temperature`` and ``top_p``."""
    return not _CLAUDE_FIXED.search(claude_model.lower())
