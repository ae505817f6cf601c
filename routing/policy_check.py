"""What no single row of a policy shows: completeness, references, places, and the floor of high stakes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.countries import UNKNOWN_PLACE
from schemas.vocabulary import DataClass, Stakes, Tier

if TYPE_CHECKING:
    from routing.policy import Policy


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: the path of the field it is about (rows count from 0) and what to do."""

    at: tuple[str | int, ...]
    says: str


class UnsoundPolicyError(ValueError):
    """A policy whose rows are each well formed and don't fit together."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("; ".join(finding.says for finding in findings))
        self.findings = findings


def unsound(policy: Policy) -> tuple[Finding, ...]:
    """Everything that keeps a policy from being used; nothing for a sound one."""
    return (*_floors(policy), *_profiles(policy), *_rules(policy), *_stages(policy), *_data(policy))


def _floors(policy: Policy) -> Iterator[Finding]:
    for stakes in Stakes:
        if stakes not in policy.floors:
            yield Finding(("floors",), f"add a floor for {stakes} stakes")
    if policy.floors.get(Stakes.HIGH, Tier.FRONTIER) is not Tier.FRONTIER:
        yield Finding(("floors",), "the floor of high stakes is frontier and cannot be lowered")
    if policy.floors.get(Stakes.MEDIUM, Tier.HYBRID) is Tier.OPEN:
        yield Finding(("floors",), "medium stakes go below hybrid only for a profile with its own medium_floor")


def _profiles(policy: Policy) -> Iterator[Finding]:
    seen: set[str] = set()
    for number, profile in enumerate(policy.profiles):
        if profile.name in seen:
            yield Finding(("profiles", number, "name"), f"the name {profile.name} is used twice")
        seen.add(profile.name)
    if "*" not in policy.profiles[-1].tenants:
        last = len(policy.profiles) - 1
        yield Finding(("profiles", last, "tenants"), 'the last row must fit every tenant: tenants = ["*"]')


def _rules(policy: Policy) -> Iterator[Finding]:
    names, seen = [profile.name for profile in policy.profiles], set[str]()
    for number, rule in enumerate(policy.rules):
        if rule.id in seen:
            yield Finding(("rules", number, "id"), f"the id {rule.id} is used twice")
        seen.add(rule.id)
        if unknown := sorted(rule.profiles - set(names)):
            says = f"{rule.id} names a profile that does not exist: {', '.join(unknown)}"
            yield Finding(("rules", number, "profiles"), says)
    whole = [rule for rule in policy.rules if not rule.domains and not rule.min_complexity]
    for stakes in Stakes:
        for name in dict.fromkeys(names):
            if not any(
                (not rule.stakes or stakes in rule.stakes) and (not rule.profiles or name in rule.profiles)
                for rule in whole
            ):
                says = f"no row fits every job of {stakes} stakes of profile {name}; add one without domains"
                yield Finding(("rules",), says)


def _stages(policy: Policy) -> Iterator[Finding]:
    for tier in Tier:
        rows = sorted(((s.stage, n, s) for n, s in enumerate(policy.stages) if s.tier is tier), key=lambda row: row[:2])
        if not rows or [stage for stage, _, _ in rows] != list(range(1, len(rows) + 1)):
            yield Finding(("stages",), f"{tier} needs one row for stage 1, and at most one for stage 2")
            continue
        _, last, final = rows[-1]
        for _, number, stage in rows:
            if stage.checked != (stage is not final):
                says = f"of {tier}, stage 1 is checked when a stage 2 follows it, and the last stage is not"
                yield Finding(("stages", number, "checked"), says)
        if final.at_least.rank < tier.rank:
            says = f"the last stage of {tier} must call models of at least the tier {tier}"
            yield Finding(("stages", last, "at_least"), says)


def _data(policy: Policy) -> Iterator[Finding]:
    listed = [row.data_class for row in policy.data]
    for data_class in DataClass:
        if listed.count(data_class) != 1:
            yield Finding(("data",), f"needs exactly one row for the class {data_class}")
    for number, row in enumerate(policy.data):
        if UNKNOWN_PLACE in (row.hosts or ()):
            says = f"{UNKNOWN_PLACE} means that the place is not known, which no restricted class allows; remove it"
            yield Finding(("data", number, "hosts"), says)
