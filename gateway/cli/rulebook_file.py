"""Reading the policy or catalogue that a command is about: a file that is named, else the one in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.display import note, show, show_json
from gateway.cli.exit_codes import ExitCode
from workers.rulebook import read

file_argument = click.argument("file", required=False, type=click.Path(path_type=Path))


def text_of(file: Path | None, configured: Path | None, shipped: str) -> tuple[str, str]:
    """The text and the name for messages. Raises ``ConfigurationError``."""
    return read(file or configured, shipped)


def verdict(origin: str, version: str | None, wrong: list[str], remarks: list[str], *, as_json: bool) -> None:
    """Print what a check found, one line a finding, and exit 2 where something is wrong."""
    if as_json:
        found: dict[str, Any] = {"file": origin, "version": version, "sound": not wrong}
        show_json(found | {"problems": wrong, "remarks": remarks})
    else:
        note(*wrong, *remarks)
        if not wrong:
            show(f"{origin} is sound (version {version})")
    if wrong:
        raise click.exceptions.Exit(ExitCode.USAGE)
