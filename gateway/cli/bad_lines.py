"""Telling which lines of a file are bad, and why: all of them to machines, a screenful to people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from gateway.cli.display import counted, note
from gateway.cli.exit_codes import CommandError, ExitCode
from schemas.problems import Problem

#: How many problems are printed before the rest is only counted.
MOST_SHOWN = 20


class BadLines:
    """Counts problems as they come by, and keeps the first of them to be shown."""

    def __init__(self) -> None:
        self.found = 0
        self.kept: list[Problem] = []
        self.refused = False

    def add(self, problem: Problem) -> None:
        self.found += 1
        self.refused |= problem.refuses_batch
        if len(self.kept) < MOST_SHOWN or problem.refuses_batch:
            self.kept.append(problem)

    def tell(self, more: str) -> None:
        """Print them on standard error; ``more`` says how to see the rest."""
        tell_problems(self.kept, self.found, more)

    def refuse(self, *, strict: bool, jobs: int) -> None:
        """Raise ``CommandError`` where nothing of the input would run."""
        if self.refused:
            raise CommandError(ExitCode.REFUSED, "the batch would be refused: see above")
        if strict and self.found:
            raise CommandError(
                ExitCode.REFUSED, f"--strict: {counted(self.found, 'problem')}, so the batch would be refused"
            )
        if not jobs:
            raise CommandError(ExitCode.REFUSED, "none of the lines is a job")


def tell_problems(problems: Sequence[Problem] | Iterable[Problem], found: int, more: str) -> None:
    """Print the first problems on standard error, and count the rest."""
    shown = list(islice(problems, MOST_SHOWN + 1))[:MOST_SHOWN] if found > MOST_SHOWN else list(problems)
    note(*shown)
    if found > len(shown):
        note(f"and {found - len(shown):,} more{more}")
