"""The rule-based assessor: stakes, complexity, domain and data class of each job, with reasons for each."""

from __future__ import annotations

from collections.abc import Sequence

from routing.assess.complexity import complexity
from routing.assess.judgement import Verdict, judge
from routing.assess.lexicon import Found, Kind, Lexicon
from routing.assess.personal_data import data_class
from routing.assess.reading import READ_AT_MOST, read
from routing.assessment import Assessment, Reason
from routing.prompt import Prompt
from schemas.facts import JobFacts
from schemas.vocabulary import Domain

_DOMAIN_OF_FRAME = {Kind.MAKE: Domain.CREATIVE, Kind.CUSTOMER: Domain.CUSTOMER_RELATIONS}


class RuleAssessor:
    """Fits ``routing.assessment.Assessor``. Reads its lexicons once, when made; decides by them alone.

    ``version`` names the rules and the digest of the lexicon files, so that a changed word is a changed version.
    """

    def __init__(self) -> None:
        self._lexicon = Lexicon()
        self._version = f"rules-1.{self._lexicon.digest}"

    @property
    def version(self) -> str:
        return self._version

    def assess(self, jobs: Sequence[tuple[Prompt, JobFacts]]) -> list[Assessment]:
        """One assessment a job, in order. Declared facts are laid on top elsewhere: ``combine.declare``."""
        return [self._assess(prompt) for prompt, _ in jobs]

    def _assess(self, prompt: Prompt) -> Assessment:
        text = prompt.text
        reading = read(prompt)
        whole = self._lexicon.find(reading.whole, terms_only=reading.whole is not reading.asked)
        verdict = judge(reading, whole, self._lexicon)
        domain, why_domain = _domain(verdict, whole)
        score, why_complex = complexity(text, reading.whole, reading.options)
        kept = text if not reading.unread else text[: READ_AT_MOST // 2] + "\n" + text[-READ_AT_MOST // 2 :]
        data, why_data = data_class(kept, reading.whole, whole.weights)
        return Assessment(
            stakes=verdict.stakes,
            p_high=verdict.p_high,
            p_low=verdict.p_low,
            complexity=score,
            domain=domain,
            data_class=data,
            reasons=(*verdict.reasons, why_domain, *why_complex, *why_data),
            assessor=self._version,
        )


def _domain(verdict: Verdict, whole: Found) -> tuple[Domain, Reason]:
    """The domain of the rule that set the stakes, else the one with the most terms, else what the frame suggests."""
    if verdict.domain is not None:
        return verdict.domain, Reason("domain.rule", "domain", "the field of the rule that set the stakes")
    if whole.weights:
        best = max(whole.weights, key=lambda d: whole.weights[d])
        if whole.weights[best] >= 2:
            return best, Reason("domain.terms", "domain", f"most terms are of {best.value.replace('_', ' ')}")
    for rule in verdict.frames:
        if rule.kind in _DOMAIN_OF_FRAME:
            return _DOMAIN_OF_FRAME[rule.kind], Reason("domain.frame", "domain", "suggested by the kind of request")
    return Domain.GENERAL, Reason("domain.none", "domain", "no field in view")
