"""How the stand-in counts: a stated rule that anybody can follow with a pencil, and its prefix cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

BYTES_A_TOKEN = 4
TOKENS_A_MESSAGE = 4
IMAGE_TOKENS = 256
BLOCK_TOKENS = 128
CACHED_FROM_TOKENS = 1024
#: Reasoning tokens by the ``reasoning_effort`` of the request.
REASONING_TOKENS = {"none": 0, "minimal": 0, "low": 32, "medium": 128, "high": 512, "xhigh": 1024, "max": 1024}

_HEADER_BYTES = TOKENS_A_MESSAGE * BYTES_A_TOKEN
_BLOCK_BYTES = BLOCK_TOKENS * BYTES_A_TOKEN
_LEAST_BLOCKS = CACHED_FROM_TOKENS // BLOCK_TOKENS

RULES = {
    "text": "tokens of a text = ceil(bytes in UTF-8 / 4)",
    "prompt": "the sum over the messages of their tokens + 4 each; the parts of one message are joined by a line feed; "
    "the system text of an Anthropic request is a message; the tools, and the JSON schema asked for, are one message "
    "each, as JSON with sorted keys; an image is 256 tokens",
    "cached": "a prefix of at least 1024 tokens, in whole blocks of 128, that this process has seen at the same "
    "provider and model; on OpenAI prompt_tokens includes it, on Anthropic input_tokens does not",
    "cache_write": "Anthropic only, when the request has cache_control: the whole blocks of 128 tokens up to and "
    "including the last marked message, less those read from the cache, where they are at least 1024 tokens",
    "output": "the tokens of the answer (of the arguments, for a tool call), with no extra for the message",
    "reasoning": "with reasoning_effort low 32, medium 128, high 512, xhigh or max 1024, and no more than the cap on "
    "the output: part of the output, and counted against the cap before the answer",
    "cap": "max_completion_tokens, else max_tokens: prose is drawn to fit it where one sentence does; the rest is "
    "cut, with finish_reason length (Anthropic: max_tokens)",
    "fee": "one for each billed call, at the card's fee_usd_per_request",
    "amount": "count x price of the card that holds when the call arrives, each rounded half to even to 10^-12 USD",
}


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens of one call, each in one meter; ``reasoning`` is the part of ``output`` that is not seen."""

    input: int
    cached_read: int
    cache_write: int
    output: int
    reasoning: int

    @property
    def prompt(self) -> int:
        return self.input + self.cached_read + self.cache_write


def tokens(text: bytes) -> int:
    """The tokens of a text in UTF-8."""
    return -(-len(text) // BYTES_A_TOKEN)


def message_bytes(role: str, text: str) -> bytes:
    """One message as the rule sees it: four bytes a token, the first four tokens for the message itself."""
    body = text.encode()
    return role.encode()[:_HEADER_BYTES].ljust(_HEADER_BYTES, b"\0") + body + b"\0" * (-len(body) % BYTES_A_TOKEN)


class PrefixCache:
    """Which prompt prefixes have been seen, as digests of their blocks; the oldest are let go beyond ``size``."""

    def __init__(self, size: int = 1_000_000) -> None:
        self._size = size
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def read(self, account: str, stream: bytes) -> int:
        """Tokens of the longest prefix of a prompt seen before under ``account``; then remember all of its prefixes.

        ``stream`` is the messages of the prompt (``message_bytes``) one after the other.
        """
        if len(stream) < _LEAST_BLOCKS * _BLOCK_BYTES:
            return 0
        known = 0
        for place, digest in enumerate(_prefixes(account, stream), _LEAST_BLOCKS):
            if digest in self._seen:
                known = place
                self._seen.move_to_end(digest)
            else:
                self._seen[digest] = None
        while len(self._seen) > self._size:
            self._seen.popitem(last=False)
        return known * BLOCK_TOKENS

    def clear(self) -> None:
        self._seen.clear()


def _prefixes(account: str, stream: bytes) -> Iterable[bytes]:
    """Digests of the prefixes of 8, 9, 10 ... whole blocks."""
    running = blake2b(account.encode() + b"\0", digest_size=16)
    for start in range(0, len(stream) - _BLOCK_BYTES + 1, _BLOCK_BYTES):
        running.update(stream[start : start + _BLOCK_BYTES])
        if start >= (_LEAST_BLOCKS - 1) * _BLOCK_BYTES:
            yield running.copy().digest()


def count(stream: bytes, cached: int, marked: int, answer: bytes, reasoning: int) -> Counts:
    """The counts of one call: ``cached`` tokens were read, ``marked`` bytes of the prompt are to be written."""
    write = (
        max(marked // _BLOCK_BYTES * BLOCK_TOKENS - cached, 0) if marked >= CACHED_FROM_TOKENS * BYTES_A_TOKEN else 0
    )
    return Counts(
        input=len(stream) // BYTES_A_TOKEN - cached - write,
        cached_read=cached,
        cache_write=write,
        output=tokens(answer) + reasoning,
        reasoning=reasoning,
    )
