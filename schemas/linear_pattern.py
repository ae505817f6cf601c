"""Regular expressions in linear time: no pattern and no text can make the check run away.

``re`` backtracks and has no time limit, and both the pattern (the producer's) and the text (a model's) come from
outside. So patterns run here as a set of states moved along the text, at most ``BUDGET`` moves. The syntax is that of
``re`` less what needs memory of the text: no back-references, no lookaround, no atomic or possessive forms, flags
only at the start and only ``a``, ``i`` and ``s``. Character classes and escapes are judged by ``re`` itself.
"""

from __future__ import annotations

import re
from functools import lru_cache

from schemas.pattern_states import CHAR, MATCH, SPLIT, SUPPORTED, UnsupportedPatternError, states_of

__all__ = ["BUDGET", "SUPPORTED", "LinearPattern", "TooLongError", "UnsupportedPatternError", "linear_pattern"]

#: Moves allowed for one check, about a second.
BUDGET = 2_000_000


class TooLongError(Exception):
    """The check would take more than ``BUDGET`` moves."""


class LinearPattern:
    """A compiled pattern. Raises ``UnsupportedPatternError``.

    ``work`` measures what compiling it took, in states: for whoever compiles many.
    """

    def __init__(self, pattern: str) -> None:
        graph = states_of(pattern)
        self._states = graph.states
        self._start = graph.start
        self._word = re.compile(r"\w", graph.flags)
        self.work = graph.work

    def fullmatch(self, text: str) -> bool:
        """Whether all of ``text`` matches. Raises ``TooLongError``."""
        return self._run(text, anywhere=False)[0]

    def search(self, text: str) -> bool:
        """Whether some part of ``text`` matches. Raises ``TooLongError``."""
        return self._run(text, anywhere=True)[0]

    def searched(self, text: str) -> tuple[bool, int]:
        """As ``search``, with the moves it took, for whoever adds them up. Raises ``TooLongError``."""
        return self._run(text, anywhere=True)

    def _run(self, text: str, *, anywhere: bool) -> tuple[bool, int]:
        current, moves = self._closure([self._start], text, 0)
        for position, char in enumerate(text):
            if anywhere and self._matched(current):
                return True, moves
            if moves > BUDGET:
                raise TooLongError
            following = [
                self._states[at].out[0]
                for at in current
                if self._states[at].kind == CHAR and char in self._states[at].takes
            ]
            if anywhere:
                following.append(self._start)
            elif not following:
                return False, moves
            current, visited = self._closure(following, text, position + 1)
            moves += visited + 1
        return self._matched(current), moves

    def _matched(self, current: list[int]) -> bool:
        return any(self._states[at].kind == MATCH for at in current)

    def _closure(self, entered: list[int], text: str, position: int) -> tuple[list[int], int]:
        """The character and end states that ``entered`` lead to, and how many states were visited."""
        seen, stack, reached = set(entered), list(entered), []
        while stack:
            at = stack.pop()
            state = self._states[at]
            if state.kind in (CHAR, MATCH):
                reached.append(at)
            elif state.kind == SPLIT or self._holds(state.assertion, text, position):
                for following in state.out:
                    if following not in seen:
                        seen.add(following)
                        stack.append(following)
        return reached, len(seen)

    def _holds(self, assertion: str, text: str, position: int) -> bool:
        if assertion == "start":
            return position == 0
        if assertion == "very_end":
            return position == len(text)
        if assertion == "end":
            return position == len(text) or (position == len(text) - 1 and text[position] == "\n")
        before = position > 0 and self._word.match(text[position - 1]) is not None
        after = position < len(text) and self._word.match(text[position]) is not None
        return (before != after) == (assertion == "boundary")


@lru_cache(maxsize=128)
def linear_pattern(pattern: str) -> LinearPattern:
    """The compiled pattern, kept. Raises ``UnsupportedPatternError``."""
    return LinearPattern(pattern)
