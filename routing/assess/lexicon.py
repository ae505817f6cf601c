"""The lexicons as one compiled table: which terms and rules does a text hold?

A lexicon file (``lexicons/<language>.toml``) has a ``script``, ``[terms.<domain>]`` tables with ``strong`` and
``weak`` term lists and ``endings`` (word endings that count as strong), and ``[[rule]]`` tables with ``code``,
``kind``, ``says``, ``patterns`` and, if it speaks of one, ``domain``. Terms and patterns share one small language.

``script = "words"``: a pattern is words between spaces. ``a|b_c`` is one of several (``b_c`` being
two words), ``stem*`` any word with that beginning, ``word?`` may be missing, ``<3>`` up to three words of any kind,
``#`` a number.
``script = "pieces"`` (Arabic, Hindi, Chinese, Japanese): a pattern is a piece of text, in which ``<6>`` is up to six
characters of any kind; spaces count neither in the pattern nor in the text.

Every gap is bounded, so matching is linear in the length of the text.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any

from routing.assess.folding import Folded, flatten
from schemas.vocabulary import Domain

_GAP = re.compile(r"<(\d)>")
_SHORTEST_STEM = 3
_ENDING_LENGTHS = range(4, 8)
# Words whose patterns are kept at hand; longer ones than this are not words, and are looked up afresh.
_WORDS_KEPT, _LONGEST_KEPT = 50_000, 30


class Kind(StrEnum):
    """What a rule means when it is found."""

    GRAVE = "grave"  # a person may be at risk: high, whatever else is there
    DECISION = "decision"  # asks for a judgement of consequence: high
    PERSONAL = "personal"  # asks what someone may or should do: high where a domain of consequence is in view
    COUNSEL = "counsel"  # asks what to do in one's own affairs: high unless a frame shows them harmless
    PROCESS = "process"  # label or reshape the given text: low, and what stands in that text is not asked
    MAKE = "make"  # templated or creative writing, hobby, chat: low
    CUSTOMER = "customer"  # everyday request to a service desk: low
    EXPLAIN = "explain"  # explain or write about something in general: medium
    WORK = "work"  # office work and code that somebody reviews: medium
    QUESTION = "question"  # a question is put, with or without its mark
    DOCUMENT = "document"  # a record of consequence lies in the text
    CLAIM = "claim"  # the text speaks of its own stakes: never counts


@dataclass(frozen=True, slots=True)
class Rule:
    """One named rule of the lexicons; ``says`` is written for the reader of an explanation."""

    code: str
    kind: Kind
    says: str
    domain: Domain | None


@dataclass(frozen=True, slots=True)
class Found:
    """What one text holds: rules in the order of the files, and weight of terms by domain (strong 2, weak 1)."""

    rules: tuple[Rule, ...]
    weights: dict[Domain, int]

    def of(self, kind: Kind) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.kind is kind)


class Lexicon:
    """All lexicon files, compiled once. Reads package data when made; pure and deterministic afterwards."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._terms: list[tuple[Domain, int]] = []
        self._endings: dict[str, int] = {}
        self._words: dict[str, list[_Entry]] = {}
        self._stems: dict[int, dict[str, list[_Entry]]] = {}
        self._pieces: list[tuple[str, re.Pattern[str] | None, int, bool]] = []
        digest = hashlib.sha256()
        folder = files("routing.assess") / "lexicons"
        for file in sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name):
            content = file.read_bytes()
            digest.update(content)
            try:
                self._read(tomllib.loads(content.decode()))
            except (KeyError, ValueError) as error:
                raise ValueError(f"lexicon {file.name}: {error}") from error
        self.digest = digest.hexdigest()[:8]
        self._known = lru_cache(maxsize=_WORDS_KEPT)(self._look_up)

    def find(self, text: Folded, terms_only: bool = False) -> Found:
        """The rules and terms that a text holds; with ``terms_only`` no rules, which is quicker."""
        rules: set[int] = set()
        terms: set[int] = set()
        for word in text.words:
            entries, ending = self._known(word) if len(word) <= _LONGEST_KEPT else self._look_up(word)
            if ending is not None:
                terms.add(ending)
            for entry in entries:
                held = terms if entry.is_term else rules
                if entry.at in held or (terms_only and not entry.is_term):
                    continue
                if any(part.isdisjoint(text.words) for part in entry.beside):
                    continue
                if entry.pattern is None or entry.pattern.search(text.line):
                    held.add(entry.at)
        if text.pieces:
            for literal, pattern, at, is_term in self._pieces:
                if literal in text.pieces and (pattern is None or pattern.search(text.pieces)):
                    (terms if is_term else rules).add(at)
        weights: dict[Domain, int] = {}
        for at in sorted(terms):
            domain, weight = self._terms[at]
            weights[domain] = weights.get(domain, 0) + weight
        return Found(tuple(self.rules[at] for at in sorted(rules)), weights)

    def _look_up(self, word: str) -> tuple[tuple[_Entry, ...], int | None]:
        """The patterns under a word, and the term that its ending stands for."""
        entries = list(self._words.get(word, ()))
        for length, table in self._stems.items():
            entries += table.get(word[:length], ())
        ends = (self._endings.get(word[-n:]) for n in _ENDING_LENGTHS if len(word) > n + 1)
        return tuple(entries), next((at for at in ends if at is not None), None)

    def _read(self, lexicon: dict[str, Any]) -> None:
        in_pieces = lexicon["script"] == "pieces"
        terms = lexicon.get("terms", {})
        for name, table in terms.items():
            domain = Domain(name)
            for weight, grade in ((2, "strong"), (1, "weak")):
                for term in _entries(table.get(grade, "")):
                    self._terms.append((domain, weight))
                    self._add(term, len(self._terms) - 1, True, in_pieces)
            for ending in table.get("endings", "").split():
                if len(ending) not in _ENDING_LENGTHS:
                    raise ValueError(f"ending {ending!r} must have 4 to 7 letters")
                self._terms.append((domain, 2))
                self._endings[ending] = len(self._terms) - 1
        rules = lexicon.get("rule", [])
        for table in rules:
            speaks_of = Domain(table["domain"]) if "domain" in table else None
            self.rules.append(Rule(table["code"], Kind(table["kind"]), table["says"], speaks_of))
            for pattern in _entries(table["patterns"]):
                self._add(pattern, len(self.rules) - 1, False, in_pieces)

    def _add(self, pattern: str, at: int, is_term: bool, in_pieces: bool) -> None:
        if in_pieces:
            self._pieces.append((*_piece_pattern(pattern), at, is_term))
            return
        parts = _word_parts(pattern)
        key = max((p for p in parts if p.must), key=lambda p: min(len(_anchor(w)) for w in p.words), default=None)
        if key is None:
            raise ValueError(f"pattern {pattern!r} names no word that must be there")
        compiled = None if len(parts) == 1 and parts[0].single else re.compile(" " + "".join(p.regex for p in parts))
        beside = tuple(frozenset(p.words) for p in parts if p.must and p is not key and p.plain)
        entry = _Entry(compiled, at, is_term, beside)
        for word in map(_anchor, key.words):
            if word.endswith("*"):
                stem = word[:-1]
                if len(stem) < _SHORTEST_STEM:
                    raise ValueError(f"pattern {pattern!r}: a stem needs {_SHORTEST_STEM} letters")
                self._stems.setdefault(len(stem), {}).setdefault(stem, []).append(entry)
            else:
                self._words.setdefault(word, []).append(entry)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One pattern under the word it is looked up by; ``beside`` are words of which each set must be there in part."""

    pattern: re.Pattern[str] | None
    at: int
    is_term: bool
    beside: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class _Part:
    words: tuple[str, ...]
    regex: str
    must: bool

    @property
    def plain(self) -> bool:
        """Whether one of its words must stand in the text as it is."""
        return not any(" " in word or "*" in word for word in self.words)

    @property
    def single(self) -> bool:
        """Whether looking its words up says all: no choice of two words, nothing that the regex adds."""
        return not any(" " in word for word in self.words)


def _anchor(choice: str) -> str:
    """The word by which a choice is looked up: its longest."""
    return max(choice.split(), key=len)


def _entries(listed: str) -> Iterable[str]:
    """The entries of a list: split at commas and line ends."""
    return [entry.strip() for line in listed.splitlines() for entry in line.split(",") if entry.strip()]


def _word_parts(pattern: str) -> list[_Part]:
    parts: list[_Part] = []
    for token in re.sub(r"(?<=\w)'(?=\w)", "_", flatten(pattern)).split():
        gap = _GAP.fullmatch(token)
        if gap:
            parts.append(_Part((), rf"(?:\S+ ){{0,{gap[1]}}}?", False))
        elif token == "#":  # noqa: S105 - a pattern's mark for a number
            parts.append(_Part((), r"\d+ ", False))
        else:
            optional = token.endswith("?")
            choices = [choice.replace("_", " ") for choice in token.removesuffix("?").split("|")]
            regex = "|".join(re.escape(c.rstrip("*")) + (r"\S*" if c.endswith("*") else "") for c in choices)
            parts.append(_Part(tuple(choices), f"(?:(?:{regex}) ){'?' if optional else ''}", not optional))
    return parts


def _piece_pattern(pattern: str) -> tuple[str, re.Pattern[str] | None]:
    bare = flatten(pattern).replace(" ", "")
    literals = _GAP.split(bare)[::2]
    if len(literals) == 1:
        return bare, None
    regex = "".join(re.escape(p) if i % 2 == 0 else f".{{0,{p}}}?" for i, p in enumerate(_GAP.split(bare)))
    return max(literals, key=len), re.compile(regex)
