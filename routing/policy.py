"""The policy as frozen values: rules, floors, profiles, stages, data classes. Read from TOML, checked, never guessed."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from schemas.vocabulary import DataClass, Domain, Stakes, Tier

Country = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|local)$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class PolicyError(Exception):
    """A policy that cannot be used; ``problems`` has one line for each thing wrong, with file, line and field."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ModelSource(StrEnum):
    """Which models a stage may call, by their weights and their developer's country."""

    CLOSED = "closed"
    OPEN = "open"
    OPEN_OR_CHINESE = "open-or-chinese"
    ANY = "any"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Row):
    """One row of the table: the first that fits a job gives its tier."""

    id: Identifier
    use_case: str = Field(min_length=1)
    tier: Tier
    stakes: frozenset[Stakes] = frozenset()
    domains: frozenset[Domain] = frozenset()
    profiles: frozenset[str] = frozenset()
    min_complexity: float = Field(0.0, ge=0, le=1)

    def fits(self, *, profile: str, stakes: Stakes, domain: Domain, complexity: float) -> bool:
        return (
            (not self.profiles or profile in self.profiles)
            and (not self.stakes or stakes in self.stakes)
            and (not self.domains or domain in self.domains)
            and complexity >= self.min_complexity
        )


class Profile(_Row):
    """A kind of tenant, by patterns of tenant names (``*`` and ``?``)."""

    name: Identifier
    tenants: tuple[str, ...]
    medium_floor: Tier | None = None
    ceiling: Tier | None = None


class Stage(_Row):
    """One call that a tier makes: which models may answer it."""

    tier: Tier
    stage: int = Field(ge=1, le=2)
    at_least: Tier
    models: ModelSource
    checked: bool = False


class DataRule(_Row):
    """Where data of one class may go; no restriction where a column is missing."""

    data_class: DataClass = Field(alias="class")
    hosts: frozenset[Country] | None = None
    not_developed_in: frozenset[Country] = frozenset()


class Lowering(_Row):
    """A tenant's permission for one producer to declare stakes below those found."""

    tenant: str = Field(min_length=1)
    producer: str = Field(min_length=1)
    down_to: Stakes
    approved_by: str = Field(min_length=1)


class Answers(_Row):
    """Token figures for answers whose length is not known yet."""

    default_max_tokens: int = Field(ge=1, le=1_000_000)
    assumed_tokens: int = Field(ge=1)
    assumed_check_failures: Decimal = Field(ge=0, le=1)


class Retries(_Row):
    """How often a job is tried in all, and whether after a call that may have been charged."""

    max_attempts: int = Field(ge=1, le=100)
    after_uncertain: bool


class Policy(_Row):
    """A whole policy. ``version`` is the first 12 hex digits of the SHA-256 of its text."""

    title: str
    reference_model: str
    rules: tuple[Rule, ...] = Field(min_length=1)
    floors: Mapping[Stakes, Tier]
    profiles: tuple[Profile, ...] = Field(min_length=1)
    stages: tuple[Stage, ...]
    data: tuple[DataRule, ...]
    may_lower: tuple[Lowering, ...] = ()
    answers: Answers
    retries: Retries
    version: str

    @model_validator(mode="after")
    def _sound(self) -> Policy:
        problems = list(_unsound(self))
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def profile_of(self, tenant: str) -> Profile:
        """The first profile with a pattern that fits; there always is one, since the policy is sound."""
        return next(p for p in self.profiles if any(fnmatchcase(tenant, pattern) for pattern in p.tenants))

    def floor(self, stakes: Stakes, profile: Profile) -> Tier:
        """The tier below which a job of these stakes never goes for such a tenant."""
        if stakes is Stakes.MEDIUM and profile.medium_floor is not None:
            return profile.medium_floor
        return self.floors[stakes]

    def stages_of(self, tier: Tier) -> tuple[Stage, ...]:
        return tuple(sorted((s for s in self.stages if s.tier is tier), key=lambda s: s.stage))

    def data_rule(self, data_class: DataClass) -> DataRule:
        return next(row for row in self.data if row.data_class is data_class)

    def lowering(self, tenant: str, producer: str | None) -> Lowering | None:
        return next((p for p in self.may_lower if p.tenant == tenant and p.producer == producer), None)


