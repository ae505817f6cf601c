"""Looks for what is wrong with a catalogue that could be read: what can't be used, and what must not be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from routing.cards import ends, utc_instant
from routing.catalogue import LOCAL, Bar, Catalogue, Endpoint, Model
from routing.countries import COUNTRIES, UNKNOWN_PLACE
from schemas.vocabulary import Tier


class Severity(StrEnum):
    """``error``: the catalogue must not be used. ``warning``: an entry can't be used. ``note``: worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; ``entry`` names its kind and id, ``says`` what is wrong and what to do."""

    severity: Severity
    entry: str
    says: str

    def __str__(self) -> str:
        return f"{self.severity.value}: {self.entry}: {self.says}"


def check(catalogue: Catalogue, at: datetime) -> tuple[Finding, ...]:
    """All findings at an instant (with an offset from UTC), errors first, each kind in the order of the file."""
    instant = utc_instant(at)
    found = [
        *_models(catalogue, instant.date()),
        *_endpoints(catalogue, instant),
        *_cards(catalogue, instant.date()),
        *_overlaps(catalogue),
    ]
    return tuple(sorted(found, key=lambda finding: list(Severity).index(finding.severity)))


def supported_tier(model: Model, bars: tuple[Bar, ...]) -> Tier:
    """The highest tier whose bar one of the model's scores passes; of several scores on an index the newest counts."""
    newest = {score.index: score for score in sorted(model.scores, key=lambda score: (score.as_of, score.value))}
    passed = [bar.tier for bar in bars if bar.index in newest and newest[bar.index].value >= bar.at_least]
    return max(passed, key=lambda tier: tier.rank, default=Tier.OPEN)


def _models(catalogue: Catalogue, today: date) -> Iterator[Finding]:
    if not catalogue.models:
        yield Finding(Severity.ERROR, "catalogue", "has no model; add a [[model]]")
    for model in catalogue.models:
        name = f"[[model]] {model.id}"
        if model.developer_country not in COUNTRIES:
            yield Finding(Severity.ERROR, name, f"developer_country {model.developer_country} is no ISO 3166 code")
        supported = supported_tier(model, catalogue.bars)
        if model.tier.rank > supported.rank:
            says = (
                f"no score of its passes a bar of tier {model.tier.value}; add one, or set tier = {supported.value!r}"
            )
            yield Finding(Severity.ERROR, name, says)
        elif model.tier.rank < supported.rank:
            yield Finding(Severity.NOTE, name, f"its scores pass a bar of tier {supported.value}; it may be promoted")
        if any(score.as_of > today + timedelta(days=1) for score in model.scores):
            yield Finding(Severity.ERROR, name, "has a score of a day to come; correct as_of")
        if not model.scores:
            yield Finding(Severity.NOTE, name, "has no score; it can't be promoted without one")
        if not catalogue.endpoints_of(model.id):
            yield Finding(Severity.WARNING, name, "has no endpoint, so it can't be used; add an [[endpoint]]")


def _endpoints(catalogue: Catalogue, at: datetime) -> Iterator[Finding]:
    known = {model.id: model for model in catalogue.models}
    seen: dict[tuple[str, str], str] = {}
    for endpoint in catalogue.endpoints:
        name = f"[[endpoint]] {endpoint.id}"
        if endpoint.host_country not in COUNTRIES | {LOCAL, "EU", UNKNOWN_PLACE}:
            says = f"host_country {endpoint.host_country} is neither an ISO 3166 code nor EU, ZZ or local"
            yield Finding(Severity.ERROR, name, says)
        place = (endpoint.provider, endpoint.remote_model)
        if place in seen:
            yield Finding(
                Severity.ERROR, name, f"same provider and remote_model as {seen[place]}; a bill can't tell them"
            )
        seen.setdefault(place, endpoint.id)
        if endpoint.model not in known:
            yield Finding(Severity.ERROR, name, f"its model {endpoint.model} doesn't exist; add it or correct the name")
        elif _exceeds(endpoint, known[endpoint.model]):
            yield Finding(Severity.WARNING, name, "allows more tokens than its model; the model's figure is used")
        if catalogue.card_for(endpoint.id, at) is None:
            yield Finding(Severity.WARNING, name, f"{_unpriced(catalogue, endpoint, at)}, so nothing can be sent there")


def _exceeds(endpoint: Endpoint, model: Model) -> bool:
    return (endpoint.context_tokens or 0) > model.context_tokens or (
        endpoint.max_output_tokens or 0
    ) > model.max_output_tokens


def _unpriced(catalogue: Catalogue, endpoint: Endpoint, at: datetime) -> str:
    cards = catalogue.cards_of(endpoint.id)
    if not cards:
        return "has no approved price card"
    if cards[0].valid_from > at:
        return f"its first price card begins on {cards[0].valid_from:%Y-%m-%d}"
    ended = [ends(cards, place) for place, card in enumerate(cards) if card.valid_from <= at]
    if max(ended) <= at:
        return f"its price card expired on {max(ended):%Y-%m-%d}"
    return "has more than one price card that holds now"


def _cards(catalogue: Catalogue, today: date) -> Iterator[Finding]:
    known = {endpoint.id for endpoint in catalogue.endpoints}
    for card in catalogue.cards:
        name = f"[[card]] {card.id}"
        if card.endpoint not in known:
            yield Finding(Severity.ERROR, name, f"its endpoint {card.endpoint} doesn't exist; keep retired endpoints")
        if not card.approved:
            yield Finding(Severity.WARNING, name, "isn't approved, so it prices nothing; add approved_by")
        if card.recorded_on > today + timedelta(days=1):
            yield Finding(Severity.ERROR, name, "was recorded on a day to come; correct recorded_on")


def _overlaps(catalogue: Catalogue) -> Iterator[Finding]:
    for endpoint in dict.fromkeys(card.endpoint for card in catalogue.cards):
        cards = catalogue.cards_of(endpoint)
        reach, holder = None, ""
        for place, card in enumerate(cards):
            end = ends(cards, place)
            if end <= card.valid_from:
                continue  # superseded before it ever held
            if reach is not None and card.valid_from < reach:
                says = f"overlaps {holder} from {card.valid_from:%Y-%m-%d %H:%M} UTC on; give one of them an end"
                yield Finding(Severity.ERROR, f"[[card]] {card.id}", says)
            if reach is None or end > reach:
                reach, holder = end, card.id
