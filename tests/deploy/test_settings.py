"""The environment that deploy/ sets: known settings, keys of the catalogue, no secret, stop times above the grace."""

import re

import pytest

from routing.catalogue_parse import parse_catalogue
from tests.deploy.reading import BASE, DEPLOY, ROOT, literals, own_services, pods, services, variables
from workers.settings import PREFIX, Settings

VARIABLES = list(variables())
MARGIN_S = 15  # to write the last results and give the jobs back
CATALOGUE = parse_catalogue((ROOT / "routing/data/catalogue.toml").read_text("utf-8"), "catalogue.toml")
KEYS = {endpoint.api_key_env for endpoint in CATALOGUE.endpoints if endpoint.api_key_env}
ADDRESSES = {endpoint.base_url_env for endpoint in CATALOGUE.endpoints if endpoint.base_url_env}
#: Of the servers beside Pointsman in the compose file, and of the image's own environment.
OTHERS = {"POSTGRES_PASSWORD", "VALKEY_PASSWORD", "PATH"}
OF_TOOLS = ("PYTHON", "PIP_")
DEFAULT_GRACE_S = Settings.model_fields["grace_s"].default


def seconds(text: str) -> int:
    """A compose or systemd duration given in plain or in whole seconds."""
    match = re.fullmatch(r"(\d+)s?", text)
    assert match, f"write {text} in seconds"
    return int(match[1])


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: f"{variable.where}: {variable.name}")
def test_a_variable_is_one_that_something_reads(variable):
    """Each variable is a setting, a provider's key or address, or belongs to the servers or to Python."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | KEYS | ADDRESSES | OTHERS
    assert variable.name in known or variable.name.startswith(OF_TOOLS)


def test_settings_written_plainly_have_values_that_the_settings_take():
    """Literal values pass the validation of the settings; interpolated and empty ones are left out."""
    for variable in VARIABLES:
        if variable.name.startswith(PREFIX) and variable.value and "${" not in variable.value:
            Settings(**{variable.name.removeprefix(PREFIX).lower(): variable.value})


def test_compose_and_its_example_offer_every_key_and_address_of_the_catalogue():
    """A provider added to the catalogue is added here too, or its key would never reach a worker."""
    for where in ("compose.yaml: worker-open", "compose.yaml: worker-intake", "example.env"):
        offered = {variable.name for variable in VARIABLES if variable.where == where}
        assert offered >= KEYS | ADDRESSES, where


def test_the_examples_hold_no_secret():
    """A key is empty or says that it must be changed, and every password does."""
    for variable in VARIABLES:
        if variable.name in KEYS and "${" not in variable.value:
            assert re.fullmatch(r"(change-me-\d)?", variable.value), variable
        if variable.name.endswith("_PASSWORD"):
            assert re.fullmatch(r"change-me-\d", variable.value), variable
        if "://" in variable.value and "@" in variable.value:
            assert re.search(r":(change-me-\d|\$\{\w+_PASSWORD:\?[^}]+\})@", variable.value), variable


def test_no_file_holds_the_shape_of_a_secret():
    """No token of a known shape and no private key stands anywhere in deploy/."""
    shapes = re.compile(r"\bsk-[A-Za-z0-9_-]{16,}|\bgsk_[A-Za-z0-9]{16,}|BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[A-Z0-9]{16}")
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            assert not shapes.search(path.read_text("utf-8")), path


def test_stopping_takes_longer_than_the_grace_in_compose():
    """A worker has its grace and a margin before the container engine kills it."""
    for name, service in own_services().items():
        if service["command"][0] == "worker":
            grace = int(service["environment"]["POINTSMAN_GRACE_S"])
            assert seconds(service["stop_grace_period"]) >= grace + MARGIN_S, name
            assert seconds(service["stop_grace_period"]) >= DEFAULT_GRACE_S + MARGIN_S, name


def test_stopping_takes_longer_than_the_grace_under_systemd():
    """A worker has its grace, default or example, and a margin before systemd kills it."""
    example = [int(v.value) for v in VARIABLES if v.where == "pointsman.example.env" and v.name == "POINTSMAN_GRACE_S"]
    for name, section in services().items():
        assert seconds(section["TimeoutStopSec"][-1]) >= max(DEFAULT_GRACE_S, *example) + MARGIN_S, name


def test_stopping_takes_longer_than_the_grace_in_kubernetes():
    """A pod has the configured grace and a margin before it is killed."""
    grace = max(DEFAULT_GRACE_S, int(literals(BASE)["POINTSMAN_GRACE_S"]))
    for name, pod in pods().items():
        assert pod["terminationGracePeriodSeconds"] >= grace + MARGIN_S, name
