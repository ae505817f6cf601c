"""From a prompt to the numbers of vocabulary pieces that the model reads.

The vocabulary is the part of multilingual-e5-small's that the product's languages need; how it was cut, and the
training of everything else in the artefact, is in ``bench/training``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sentencepiece import SentencePieceProcessor

from routing.prompt import Prompt

#: Characters of a prompt that are read: of a longer one half from its head and half from its tail.
READ_AT_MOST = 60_000
START, END = 0, 2
#: Pieces in one window, with the marks around and between its parts.
WINDOW = 112
SYSTEM_AT_LEAST = 40
_SYSTEM_HEAD, _ASK_HEAD = 0.65, 0.6
_SPACES = re.compile(r"\s+")


class Vocabulary:
    """Cuts text into pieces. ``characters`` are replaced first, as the base model's own tokenizer does."""

    def __init__(self, model: bytes, characters: Mapping[int, str]) -> None:
        self._processor = SentencePieceProcessor(model_proto=model)
        self._characters = dict(characters)

    def cut(self, text: str) -> list[int]:
        """The numbers of the pieces of a text, without marks at its ends."""
        if len(text) > READ_AT_MOST:
            text = text[: READ_AT_MOST // 2] + " " + text[-READ_AT_MOST // 2 :]
        plain = _SPACES.sub(" ", text.translate(self._characters)).strip()
        pieces: list[int] = self._processor.encode(plain.encode("utf-8", "replace").decode())  # lone surrogates
        return pieces

    def parts(self, prompt: Prompt) -> tuple[list[int], list[int]]:
        """The pieces of the system message, and of the turns after it."""
        return self.cut(prompt.system) if prompt.system else [], self.cut("\n".join(t for _, t in prompt.turns))


def window(system: Sequence[int], asked: Sequence[int]) -> list[int]:
    """One window of both: of what is too long the head and the tail, where asks stand."""
    room = WINDOW - 3
    system = ends(system, max(SYSTEM_AT_LEAST, room - len(asked)), _SYSTEM_HEAD)
    asked = ends(asked, room - len(system), _ASK_HEAD)
    return [START, *([*system, END] if system else []), *asked, END]


def left_out(system: Sequence[int], asked: Sequence[int]) -> tuple[int, int]:
    """From where to where a window of both leaves out the turns; the same number twice where it has them whole."""
    room = WINDOW - 3 - min(len(system), max(SYSTEM_AT_LEAST, WINDOW - 3 - len(asked)))
    first = int(room * _ASK_HEAD)
    return (0, 0) if len(asked) <= room else (first, len(asked) - (room - first))


def ends(pieces: Sequence[int], count: int, head: float) -> list[int]:
    """At most ``count`` pieces: the share ``head`` of them from the beginning, the others from the end."""
    if len(pieces) <= count:
        return list(pieces)
    first = int(count * head)
    return [*pieces[:first], *pieces[len(pieces) - (count - first) :]]
