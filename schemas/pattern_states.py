"""A pattern to states: the syntax tree of a regular expression laid out as a graph that reads one character a move.

Compiling is bounded by length, nesting, states, and the number of character classes (``re`` takes up to 10 ms for
one that spans many scripts).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: What can be run, in words for messages.
SUPPORTED = (
    "a regular expression as Python's re has it, without look-around, back-references, atomic groups, "
    "possessive repeats, or flags other than a, i and s at its start"
)
_MAX_LENGTH = 2_048
_MAX_STATES = 4_000
_MAX_NESTING = 50
_MAX_CLASSES = 64
#: Steps of building: repeating what is empty makes no state.
_MAX_STEPS = 20_000
#: What one character class costs to compile, in states.
_CLASS_WORK = 50
_REMEMBERED = 128

CHAR, SPLIT, ASSERT, MATCH = range(4)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|0[0-7]{0,2}|[^0-9])", re.DOTALL)
_CLASS = re.compile(r"\[\^?\]?(?:[^\]\\]|\\.)*\]", re.DOTALL)
_REPEAT = re.compile(r"\{([0-9]*)(?:(,)([0-9]*))?\}")
_GROUP = re.compile(r"\((?:\?:|\?P<[^>]*>)?")
_FLAGS = re.compile(r"\(\?([ais]+)\)")
#: What ``re`` warns about in a class, since it may come to mean a set operation.
_SET_OPERATION = re.compile(r"\[\^?\[|\[.*?(?:--|&&|~~|\|\|)", re.DOTALL)
_ASSERTIONS = {"^": "start", "$": "end", r"\A": "start", r"\Z": "very_end", r"\b": "boundary", r"\B": "inside"}


class UnsupportedPatternError(ValueError):
    """A pattern outside the syntax above. The message says what, without quoting it."""


class Characters:
    """A set of characters, as a class or an escape names it; what ``re`` said of a character is remembered."""

    __slots__ = ("_judge", "_seen")

    def __init__(self, source: str, flags: int) -> None:
        self._judge = re.compile(source, flags)
        self._seen: dict[str, bool] = {}

    def __contains__(self, char: str) -> bool:
        known = self._seen.get(char)
        if known is None:
            known = self._judge.fullmatch(char) is not None
            if len(self._seen) < _REMEMBERED:
                self._seen[char] = known
        return known


@dataclass(slots=True)
class State:
    """One state: what it is, where it leads, and for a character which ones it takes."""

    kind: int
    out: list[int]
    takes: Characters | str = ""
    assertion: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """The states, where to start, the flags, and what compiling took, measured in states."""

    states: list[State]
    start: int
    flags: int
    work: int


def states_of(pattern: str) -> Graph:
    """The pattern's graph. Raises ``UnsupportedPatternError``."""
    if len(pattern) > _MAX_LENGTH:
        raise UnsupportedPatternError(f"has more than {_MAX_LENGTH} characters")
    classes = _count_classes(pattern)
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):  # their words may quote the pattern
        raise UnsupportedPatternError("is not a regular expression") from None
    parser = _Parser(pattern)
    return Graph(parser.states, parser.start, parser.flags, len(parser.states) + _CLASS_WORK * classes)


def _count_classes(pattern: str) -> int:
    """How many character classes the pattern has. Raises ``UnsupportedPatternError`` where ``re`` would warn."""
    found = at = 0
    while at < len(pattern):
        if pattern[at] == "[":
            one = _CLASS.match(pattern, at)
            if not one:
                break  # re will refuse it
            if _SET_OPERATION.match(one[0]):
                raise UnsupportedPatternError("has a character class with [, --, &&, ~~ or || in it: escape them")
            found += 1
            at = one.end()
        else:
            at += 2 if pattern[at] == "\\" else 1
    if found > _MAX_CLASSES:
        raise UnsupportedPatternError(f"has more than {_MAX_CLASSES} character classes")
    return found


