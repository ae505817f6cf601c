"""``pointsman policy``: the policy as tables, and its check."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from gateway.cli.display import show, show_json, show_table
from gateway.cli.given_settings import read_settings
from gateway.cli.options import json_option
from gateway.cli.rulebook_file import file_argument, text_of, verdict
from routing.catalogue_parse import CatalogueError, parse_catalogue
from routing.policy import Policy, PolicyError, parse_policy
from workers.rulebook import read
from workers.settings import ConfigurationError, Settings

_SHIPPED = "policy.toml"


@click.group()
def policy() -> None:
    """Show or check the policy: which work goes to which models.

    Example: pointsman policy check my-policy.toml
    """


@policy.command("show")
@file_argument
@json_option
def show_policy(file: Path | None, as_json: bool) -> None:
    """Show the policy in force, or that of FILE, as tables.

    Example: pointsman policy show
    """
    settings = read_settings("policy")
    text, origin = text_of(file, settings.policy_file, _SHIPPED)
    try:
        found = parse_policy(text, origin)
    except PolicyError as error:
        raise ConfigurationError(str(error)) from None
    if as_json:
        show_json(found.model_dump(mode="json", by_alias=True))
    else:
        _show(found, origin)


@policy.command()
@file_argument
@json_option
def check(file: Path | None, as_json: bool) -> None:
    """Check the policy in force, or that of FILE: exit status 2 and a line for each thing wrong.

    Example: pointsman policy check my-policy.toml
    """
    settings = read_settings("policy")
    text, origin = text_of(file, settings.policy_file, _SHIPPED)
    try:
        found = parse_policy(text, origin)
    except PolicyError as error:
        verdict(origin, None, list(error.problems), [], as_json=as_json)
    else:
        verdict(origin, found.version, _unknown_reference(found, origin, settings), [], as_json=as_json)


def _unknown_reference(found: Policy, origin: str, settings: Settings) -> list[str]:
    """A reference model that the catalogue in force lacks; nothing where that catalogue can't be read itself."""
    try:
        text, place = read(settings.catalogue_file, "catalogue.toml")
        known = parse_catalogue(text, place).resolve(found.reference_model)
    except (ConfigurationError, CatalogueError):
        return []
    says = f"{origin}: reference_model: {found.reference_model} is not in the catalogue {place}"
    return [] if known is not None else [says]


def _show(found: Policy, origin: str) -> None:
    show(f"{found.title} ({origin}, version {found.version})")
    show(f"Savings are measured against {found.reference_model}.")
    rows = [
        (
            number,
            rule.id,
            rule.tier,
            _list(rule.stakes),
            _list(rule.domains),
            rule.min_complexity or None,
            _list(rule.profiles),
            rule.use_case,
        )
        for number, rule in enumerate(found.rules, start=1)
    ]
    columns = ("row", "rule", "tier", "stakes", "domains", "min complexity", "profiles", "use case")
    show_table(columns, rows, title="Rules; the first that fits decides:", right=("row", "min complexity"))
    floors = [(stakes, tier) for stakes, tier in sorted(found.floors.items(), key=lambda f: -f[0].rank)]
    show_table(("stakes", "never below tier"), floors, title="Floors:")
    profiles = [(p.name, ", ".join(p.tenants), p.medium_floor, p.ceiling) for p in found.profiles]
    show_table(("profile", "tenants", "floor of medium stakes", "ceiling"), profiles, title="Profiles of tenants:")
    stages = [(s.tier, s.stage, s.at_least, s.models, "yes" if s.checked else None) for s in found.stages]
    show_table(("tier", "stage", "models of at least", "models", "checked"), stages, title="Calls of each tier:")
    data = [
        (d.data_class, "anywhere" if d.hosts is None else _list(d.hosts), _list(d.not_developed_in)) for d in found.data
    ]
    show_table(("data class", "may be processed in", "not by models developed in"), data, title="Data:")
    lowering = [(p.tenant, p.producer, p.down_to, p.approved_by) for p in found.may_lower]
    if lowering:
        show_table(("tenant", "producer", "may declare down to", "approved by"), lowering, title="Permissions:")
    answers, retries = found.answers, found.retries
    show(
        f"Stakes: at most {found.stakes.miss_per_thousand} of a thousand high-stakes jobs may be taken for lower",
        f"Answers: {answers.default_max_tokens:,} tokens at most where a job sets no cap, {answers.assumed_tokens:,} "
        f"assumed, {answers.assumed_check_failures} assumed to fail their check",
        f"Retries: {retries.max_attempts} attempts; after a call that may have been charged: "
        f"{'yes' if retries.after_uncertain else 'no'}",
    )


def _list(words: Iterable[str]) -> str | None:
    return ", ".join(sorted(words)) or None
