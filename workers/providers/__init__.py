"""Clients of model providers: pure translation for each protocol, and one HTTP transport under them."""

from workers.providers.failure import UntranslatableError
from workers.providers.transport import HttpTransport, TransportSettings

__all__ = ["HttpTransport", "TransportSettings", "UntranslatableError"]
