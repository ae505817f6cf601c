"""The catalogue: models, the endpoints that serve them and their price cards, as frozen values.

``routing.catalogue_parse`` reads it from text, ``routing.catalogue_check`` looks for what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from routing.cards import Card, Day, Id, Line, ends, utc_instant
from schemas.vocabulary import Feature, Protocol, Tier, Weights

#: ``host_country`` of a server of one's own.
LOCAL = "local"
#: What ``body.model`` may say besides the name of a model.
RESERVED_NAMES = frozenset({"auto"} | {tier.value for tier in Tier})

_FIGURE = re.compile(r"-?\d{1,6}(\.\d{1,6})?", re.ASCII)
_HTTPS = re.compile(r"https://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~/-]*)?")


def _figure(value: Any) -> Any:
    if isinstance(value, Decimal) and value.is_finite():
        return value
    if not isinstance(value, str) or not _FIGURE.fullmatch(value):
        raise ValueError('must be a number in quotes, such as "147.2"')
    return Decimal(value)


def _https(value: str) -> str:
    if not _HTTPS.fullmatch(value) or value.endswith("/"):
        raise ValueError("must be an https:// address without a query, a user name or a slash at its end")
    return value


Count = Annotated[int, Field(strict=True, ge=1, le=10**12)]
Figure = Annotated[Decimal, BeforeValidator(_figure)]
Url = Annotated[str, AfterValidator(_https)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Place = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|local)$")]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Score(_Entry):
    """A published figure on a public index, with where and when it was read."""

    index: Id
    value: Figure
    source: Line
    as_of: Day


class Bar(_Entry):
    """What a model must score on an index (at least) to stand in a tier. One bar passed is enough."""

    tier: Tier
    index: Id
    at_least: Figure


class Model(_Entry):
    """A model, whoever serves it. ``tier`` is the highest route at which it answers unchecked (``Tier``).

    ``developer_country`` is ISO 3166-1 alpha-2, ``licence`` an SPDX identifier or the licence's name; sizes in tokens.
    """

    id: Id
    developer: Line
    developer_country: Country
    weights: Weights
    licence: Line
    tier: Tier
    context_tokens: Count
    max_output_tokens: Count
    features: frozenset[Feature] = frozenset()
    scores: tuple[Score, ...] = ()
    aliases: tuple[Id, ...] = ()
    source: Line


class Limits(_Entry):
    """What one account may ask of an endpoint: requests and tokens a minute, calls at once."""

    rpm: Count
    tpm: Count
    concurrency: Count


class Endpoint(_Entry):
    """One place where a model is served.

    ``provider`` is the name in the ledger; with ``remote_model``, the provider's own name of the model, it is unique.
    ``base_url`` is what comes before ``/chat/completions`` (OpenAI) or ``/messages`` (Anthropic); a local server has
    ``base_url_env`` instead, the environment variable that holds it. ``host_country`` is where requests are
    processed: ISO 3166-1 alpha-2, ``EU``, ``local``, or ``ZZ`` where the provider doesn't say. ``features`` replaces
    what the model has, ``lacks`` takes some away; ``context_tokens`` and ``max_output_tokens`` can only be smaller
    than the model's. ``batch_url`` is the provider's batch API, None where it has none. ``timeout_s`` in seconds.
    """

    id: Id
    model: Id
    provider: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    protocol: Protocol
    base_url: Url | None = None
    base_url_env: EnvName | None = None
    remote_model: Line
    host_country: Place
    api_key_env: EnvName | None = None
    context_tokens: Count | None = None
    max_output_tokens: Count | None = None
    features: frozenset[Feature] | None = None
    lacks: frozenset[Feature] = frozenset()
    limits: Limits
    batch_url: Url | None = None
    timeout_s: Annotated[int, Field(strict=True, ge=1, le=86_400)] = 600
    source: Line

    @model_validator(mode="after")
    def _has_one_address(self) -> Endpoint:
        if (self.base_url is None) == (self.base_url_env is None):
            raise ValueError("give either base_url or, for a local server, base_url_env")
        if self.local != (self.base_url_env is not None):
            raise ValueError('base_url_env goes with host_country = "local", base_url with every other place')
        if not self.local and self.api_key_env is None:
            raise ValueError("give api_key_env, the environment variable that holds the provider's key")
        return self

    @property
    def local(self) -> bool:
        """Whether it is a server of one's own."""
        return self.host_country == LOCAL