class _Parser:
    """Builds the states from the end backwards: each part is given the state that follows it."""

    def __init__(self, pattern: str) -> None:
        self.flags = 0
        self._nesting = self._steps = 0
        self._sets: dict[str, Characters] = {}
        flags = _FLAGS.match(pattern)
        if flags:
            self.flags = sum({"a": re.ASCII, "i": re.IGNORECASE, "s": re.DOTALL}[flag] for flag in set(flags[1]))
        self._text = pattern[flags.end() :] if flags else pattern
        self._at = 0
        self.states: list[State] = [State(MATCH, [])]
        tree = self._alternatives()
        if self._at < len(self._text):
            raise UnsupportedPatternError("has an unmatched bracket")
        self.start = self._build(tree, 0)

    # a tree is ("char", char) | ("set", source) | ("assert", name) | ("all", [trees]) | ("any", [trees])
    # | ("times", tree, low, high)

    def _alternatives(self) -> tuple[object, ...]:
        branches = [self._sequence()]
        while self._text.startswith("|", self._at):
            self._at += 1
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else ("any", branches)

    def _sequence(self) -> tuple[object, ...]:
        parts: list[tuple[object, ...]] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            parts.append(self._repeated(self._atom()))
        return ("all", parts)

    def _atom(self) -> tuple[object, ...]:
        char = self._text[self._at]
        if char == "(":
            return self._group()
        source = char
        if char == "[":
            found = _CLASS.match(self._text, self._at)
            source = found[0] if found else ""
        elif char == "\\":
            found = _ESCAPE.match(self._text, self._at)
            if not found:
                raise UnsupportedPatternError("has a back-reference or an octal escape, which are not supported")
            source = found[0]
        if not source:
            raise UnsupportedPatternError("has an unmatched bracket")
        self._at += len(source)
        if source in _ASSERTIONS:
            return ("assert", _ASSERTIONS[source])
        if char in "[\\.":
            return ("set", source)
        return ("set", re.escape(char)) if self.flags & re.IGNORECASE else ("char", char)

    def _group(self) -> tuple[object, ...]:
        opening = _GROUP.match(self._text, self._at)
        self._at = opening.end() if opening else self._at
        if self._text.startswith("?", self._at):
            raise UnsupportedPatternError(
                "has lookaround, a back-reference, an atomic group or flags inside, which are not supported"
            )
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise UnsupportedPatternError(f"has groups nested more than {_MAX_NESTING} deep")
        inner = self._alternatives()
        self._nesting -= 1
        self._at += 1
        return inner

    def _repeated(self, tree: tuple[object, ...]) -> tuple[object, ...]:
        while self._at < len(self._text):
            low, high, length = self._quantifier()
            if not length:
                break
            self._at += length
            if self._text.startswith("+", self._at):
                raise UnsupportedPatternError("has a possessive quantifier, which is not supported")
            if self._text.startswith("?", self._at):
                self._at += 1  # lazy: the same set of whole matches
            tree = ("times", tree, low, high)
        return tree

    def _quantifier(self) -> tuple[int, int | None, int]:
        """The least, the most (``None``: no bound) and the length of the quantifier here; length 0 where none is."""
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self._text[self._at])
        if simple:
            return (*simple, 1)
        braces = _REPEAT.match(self._text, self._at)
        if not braces or braces[0] == "{}":
            return 0, 0, 0
        low = int(braces[1] or 0)
        high = (int(braces[3]) if braces[3] else None) if braces[2] else low
        return low, high, len(braces[0])

    def _add(self, state: State) -> int:
        if len(self.states) >= _MAX_STATES:
            raise UnsupportedPatternError(f"is too large: its repetitions come to more than {_MAX_STATES} states")
        self.states.append(state)
        return len(self.states) - 1

    def _build(self, tree: tuple[object, ...], following: int) -> int:
        """The state where ``tree`` begins, when ``following`` comes after it."""
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise UnsupportedPatternError("is too large: its repetitions multiply")
        match tree:
            case ("char", str(char)):
                return self._add(State(CHAR, [following], takes=char))
            case ("set", str(source)):
                if source not in self._sets:
                    self._sets[source] = Characters(source, self.flags)
                return self._add(State(CHAR, [following], takes=self._sets[source]))
            case ("assert", str(name)):
                return self._add(State(ASSERT, [following], assertion=name))
            case ("all", list(parts)):
                for part in reversed(parts):
                    following = self._build(part, following)
                return following
            case ("any", list(branches)):
                return self._add(State(SPLIT, [self._build(branch, following) for branch in branches]))
            case ("times", tuple(inner), int(low), high):
                return self._times(inner, low, high if isinstance(high, int) else None, following)
        raise AssertionError(tree[0])

    def _times(self, inner: tuple[object, ...], low: int, high: int | None, following: int) -> int:
        if max(low, high or 0) > _MAX_STATES:
            raise UnsupportedPatternError(f"repeats more than {_MAX_STATES} times")
        if high is None:
            loop = self._add(State(SPLIT, [following]))
            self.states[loop].out.insert(0, self._build(inner, loop))
            following = loop
        for _ in range((high or low) - low):
            following = self._add(State(SPLIT, [self._build(inner, following), following]))
        for _ in range(low):
            following = self._build(inner, following)
        return following
