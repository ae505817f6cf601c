"""The assessor in force: rules, glance and encoder weighed together, the threshold as the policy promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from routing.assess.model.artefact import Artefact
from routing.assess.model.card import evidence, margin
from routing.assess.model.encoder import Scores
from routing.assess.model.explaining import Explanation, explain
from routing.assess.model.glance import features
from routing.assess.model.pieces import READ_AT_MOST, WINDOW, window
from routing.assess.model.windows import windows
from routing.assess.rules import RuleAssessor
from routing.assessment import Assessment, Reason
from routing.prompt import Prompt
from schemas.facts import JobFacts
from schemas.vocabulary import Domain, Stakes

#: From this ``p_high`` of the rules on a person is at risk by the very words: no score outweighs that.
GRAVE = 0.97
#: The least ``p_high`` that is high where the system message sets a routine frame for its rows.
ROUTINE = 0.5
#: What the rules give as their reason when none of them speaks.
_UNSAID = "default"
#: System messages whose reading is kept; templates are few and rows many.
_FRAMES = 1_000
_NO_FACTS = JobFacts.model_validate({})
_LEVELS = tuple(Stakes)
_DOMAINS = tuple(Domain)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, repr=False)
class Read:
    """One job on its way: what the rules say, the pieces of both parts, and the glance's logits."""

    prompt: Prompt
    rules: Assessment
    system: list[int]
    asked: list[int]
    glance: Floats

    @property
    def margin(self) -> float:
        return margin(self.glance)

    @property
    def unread(self) -> bool:
        """Whether it holds more than is read: pictures, or more text than the limit."""
        return self.prompt.images > 0 or len(self.prompt.text) > READ_AT_MOST


