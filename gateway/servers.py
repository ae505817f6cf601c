"""Where the database and the broker are: the servers that are configured, else the embedded ones that run here."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.embedded import running_urls
from workers.settings import ConfigurationError, Settings


@dataclass(frozen=True, slots=True, repr=False)
class Urls:
    """Addresses of both servers; they may hold passwords."""

    database: str
    broker: str


def resolve(settings: Settings) -> Urls:
    """Find both servers. Raises ``ConfigurationError`` where one is neither configured nor running here."""
    database = settings.database_url.get_secret_value() if settings.database_url else None
    broker = settings.broker_url.get_secret_value() if settings.broker_url else None
    if database is not None and broker is not None:
        return Urls(database, broker)
    embedded = running_urls(settings.state_dir)
    if embedded is None:
        missing = "POINTSMAN_DATABASE_URL" if database is None else "POINTSMAN_BROKER_URL"
        raise ConfigurationError(
            f"{missing} is not set and no embedded servers run in {settings.state_dir}; set it, or run: pointsman up"
        )
    return Urls(database or embedded.database, broker or embedded.broker)
