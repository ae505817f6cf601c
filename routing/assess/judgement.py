"""From what the lexicons find in a prompt to its stakes: one pure function, its checks in the order of the rubric.

A person at risk; a judgement of consequence; an examination of such judgement; what somebody may or should do; a
record of consequence; a question in a field of consequence. Only then the frames that keep a job low or medium.
Where nothing speaks for low the level is medium, and high where a field of consequence is in view and no frame is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from routing.assess.folding import Folded, fold
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
    """
    answer answers respond reply replies help advise assist recommend solve responde responder ayuda antworte
    beantworte hilf reponds repondre aide responda ajude
    """.split()  # noqa: SIM905 - a list of words reads better unquoted
)


_FORMAT = re.compile(r" (?:answer|answers|reply|respond) (?:only |just )?(?:with|by|exactly|in|using|as) ")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Stakes with honest ordinal scores (calibration is the trained model's), and what set them."""

    stakes: Stakes
    p_high: float
    p_low: float
    reasons: tuple[Reason, ...]
    domain: Domain | None
    frames: tuple[Rule, ...]


class _View:
    """What the checks look at. ``scope`` is where asks count: all that is asked, or less where text is only data."""

    def __init__(self, reading: Reading, whole: Found, lexicon: Lexicon) -> None:
        self.reading = reading
        self._lexicon = lexicon
        self.asked = whole if reading.whole is reading.asked else lexicon.find(reading.asked)
        outside = self.asked if reading.asked is reading.outside else lexicon.find(reading.outside)
        self.claims = self.asked.of(Kind.CLAIM)
        self.frames = self._set_frames(outside)
        self.by_kind = {kind: tuple(rule for rule in self.frames if rule.kind is kind) for kind in _FRAMES}
        self.only_rows = False
        self.scope, self.terms = self.asked, whole
        if self.by_kind[Kind.PROCESS]:
            in_system = lexicon.find(reading.system)
            self.only_rows = bool(in_system.of(Kind.PROCESS)) and not _answers_people(reading.system)
            self.scope = self.terms = in_system if self.only_rows else outside
        self.field, self.weight = _heaviest(self.terms, INQUIRY)
        self.concern, self.held = _heaviest(self.terms, CONSEQUENCE)
        # A text that speaks of its own stakes is no everyday request: its claim would lend the words for one.
        self.desk = not self.claims and _is_desk_request(self.by_kind, reading, self.terms)
        self.framed = any(self.by_kind[kind] for kind in _GENERAL)
        self.lowered = (
            self.by_kind[Kind.PROCESS] or self.by_kind[Kind.MAKE] or (self.desk and self.by_kind[Kind.CUSTOMER])
        )
        self.code = any(rule.domain is Domain.CODE for rule in self.by_kind[Kind.WORK])

    @cached_property
    def sentences(self) -> list[tuple[Found, bool]]:
        """What each sentence outside the data holds, and whether it ends in a question mark."""
        return [(self._lexicon.find(fold(flat)), marked) for flat, marked in self.reading.sentences]

    @property
    def questions(self) -> list[tuple[Found, bool]]:
        """The sentences that are asked, none where the prompt only gives rows to process."""
        return [] if self.only_rows else self.sentences

    def _set_frames(self, outside: Found) -> tuple[Rule, ...]:
        """Frames that the prompt sets; a sentence that speaks of its own stakes sets none."""
        if not self.claims:
            return tuple(rule for rule in outside.rules if rule.kind in _FRAMES)
        free = (found for found, _ in self.sentences if not found.of(Kind.CLAIM))
        return tuple(dict.fromkeys(rule for found in free for rule in found.rules if rule.kind in _FRAMES))

    def verdict(
        self, stakes: Stakes, p_high: float, p_low: float, set_by: Sequence[Rule | Reason], domain: Domain | None
    ) -> Verdict:
        reasons = tuple(
            r if isinstance(r, Reason) else Reason(r.code, "stakes", r.says) for r in (*set_by, *self.claims)
        )
        return Verdict(stakes, p_high, p_low, reasons, domain, self.frames)


def judge(reading: Reading, whole: Found, lexicon: Lexicon) -> Verdict:
    """The stakes of what was read. ``whole`` is what the lexicon finds in ``reading.whole``."""
    view = _View(reading, whole, lexicon)
    verdicts = (check(view) for check in _CHECKS)
    return next(verdict for verdict in verdicts if verdict is not None)


def _grave(view: _View) -> Verdict | None:
    grave = view.asked.of(Kind.GRAVE)
    return view.verdict(Stakes.HIGH, 0.97, 0.0, grave, grave[0].domain or Domain.PERSONAL) if grave else None


