"""Several assessments of one job become one, and what the producer declared is laid on top. Upwards, both times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from routing.assessment import Assessment, Reason
from schemas.facts import JobFacts
from schemas.vocabulary import DataClass, Stakes


@dataclass(frozen=True, slots=True)
class Permission:
    """A tenant's leave for a named producer to declare stakes below what was found, and who gave it."""

    down_to: Stakes
    approved_by: str


def combine(found: Sequence[Assessment]) -> Assessment:
    """The most cautious reading of several assessors: highest stakes, greatest complexity, most restricted data.

    The domain is that of whoever set the stakes, the first of them where several agree. Reasons are joined in order,
    each once; versions are joined with ``+``. ValueError where there is nothing to combine.
    """
    if not found:
        raise ValueError("nothing to combine: at least one assessment is needed")
    highest = max(found, key=lambda a: a.stakes.rank)
    p_high = max(a.p_high for a in found)
    reasons = tuple(dict.fromkeys(reason for a in found for reason in a.reasons))
    return Assessment(
        stakes=highest.stakes,
        p_high=p_high,
        p_low=min(*(a.p_low for a in found), 1.0 - p_high),
        complexity=max(a.complexity for a in found),
        domain=highest.domain,
        data_class=max((a.data_class for a in found), key=lambda d: d.rank),
        reasons=reasons,
        assessor="+".join(a.assessor for a in found),
    )


def declare(found: Assessment, facts: JobFacts, permission: Permission | None) -> Assessment:
    """Lay declared facts on what was found.

    Declared stakes raise. They lower only with a ``permission``, never below ``permission.down_to``. A declared data
    class raises; it lowers ``internal``, the class of data in which nothing was found, to ``public``, and nothing
    else. Scores stay as found, except that stakes raised to high have ``p_high`` 1: each change has its reason.
    """
    return _declare_data(_declare_stakes(found, facts, permission), facts)


def _declare_stakes(found: Assessment, facts: JobFacts, permission: Permission | None) -> Assessment:
    said = facts.stakes
    if said is None or said is found.stakes:
        return found
    who = facts.producer or "the producer"
    if said.rank > found.stakes.rank:
        reason = Reason("declared.stakes.raised", "stakes", f"raised to {said.value}: declared by {who}")
        p_high = 1.0 if said is Stakes.HIGH else found.p_high
        return replace(
            found,
            stakes=said,
            p_high=p_high,
            p_low=min(0.0 if said is Stakes.HIGH else found.p_low, 1.0 - p_high),
            reasons=(*found.reasons, reason),
        )
    if permission is None:
        says = f"stays {found.stakes.value}: {who} declared {said.value} and has no permission to lower"
        return replace(found, reasons=(*found.reasons, Reason("declared.stakes.refused", "stakes", says)))
    level = max(said, permission.down_to, key=lambda s: s.rank)
    if level.rank >= found.stakes.rank:
        says = (
            f"stays {found.stakes.value}: {who} declared {said.value}, and the permission approved by "
            f"{permission.approved_by} reaches down to {permission.down_to.value} only"
        )
        return replace(found, reasons=(*found.reasons, Reason("declared.stakes.refused", "stakes", says)))
    says = (
        f"lowered from {found.stakes.value} to {level.value}: declared {said.value} by {who}, "
        f"approved by {permission.approved_by}"
    )
    return replace(found, stakes=level, reasons=(*found.reasons, Reason("declared.stakes.lowered", "stakes", says)))


def _declare_data(found: Assessment, facts: JobFacts) -> Assessment:
    said = facts.data_class
    if said is None or said is found.data_class:
        return found
    who = facts.producer or "the producer"
    if said.rank > found.data_class.rank:
        reason = Reason("declared.data.raised", "data_class", f"raised to {said.value}: declared by {who}")
        return replace(found, data_class=said, reasons=(*found.reasons, reason))
    if said is DataClass.PUBLIC and found.data_class is DataClass.INTERNAL:
        says = f"public: declared by {who}, and nothing personal or secret was found"
        reason = Reason("declared.data.public", "data_class", says)
        return replace(found, data_class=said, reasons=(*found.reasons, reason))
    says = (
        f"stays {found.data_class.value}: {who} declared {said.value}, and a declared class never lowers what was found"
    )
    return replace(found, reasons=(*found.reasons, Reason("declared.data.refused", "data_class", says)))
