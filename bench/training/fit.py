"""Training: the lower layers are run once and their states kept; the upper ones are fitted to the labels."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from bench.training.material import Example
from bench.training.network import Lower, Upper
from schemas.vocabulary import DataClass, Domain, Stakes

STAKES, DOMAINS, DATA_CLASSES = tuple(Stakes), tuple(Domain), tuple(DataClass)
_BATCH = 32
_PAD = 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train: passes over the examples, learning rates of layers and heads, and the seed of all chance."""

    passes: int = 3
    layer_rate: float = 1.5e-4
    head_rate: float = 1e-3
    warm_up: float = 0.06
    smoothing: float = 0.05
    seed: int = 1


Say = Callable[[str], None]


@torch.no_grad()
def lower_states(
    lower: Lower, rows: Callable[[NDArray[np.int64]], NDArray[np.float32]], windows: Sequence[Sequence[int]], say: Say
) -> list[Tensor]:
    """For each window the states (pieces, width) after the lower layers, in half precision."""
    order = sorted(range(len(windows)), key=lambda i: len(windows[i]))
    found: list[Tensor] = [torch.empty(0)] * len(windows)
    for start in range(0, len(order), 64):
        batch = order[start : start + 64]
        ids = np.full((len(batch), max(len(windows[i]) for i in batch)), _PAD)
        for row, i in enumerate(batch):
            ids[row, : len(windows[i])] = windows[i]
        states = lower(torch.from_numpy(rows(ids)), torch.from_numpy(ids != _PAD)).half()
        for row, i in enumerate(batch):
            found[i] = states[row, : len(windows[i])].clone()
        if start % 1280 == 0:
            say(f"lower layers: {start:,} of {len(order):,}")
    return found


def fit(upper: Upper, states: Sequence[Tensor], examples: Sequence[Example], recipe: Recipe, say: Say) -> None:
    """Fit the upper layers and heads in place: stakes above all, the other three findings beside them."""
    torch.manual_seed(recipe.seed)
    draw = random.Random(recipe.seed)
    heads = [upper.stakes, upper.domain, upper.data, upper.complexity]
    groups = [
        {"params": list(upper.layers.parameters()), "rate": recipe.layer_rate},
        {"params": [p for head in heads for p in head.parameters()], "rate": recipe.head_rate},
    ]
    optimiser = torch.optim.AdamW(groups, lr=recipe.layer_rate, weight_decay=0.01)
    every = [parameter for group in groups for parameter in group["params"]]  # type: ignore[attr-defined]
    targets = _targets(examples)
    total = recipe.passes * math.ceil(len(states) / _BATCH)
    step = 0
    for number in range(recipe.passes):
        upper.train()
        losses = 0.0
        for batch in batches(states, draw):
            factor = min(1.0, (step + 1) / (recipe.warm_up * total)) * max(
                0.02, 0.5 * (1 + math.cos(math.pi * step / total))
            )
            for group in optimiser.param_groups:
                group["lr"] = group["rate"] * factor
            loss = _loss(upper(*padded(states, batch)), [target[batch] for target in targets], recipe)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(every, 1.0)
            optimiser.step()
            losses += loss.item()
            step += 1
            if step % 40 == 0:
                say(f"pass {number + 1} of {recipe.passes}: batch {step:,} of {total:,}, loss {loss.item():.3f}")
    upper.eval()


def batches(states: Sequence[Tensor], draw: random.Random) -> Iterator[list[int]]:
    """Windows of about one length together, the batches in random order."""
    order = sorted(range(len(states)), key=lambda i: len(states[i]) + 6 * draw.random())
    cut = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
    draw.shuffle(cut)
    yield from cut


def padded(states: Sequence[Tensor], batch: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The states of a batch in one tensor, and where there are any."""
    longest = max(len(states[i]) for i in batch)
    together = torch.zeros(len(batch), longest, states[batch[0]].shape[1])
    present = torch.zeros(len(batch), longest, dtype=torch.bool)
    for row, i in enumerate(batch):
        together[row, : len(states[i])] = states[i].float()
        present[row, : len(states[i])] = True
    return together, present


def _targets(examples: Sequence[Example]) -> list[Tensor]:
    return [
        torch.tensor([STAKES.index(each.stakes) for each in examples]),
        torch.tensor([DOMAINS.index(each.domain) for each in examples]),
        torch.tensor([DATA_CLASSES.index(each.data_class) for each in examples]),
        torch.tensor([each.complexity for each in examples]),
    ]


def _loss(found: tuple[Tensor, ...], wanted: Sequence[Tensor], recipe: Recipe) -> Tensor:
    stakes, domain, data, complexity, _ = found
    return (
        functional.cross_entropy(stakes, wanted[0], label_smoothing=recipe.smoothing)
        + 0.2 * functional.cross_entropy(domain, wanted[1])
        + 0.1 * functional.cross_entropy(data, wanted[2])
        + 0.2 * functional.mse_loss(complexity, wanted[3])
    )
