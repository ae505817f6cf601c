"""Progress on whatever takes longer than two seconds: silent before, then on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

_SILENT_S = 2.0
_TERMINAL_S = 0.25
_ELSEWHERE_S = 5.0

T = TypeVar("T")


class Pace:
    """Counts something and tells how fast it goes. On a terminal one line that changes, elsewhere a line now and then.

    A context manager: at its end the line on the terminal is closed.
    """

    def __init__(self, what: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._clock = clock
        self._began = clock()
        self._told = self._began + _SILENT_S
        self._open = False
        self.done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._open:
            sys.stderr.write("\n")
            self._open = False

    def at(self, done: int) -> None:
        """Say how many are done."""
        self.done = done
        now = self._clock()
        if now < self._told:
            return
        rate = round(done / (now - self._began))
        line = f"{done:,} {self._what} ({rate:,} a second)"
        terminal = sys.stderr.isatty()
        if terminal:
            sys.stderr.write(f"\r{line}\x1b[K")
            self._open = True
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()
        self._told = now + (_TERMINAL_S if terminal else _ELSEWHERE_S)

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """Pass items on, counting them."""
        for item in items:
            yield item
            self.at(self.done + 1)
