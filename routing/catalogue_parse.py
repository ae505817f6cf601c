"""Reads a catalogue from TOML text; every problem is found at once and names its file, line and field."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from routing.cards import Card
from routing.catalogue import RESERVED_NAMES, Bar, Catalogue, Endpoint, Model

#: The longest text that is read, in characters.
MAX_TEXT = 4 * 1024 * 1024
#: The most problems that one error tells.
MAX_PROBLEMS = 100

_KINDS: Mapping[str, type[BaseModel]] = {"bar": Bar, "model": Model, "endpoint": Endpoint, "card": Card}
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_HEADER = re.compile(r"\s*\[\[\s*([\"']?)(bar|model|endpoint|card)\1\s*\]\]")
_TEXT_MARK = re.compile(r'\\.|"""|\'\'\'|"|\'|#')


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``line`` is 1-based, 0 where it isn't known; ``field`` is empty for a whole entry."""

    origin: str
    line: int
    entry: str
    field: str
    says: str

    def __str__(self) -> str:
        where = f"{self.origin}:{self.line}" if self.line else self.origin
        what = ", ".join(part for part in (self.entry, self.field) if part)
        return f"{where}: {what}: {self.says}" if what else f"{where}: {self.says}"


class CatalogueError(ValueError):
    """The text is no catalogue. ``problems`` holds what is wrong with it, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class _Unquoted:
    """A number with a point: refused wherever it stands, since TOML readers make an inexact float of it."""

    def __init__(self, _: str) -> None: ...


def parse_catalogue(text: str, origin: str) -> Catalogue:
    """The catalogue in a TOML text; ``origin`` names the file in problems. Raises ``CatalogueError``."""
    tables = _read(text, origin)
    lines = _Lines(text)
    found: dict[str, list[Any]] = {kind: [] for kind in _KINDS}
    problems: list[Problem] = []
    for kind, number, raw in _entries(tables, lines, origin, problems):
        name = f"[[{kind}]] {raw['id']}" if _is_name(raw.get("id")) else f"[[{kind}]]"
        try:
            found[kind].append((number, _KINDS[kind].model_validate(raw)))
        except ValidationError as error:
            for wrong in error.errors(include_url=False, include_context=False, include_input=False):
                path = ".".join(str(step) for step in wrong["loc"])
                line = lines.of(kind, number, path.partition(".")[0])
                problems.append(Problem(origin, line, name, path, _words(wrong["type"], wrong["msg"])))
    problems += _twice(found, lines, origin)
    if problems:
        raise CatalogueError(sorted(problems, key=lambda problem: problem.line)[:MAX_PROBLEMS])
    return Catalogue(
        version=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12],
        bars=tuple(entry for _, entry in found["bar"]),
        models=tuple(entry for _, entry in found["model"]),
        endpoints=tuple(entry for _, entry in found["endpoint"]),
        cards=tuple(entry for _, entry in found["card"]),
    )


def _read(text: str, origin: str) -> dict[str, Any]:
    if len(text) > MAX_TEXT:
        raise CatalogueError([Problem(origin, 0, "", "", f"is longer than {MAX_TEXT} characters; split off old cards")])
    try:
        return tomllib.loads(text, parse_float=_Unquoted)
    except RecursionError:
        raise CatalogueError([Problem(origin, 0, "", "", "is nested too deeply; write flat tables")]) from None
    except ValueError as error:
        at = _AT_LINE.search(str(error))
        says = _AT_LINE.sub("", str(error)).strip()
        line = int(at[1]) if at else text.count("\n") + 1 if "at end of document" in says else 0
        raise CatalogueError([Problem(origin, line, "", "", f"is not valid TOML: {says[:200]}")]) from None


def _entries(
    tables: Mapping[str, Any], lines: _Lines, origin: str, problems: list[Problem]
) -> Iterator[tuple[str, int, dict[str, Any]]]:
    for kind, entries in tables.items():
        if kind not in _KINDS:
            says = f"is not known here; the tables are {', '.join(f'[[{known}]]' for known in _KINDS)}"
            problems.append(Problem(origin, lines.named(kind), repr(kind)[:80], "", says))
        elif not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            problems.append(
                Problem(origin, lines.named(kind), kind, "", f"must be tables that each begin with [[{kind}]]")
            )
        else:
            yield from ((kind, number, entry) for number, entry in enumerate(entries))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 128 and value.isprintable()


def _words(kind: str, message: str) -> str:
    """Pydantic's message in words for somebody who edits the file; it never holds the value."""
    if kind == "missing":
        return "is missing; add it"
    if kind == "extra_forbidden":
        return "is not a field of this entry; remove it or correct its name"
    return message.removeprefix("Value error, ")


def _twice(found: Mapping[str, list[tuple[int, Any]]], lines: _Lines, origin: str) -> Iterator[Problem]:
    """Names that are given twice: ids within a kind, and ids and aliases of models together."""
    for kind in ("model", "endpoint", "card"):
        seen: set[str] = set()
        for number, entry in found[kind]:
            if entry.id in seen:
                line = lines.of(kind, number, "id")
                yield Problem(origin, line, f"[[{kind}]] {entry.id}", "id", "is given twice; ids are unique")
            seen.add(entry.id)
    taken = {entry.id for _, entry in found["model"]} | RESERVED_NAMES
    for number, entry in found["model"]:
        if entry.id in RESERVED_NAMES:
            line = lines.of("model", number, "id")
            yield Problem(origin, line, f"[[model]] {entry.id}", "id", "is a reserved name; choose another")
        for alias in entry.aliases:
            if alias in taken:
                line, says = lines.of("model", number, "aliases"), f"{alias!r} already means something else; remove it"
                yield Problem(origin, line, f"[[model]] {entry.id}", "aliases", says)
            taken.add(alias)


class _Lines:
    """Where entries and their fields stand in a text that is valid TOML, by a look at each line outside of texts."""

    def __init__(self, text: str) -> None:
        self._plain = list(_outside_texts(text))
        self._starts: dict[str, list[int]] = {kind: [] for kind in _KINDS}
        for number, line in enumerate(self._plain):
            if header := _HEADER.match(line):
                self._starts[header[2]].append(number)

    def of(self, kind: str, entry: int, field: str) -> int:
        """The line of a field of the n-th entry of a kind, else that of its header, else 0."""
        if entry >= len(self._starts[kind]):
            return self.named(kind)
        start = self._starts[kind][entry]
        named = re.compile(rf"\s*([\"']?){re.escape(field)}\1\s*[=.]|\s*\[+\s*{kind}\s*\.\s*{re.escape(field)}\b")
        for number in range(start + 1, len(self._plain)):
            if _HEADER.match(self._plain[number]):
                break
            if field and named.match(self._plain[number]):
                return number + 1
        return start + 1

    def named(self, key: str) -> int:
        """The first line that begins with a key or table of this name, or 0."""
        named = re.compile(rf"\s*\[*\s*([\"']?){re.escape(key)}\1\s*[\]=.]")
        return next((number + 1 for number, line in enumerate(self._plain) if named.match(line)), 0)


def _outside_texts(text: str) -> Iterator[str]:
    """The lines of a text; those that begin within a multi-line TOML string come out empty."""
    within = ""
    for line in text.split("\n"):
        yield "" if within else line
        for mark in _TEXT_MARK.finditer(line):
            quote = mark[0]
            if within:
                # A backslash escapes in "basic" strings only; a single-line string ends with its line.
                if quote == within and not quote.startswith("\\"):
                    within = ""
            elif quote == "#":
                break
            elif quote in ('"', "'", '"""', "'''"):
                within = quote
        if len(within) == 1:
            within = ""
