"""How much reasoning a job needs, 0 to 1: a plain weighted sum of what can be seen on its face. Not its stakes."""

from __future__ import annotations

import math
import re

from routing.assess.folding import Folded
from routing.assessment import Reason

_REASONING = frozenset(
    """
    why prove proof derive analyze analyse compare evaluate justify assess explain infer reason reasoning tradeoff
    tradeoffs optimize optimise strategy diagnose argue hypothesis implications critique design architecture plan
    razona demuestra analiza compara evalua begrunde beweise analysiere vergleiche warum demontre analyse pourquoi
    demonstre analise justifique porque
    """.split()  # noqa: SIM905 - a list of words reads better unquoted
)
_CONSTRAINTS = frozenset(
    """
    must only exactly least most without unless except ensure avoid never always should required constraint
    constraints format between maximum minimum limit debe solo genau mindestens doit seulement deve apenas
    """.split()  # noqa: SIM905 - a list of words reads better unquoted
)
_STEPS = re.compile(r" (?:then|next|finally|after that|first|second|third|step|steps|luego|dann|ensuite|depois) ")
_MATHS = re.compile(r"[=<>^∑∫√≤≥±]|\d\s{0,2}[-+*/]\s{0,2}\d|\\(?:frac|sum|int)")
_MATHS_WORDS = frozenset(
    """
    equation integral derivative theorem probability matrix polynomial eigenvalue limit variance calculate compute
    solve percentage ratio algorithm complexity recursive concurrency asynchronous
    """.split()  # noqa: SIM905 - a list of words reads better unquoted
)
_CODE = re.compile(r"```|\bdef |\bclass |\breturn\b|\{[^}]{0,200}\}|;\n|</|\bselect\b|#include|=>")
_PIECES = (
    "为什么",
    "证明",
    "推导",
    "分析",
    "比较",
    "评估",
    "なぜ",
    "証明",
    "分析して",
    "比較",
    "لماذا",
    "اثبت",
    "حلل",
    "क्यों",
    "सिद्ध",
    "विश्लेषण",
    "तुलना",
)


def complexity(text: str, whole: Folded, options: bool) -> tuple[float, tuple[Reason, ...]]:
    """The score of a prompt and what drove it. ``text`` is the raw text; only its first 20,000 characters count."""
    head = text[:20_000].casefold()
    parts = (
        ("length", min(0.35, 0.07 * math.log2(1 + len(text) / 120)), "long text to hold in view"),
        ("reasoning", min(0.3, 0.1 * len(_REASONING & whole.words) + 0.1 * _pieces(whole)), "asks for reasoning"),
        ("constraints", min(0.15, 0.03 * len(_CONSTRAINTS & whole.words)), "several conditions to meet"),
        ("steps", min(0.15, 0.05 * len(_STEPS.findall(whole.line[:20_000]))), "several steps"),
        ("maths", min(0.2, 0.05 * _count(_MATHS, head) + 0.07 * len(_MATHS_WORDS & whole.words)), "calculation"),
        ("code", min(0.2, 0.05 * _count(_CODE, head)), "code to read or write"),
        ("options", 0.1 if options else 0.0, "answers to weigh against each other"),
    )
    reasons = tuple(Reason(f"complexity.{name}", "complexity", says) for name, score, says in parts if score >= 0.1)
    return min(1.0, math.fsum(score for _, score, _ in parts)), reasons


def _count(pattern: re.Pattern[str], text: str) -> int:
    """How often a pattern occurs; counting stops at 10."""
    count = 0
    for _ in pattern.finditer(text):
        count += 1
        if count == 10:
            break
    return count


def _pieces(whole: Folded) -> int:
    return sum(piece in whole.pieces for piece in _PIECES) if whole.pieces else 0
