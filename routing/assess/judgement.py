"""From what the lexicons find in a prompt to its stakes: one pure function, its checks in the order of the rubric.

A person at risk; a judgement of consequence; an examination of such judgement; what somebody may or should do; a
record of consequence; a question in a field of consequence. Only then the frames that keep a job low or medium.
Where nothing speaks for low the level is medium, and high where a field of consequence is in view and no frame is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from routing.assess.lexicon import Found, Kind, Lexicon, Rule
from routing.assess.reading import Reading
from routing.assessment import Reason
from schemas.vocabulary import Domain, Stakes

#: Fields in which what somebody may or should do has consequence.
CONSEQUENCE = (
    Domain.HEALTHCARE,
    Domain.LEGAL,
    Domain.FINANCE,
    Domain.INSURANCE,
    Domain.EMPLOYMENT,
    Domain.EDUCATION,
    Domain.PUBLIC_SERVICES,
    Domain.LAW_ENFORCEMENT,
    Domain.SAFETY,
)
#: Fields in which a plain question is taken for one of consequence.
INQUIRY = tuple(d for d in CONSEQUENCE if d not in (Domain.EMPLOYMENT, Domain.EDUCATION))
_FRAMES = (Kind.PROCESS, Kind.MAKE, Kind.CUSTOMER, Kind.EXPLAIN, Kind.WORK)
_GENERAL = tuple(kind for kind in _FRAMES if kind is not Kind.CUSTOMER)
#: A request to a service desk is short; what is longer is read as something else.
_DESK_REQUEST = 500
# Where the system message has the model answer people, their messages are asks and not data.
_ANSWERS = frozenset(
    "answer answers respond reply replies help advise assist recommend solve responde responder ayuda antworte "
    "beantworte hilf reponds repondre aide responda ajude".split()
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Stakes with honest ordinal scores (calibration is the trained model's), and what set them."""

    stakes: Stakes
    p_high: float
    p_low: float
    reasons: tuple[Reason, ...]
    domain: Domain | None
    frames: tuple[Rule, ...]


def judge(reading: Reading, whole: Found, lexicon: Lexicon) -> Verdict:
    """The stakes of what was read. ``whole`` is what the lexicon finds in ``reading.whole``."""
    asked = whole if reading.whole is reading.asked else lexicon.find(reading.asked)
    outside = asked if reading.asked is reading.outside else lexicon.find(reading.outside)
    claims = asked.of(Kind.CLAIM)
    sentences = [(lexicon.find(folded), marked) for folded, marked in reading.sentences]
    frames = _frames(sentences, outside, bool(claims))
    by_kind = {kind: tuple(rule for rule in frames if rule.kind is kind) for kind in _FRAMES}
    process = by_kind[Kind.PROCESS]
    scope = asked
    if process:
        in_system = lexicon.find(reading.system)
        only_rows = bool(in_system.of(Kind.PROCESS)) and not reading.system.words & _ANSWERS
        scope = in_system if only_rows else outside
        sentences = [] if only_rows else sentences
    view = scope if process else whole
    noted = _said(claims)

    def verdict(
        stakes: Stakes, p_high: float, p_low: float, rules: Iterable[Rule | Reason], domain: Domain | None
    ) -> Verdict:
        said = tuple(r if isinstance(r, Reason) else Reason(r.code, "stakes", r.says) for r in rules)
        return Verdict(stakes, p_high, p_low, said + noted, domain, frames)

    if grave := asked.of(Kind.GRAVE):
        return verdict(Stakes.HIGH, 0.97, 0.0, grave, grave[0].domain or Domain.PERSONAL)
    if decision := scope.of(Kind.DECISION):
        domain = next((r.domain for r in decision if r.domain), None)
        return verdict(Stakes.HIGH, 0.93, 0.01, decision, _leading(decision, view) or domain)
    field, weight = _heaviest(view, INQUIRY)
    if reading.options and weight >= 2 + reading.length // 1_000 and not process:
        return verdict(Stakes.HIGH, 0.85, 0.02, (_reason("ask.exam", field, "examines judgement or knowledge"),), field)
    desk = _is_desk_request(by_kind, reading, view)
    concern, held = _heaviest(view, CONSEQUENCE)
    framed = any(by_kind[kind] for kind in _GENERAL)
    in_view = not framed and held >= 2 + reading.length // 800
    if (personal := scope.of(Kind.PERSONAL)) and not desk and (in_view or _asks_for_someone(sentences)):
        reasons = (*personal, _reason("field", concern, "the field in view is"))
        return verdict(Stakes.HIGH, 0.85, 0.02, reasons, concern)
    lowered = process or by_kind[Kind.MAKE] or desk
    code = any(rule.domain is Domain.CODE for rule in by_kind[Kind.WORK])
    if (documents := scope.of(Kind.DOCUMENT)) and not lowered and not code:
        return verdict(Stakes.HIGH, 0.8, 0.03, documents, documents[0].domain)
    if not desk and not code and (put := _question_in_field(sentences)):
        return verdict(Stakes.HIGH, 0.75, 0.04, (_reason("ask.question", put, "a question in the field of"),), put)
    if lowered and code:
        return verdict(Stakes.MEDIUM, 0.1, 0.4, by_kind[Kind.WORK], Domain.CODE)
    if lowered:
        rules = process or by_kind[Kind.MAKE] or by_kind[Kind.CUSTOMER]
        if reading.unread:
            unread = Reason("length.unread", "stakes", "longer than what is read, so not taken for low")
            return verdict(Stakes.MEDIUM, 0.3, 0.3, (*rules, unread), rules[0].domain)
        return verdict(Stakes.LOW, 0.04, 0.85, rules, rules[0].domain)
    if rules := by_kind[Kind.EXPLAIN] + by_kind[Kind.WORK]:
        return verdict(Stakes.MEDIUM, 0.12, 0.25, rules, rules[0].domain)
    if weight >= (2 if field in (Domain.HEALTHCARE, Domain.SAFETY) else 4) + reading.length // 600:
        says = "it is not clear what is asked, so the higher level holds; the field in view is"
        return verdict(Stakes.HIGH, 0.6, 0.08, (_reason("unsure.field", field, says),), field)
    if counsel := scope.of(Kind.COUNSEL):
        return verdict(Stakes.HIGH, 0.5, 0.1, counsel, concern if held else Domain.PERSONAL)
    nothing = Reason("default", "stakes", "no rule speaks for high or low")
    return verdict(Stakes.MEDIUM, 0.3, 0.3, (nothing,), None)


