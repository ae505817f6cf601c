"""The stand-in provider beside a trial: it lives in the checkout (``bench.standin``), not in the installed packages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workers.settings import ConfigurationError, Settings

if TYPE_CHECKING:
    from bench.standin.process import StandIn


def standin_provider(
    settings: Settings, *, latency_ms: float = 0, latency_spread: float = 0, faults: Sequence[Mapping[str, Any]] = ()
) -> StandIn:
    """Start a stand-in with the prices of the catalogue in force. Raises ``ConfigurationError`` outside a checkout."""
    try:
        from bench.standin.process import StandIn  # noqa: PLC0415 - not there in an installed distribution
    except ImportError:
        raise ConfigurationError(
            "the stand-in provider comes with a checkout of Pointsman, not with its packages"
        ) from None
    return StandIn.start(
        prices=settings.catalogue_file, latency_ms=latency_ms, latency_spread=latency_spread, faults=faults
    )
