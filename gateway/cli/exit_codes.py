"""What a command's exit status says, and the error that carries one. They are part of the interface."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit statuses of ``pointsman``; a number once published keeps its meaning."""

    FINE = 0
    UNEXPECTED = 1
    USAGE = 2
    REFUSED = 3
    INCOMPLETE = 4
    NOT_FOUND = 5
    AWAY = 6
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.FINE: "fine (also where bad lines were left out of a batch)",
    ExitCode.UNEXPECTED: "an error that nobody foresaw",
    ExitCode.USAGE: "wrong usage, setting, policy, catalogue or schema, or no server configured or up here",
    ExitCode.REFUSED: "the input was refused: nothing of it runs",
    ExitCode.INCOMPLETE: "the batch is finished; some of its jobs are parked or failed",
    ExitCode.NOT_FOUND: "there is no such batch or job",
    ExitCode.AWAY: "a server is away",
    ExitCode.INTERRUPTED: "interrupted; an accepted batch goes on",
}


class CommandError(Exception):
    """A command can't do what was asked. ``lines`` say why and what to do; they quote no prompt, answer or secret."""

    def __init__(self, code: ExitCode, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.code = code
        self.lines = lines
