"""The bill: every billed call is one entry, in memory and in a file, before its answer leaves."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from bench.standin.counting import Counts
from bench.standin.prices import METERS, Card, Endpoint

#: Entries and idempotency keys held in memory; the file and the totals keep all. About 0.5 kB each.
KEPT = 1_000_000


class BillFileError(ValueError):
    """The bill file cannot be continued; the message names the line."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One call to be billed; ``key`` is its idempotency key, ``fault`` the fault rule it met."""

    at: datetime
    endpoint: Endpoint
    card: Card
    key: str | None
    counts: Counts
    fault: str | None

    def quantities(self) -> dict[str, int]:
        """The count of each meter."""
        counts = self.counts
        return {
            "input": counts.input,
            "cached_read": counts.cached_read,
            "cache_write": counts.cache_write,
            "output": counts.output,
            "fee": 1,
        }


class _Total:
    """Running sums of one model at one provider."""

    __slots__ = ("amounts", "calls", "counts")

    def __init__(self) -> None:
        self.calls = 0
        self.counts = dict.fromkeys(METERS, 0)
        self.amounts = dict.fromkeys(METERS, 0)

    def add(self, calls: int, counts: dict[str, int], amounts: dict[str, int]) -> None:
        self.calls += calls
        for meter in METERS:
            self.counts[meter] += counts[meter]
            self.amounts[meter] += amounts[meter]

    def summary(self) -> dict[str, Any]:
        total = sum(self.amounts.values())
        return {
            "calls": self.calls,
            "counts": dict(self.counts),
            "amount_pico": dict(self.amounts),
            "total_pico": total,
            "total_usd": f"{total // 10**12}.{total % 10**12:012d}",
        }


class Bill:
    """Entries by number from 1, and sums. With a file, an earlier bill in it is continued.

    Raises ``BillFileError`` where the file holds something else, ``OSError`` where it cannot be written.
    """

    def __init__(self, file: Path | None = None, kept: int = KEPT) -> None:
        self._kept = kept
        self._descriptor: int | None = None
        self._forget()
        if file is not None:
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                self._continue(file)
            except BaseException:
                os.close(self._descriptor)
                raise

    def _forget(self) -> None:
        self._entries: list[bytes] = []
        self._let_go = 0
        self._keys: dict[str, None] = {}
        self._duplicates = 0
        self._totals: defaultdict[tuple[str, str], _Total] = defaultdict(_Total)

    def _continue(self, file: Path) -> None:
        whole = 0
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    break  # cut off by a kill while it was written: its answer never left
                try:
                    self._remember(line[:-1], orjson.loads(line))
                except (ValueError, KeyError, TypeError):
                    raise BillFileError(f"{file}, line {number}: not an entry of a stand-in's bill") from None
                whole += len(line)
        os.ftruncate(self._opened, whole)

    @property
    def _opened(self) -> int:
        if self._descriptor is None:
            raise RuntimeError("the bill has no file")
        return self._descriptor

    @property
    def calls(self) -> int:
        return self._let_go + len(self._entries)

    def enter(self, charge: Charge) -> None:
        """Bill one call; it is in the file when this returns. Raises ``OSError``, and then it is not billed."""
        quantities = charge.quantities()
        amounts = charge.card.rates(charge.at).amounts(quantities)
        entry = {
            "n": self.calls + 1,
            "at": charge.at,
            "provider": charge.endpoint.provider,
            "model": charge.endpoint.remote_model,
            "endpoint": charge.endpoint.name,
            "card": charge.card.name,
            "key": charge.key,
            **quantities,
            "reasoning": charge.counts.reasoning,
            "amount_pico": amounts,
            "total_pico": sum(amounts.values()),
            "fault": charge.fault,
        }
        line = orjson.dumps(entry, option=orjson.OPT_UTC_Z)
        if self._descriptor is not None:
            _write(self._descriptor, line + b"\n")
        self._remember(line, entry)

    def _remember(self, line: bytes, entry: dict[str, Any]) -> None:
        self._totals[entry["provider"], entry["model"]].add(1, entry, entry["amount_pico"])
        self._entries.append(line)
        if len(self._entries) > self._kept + self._kept // 8:
            surplus = len(self._entries) - self._kept
            del self._entries[:surplus]
            self._let_go += surplus
        key = entry["key"]
        if key is not None:
            if key in self._keys:
                self._duplicates += 1
            self._keys[key] = None
            if len(self._keys) > self._kept:
                del self._keys[next(iter(self._keys))]

    def summary(self) -> bytes:
        """Totals overall, by provider and by ``provider/model``, as JSON; amounts are whole pico-USD."""
        overall = _Total()
        providers: defaultdict[str, _Total] = defaultdict(_Total)
        for (provider, _), total in self._totals.items():
            for wider in (overall, providers[provider]):
                wider.add(total.calls, total.counts, total.amounts)
        # the standard library's writer, since a sum may have more than 64 bits
        return json.dumps(
            overall.summary()
            | {
                "duplicate_keys": self._duplicates,
                "by_provider": {name: total.summary() for name, total in sorted(providers.items())},
                "by_model": {f"{p}/{m}": total.summary() for (p, m), total in sorted(self._totals.items())},
            }
        ).encode()

    def entries(self, offset: int, limit: int) -> bytes:
        """Up to ``limit`` entries after the first ``offset`` ones, as JSON; ``held_from`` is the oldest in memory."""
        start = max(offset - self._let_go, 0)
        page = self._entries[start : start + limit]
        return b'{"calls":%d,"held_from":%d,"entries":[%b]}' % (self.calls, self._let_go + 1, b",".join(page))

    def reset(self) -> None:
        """Forget all entries; the file is emptied."""
        self._forget()
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _write(descriptor: int, line: bytes) -> None:
    """Append a line, whole or not at all."""
    before = os.lseek(descriptor, 0, os.SEEK_END)
    left = memoryview(line)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        os.ftruncate(descriptor, before)
        raise
