"""The policy and the catalogue in force, read once from their files or from the shipped ones."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from routing.catalogue import Catalogue
from routing.catalogue_parse import CatalogueError, parse_catalogue
from routing.policy import Policy, PolicyError, parse_policy
from workers.settings import ConfigurationError, Settings


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Policy and catalogue with the texts they were read from, which are kept with what they decide."""

    policy: Policy
    policy_text: str
    catalogue: Catalogue
    catalogue_text: str


def load_rulebook(settings: Settings) -> Rulebook:
    """Read and check both files. Raises ``ConfigurationError`` with a line for each thing wrong."""
    policy_text, policy_origin = read(settings.policy_file, "policy.toml")
    catalogue_text, catalogue_origin = read(settings.catalogue_file, "catalogue.toml")
    return parse_rulebook(policy_text, catalogue_text, policy_origin, catalogue_origin)


def parse_rulebook(policy_text: str, catalogue_text: str, policy_origin: str, catalogue_origin: str) -> Rulebook:
    """Both texts as one rulebook. Raises ``ConfigurationError``."""
    try:
        policy = parse_policy(policy_text, policy_origin)
        catalogue = parse_catalogue(catalogue_text, catalogue_origin)
    except (PolicyError, CatalogueError) as error:
        raise ConfigurationError(str(error)) from None
    if catalogue.resolve(policy.reference_model) is None:
        raise ConfigurationError(
            f"{policy_origin}: reference_model: {policy.reference_model} is not in the catalogue {catalogue_origin}"
        )
    return Rulebook(policy, policy_text, catalogue, catalogue_text)


def read(file: Path | None, shipped: str) -> tuple[str, str]:
    """The text of a file, or of the shipped one where none is given, and its name for messages."""
    if file is None:
        return files("routing.data").joinpath(shipped).read_text("utf-8"), shipped
    try:
        return file.read_text("utf-8"), str(file)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise ConfigurationError(f"{file}: {reason}") from None
