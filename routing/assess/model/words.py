"""The embedding table: four-bit numbers in blocks of 32 with a half-precision scale, unpacked row by row when read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK_BYTES = 18


class Words:
    """A table of (pieces, ``width``), ``width`` a multiple of 32, in the layout of the base model's file ("Q4_0")."""

    def __init__(self, packed: bytes, width: int) -> None:
        blocks = np.frombuffer(packed, np.uint8).reshape(-1, width // 32, _BLOCK_BYTES)
        self._scales = blocks[:, :, :2]
        self._packed = blocks[:, :, 2:]
        self._width = width

    def __len__(self) -> int:
        return len(self._packed)

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The rows of these pieces, in single precision: the shape of ``ids`` and one axis more."""
        flat, where = np.unique(ids, return_inverse=True)
        scales = np.ascontiguousarray(self._scales[flat]).view(np.float16).astype(np.float32)
        packed = self._packed[flat].astype(np.int8)
        numbers = np.concatenate([packed & 15, (packed >> 4) & 15], axis=2) - 8
        table = (numbers * scales).reshape(len(flat), self._width).astype(np.float32)
        found: NDArray[np.float32] = table[where].reshape(*ids.shape, self._width)
        return found