class TrainedAssessor:
    """Fits ``routing.assessment.Assessor``. ``miss_per_thousand`` is the policy's promise about high stakes."""

    def __init__(self, rules: RuleAssessor, artefact: Artefact, miss_per_thousand: int) -> None:
        self._rules, self._artefact = rules, artefact
        self._frames: dict[tuple[int, ...], Floats] = {}
        self._threshold = artefact.card.threshold(miss_per_thousand)
        self._version = f"{rules.version}+{artefact.version}@{miss_per_thousand}"

    @property
    def version(self) -> str:
        return self._version

    def assess(self, jobs: Sequence[tuple[Prompt, JobFacts]]) -> list[Assessment]:
        """One assessment a job, in order; only jobs that rules and glance leave open are read by the encoder."""
        reads = [self.read(prompt, rules) for (prompt, _), rules in zip(jobs, self._rules.assess(jobs), strict=True)]
        found = [self._sure(read) for read in reads]
        left = [i for i, each in enumerate(found) if each is None]
        for i, each in zip(left, self._judged([reads[i] for i in left]), strict=True):
            found[i] = each
        return [replace(each, assessor=self._version) for each in found if each is not None]

    def explain(self, prompt: Prompt) -> Explanation:
        """The model's part in detail, for a person; see ``explaining``."""
        rules = self._rules.assess([(prompt, _NO_FACTS)])[0]
        return explain(prompt, rules, self._artefact, self._threshold_of(prompt, rules))

    def read(self, prompt: Prompt, rules: Assessment) -> Read:
        """Cut a prompt into pieces and glance at them."""
        system, asked = self._artefact.vocabulary.parts(prompt)
        return Read(prompt, rules, system, asked, self._artefact.glance.score(features(system, asked)))

    def _sure(self, read: Read) -> Assessment | None:
        card, rules = self._artefact.card, read.rules
        if rules.p_high >= GRAVE:
            return rules
        if read.margin >= card.sure_high and len(read.asked) <= WINDOW:  # of a document the words are not the ask's
            says = "its words alone are those of requests of high stakes"
            return _found(rules, Stakes.HIGH, max(rules.p_high, 0.9), 0.0, Reason("model.glance", "stakes", says))
        settled = read.margin <= card.sure_low and len(read.asked) <= WINDOW  # padding would buy certainty
        if settled and _least(rules) is Stakes.LOW and not read.unread:
            says = "its words alone are those of routine requests"
            return _found(rules, Stakes.LOW, min(rules.p_high, 0.02), 0.9, Reason("model.glance", "stakes", says))
        return None

    def _judged(self, reads: Sequence[Read]) -> list[Assessment]:
        if not reads:
            return []
        frames = self._framed(reads)
        cut = [windows(read.system, read.asked, self._artefact.glance) for read in reads]
        scores = self._artefact.encoder.scores([window for each in cut for window in each])
        similar = self._artefact.cases.similarity(scores.vectors)
        found, start = [], 0
        for read, frame, each in zip(reads, frames, cut, strict=True):
            found.append(self._weighed(read, frame, scores, range(start, start + len(each)), similar))
            start += len(each)
        return found

    def _framed(self, reads: Sequence[Read]) -> list[Floats | None]:
        """The encoder's logits of each job's system message alone, read once for all rows that share it.

        Threads share what is kept, so a call looks everything up in a mapping of its own.
        """
        heads = [tuple(window(read.system, [])) if read.system else () for read in reads]
        known = {head: found for head in heads if (found := self._frames.get(head)) is not None}
        new = [head for head in dict.fromkeys(heads) if head and head not in known]
        if new:
            known.update(zip(new, self._artefact.encoder.scores(new).stakes, strict=True))
        if len(self._frames) + len(new) > _FRAMES:
            self._frames = {}
        self._frames.update(known)
        return [known.get(head) for head in heads]

    def _threshold_of(self, prompt: Prompt, rules: Assessment) -> float:
        return max(self._threshold, ROUTINE) if sets_routine(prompt, rules, self._rules) else self._threshold

    def _weighed(self, read: Read, frame: Floats | None, scores: Scores, rows: range, similar: Floats) -> Assessment:
        """The gravest of a job's windows decides; one that is far from all known cases means the next higher level."""
        card = self._artefact.card
        chances = [
            card.probabilities(evidence(scores.stakes[row], frame, read.glance, read.rules.p_high, read.rules.p_low))
            for row in rows
        ]
        gravest = max(range(len(chances)), key=lambda i: chances[i][2])
        p_low, _, p_high = chances[gravest]
        threshold = self._threshold_of(read.prompt, read.rules)
        level = Stakes.HIGH if p_high >= threshold else Stakes.LOW if p_low >= card.low_from else Stakes.MEDIUM
        level = max(level, Stakes.MEDIUM if _least(read.rules) is not Stakes.LOW else Stakes.LOW, key=lambda s: s.rank)
        says = f"the model gives {p_high:.0%} to high and {p_low:.0%} to low; from {threshold:.0%} on it is high"
        reasons = [Reason("model.read", "stakes", says)]
        far = float(similar[rows.start]) < card.known
        if (far or read.unread) and level is not Stakes.HIGH:
            level = _LEVELS[level.rank + 1]
            why = "unlike all it was trained on" if far else "holds more than is read"
            reasons.append(Reason("model.abstains", "stakes", f"{why}, so the next higher level holds"))
        domain = _DOMAINS[int(scores.domain[rows.start + gravest].argmax())]
        why_domain = Reason("domain.model", "domain", f"the model's reading is {domain.value.replace('_', ' ')}")
        return _found(replace(read.rules, domain=domain), level, p_high, p_low, *reasons, domain=why_domain)


def sets_routine(prompt: Prompt, found: Assessment, rules: RuleAssessor) -> bool:
    """Whether the system message sets a routine frame: the rules find the whole low, and it alone as well.

    A row's own words don't earn that: they would talk its stakes down.
    """
    if found.stakes is not Stakes.LOW or not prompt.system:
        return False
    alone = replace(prompt, turns=(), last_user="")
    return rules.assess([(alone, _NO_FACTS)])[0].stakes is Stakes.LOW


def _least(rules: Assessment) -> Stakes:
    """The level that the rules alone vouch for; low where they only know nothing better to say than medium."""
    unsaid = rules.stakes is Stakes.MEDIUM and any(reason.code == _UNSAID for reason in rules.reasons)
    return Stakes.LOW if unsaid else rules.stakes


def _found(
    rules: Assessment, level: Stakes, p_high: float, p_low: float, *set_by: Reason, domain: Reason | None = None
) -> Assessment:
    """The rules' assessment with other stakes, what set them first; the rules' own reasons stay where they bear."""
    kept = [r for r in rules.reasons if domain is None or r.axis != "domain"]
    reasons = (*set_by, *kept, *([domain] if domain else []))
    return replace(rules, stakes=level, p_high=p_high, p_low=min(p_low, 1.0 - p_high), reasons=reasons)
