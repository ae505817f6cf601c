"""The settings of a command, and its logs on standard error."""

from __future__ import annotations

import click

from workers.logs import configure_logs
from workers.settings import Settings, load_settings


def read_settings(role: str) -> Settings:
    """The settings, with logs set up: warnings only, unless ``pointsman --verbose`` asks for more."""
    settings = load_settings()
    context = click.get_current_context(silent=True)
    verbose = context is not None and bool(context.find_root().params.get("verbose"))
    configure_logs(settings.log_format, settings.log_level if verbose else "WARNING", role)
    return settings
