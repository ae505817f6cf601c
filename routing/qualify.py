"""Which endpoints may take a stage's call, and what rules out each of the others."""

from __future__ import annotations

from dataclasses import dataclass

from routing.catalogue import Endpoint, Model
from routing.countries import UNKNOWN_PLACE
from routing.decision import PlanInputs, RuledOut
from routing.policy import ModelSource
from schemas.vocabulary import DataClass, Feature, Tier, Weights

_CHINA = "CN"
_EU = "EU"
_EU_MEMBERS = frozenset("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Demand:
    """What one stage demands of an endpoint. ``only_model``: the model that the producer asked for, if any."""

    at_least: Tier
    models: ModelSource
    data_class: DataClass
    needs: frozenset[Feature]
    only_model: str | None = None


def qualifying(demand: Demand, inputs: PlanInputs) -> tuple[tuple[Endpoint, ...], tuple[RuledOut, ...]]:
    """The endpoints that meet a demand whatever the job's length, and why the others don't, in catalogue order."""
    passed: list[Endpoint] = []
    ruled_out: list[RuledOut] = []
    for endpoint in inputs.catalogue.endpoints:
        why = _against(endpoint, inputs.catalogue.model(endpoint.model), demand, inputs)
        if why is None:
            passed.append(endpoint)
        else:
            ruled_out.append(RuledOut(endpoint.id, *why))
    return tuple(passed), tuple(ruled_out)


def too_long(endpoint: Endpoint, prompt: int, answer: int, inputs: PlanInputs) -> RuledOut | None:
    """Whether an answer, or prompt and answer together, both in tokens at the most, exceed what the endpoint takes."""
    most = inputs.catalogue.max_output_of(endpoint)
    if answer > most:
        return RuledOut(endpoint.id, "output_length", f"answers {most:,} tokens at most; the job allows {answer:,}")
    context, need = inputs.catalogue.context_of(endpoint), prompt + answer
    if need > context:
        says = f"takes {context:,} tokens; prompt and answer may need {need:,}"
        return RuledOut(endpoint.id, "context_length", says)
    return None


def _against(endpoint: Endpoint, model: Model, demand: Demand, inputs: PlanInputs) -> tuple[str, str] | None:
    """The first thing that speaks against an endpoint: what was asked, quality, place, ability, price, reach."""
    if demand.only_model is not None and model.id != demand.only_model:
        return "not_asked_for", f"the job asks for {demand.only_model}"
    if model.tier.rank < demand.at_least.rank:
        return "below_tier", f"{model.id} stands in tier {model.tier}; the call needs {demand.at_least}"
    if not _source_fits(model, demand.models):
        has = f"{model.id} has {model.weights} weights ({model.developer_country})"
        return "model_source", f"{has}; the policy wants {demand.models} models here"
    return _place(endpoint, model, demand, inputs) or _ability(endpoint, demand, inputs)


def _source_fits(model: Model, wanted: ModelSource) -> bool:
    match wanted:
        case ModelSource.CLOSED:
            return model.weights is Weights.CLOSED
        case ModelSource.OPEN:
            return model.weights is Weights.OPEN
        case ModelSource.OPEN_OR_CHINESE:
            return model.weights is Weights.OPEN or model.developer_country == _CHINA
        case ModelSource.ANY:
            return True


def _place(endpoint: Endpoint, model: Model, demand: Demand, inputs: PlanInputs) -> tuple[str, str] | None:
    row = inputs.policy.data_rule(demand.data_class)
    host, country = endpoint.host_country, model.developer_country
    if row.hosts is not None and not _within(host, row.hosts):
        if host == UNKNOWN_PLACE:
            return "host_unknown", f"where it runs is not known; {demand.data_class} data needs a known place"
        kept = f"the policy keeps {demand.data_class} data in {', '.join(sorted(row.hosts))}"
        return "host_country", f"runs in {host}; {kept}"
    if _within(country, row.not_developed_in):
        why = f"which the policy excludes for {demand.data_class} data"
        return "developer_country", f"{model.id} was developed in {country}, {why}"
    return None


def _within(place: str, listed: frozenset[str]) -> bool:
    """Whether a place is listed, by itself or as a member of the EU."""
    return place in listed or (_EU in listed and place in _EU_MEMBERS)


def _ability(endpoint: Endpoint, demand: Demand, inputs: PlanInputs) -> tuple[str, str] | None:
    missing = demand.needs - inputs.catalogue.features_of(endpoint)
    if missing:
        return "feature", f"lacks {', '.join(sorted(missing))}"
    if inputs.catalogue.card_for(endpoint.id, inputs.at) is None:
        return "no_price", "has no approved price card valid now; unknown prices are closed"
    if endpoint.id in inputs.unreachable:
        return "unreachable", inputs.unreachable[endpoint.id]
    return None