class Catalogue(_Entry):
    """All entries, in the order of the file. ``version`` is the short digest of the text they were read from."""

    version: str
    bars: tuple[Bar, ...] = ()
    models: tuple[Model, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    cards: tuple[Card, ...] = ()

    def __repr__(self) -> str:
        return f"Catalogue({self.version}: {len(self.models)} models, {len(self.endpoints)} endpoints)"

    def model(self, model_id: str) -> Model:
        """The model of an id (not an alias: see ``resolve``). Raises ``KeyError``."""
        return self._models[model_id]

    def endpoint(self, endpoint_id: str) -> Endpoint:
        """The endpoint of an id. Raises ``KeyError``."""
        return self._endpoints[endpoint_id]

    def card(self, card_id: str) -> Card:
        """The card of an id, in force or not: what an old ledger line names. Raises ``KeyError``."""
        return self._cards[card_id]

    def endpoints_of(self, model_id: str) -> tuple[Endpoint, ...]:
        """The endpoints that serve a model, in the order of the file; none for an unknown model."""
        return self._endpoints_of.get(model_id, ())

    def cards_of(self, endpoint_id: str) -> tuple[Card, ...]:
        """The approved cards of an endpoint, by the time they begin and then by when they were recorded."""
        return self._cards_of.get(endpoint_id, ())

    def card_for(self, endpoint_id: str, at: datetime) -> Card | None:
        """The one approved card that holds at an instant; None where there is none, or more than one.

        An open-ended card ends where the next begins. ``at`` needs an offset (``ValueError`` without one).
        """
        instant = utc_instant(at)
        holding = None
        cards = self.cards_of(endpoint_id)
        for place, card in enumerate(cards):
            if card.valid_from > instant:
                break
            if instant < ends(cards, place):
                if holding is not None:
                    return None
                holding = card
        return holding

    def resolve(self, name: str) -> str | None:
        """The id of the model that a name means (an id or an alias), or None."""
        return self._names.get(name)

    def names(self) -> frozenset[str]:
        """All names of models that ``body.model`` may hold; ``auto`` and the tiers are not among them."""
        return frozenset(self._names)

    def features_of(self, endpoint: Endpoint) -> frozenset[Feature]:
        """What a request may ask of an endpoint."""
        own = self.model(endpoint.model).features if endpoint.features is None else endpoint.features
        return own - endpoint.lacks

    def context_of(self, endpoint: Endpoint) -> int:
        """How many tokens, prompt and answer together, an endpoint takes."""
        whole = self.model(endpoint.model).context_tokens
        return whole if endpoint.context_tokens is None else min(whole, endpoint.context_tokens)

    def max_output_of(self, endpoint: Endpoint) -> int:
        """How many tokens an endpoint answers at most."""
        whole = self.model(endpoint.model).max_output_tokens
        return whole if endpoint.max_output_tokens is None else min(whole, endpoint.max_output_tokens)

    @cached_property
    def _models(self) -> Mapping[str, Model]:
        return {model.id: model for model in self.models}

    @cached_property
    def _endpoints(self) -> Mapping[str, Endpoint]:
        return {endpoint.id: endpoint for endpoint in self.endpoints}

    @cached_property
    def _cards(self) -> Mapping[str, Card]:
        return {card.id: card for card in self.cards}

    @cached_property
    def _names(self) -> Mapping[str, str]:
        aliases = {alias: model.id for model in self.models for alias in model.aliases}
        return aliases | {model.id: model.id for model in self.models}

    @cached_property
    def _endpoints_of(self) -> Mapping[str, tuple[Endpoint, ...]]:
        found: dict[str, tuple[Endpoint, ...]] = {}
        for endpoint in self.endpoints:
            found[endpoint.model] = (*found.get(endpoint.model, ()), endpoint)
        return found

    @cached_property
    def _cards_of(self) -> Mapping[str, tuple[Card, ...]]:
        found: dict[str, list[Card]] = {}
        for card in self.cards:
            if card.approved:
                found.setdefault(card.endpoint, []).append(card)
        return {endpoint: tuple(sorted(cards, key=lambda card: card.order)) for endpoint, cards in found.items()}
