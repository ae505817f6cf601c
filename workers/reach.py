"""Which endpoints can be called from here, and with what address and key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from routing.catalogue import Catalogue, Endpoint
from workers.calls import Target


@dataclass(frozen=True, slots=True)
class Reach:
    """Endpoints by id: those with a target can be called, the others say why not."""

    targets: Mapping[str, Target]
    unreachable: Mapping[str, str]

    @property
    def standin(self) -> bool:
        """Whether the stand-in answers for any of them."""
        return any(target.standin for target in self.targets.values())


def find_reach(
    catalogue: Catalogue, environment: Mapping[str, str], standin_url: str | None, default_max_output: int
) -> Reach:
    """Look for each endpoint's key or address; the stand-in, where given, answers for providers without a key.

    It never answers for a server of one's own: that costs nothing, and would win every comparison without existing.
    """
    targets: dict[str, Target] = {}
    unreachable: dict[str, str] = {}
    for endpoint in catalogue.endpoints:
        cap = min(default_max_output, catalogue.max_output_of(endpoint))
        found = _target(endpoint, environment, standin_url, cap)
        if isinstance(found, Target):
            targets[endpoint.id] = found
        else:
            unreachable[endpoint.id] = found
    return Reach(targets, unreachable)


def _target(endpoint: Endpoint, environment: Mapping[str, str], standin_url: str | None, cap: int) -> Target | str:
    key = environment.get(endpoint.api_key_env or "", "")
    if endpoint.base_url_env is not None:
        base_url = environment.get(endpoint.base_url_env, "").rstrip("/")
        if not base_url:
            return f"{endpoint.base_url_env} is not set"
        standin = False
    elif key:
        base_url, standin = endpoint.base_url or "", False
    elif standin_url is not None:
        base_url, standin = f"{standin_url}/{endpoint.provider}/v1", True
    else:
        return f"{endpoint.api_key_env} is not set"
    return Target(
        endpoint_id=endpoint.id,
        protocol=endpoint.protocol,
        base_url=base_url,
        remote_model=endpoint.remote_model,
        api_key=key,
        timeout_s=float(endpoint.timeout_s),
        default_max_output=cap,
        standin=standin,
    )
