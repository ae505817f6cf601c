"""Tables and text for people. On a terminal with box characters, elsewhere in ASCII; no meaning is in a colour."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import IO, Any

import click
from rich.box import ASCII, SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Columns of output that is not a terminal: wide enough that no row breaks.
_WIDE = 400


def console(stream: IO[str] | None = None) -> Console:
    """A console on a stream (standard output by default) that takes text as it is: no markup, no colours guessed."""
    out = stream or sys.stdout
    terminal = out.isatty()
    return Console(
        file=out, width=None if terminal else _WIDE, markup=False, highlight=False, emoji=False, soft_wrap=not terminal
    )


def plain(value: object) -> str:
    """A value as text that can't move a terminal's cursor or turn its writing around."""
    return "".join(char if char.isprintable() else "?" for char in str(value))


def show_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    right: Iterable[str] = (),
    total: Sequence[object] | None = None,
) -> None:
    """Print a table; columns named in ``right`` (numbers) align right. A cell that is None stays empty."""
    out = console()
    table = Table(box=SIMPLE_HEAD if out.is_terminal else ASCII, title_justify="left", show_footer=total is not None)
    if title is not None:
        out.print(plain(title))
    numbers = set(right)
    for place, column in enumerate(columns):
        table.add_column(
            column,
            justify="right" if column in numbers else "left",
            overflow="fold",
            no_wrap=column in numbers,
            footer="" if total is None else _cell(total[place]),
        )
    for row in rows:
        table.add_row(*map(_cell, row))
    out.print(table)


def show(*lines: object) -> None:
    """Print lines of text to standard output."""
    out = console()
    for line in lines:
        out.print(Text(plain(line)))


def note(*lines: object) -> None:
    """Say something beside the output, on standard error."""
    for line in lines:
        click.echo(plain(line), err=True)


def show_json(value: Any) -> None:
    """Print a value as one JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2).encode())


def show_json_line(value: Any) -> None:
    """Print a value as one line of JSON."""
    click.echo(json.dumps(value, ensure_ascii=False).encode())


def count(number: int) -> str:
    """A whole number with its thousands apart."""
    return f"{number:,}"


def counted(number: int, noun: str) -> str:
    """A number of things: ``1 job``, ``2 jobs``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(part: int, whole: int) -> str:
    """A share in per cent with one decimal, nothing where there is no whole. Exact on integers."""
    if not whole:
        return ""
    tenths = round(abs(part) * 1000 / whole)
    return f"{'-' if part < 0 and tenths else ''}{tenths // 10}.{tenths % 10} %"


def duration(seconds: float) -> str:
    """A time span such as ``45 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _cell(value: object) -> Text:
    return Text("" if value is None else plain(value))
