"""What RouteLLM publishes for its routers on MMLU, to lay beside ours."""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "Ong et al. 2024, arXiv 2406.18665v4, table 2"
#: The file of outcomes that covers the same benchmark with the same pair of models.
COVERED = "routellm_mmlu"
STRONG, WEAK = "gpt-4-1106-preview", "mixtral-8x7b-instruct-v0.1"


@dataclass(frozen=True, slots=True)
class Published:
    """A row of the table: APGR without unit, CPTs as shares of calls (0 to 1)."""

    router: str
    labels: str
    apgr: float
    cpt50: float
    cpt80: float


_ARENA = "other sources (Arena votes)"
_GOLD = "Arena votes + in-domain (about 1,500 MMLU answers)"

MMLU = (
    Published("random", "none", 0.500, 0.5007, 0.7993),
    Published("BERT", _ARENA, 0.502, 0.4943, 0.7780),
    Published("causal LLM", _ARENA, 0.499, 0.4888, 0.7793),
    Published("matrix factorisation", _ARENA, 0.524, 0.4500, 0.7686),
    Published("similarity-weighted", _ARENA, 0.473, 0.5582, 0.8025),
    Published("BERT", _GOLD, 0.572, 0.4130, 0.7220),
    Published("causal LLM", _GOLD, 0.600, 0.3549, 0.7031),
    Published("matrix factorisation", _GOLD, 0.597, 0.3546, 0.7140),
    Published("similarity-weighted", _GOLD, 0.603, 0.3540, 0.7155),
)
