"""What a command works with: a runtime that is closed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.cli.given_settings import read_settings
from gateway.servers import resolve
from workers.runtime import Runtime


def without_servers(role: str) -> Runtime:
    """A runtime for commands that need no server: it has no addresses and opens nothing."""
    return Runtime(read_settings(role), "", "", role)


@contextmanager
def with_database(role: str) -> Iterator[Runtime]:
    """A runtime for commands that read or write the books and leave the broker alone."""
    settings = read_settings(role)
    configured = settings.database_url
    address = configured.get_secret_value() if configured is not None else resolve(settings).database
    with _closing(Runtime(settings, address, "", role)) as runtime:
        yield runtime


@contextmanager
def with_servers(role: str) -> Iterator[Runtime]:
    """A runtime for commands that announce work too."""
    settings = read_settings(role)
    urls = resolve(settings)
    with _closing(Runtime(settings, urls.database, urls.broker, role)) as runtime:
        yield runtime


@contextmanager
def _closing(runtime: Runtime) -> Iterator[Runtime]:
    try:
        yield runtime
    finally:
        opened = vars(runtime)
        if "engine" in opened:
            runtime.engine.dispose()
        if "app" in opened:
            runtime.app.close()
