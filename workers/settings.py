"""Configuration, in one place: environment (``POINTSMAN_*``), then ``.env``, then ``pointsman.toml``, then defaults.

The table in the README is made from the descriptions here, and a test holds them equal.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping, Set
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from schemas.database import database_url
from schemas.lines import LineLimits

PREFIX = "POINTSMAN_"
_BROKERS = ("redis://", "rediss://", "redis+socket://", "amqp://", "amqps://")


class ConfigurationError(Exception):
    """Settings that cannot be used; one line for each that is wrong."""


class LogFormat(StrEnum):
    """``auto`` is console on a terminal, JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


def _is_postgresql(value: SecretStr) -> SecretStr:
    database_url(value.get_secret_value())
    return value


def _is_broker(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(_BROKERS):
        raise ValueError(f"must begin with one of {', '.join(_BROKERS)}")
    return value


def _is_http(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return value.rstrip("/")


class Settings(BaseSettings):
    """Every setting, its default and what it means. Frozen: read once, handed down."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        toml_file="pointsman.toml",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
    )

    database_url: Annotated[SecretStr, AfterValidator(_is_postgresql)] | None = Field(
        None, description="PostgreSQL, as postgresql://user@host/name; unset: the embedded server of the state folder"
    )
    broker_url: Annotated[SecretStr, AfterValidator(_is_broker)] | None = Field(
        None, description="Redis, Valkey or RabbitMQ (redis://, rediss://, amqp://); unset: the embedded Valkey"
    )
    state_dir: Path = Field(Path(".pointsman"), description="folder of the embedded servers' data and logs")
    policy_file: Path | None = Field(None, description="policy to use in place of the shipped one")
    catalogue_file: Path | None = Field(None, description="catalogue to use in place of the shipped one")
    standin_url: Annotated[str, AfterValidator(_is_http)] | None = Field(
        None, description="stand-in provider that answers for every endpoint without a key; for trials only"
    )
    inbox_dir: Path | None = Field(None, description="folder from which messages may submit files; unset: none may")
    log_format: LogFormat = Field(LogFormat.AUTO, description="auto, json or console")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR")
    max_line_bytes: int = Field(1_048_576, ge=1024, description="longest job line, in bytes")
    max_line_depth: int = Field(32, ge=4, le=200, description="deepest nesting of a job line")
    max_batch_lines: int = Field(1_000_000, ge=1, description="most lines of one batch")
    max_batch_bytes: int = Field(4_294_967_296, ge=1024, description="largest batch, in bytes")
    max_message_bytes: int = Field(4_194_304, ge=1024, description="largest batch carried inside a message, in bytes")
    chunk_jobs: int = Field(64, ge=1, le=1000, description="most jobs of one broker message")
    worker_threads: int = Field(8, ge=1, le=64, description="chunks that one worker process works on at once")
    worker_calls: int = Field(256, ge=1, le=10_000, description="calls that one worker process has under way at once")
    settle_ms: int = Field(250, ge=10, le=10_000, description="how often results are written, in milliseconds")
    lease_s: int = Field(60, ge=2, le=3600, description="seconds after which a silent worker's jobs are taken over")
    grace_s: int = Field(30, ge=0, le=3600, description="seconds that a stopping worker waits for calls under way")
    connect_timeout_s: int = Field(10, ge=1, le=120, description="seconds to wait for a connection to a provider")
    max_answer_bytes: int = Field(33_554_432, ge=1024, description="largest answer read from a provider, in bytes")
    sweep_ms: int = Field(1000, ge=50, le=60_000, description="how often the sweeper looks, in milliseconds")
    ring_again_s: int = Field(15, ge=1, le=3600, description="seconds after which waiting work is announced again")
    ring_window: int = Field(200, ge=1, le=100_000, description="most chunks of one lane announced at once")
    limits_local_share: float = Field(
        0.25,
        gt=0,
        le=1,
        description="part of an endpoint's limits that a process uses alone while they can't be shared",
    )
    hold_days: int = Field(7, ge=1, le=366, description="days after which an unreleased hold goes to review")

    @property
    def line_limits(self) -> LineLimits:
        """How much one batch may hold."""
        return LineLimits(
            max_line_bytes=self.max_line_bytes,
            max_depth=self.max_line_depth,
            max_lines=self.max_batch_lines,
            max_bytes=self.max_batch_bytes,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get(f"{PREFIX}CONFIG_FILE", "pointsman.toml")
        return init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)


def load_settings(**given: Any) -> Settings:
    """Read the settings. ``given`` ones win; None counts as not given. Raises ``ConfigurationError``.

    A misspelt ``POINTSMAN_*`` variable is an error too: a setting that is silently ignored is a wrong setting.
    """
    _check_names(os.environ, "", {f"{PREFIX}CONFIG_FILE"})
    _check_names(_dotenv(), ".env: ", set())
    _check_file()
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = (
            f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()
        )
        raise ConfigurationError("\n".join(lines)) from None
    except (SettingsError, OSError, ValueError) as error:
        raise ConfigurationError(f"configuration file: {error}") from None


def provider_environment() -> Mapping[str, str]:
    """Where API keys and addresses of local servers are looked up: the environment, over ``.env``."""
    return {**_dotenv(), **{name: value for name, value in os.environ.items() if value}}


def _dotenv() -> dict[str, str]:
    """What ``.env`` gives. Raises ``ConfigurationError`` where it can't be read."""
    try:
        return {name: value for name, value in dotenv_values(".env").items() if value}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise ConfigurationError(f".env: {reason}") from None


def _check_names(given: Iterable[str], where: str, more: Set[str]) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | more
    unknown = sorted(n for n in given if n.startswith(PREFIX) and n not in known and "_TEST_" not in n)
    if unknown:
        raise ConfigurationError(f"{where}{unknown[0]}: there is no such setting; see the table in the README")


def _check_file() -> None:
    """A file that is named must exist, and hold nothing but settings. Raises ``ConfigurationError``."""
    named = os.environ.get(f"{PREFIX}CONFIG_FILE")
    file = Path(named or "pointsman.toml")
    if not file.is_file():
        if named:
            raise ConfigurationError(f"{PREFIX}CONFIG_FILE: there is no file {named}")
        return
    try:
        keys = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file}: not a TOML file that can be read: {error}") from None
    for key in keys:
        if key not in Settings.model_fields:
            raise ConfigurationError(f"{file}: {key}: there is no such setting; see the table in the README")
