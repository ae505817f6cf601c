"""Which prompts share text, so that what a model is tried on is not what it has learned from."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

#: Shorter lines are shared by chance ("Which of the following is true?").
_TELLING = 40
#: A line that stands in more prompts of a file than this is boilerplate; a passage has at most a few questions.
_BOILERPLATE = 20
_LETTERS = re.compile(r"[\W_]+")


def telling_lines(prompt: str) -> set[str]:
    """The lines of a prompt that tell what is asked: letters and digits alone, at least 40 of them."""
    lines = (_LETTERS.sub("", line.casefold()) for line in prompt.splitlines())
    return {line for line in lines if len(line) >= _TELLING}


def overlapping(prompts: Sequence[str], tried: Iterable[str]) -> NDArray[np.bool_]:
    """For each prompt (n,) whether it shares a telling line with any of those ``tried``."""
    known = {line for prompt in tried for line in telling_lines(prompt)}
    return np.array([not known.isdisjoint(telling_lines(prompt)) for prompt in prompts], np.bool_)


def folds(prompts: Sequence[str], count: int) -> NDArray[np.int64]:
    """The fold of each prompt, 0 to ``count`` - 1: (n,). By its longest line that is no boilerplate, so that the
    questions about one passage, and equal prompts, lie in one fold."""
    lines = [telling_lines(prompt) for prompt in prompts]
    common = Counter(line for found in lines for line in found)
    keys = [
        max(
            (line for line in found if common[line] <= _BOILERPLATE), key=lambda line: (len(line), line), default=prompt
        )
        for found, prompt in zip(lines, prompts, strict=True)
    ]
    return np.array([zlib.crc32(key.encode()) % count for key in keys])
