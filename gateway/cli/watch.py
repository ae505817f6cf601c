"""Watching a batch until it is finished, from the database alone: a live table on a terminal, a line now and then
elsewhere. Always on standard error."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from gateway.cli.display import console, count, counted, duration, note
from gateway.cli.exit_codes import CommandError, ExitCode
from schemas.money import usd_short
from schemas.vocabulary import BatchState, JobState, Tier
from workers.progress import Progress, progress

_POLL_S = 0.5
#: A look at the database may take at most this part of the time: large batches are looked at less often.
_SHARE = 10
_LINE_S = 5.0
_QUIET_S = 10.0
_HINT_S = 10.0
_AWAY_S = 60.0
_SHOWN = (JobState.QUEUED, JobState.RUNNING, JobState.DONE, JobState.PARKED, JobState.FAILED)


def watch(engine: Engine, batch_id: str) -> None:
    """Return when the batch is finished. Raises ``CommandError``: interrupted, no such batch, database away."""
    try:
        with _Screen() as screen:
            _follow(engine, batch_id, screen)
    except KeyboardInterrupt:
        says = f"stopped watching; the batch {batch_id} goes on. See it again with: pointsman status {batch_id}"
        raise CommandError(ExitCode.INTERRUPTED, says) from None


def _follow(engine: Engine, batch_id: str, screen: _Screen) -> None:
    seen = time.monotonic()
    warned = False
    while True:
        began = time.monotonic()
        try:
            with engine.connect() as connection:
                found = progress(connection, batch_id)
        except (OperationalError, InterfaceError):
            if began - seen > _AWAY_S:
                raise
            if not warned:
                note(f"the database is away; trying again for {duration(_AWAY_S)}. The batch is safe.")
                warned = True
        else:
            if found is None:
                raise CommandError(ExitCode.NOT_FOUND, f"there is no batch {batch_id}")
            seen, warned = began, False
            screen.show(found)
            if found.state is BatchState.FINISHED:
                return
        time.sleep(max(_POLL_S, _SHARE * (time.monotonic() - began)))


class _Screen:
    """Where progress is shown."""

    def __init__(self) -> None:
        out = console(sys.stderr)
        self._live = Live(console=out, auto_refresh=False, transient=True) if out.is_terminal else None
        self._next_line = 0.0
        self._last = ""
        self._changed = time.monotonic()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, found: Progress) -> None:
        if self._live is not None:
            self._live.update(_table(found), refresh=True)
            return
        line = " ".join(_words(found))
        now = time.monotonic()
        if line != self._last and now >= self._next_line:
            note(line)
            self._last, self._next_line, self._changed = line, now + _LINE_S, now
        elif line == self._last and now >= self._next_line + _QUIET_S:
            note(f"{line} Nothing has changed for {duration(now - self._changed)}.")
            self._next_line = now


def _table(found: Progress) -> RenderableType:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("tier")
    for state in _SHOWN:
        table.add_column(state.value, justify="right")
    for tier in (*Tier, None):
        counts = [found.by.get((tier, state), 0) for state in _SHOWN]
        waiting = found.by.get((None, JobState.ACCEPTED), 0) if tier is None else 0
        if tier is not None:
            table.add_row(tier.value, *map(count, counts))
        elif waiting:
            table.add_row("not planned", count(waiting))
    return Group(table, *(Text(line) for line in _words(found)))


def _words(found: Progress) -> list[str]:
    """The sentences of the display: how many jobs ended, the cost so far, the time that is left, and a hint."""
    ended = f"{count(found.ended)} of {counted(found.jobs, 'job')} ended"
    states = {state: sum(n for (_, s), n in found.by.items() if s is state) for state in _SHOWN}
    listed = ", ".join(f"{count(n)} {state.value}" for state, n in states.items() if n)
    cost = f"{usd_short(found.settled_pico)} USD so far"
    if found.accrued_pico:
        cost += f" and {usd_short(found.accrued_pico)} USD accrued for calls of unknown fate"
    if found.budget_pico is not None:
        cost += f", of a budget of {usd_short(found.budget_pico)} USD"
    words = [f"{ended} ({listed})." if listed else f"{ended}.", f"Cost: {cost}."]
    if found.eta_s:
        words.append(f"About {duration(found.eta_s)} left.")
    if found.state is BatchState.ACCEPTED and found.accepted_s > _HINT_S:
        words.append("It is not planned yet; if no worker runs, start one with: pointsman up (or pointsman worker)")
    return words