def _decision(view: _View) -> Verdict | None:
    decision = view.scope.of(Kind.DECISION)
    return view.verdict(Stakes.HIGH, 0.93, 0.01, decision, _leading(decision, view.terms)) if decision else None


def _exam(view: _View) -> Verdict | None:
    """Lettered answers in a field of consequence; a longer text holds a term or two by chance."""
    if not view.reading.options or view.by_kind[Kind.PROCESS] or view.weight < 2 + view.reading.length // 1_000:
        return None
    reason = _reason("ask.exam", view.field, "examines judgement or knowledge in the field of")
    return view.verdict(Stakes.HIGH, 0.85, 0.02, (reason,), view.field)


def _personal(view: _View) -> Verdict | None:
    personal = view.scope.of(Kind.PERSONAL)
    if not personal or view.desk:
        return None
    in_view = not view.framed and view.held >= 2 + view.reading.length // 800
    if not in_view and not _asks_for_someone(view.questions):
        return None
    reasons: tuple[Rule | Reason, ...] = (*personal, _reason("field", view.concern, "the field in view is"))
    return view.verdict(Stakes.HIGH, 0.85, 0.02, reasons, view.concern)


def _document(view: _View) -> Verdict | None:
    documents = view.scope.of(Kind.DOCUMENT)
    if not documents or view.lowered or view.code:
        return None
    return view.verdict(Stakes.HIGH, 0.8, 0.03, documents, documents[0].domain)


def _question(view: _View) -> Verdict | None:
    field = None if view.desk or view.code else _question_in_field(view.questions)
    if field is None:
        return None
    return view.verdict(Stakes.HIGH, 0.75, 0.04, (_reason("ask.question", field, "a question in the field of"),), field)


def _low(view: _View) -> Verdict | None:
    rules = view.lowered
    if not rules:
        return None
    if view.code:
        return view.verdict(Stakes.MEDIUM, 0.1, 0.4, view.by_kind[Kind.WORK], Domain.CODE)
    if view.reading.unread:
        unread = Reason("length.unread", "stakes", "longer than what is read, so not taken for low")
        return view.verdict(Stakes.MEDIUM, 0.3, 0.3, (*rules, unread), rules[0].domain)
    return view.verdict(Stakes.LOW, 0.04, 0.85, rules, rules[0].domain)


def _medium(view: _View) -> Verdict | None:
    rules = view.by_kind[Kind.EXPLAIN] + view.by_kind[Kind.WORK]
    clinical = view.terms.weights.get(Domain.HEALTHCARE, 0) >= 4 + view.reading.length // 600
    if clinical and view.by_kind[Kind.WORK] and not view.by_kind[Kind.EXPLAIN] and not view.code:
        says = "works on a text full of clinical terms, which may serve somebody's care"
        reason = Reason("work.clinical", "stakes", says)
        return view.verdict(Stakes.HIGH, 0.6, 0.05, (reason,), Domain.HEALTHCARE)
    return view.verdict(Stakes.MEDIUM, 0.12, 0.25, rules, rules[0].domain) if rules else None


def _unsure(view: _View) -> Verdict | None:
    """No frame says what is wanted: a field of consequence, or somebody's own affairs, make it high."""
    needed = (2 if view.field in (Domain.HEALTHCARE, Domain.SAFETY) else 4) + view.reading.length // 600
    if view.weight >= needed:
        says = "it is not clear what is asked, so the higher level holds; the field in view is"
        return view.verdict(Stakes.HIGH, 0.6, 0.08, (_reason("unsure.field", view.field, says),), view.field)
    counsel = () if view.desk else view.scope.of(Kind.COUNSEL)
    return (
        view.verdict(Stakes.HIGH, 0.5, 0.1, counsel, view.concern if view.held else Domain.PERSONAL)
        if counsel
        else None
    )


def _default(view: _View) -> Verdict | None:
    nothing = Reason("default", "stakes", "no rule speaks for high or low")
    return view.verdict(Stakes.MEDIUM, 0.3, 0.3, (nothing,), None)


_CHECKS = (_grave, _decision, _exam, _personal, _document, _question, _low, _medium, _unsure, _default)


def _answers_people(system: Folded) -> bool:
    """Whether a system message has the model answer people; how an answer must look ("answer with ...") is not that."""
    return bool(frozenset(_FORMAT.sub(" ", system.line).split()) & _ANSWERS)


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
    held = _heaviest(view, CONSEQUENCE)[1]
    return crm >= max(2 if view.of(Kind.COUNSEL) else 0, held + 1 if held >= 2 else held)


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
