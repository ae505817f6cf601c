"""The files of the trained model, read and checked once."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np

from routing.assess.model.card import Card
from routing.assess.model.cases import Cases
from routing.assess.model.encoder import Encoder
from routing.assess.model.glance import Glance
from routing.assess.model.pieces import Vocabulary
from routing.assess.model.words import Words

#: All files that decide, in the order in which they are hashed; ``card.json`` holds the hash of each.
FILES = ("pieces.model", "characters.json", "words.q4", "encoder.onnx", "glance.npz", "cases.npz", "cases.json")


@dataclass(frozen=True)
class Artefact:
    """The trained model as it lies in ``folder``. Each part is read when it is first needed."""

    folder: Traversable

    @cached_property
    def said(self) -> Mapping[str, Any]:
        """The whole card, figures and limits included."""
        found: Mapping[str, Any] = json.loads(self.folder.joinpath("card.json").read_text("utf-8"))
        return found

    @cached_property
    def card(self) -> Card:
        return Card.from_json(self.said)

    @cached_property
    def version(self) -> str:
        """Name and digest: what every decision records."""
        return f"{self.card.name}.{digest(self.folder.joinpath('card.json').read_bytes())[:8]}"

    @cached_property
    def vocabulary(self) -> Vocabulary:
        characters = json.loads(self._bytes("characters.json"))
        return Vocabulary(self._bytes("pieces.model"), {int(code): text for code, text in characters.items()})

    @cached_property
    def glance(self) -> Glance:
        with np.load(io.BytesIO(self._bytes("glance.npz"))) as parts:
            return Glance(parts["weights"], parts["bias"])

    @cached_property
    def encoder(self) -> Encoder:
        return Encoder(self._bytes("encoder.onnx"), Words(self._bytes("words.q4"), int(self.said["width"])))

    @cached_property
    def cases(self) -> Cases:
        with np.load(io.BytesIO(self._bytes("cases.npz"))) as parts:
            return Cases(parts["vectors"], json.loads(self._bytes("cases.json")))

    def _bytes(self, name: str) -> bytes:
        """A file's content. ValueError where it isn't the one that the card describes."""
        content = self.folder.joinpath(name).read_bytes()
        if digest(content) != self.said["files"][name]:
            raise ValueError(f"the stakes model's file {name} is damaged: its hash is not the one in card.json")
        return content


def digest(content: bytes) -> str:
    """SHA-256 as hex digits."""
    return hashlib.sha256(content).hexdigest()


@cache
def shipped() -> Artefact:
    """The model that comes with the product."""
    return Artefact(files("routing.assess.model").joinpath("artefact"))
