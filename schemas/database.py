"""One way to reach PostgreSQL: a URL becomes a SQLAlchemy engine on psycopg 3."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from sqlalchemy import Engine, TextClause, create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

_DIALECTS = frozenset({"postgresql", "postgres", "postgresql+psycopg"})


def database_url(address: str) -> URL:
    """``postgresql://`` (or ``postgres://``) as a URL for psycopg 3. Raises ``ValueError`` for any other database."""
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):  # the latter quotes what stands where the port should, perhaps a password
        raise ValueError("not a database URL; it looks like postgresql://user@host/name") from None
    if url.drivername not in _DIALECTS:
        raise ValueError(f"{url.drivername}:// is not supported; Pointsman keeps its books in PostgreSQL")
    return url.set(drivername="postgresql+psycopg")


def open_engine(address: str, *, pool_size: int = 5, application: str = "pointsman") -> Engine:
    """An engine whose connections name ``application`` to the server and give up connecting after five seconds."""
    return create_engine(
        database_url(address),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,  # an error's text must not hold a prompt
        connect_args={"application_name": application, "connect_timeout": 5},
    )


@cache
def query(package: str, name: str) -> TextClause:
    """The statement kept in ``<package>/queries/<name>.sql``, read once."""
    return text(files(package).joinpath("queries", f"{name}.sql").read_text("utf-8"))
