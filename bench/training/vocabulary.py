"""The part of the base model's vocabulary that the product's languages need, as a SentencePiece model."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from sentencepiece import sentencepiece_model_pb2

#: Scripts of the nine languages of the material, as Unicode's names of characters begin.
_SCRIPTS = frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "ARABIC", "DEVANAGARI"})
#: Pieces are in the order of how often they were seen in a hundred languages; rarer Latin ones serve other languages.
_LATIN_UP_TO = 60_000
_SPECIAL = 4  # <s>, <pad>, </s>, <unk> come first


def kept_pieces(pieces: Sequence[str], seen: Iterable[int]) -> list[int]:
    """Numbers of the pieces to keep: the specials, all ``seen``, single characters, and the scripts' own."""
    keep = set(range(_SPECIAL)) | set(seen)
    for number, piece in enumerate(pieces):
        scripts = {_script(character) for character in piece.replace("\u2581", "")}
        if len(piece) == 1 or (scripts <= _SCRIPTS | {""} and ("LATIN" not in scripts or number < _LATIN_UP_TO)):
            keep.add(number)
    return sorted(keep)


def _script(character: str) -> str:
    return unicodedata.name(character, "?").split(" ")[0] if character.isalpha() else ""


def sentencepiece_model(pieces: Sequence[str], scores: Sequence[float]) -> bytes:
    """A unigram model of these pieces, in their order, that changes no character of what it is given."""
    model: Any = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined] # made when imported
    kinds = model.SentencePiece
    for number, (piece, score) in enumerate(zip(pieces, scores, strict=True)):
        kind = kinds.UNKNOWN if number == _SPECIAL - 1 else kinds.CONTROL if number < _SPECIAL else kinds.NORMAL
        model.pieces.add(piece=piece, score=float(score), type=kind)
    trainer = model.trainer_spec
    trainer.model_type = trainer.UNIGRAM
    trainer.vocab_size = len(pieces)
    trainer.bos_id, trainer.pad_id, trainer.eos_id, trainer.unk_id = range(_SPECIAL)
    rules = model.normalizer_spec
    rules.name = "identity"
    rules.precompiled_charsmap = b""
    rules.add_dummy_prefix, rules.remove_extra_whitespaces, rules.escape_whitespaces = True, False, True
    return bytes(model.SerializeToString())
