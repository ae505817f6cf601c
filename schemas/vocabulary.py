"""The words that every room shares: levels, tiers, classes and states, as closed enumerations.

Levels that are ordered carry a ``rank``; compare ranks, never the strings.
"""

from __future__ import annotations

from enum import StrEnum


class Stakes(StrEnum):
    """What happens if the answer is wrong and somebody acts on it (the stakes rubric)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        return _STAKES_RANK[self]


class Tier(StrEnum):
    """A route for a job, and the highest route at which a model may answer unchecked.

    Of a *job*: ``open`` is one call to an open-weight (or Chinese) model; ``hybrid`` is such a call whose answer is
    checked, and a stronger model when the check fails; ``frontier`` is one call to a frontier model.
    Of a *model*: ``open`` models answer unchecked only open-tier jobs, ``hybrid`` models also hybrid ones,
    ``frontier`` models anything. Each tier of jobs has its own queue, its *lane*.
    """

    OPEN = "open"
    HYBRID = "hybrid"
    FRONTIER = "frontier"

    @property
    def rank(self) -> int:
        return _TIER_RANK[self]


class Domain(StrEnum):
    """The field of work a job belongs to; not a measure of its stakes."""

    HEALTHCARE = "healthcare"
    LEGAL = "legal"
    FINANCE = "finance"
    INSURANCE = "insurance"
    EMPLOYMENT = "employment"
    EDUCATION = "education"
    PUBLIC_SERVICES = "public_services"
    LAW_ENFORCEMENT = "law_enforcement"
    SAFETY = "safety"
    CUSTOMER_RELATIONS = "customer_relations"
    MARKETING = "marketing"
    CODE = "code"
    GENERAL = "general"
    CREATIVE = "creative"
    PERSONAL = "personal"


class DataClass(StrEnum):
    """How restricted the data of a job is. It limits where the job may run, not how good the model must be."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PERSONAL = "personal"
    SPECIAL = "special"
    SECRET = "secret"  # noqa: S105 - a class of data, not a password

    @property
    def rank(self) -> int:
        return _DATA_RANK[self]


class Weights(StrEnum):
    """Whether the weights of a model can be had."""

    OPEN = "open"
    CLOSED = "closed"


class BatchState(StrEnum):
    """``accepted`` (durable) -> ``planned`` -> ``finished``."""

    ACCEPTED = "accepted"
    PLANNED = "planned"
    FINISHED = "finished"


class JobState(StrEnum):
    """``accepted`` -> ``queued`` <-> ``running`` -> one of the three ends: ``done``, ``parked``, ``failed``."""

    ACCEPTED = "accepted"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    PARKED = "parked"
    FAILED = "failed"


#: A batch is finished when each of its jobs is in one of these.
ENDED = frozenset({JobState.DONE, JobState.PARKED, JobState.FAILED})


class AttemptState(StrEnum):
    """The life of one call to a provider.

    ``sent`` is written before the call leaves. ``billed``: an answer with usage came. ``unbilled``: the provider
    refused the call, or it never left. ``uncertain``: it left and no answer came, so the provider may charge.
    ``reconciled``: an uncertain call whose true cost is now known.
    """

    SENT = "sent"
    BILLED = "billed"
    UNBILLED = "unbilled"
    UNCERTAIN = "uncertain"
    RECONCILED = "reconciled"


class Purpose(StrEnum):
    """Why a call was made."""

    ANSWER = "answer"
    ESCALATION = "escalation"


class Meter(StrEnum):
    """What a provider counts. Token meters are in tokens, ``fee`` is in requests.

    ``input`` counts uncached prompt tokens only; ``cached_read`` and ``cache_write`` are separate from it and never
    included in it. ``output`` includes reasoning tokens.
    """

    INPUT = "input"
    CACHED_READ = "cached_read"
    CACHE_WRITE = "cache_write"
    OUTPUT = "output"
    FEE = "fee"


class EntryKind(StrEnum):
    """Why a ledger line exists."""

    CHARGE = "charge"
    ACCRUAL = "accrual"
    REVERSAL = "reversal"


class Protocol(StrEnum):
    """The wire protocol that an endpoint speaks."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


class Feature(StrEnum):
    """What a request may need of a model."""

    JSON_SCHEMA = "json_schema"
    TOOLS = "tools"
    VISION = "vision"


_STAKES_RANK = {Stakes.LOW: 0, Stakes.MEDIUM: 1, Stakes.HIGH: 2}
_TIER_RANK = {Tier.OPEN: 0, Tier.HYBRID: 1, Tier.FRONTIER: 2}
_DATA_RANK = {
    DataClass.PUBLIC: 0,
    DataClass.INTERNAL: 1,
    DataClass.PERSONAL: 2,
    DataClass.SPECIAL: 3,
    DataClass.SECRET: 4,
}
