"""Public rows under system messages of ours: the frame that thousands of rows share decides, not the row's words."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Sequence
from dataclasses import replace

from bench.training.material import FOLDER, Example
from schemas.vocabulary import Domain, Stakes

#: Sources whose items are messages of customers, as jobs carry them by the thousand.
ROWS = ("banking77", "bitext_support", "sgd_user")
_FRAMES_A_ROW = 4
_HIGH_SHARE = 0.3


def framed(examples: Sequence[Example], seed: int) -> list[Example]:
    """Each row of ``ROWS`` under several frames, with the frame's level; ids and groups stay the row's."""
    table = tomllib.loads((FOLDER / "frames.toml").read_text("utf-8"))["frame"]
    frames = [(Stakes(part["stakes"]), Domain(part["domain"]), text) for part in table for text in part["texts"]]
    high = [frame for frame in frames if frame[0] is Stakes.HIGH]
    other = [frame for frame in frames if frame[0] is not Stakes.HIGH]
    draw = random.Random(seed)
    made = []
    for row in examples:
        for _ in range(_FRAMES_A_ROW if row.source in ROWS else 0):
            stakes, domain, text = draw.choice(high if draw.random() < _HIGH_SHARE else other)
            why = "what the system message asks of every row decides"
            made.append(replace(row, system=text, stakes=stakes, domain=domain, kind="framed", why=why))
    return made
