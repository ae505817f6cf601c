"""The policy as frozen values: rules, floors, profiles, stages, data classes. Read from TOML, checked, not guessed."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from routing.policy_check import UnsoundPolicyError, unsound
from schemas.vocabulary import DataClass, Domain, Stakes, Tier

#: The longest policy that is read, in characters.
MAX_TEXT = 1024 * 1024
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


def _place(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}|local", value):
        raise ValueError("must be a country's two capital letters, EU, or local")
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", value):
        raise ValueError("must be up to 64 small letters, digits and hyphens")
    return value


Country = Annotated[str, AfterValidator(_place)]
Identifier = Annotated[str, AfterValidator(_name)]


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


class Caution(_Row):
    """How sure the assessment has to be: misses in a thousand jobs of high stakes, by a bound on calibration data."""

    miss_per_thousand: int = Field(ge=1, le=500)


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
    stakes: Caution = Caution(miss_per_thousand=20)
    answers: Answers
    retries: Retries
    version: str

    @model_validator(mode="after")
    def _sound(self) -> Policy:
        if findings := unsound(self):
            raise UnsoundPolicyError(findings)
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


def parse_policy(text: str, origin: str) -> Policy:
    """Read a policy from TOML. Raises ``PolicyError``; ``origin`` is the file's name in its messages."""
    raw = _read(text, origin)
    if "version" in raw:
        line = _line(text, ("version",))
        raise PolicyError((f"{origin}{line}: version: is computed from the text; remove it",))
    raw["version"] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    try:
        return Policy.model_validate(raw)
    except ValidationError as error:
        raise PolicyError(
            tuple(f"{origin}{_line(text, at)}: {_field(at)}: {says}" for at, says in _wrong(error))
        ) from None


def _read(text: str, origin: str) -> dict[str, Any]:
    if len(text) > MAX_TEXT:
        raise PolicyError((f"{origin}: is longer than {MAX_TEXT} characters",))
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise PolicyError((f"{origin}: is nested too deeply; write flat rows",)) from None
    except ValueError as error:  # TOMLDecodeError, and what an impossible date raises
        at = _AT_LINE.search(str(error))
        line = f":{at[1]}" if at else f":{text.count(chr(10)) + 1}" if "at end of document" in str(error) else ""
        says = _AT_LINE.sub("", str(error)).strip()
        raise PolicyError((f"{origin}{line}: not valid TOML: {says}",)) from None


def _wrong(error: ValidationError) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The path of each field that is wrong, and what is wrong with it; never its value."""
    for wrong in error.errors(include_url=False, include_input=False):
        cause = wrong.get("ctx", {}).get("error")
        if isinstance(cause, UnsoundPolicyError):
            yield from ((finding.at, finding.says) for finding in cause.findings)
        elif wrong["type"] == "missing":
            yield wrong["loc"], "is missing; add it"
        elif wrong["type"] == "extra_forbidden":
            yield wrong["loc"], "is not a field of the policy; remove it or correct its name"
        else:
            yield wrong["loc"], wrong["msg"].removeprefix("Value error, ")


def _field(at: tuple[str | int, ...]) -> str:
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in at)


def _line(text: str, at: tuple[str | int, ...]) -> str:
    """`:LINE` of the row a path leads to, where rows stand one a line or begin with `[[name]]`; else of its table."""
    name, lines = re.escape(str(at[0])), text.splitlines()
    if len(at) > 1 and isinstance(at[1], int):
        headers = [n for n, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{name}\s*\]\]", line)]
        if at[1] < len(headers):
            return f":{headers[at[1]] + 1}"
    start = next((n for n, line in enumerate(lines) if re.match(rf"\s*(\[+\s*{name}\s*\]|{name}\s*=)", line)), None)
    if start is None:
        return ""
    if len(at) > 1:
        if isinstance(at[1], int):
            rows = [n for n in range(start, len(lines)) if re.match(r"\s*(\w+\s*=\s*\[\s*)?\{", lines[n])][at[1] :]
        else:
            inner = re.compile(rf"\s*{re.escape(at[1])}\s*=")
            rows = [n for n in range(start, len(lines)) if inner.match(lines[n])]
        return f":{(rows[0] if rows else start) + 1}"
    return f":{start + 1}"
