"""What a process of Pointsman has at hand: settings, database, rulebook, broker, assessors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from celery import Celery
from sqlalchemy import Engine

from routing.assessment import Assessor
from schemas.database import open_engine
from workers.assessors import load_assessors
from workers.bell import Bell
from workers.broker import make_app
from workers.reach import Reach, find_reach
from workers.rulebook import Rulebook, load_rulebook
from workers.settings import ConfigurationError, Settings, provider_environment
from workers.settle import Reference


@dataclass(frozen=True)
class Runtime:
    """Opened lazily: a command that needs no server opens none. URLs are resolved (see ``gateway.servers``)."""

    settings: Settings
    database_url: str
    broker_url: str
    role: str = field(default="pointsman")

    @cached_property
    def engine(self) -> Engine:
        pool = self.settings.worker_threads + 3
        return open_engine(self.database_url, pool_size=pool, application=f"pointsman-{self.role}")

    @cached_property
    def app(self) -> Celery:
        return make_app(self.broker_url)

    @cached_property
    def bell(self) -> Bell:
        return Bell(self.app, self.engine, window=self.settings.ring_window, again_s=self.settings.ring_again_s)

    @cached_property
    def rulebook(self) -> Rulebook:
        return load_rulebook(self.settings)

    @cached_property
    def assessors(self) -> Sequence[Assessor]:
        return load_assessors(self.rulebook.policy.stakes.miss_per_thousand)

    @cached_property
    def reach(self) -> Reach:
        return find_reach(
            self.rulebook.catalogue,
            provider_environment(),
            self.settings.standin_url,
            self.rulebook.policy.answers.default_max_tokens,
        )

    def reference(self, at: datetime) -> Reference:
        """The reference frontier model's first priced endpoint in the catalogue, at its price of that moment."""
        catalogue, name = self.rulebook.catalogue, self.rulebook.policy.reference_model
        for endpoint in catalogue.endpoints_of(catalogue.resolve(name) or name):
            card = catalogue.card_for(endpoint.id, at)
            if card is not None:
                return Reference(card, card.rates(at))
        raise ConfigurationError(
            f"the reference model {name} has no approved price card valid now; add one to the catalogue"
        )
