"""Regular expressions in linear time: no pattern and no text can make the check run away.

``re`` backtracks and has no time limit, and both the pattern (the producer's) and the text (a model's) come from
outside. So patterns run here as a set of states moved along the text, at most ``BUDGET`` moves. The syntax is that of
``re`` less what needs memory of the text: no back-references, no lookaround, no atomic or possessive forms, flags
only at the start and only ``a``, ``i`` and ``s``. Character classes and escapes are judged by ``re`` itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

#: Moves allowed for one check, a fraction of a second.
BUDGET = 2_000_000
_MAX_STATES = 4_000

_CHAR, _SPLIT, _ASSERT, _MATCH = range(4)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|0[0-7]{0,2}|[^0-9])", re.DOTALL)
_CLASS = re.compile(r"\[\^?\]?(?:[^\]\\]|\\.)*\]", re.DOTALL)
_REPEAT = re.compile(r"\{(\d*)(?:(,)(\d*))?\}")
_GROUP = re.compile(r"\((?:\?:|\?P<[^>]*>)?")
_FLAGS = re.compile(r"\(\?([ais]+)\)")
_ASSERTIONS = {"^": "start", "$": "end", r"\A": "start", r"\Z": "very_end", r"\b": "boundary", r"\B": "inside"}


class UnsupportedPatternError(ValueError):
    """A pattern outside the syntax above. The message says what, without quoting it."""


class TooLongError(Exception):
    """The check would take more than ``BUDGET`` moves."""


@dataclass(slots=True)
class _State:
    """One state: what it is, where it leads, and for a character which ones it takes (judged once each)."""

    kind: int
    out: list[int]
    test: re.Pattern[str] | None = None
    assertion: str = ""
    seen: dict[str, bool] = field(default_factory=dict)

    def takes(self, char: str) -> bool:
        known = self.seen.get(char)
        if known is None:
            known = self.test is not None and self.test.fullmatch(char) is not None
            if len(self.seen) < 4096:
                self.seen[char] = known
        return known


class LinearPattern:
    """A compiled pattern. Raises ``UnsupportedPatternError``."""

    def __init__(self, pattern: str) -> None:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise UnsupportedPatternError(f"is not a regular expression: {error}") from None
        parser = _Parser(pattern)
        self._states = parser.states
        self._start = parser.start

    def fullmatch(self, text: str) -> bool:
        """Whether all of ``text`` matches. Raises ``TooLongError``."""
        return self._run(text, anywhere=False)

    def search(self, text: str) -> bool:
        """Whether some part of ``text`` matches. Raises ``TooLongError``."""
        return self._run(text, anywhere=True)

    def _run(self, text: str, *, anywhere: bool) -> bool:
        current, moves = self._closure([self._start], text, 0)
        for position, char in enumerate(text):
            if anywhere and self._matched(current):
                return True
            if moves > BUDGET:
                raise TooLongError
            following = [
                self._states[at].out[0]
                for at in current
                if self._states[at].kind == _CHAR and self._states[at].takes(char)
            ]
            if anywhere:
                following.append(self._start)
            elif not following:
                return False
            current, visited = self._closure(following, text, position + 1)
            moves += visited + 1
        return self._matched(current)

    def _matched(self, current: list[int]) -> bool:
        return any(self._states[at].kind == _MATCH for at in current)

    def _closure(self, entered: list[int], text: str, position: int) -> tuple[list[int], int]:
        """The character and end states that ``entered`` lead to, and how many states were visited."""
        seen, stack, reached = set(entered), list(entered), []
        while stack:
            at = stack.pop()
            state = self._states[at]
            if state.kind in (_CHAR, _MATCH):
                reached.append(at)
            elif state.kind == _SPLIT or _holds(state.assertion, text, position):
                for following in state.out:
                    if following not in seen:
                        seen.add(following)
                        stack.append(following)
        return reached, len(seen)


def _holds(assertion: str, text: str, position: int) -> bool:
    if assertion == "start":
        return position == 0
    if assertion == "very_end":
        return position == len(text)
    if assertion == "end":
        return position == len(text) or (position == len(text) - 1 and text[position] == "\n")
    before = position > 0 and re.match(r"\w", text[position - 1]) is not None
    after = position < len(text) and re.match(r"\w", text[position]) is not None
    return (before != after) == (assertion == "boundary")


class _Parser:
    """Builds the states from the end backwards: each part is given the state that follows it."""

    def __init__(self, pattern: str) -> None:
        self._flags = 0
        flags = _FLAGS.match(pattern)
        if flags:
            self._flags = sum({"a": re.ASCII, "i": re.IGNORECASE, "s": re.DOTALL}[flag] for flag in set(flags[1]))
        self._text = pattern[flags.end() :] if flags else pattern
        self._at = 0
        self.states: list[_State] = [_State(_MATCH, [])]
        tree = self._alternatives()
        if self._at < len(self._text):
            raise UnsupportedPatternError("has an unmatched bracket")
        self.start = self._build(tree, 0)

    # a tree is ("char", source) | ("assert", name) | ("all", [trees]) | ("any", [trees]) | ("times", tree, low, high)

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
        return ("char", source if char in "[\\." else re.escape(source))

    def _group(self) -> tuple[object, ...]:
        opening = _GROUP.match(self._text, self._at)
        self._at = opening.end() if opening else self._at
        if self._text.startswith("?", self._at):
            raise UnsupportedPatternError(
                "has lookaround, a back-reference, an atomic group or flags inside, which are not supported"
            )
        inner = self._alternatives()
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

    def _add(self, state: _State) -> int:
        if len(self.states) >= _MAX_STATES:
            raise UnsupportedPatternError(f"is too large: its repetitions come to more than {_MAX_STATES} states")
        self.states.append(state)
        return len(self.states) - 1

    def _build(self, tree: tuple[object, ...], following: int) -> int:
        """The state where ``tree`` begins, when ``following`` comes after it."""
        match tree:
            case ("char", str(source)):
                return self._add(_State(_CHAR, [following], test=re.compile(source, self._flags)))
            case ("assert", str(name)):
                return self._add(_State(_ASSERT, [following], assertion=name))
            case ("all", list(parts)):
                for part in reversed(parts):
                    following = self._build(part, following)
                return following
            case ("any", list(branches)):
                return self._add(_State(_SPLIT, [self._build(branch, following) for branch in branches]))
            case ("times", tuple(inner), int(low), high):
                return self._times(inner, low, high if isinstance(high, int) else None, following)
        raise AssertionError(tree[0])

    def _times(self, inner: tuple[object, ...], low: int, high: int | None, following: int) -> int:
        if max(low, high or 0) > _MAX_STATES:
            raise UnsupportedPatternError(f"repeats more than {_MAX_STATES} times")
        if high is None:
            loop = self._add(_State(_SPLIT, [following]))
            self.states[loop].out.insert(0, self._build(inner, loop))
            following = loop
        for _ in range((high or low) - low):
            following = self._add(_State(_SPLIT, [self._build(inner, following), following]))
        for _ in range(low):
            following = self._build(inner, following)
        return following


@lru_cache(maxsize=512)
def linear_pattern(pattern: str) -> LinearPattern:
    """The compiled pattern, kept. Raises ``UnsupportedPatternError``."""
    return LinearPattern(pattern)
