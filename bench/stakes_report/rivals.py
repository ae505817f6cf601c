"""LiteLLM's two offline classifiers, where litellm is installed: they measure complexity, and what they'd do to stakes.

``heuristic`` is its complexity router's weighted keywords, ``heuristic_v2`` its trained success predictor; both run
without a call to anybody. Jobs placed below COMPLEX go to the cheap models of such a router, so a job of high stakes
there is a miss, and a job of low stakes at COMPLEX or REASONING is over-routed.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sys
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from bench.stakes_report.shares import Share
from bench.training.material import Example
from schemas.vocabulary import Stakes

_MODULE = "litellm.router_strategy.complexity_router.complexity_router"
_DEAR = frozenset({"COMPLEX", "REASONING"})

#: Takes system message and text; tells whether the job would go to a dear model.
Rival = Callable[[str, str], bool]


def rivals() -> dict[str, Rival]:
    """The classifiers by name and version; empty where litellm is not installed."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks the network for prices
    try:
        version = importlib.metadata.version("litellm")
        print(f"reading litellm {version}: some seconds", file=sys.stderr, flush=True)
        router = importlib.import_module(_MODULE).ComplexityRouter
    except ImportError:
        return {}
    return {
        f"litellm {version}, {kind}": _rival(
            router("bench", SimpleNamespace(), {"classifier_type": kind}, derive_savings_baseline=False)
        )
        for kind in ("heuristic", "heuristic_v2")
    }


def _rival(router: Any) -> Rival:
    def dear(system: str, text: str) -> bool:
        return router._classify_locally(text, system or None).tier.value in _DEAR

    return dear


def rates(rival: Rival, examples: Sequence[Example]) -> tuple[Share, Share, Share]:
    """Miss rate, over-route rate, and the share of medium jobs that go to a dear model."""
    placed = [(each.stakes, rival(each.system, each.text)) for each in examples]
    counts = {level: [dear for stakes, dear in placed if stakes is level] for level in Stakes}
    high, low, medium = counts[Stakes.HIGH], counts[Stakes.LOW], counts[Stakes.MEDIUM]
    return (
        Share(len(high) - sum(high), len(high)),
        Share(sum(low), len(low)),
        Share(sum(medium), len(medium)),
    )