def _frames(sentences: list[tuple[Found, bool]], outside: Found, claimed: bool) -> tuple[Rule, ...]:
    """Frames that the prompt sets; a sentence that speaks of its own stakes sets none."""
    if not claimed:
        return tuple(rule for rule in outside.rules if rule.kind in _FRAMES)
    free = (rule for found, _ in sentences if not found.of(Kind.CLAIM) for rule in found.rules if rule.kind in _FRAMES)
    return tuple(dict.fromkeys(free))


def _is_desk_request(by_kind: dict[Kind, tuple[Rule, ...]], reading: Reading, view: Found) -> bool:
    """A short, everyday request to a service desk, with nothing heavier in view."""
    if (
        not by_kind[Kind.CUSTOMER]
        or by_kind[Kind.EXPLAIN]
        or by_kind[Kind.WORK]
        or reading.options
        or reading.length > _DESK_REQUEST
    ):
        return False
    crm = view.weights.get(Domain.CUSTOMER_RELATIONS, 0)
    return crm >= max(2 if view.of(Kind.COUNSEL) else 0, _heaviest(view, CONSEQUENCE)[1])


def _asks_for_someone(sentences: list[tuple[Found, bool]]) -> bool:
    """Some sentence of its own asks what somebody may do in a field of consequence, and sets no frame."""
    return any(
        found.of(Kind.PERSONAL)
        and (marked or found.of(Kind.QUESTION))
        and _heaviest(found, CONSEQUENCE)[1] >= 2
        and not any(found.of(kind) for kind in _GENERAL)
        for found, marked in sentences
    )


def _question_in_field(sentences: list[tuple[Found, bool]]) -> Domain | None:
    """The field of the first question that is put in a field of consequence and isn't a general one."""
    for found, marked in sentences:
        field, weight = _heaviest(found, INQUIRY)
        if weight >= 2 and (marked or found.of(Kind.QUESTION)):
            if any(found.of(kind) for kind in _GENERAL):
                continue
            return field
    return None


def _heaviest(found: Found, among: tuple[Domain, ...]) -> tuple[Domain, int]:
    best = max(among, key=lambda d: found.weights.get(d, 0))
    return best, found.weights.get(best, 0)


def _leading(rules: tuple[Rule, ...], view: Found) -> Domain | None:
    """Of the domains that rules name, the one with the most terms in view."""
    named = [rule.domain for rule in rules if rule.domain]
    return max(named, key=lambda d: view.weights.get(d, 0) + 2 * named.count(d)) if named else None


def _reason(code: str, field: Domain, says: str) -> Reason:
    return Reason(f"{code}.{field.value}", "stakes", f"{says} {field.value.replace('_', ' ')}")


def _said(rules: tuple[Rule, ...]) -> tuple[Reason, ...]:
    return tuple(Reason(rule.code, "stakes", rule.says) for rule in rules)
