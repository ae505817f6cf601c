"""``pointsman schema``: the wire schemas as JSON Schema, for producers in other languages."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gateway.cli.display import show, show_json, show_table
from gateway.cli.options import json_option
from schemas.export import exported, write

_NAMES = tuple(name.removesuffix(".json") for name in exported())


@click.group()
def schema() -> None:
    """Show or export the JSON Schemas of job lines, messages and results.

    Example: pointsman schema export schemas/
    """


@schema.command("show")
@click.argument("name", required=False, type=click.Choice(_NAMES))
@json_option
def show_schema(name: str | None, as_json: bool) -> None:
    """Print one JSON Schema; without NAME, list them (or, with --json, print them all).

    Example: pointsman schema show job_line
    """
    found = {file.removesuffix(".json"): json.loads(text) for file, text in exported().items()}
    if name is not None:
        show_json(found[name])
    elif as_json:
        show_json(found)
    else:
        show_table(("schema", "id"), [(key, value["$id"]) for key, value in found.items()])


@schema.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@json_option
def export(folder: Path, as_json: bool) -> None:
    """Write the JSON Schemas into FOLDER, which is made where it is missing.

    Example: pointsman schema export schemas/
    """
    write(folder)
    files = [str(folder / name) for name in exported()]
    if as_json:
        show_json(files)
    else:
        show(*files)
