"""``pointsman catalogue``: models, endpoints and prices as tables, and their check."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.cli.display import count, show, show_json, show_table
from gateway.cli.given_settings import read_settings
from gateway.cli.options import json_option
from gateway.cli.rulebook_file import file_argument, text_of, verdict
from routing.catalogue import Catalogue, Endpoint
from routing.catalogue_check import Severity
from routing.catalogue_check import check as find_faults
from routing.catalogue_parse import CatalogueError, parse_catalogue
from workers.reach import find_reach
from workers.settings import ConfigurationError, Settings, provider_environment

_SHIPPED = "catalogue.toml"


@click.group()
def catalogue() -> None:
    """Show or check the catalogue: models, the endpoints that serve them, and their price cards.

    Example: pointsman catalogue check my-catalogue.toml
    """


@catalogue.command("show")
@file_argument
@json_option
def show_catalogue(file: Path | None, as_json: bool) -> None:
    """Show the catalogue in force, or that of FILE, with the prices valid now and which endpoints can be called.

    Example: pointsman catalogue show
    """
    settings = read_settings("catalogue")
    text, origin = text_of(file, settings.catalogue_file, _SHIPPED)
    try:
        found = parse_catalogue(text, origin)
    except CatalogueError as error:
        raise ConfigurationError(str(error)) from None
    if as_json:
        show_json(found.model_dump(mode="json"))
        return
    show(f"{origin}, version {found.version}")
    _models(found)
    _endpoints(found, settings)


@catalogue.command()
@file_argument
@json_option
def check(file: Path | None, as_json: bool) -> None:
    """Check the catalogue in force, or that of FILE: exit status 2 where it must not be used. Warnings and notes are
    told and change nothing.

    Example: pointsman catalogue check my-catalogue.toml
    """
    settings = read_settings("catalogue")
    text, origin = text_of(file, settings.catalogue_file, _SHIPPED)
    try:
        found = parse_catalogue(text, origin)
    except CatalogueError as error:
        verdict(origin, None, [str(problem) for problem in error.problems], [], as_json=as_json)
        return
    findings = find_faults(found, datetime.now(UTC))
    wrong = [f"{origin}: {finding}" for finding in findings if finding.severity is Severity.ERROR]
    remarks = [f"{origin}: {finding}" for finding in findings if finding.severity is not Severity.ERROR]
    verdict(origin, found.version, wrong, remarks, as_json=as_json)


def _models(found: Catalogue) -> None:
    rows = [
        (
            model.id,
            model.tier,
            model.weights,
            f"{model.developer} ({model.developer_country})",
            model.licence,
            count(model.context_tokens),
            ", ".join(sorted(model.features)) or None,
            ", ".join(f"{score.index} {score.value} ({score.as_of})" for score in model.scores) or None,
        )
        for model in found.models
    ]
    columns = ("model", "tier", "weights", "developer", "licence", "context tokens", "features", "scores")
    show_table(columns, rows, title="Models:", right=("context tokens",))


def _endpoints(found: Catalogue, settings: Settings) -> None:
    at = datetime.now(UTC)
    reach = find_reach(found, provider_environment(), settings.standin_url, 1)
    rows = []
    for endpoint in found.endpoints:
        card = found.card_for(endpoint.id, at)
        rates = card and card.rates(at)
        target = reach.targets.get(endpoint.id)
        called = "by the stand-in" if target and target.standin else "yes" if target else reach.unreachable[endpoint.id]
        rows.append(
            (
                endpoint.id,
                endpoint.host_country,
                rates and rates.input,
                rates and rates.cached_read,
                rates and rates.output,
                card.id if card else "no price card valid now",
                _limits(endpoint),
                called,
            )
        )
    numbers = ("in", "cached", "out")
    columns = ("endpoint", "host", *numbers, "price card", "requests, tokens a minute; at once", "can be called")
    show_table(columns, rows, title="Endpoints, with today's prices in USD per million tokens:", right=numbers)


def _limits(endpoint: Endpoint) -> str:
    limits = endpoint.limits
    return f"{count(limits.rpm)}, {count(limits.tpm)}; {count(limits.concurrency)}"
