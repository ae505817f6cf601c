"""Fold text to the forms that the lexicons are matched on, so that case, width, accents and spacing decide nothing."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u0640\u064b-\u0652]")
_ACCENTS = re.compile("[\u0300-\u036f]")
_ARABIC = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ة": "ه"})
_APOSTROPHES = re.compile("[\u2018\u2019\u02bc\u00b4`]")
_ARABIC_LETTER = re.compile("[\u0600-\u06ff]")
_WORD = re.compile(r"[^\W\d_]+|\d+")
# Scripts written without word spaces, or with words glued together: they are matched as pieces of text.
_PIECES = re.compile("[\u0600-\u06ff\u0900-\u097f\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Folded:
    """One text in three forms: ``line`` (words between single spaces), ``words`` (each once), ``pieces`` (no spaces).

    ``pieces`` is empty for a text without any Arabic, Devanagari, Chinese or Japanese character.
    """

    line: str
    words: frozenset[str]
    pieces: str


def flatten(text: str) -> str:
    """NFKC, case-folded, without accents and invisible characters, each run of white space made one space."""
    if text.isascii():
        return " ".join(text.lower().split())
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = _APOSTROPHES.sub("'", plain)
    plain = _INVISIBLE.sub("", plain)
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", plain)))
    if _ARABIC_LETTER.search(plain):
        plain = plain.translate(_ARABIC)
    return " ".join(plain.split())


def fold(flat: str) -> Folded:
    """The three forms of a text that ``flatten`` has been over."""
    words = _WORD.findall(flat)
    pieces = "" if flat.isascii() or not _PIECES.search(flat) else flat.replace(" ", "")
    return Folded(" " + " ".join(words) + " ", frozenset(words), pieces)
