"""What a provider counted for one call."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.vocabulary import Meter


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one call, each token in exactly one meter (see ``Meter``). All are >= 0."""

    input: int = 0
    cached_read: int = 0
    cache_write: int = 0
    output: int = 0

    def __post_init__(self) -> None:
        if min(self.input, self.cached_read, self.cache_write, self.output) < 0:
            raise ValueError(f"token counts must not be negative: {self}")

    @property
    def prompt(self) -> int:
        """All prompt tokens, cached or not."""
        return self.input + self.cached_read + self.cache_write

    def by_meter(self) -> tuple[tuple[Meter, int], ...]:
        """The token meters and their counts, zero ones included, in a fixed order."""
        return (
            (Meter.INPUT, self.input),
            (Meter.CACHED_READ, self.cached_read),
            (Meter.CACHE_WRITE, self.cache_write),
            (Meter.OUTPUT, self.output),
        )