def _unsound(policy: Policy) -> list[str]:
    """What no single row shows: completeness, references, and the floor of high stakes."""
    found: list[str] = []
    for stakes in Stakes:
        if stakes not in policy.floors:
            found.append(f"floors: add a floor for {stakes} stakes")
    if policy.floors.get(Stakes.HIGH, Tier.FRONTIER) is not Tier.FRONTIER:
        found.append("floors: the floor of high stakes is frontier and cannot be lowered")
    if policy.floors.get(Stakes.MEDIUM, Tier.HYBRID) is Tier.OPEN:
        found.append("floors: medium stakes go below hybrid only for a profile with its own medium_floor")
    names = [profile.name for profile in policy.profiles]
    found += [f"profiles: the name {name} is used twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if "*" not in policy.profiles[-1].tenants:
        found.append('profiles: the last row must fit every tenant: tenants = ["*"]')
    ids = [rule.id for rule in policy.rules]
    found += [f"rules: the id {rule} is used twice" for rule in sorted({i for i in ids if ids.count(i) > 1})]
    for rule in policy.rules:
        unknown = sorted(rule.profiles - set(names))
        if unknown:
            found.append(f"rules: {rule.id} names a profile that does not exist: {', '.join(unknown)}")
    for stakes in Stakes:
        for name in names:
            if not any(
                not r.domains and not r.min_complexity and (not r.stakes or stakes in r.stakes)
                and (not r.profiles or name in r.profiles)
                for r in policy.rules
            ):  # fmt: skip
                found.append(f"rules: no row fits every job of {stakes} stakes of profile {name}; add one without domains")
    for tier in Tier:
        stages = policy.stages_of(tier)
        if [s.stage for s in stages] != list(range(1, len(stages) + 1)) or not stages:
            found.append(f"stages: {tier} needs one row for stage 1, and at most one for stage 2")
            continue
        if any(s.checked != (s is not stages[-1]) for s in stages):
            found.append(f"stages: of {tier}, stage 1 is checked when a stage 2 follows it, and the last stage is not")
        if stages[-1].at_least.rank < tier.rank:
            found.append(f"stages: the last stage of {tier} must call models of at least the tier {tier}")
    listed = [row.data_class for row in policy.data]
    for data_class in DataClass:
        if listed.count(data_class) != 1:
            found.append(f"data: needs exactly one row for the class {data_class}")
    return found


def parse_policy(text: str, origin: str) -> Policy:
    """Read a policy from TOML. Raises ``PolicyError``; ``origin`` is the file's name in its messages."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError((f"{origin}: not valid TOML: {error}",)) from None
    if "version" in raw:
        raise PolicyError((f"{origin}: version: is computed from the text; remove it",))
    raw["version"] = hashlib.sha256(text.encode()).hexdigest()[:12]
    try:
        return Policy.model_validate(raw)
    except ValidationError as error:
        raise PolicyError(tuple(_told(origin, text, raw, dict(e)) for e in error.errors())) from None


def _told(origin: str, text: str, raw: Mapping[str, Any], error: Mapping[str, Any]) -> str:
    loc = error["loc"]
    field = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in loc)
    says = error["msg"].removeprefix("Value error, ")
    return f"{origin}{_line(text, loc, raw)}: {field + ': ' if field else ''}{says}"


def _line(text: str, loc: tuple[Any, ...], raw: Mapping[str, Any]) -> str:
    """`:LINE` of the row an error is about: rows of a table stand one a line after the line that opens it."""
    if not loc:
        return ""
    lines = text.splitlines()
    opening = re.compile(rf"^\s*(\[{re.escape(str(loc[0]))}\]|{re.escape(str(loc[0]))}\s*=)")
    start = next((n for n, line in enumerate(lines) if opening.match(line)), None)
    if start is None:
        return ""
    if len(loc) > 1 and isinstance(loc[1], int):
        rows = [n for n in range(start, len(lines)) if re.match(r"^\s*(\w+\s*=\s*\[\s*)?\{", lines[n])]
        return f":{rows[loc[1]] + 1}" if loc[1] < len(rows) else f":{start + 1}"
    if len(loc) > 1:
        inner = re.compile(rf"^\s*{re.escape(str(loc[1]))}\s*=")
        return f":{next((n for n in range(start, len(lines)) if inner.match(lines[n])), start) + 1}"
    return f":{start + 1}"
