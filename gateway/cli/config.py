"""``pointsman config``: every setting, its value, where that comes from and what it means."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import click
from dotenv import dotenv_values
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from gateway.cli.display import show_json, show_table
from gateway.cli.options import json_option
from workers.settings import PREFIX, Settings, load_settings

_HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it stands. ``value`` and ``default`` are text, None for unset; a secret's value is hidden."""

    name: str
    value: str | None
    default: str | None
    source: str
    says: str

    def as_json(self) -> dict[str, Any]:
        return {
            "setting": self.name,
            "value": self.value,
            "default": self.default,
            "source": self.source,
            "description": self.says,
        }


@click.command()
@click.option("--markdown", is_flag=True, help="write the table of the README: names, defaults, meanings")
@json_option
def config(markdown: bool, as_json: bool) -> None:
    """Show all settings: their values, where each comes from, and what it means. Secrets are hidden.

    The environment goes before .env, and that before pointsman.toml (or the file in POINTSMAN_CONFIG_FILE), where
    names are in small letters without the prefix.

    Example: pointsman config --json
    """
    if markdown:
        for line in markdown_table():
            click.echo(line)
        return
    found = [*_settings(load_settings())]
    if as_json:
        show_json([setting.as_json() for setting in found])
        return
    rows = [(setting.name, setting.value or "(unset)", setting.source, setting.says) for setting in found]
    show_table(("setting", "value", "from", "meaning"), rows)


def markdown_table() -> Iterator[str]:
    """The lines of the README's table; they depend on nothing but the program."""
    yield "| Setting | Default | Meaning |"
    yield "| --- | --- | --- |"
    yield f"| `{PREFIX}CONFIG_FILE` | `pointsman.toml` | TOML file that settings are read from (environment only) |"
    for name, field in Settings.model_fields.items():
        default = _text(field.default)
        shown = "" if default is None else f"`{default}`"
        yield f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |"


def _settings(settings: Settings) -> Iterator[Setting]:
    from_environment = {name.upper() for name, value in os.environ.items() if value}
    from_env_file = {name.upper() for name, value in dotenv_values(".env").items() if value}
    config_file = os.environ.get(f"{PREFIX}CONFIG_FILE", "pointsman.toml")
    from_config_file = _names_in(Path(config_file))
    for name, field in Settings.model_fields.items():
        variable = f"{PREFIX}{name.upper()}"
        if variable in from_environment:
            source = "environment"
        elif variable in from_env_file:
            source = ".env"
        elif name in from_config_file:
            source = config_file
        else:
            source = "default"
        yield _setting(variable, getattr(settings, name), field, source)


def _setting(variable: str, value: Any, field: FieldInfo, source: str) -> Setting:
    return Setting(variable, _text(value), _text(field.default), source, field.description or "")


def _names_in(file: Path) -> frozenset[str]:
    try:
        return frozenset(tomllib.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        return frozenset()


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return _HIDDEN
    return str(value.value if isinstance(value, Enum) else value)
