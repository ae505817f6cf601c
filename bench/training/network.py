"""The encoder in PyTorch: twelve layers of the base model, the lower ones kept as they are, and the heads on top."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.training.base_model import BaseModel

_LAYER_NORM = 1e-12


class Layer(nn.Module):
    """One post-norm transformer layer, initialised from the base model's layer ``number``."""

    def __init__(self, base: BaseModel, number: int) -> None:
        super().__init__()
        self.heads = base.heads
        find = {name: torch.tensor(base.tensors[f"l{number}.{name}"]) for name in _NAMES}
        self.together = _linear(
            torch.cat([find["q.w"], find["k.w"], find["v.w"]]), torch.cat([find["q.b"], find["k.b"], find["v.b"]])
        )
        self.attended = _linear(find["ao.w"], find["ao.b"])
        self.attended_norm = _norm(find["aln.w"], find["aln.b"])
        self.wide = _linear(find["fi.w"], find["fi.b"])
        self.narrow = _linear(find["fo.w"], find["fo.b"])
        self.norm = _norm(find["oln.w"], find["oln.b"])

    def forward(self, states: Tensor, present: Tensor, dropout: float) -> Tensor:
        """``states`` (texts, pieces, width), ``present`` (texts, pieces) whether a piece is there."""
        texts, pieces, width = states.shape
        parts = self.together(states).view(texts, pieces, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-1, -2) / (width // self.heads) ** 0.5
        scores = scores.masked_fill(~present[:, None, None, :], -1e9)
        heard = (scores.softmax(-1) @ value).transpose(1, 2).reshape(texts, pieces, width)
        states = self.attended_norm(states + functional.dropout(self.attended(heard), dropout, self.training))
        made = self.narrow(functional.gelu(self.wide(states)))
        out: Tensor = self.norm(states + functional.dropout(made, dropout, self.training))
        return out


class Lower(nn.Module):
    """Embedded pieces through the positions and the layers that training leaves alone."""

    def __init__(self, base: BaseModel, layers: int) -> None:
        super().__init__()
        kinds = torch.tensor(base.tensors["emb.type"]).view(2, base.width)[0]
        self.places = nn.Parameter(torch.tensor(base.tensors["emb.pos"]) + kinds)
        self.norm = _norm(torch.tensor(base.tensors["emb.ln.w"]), torch.tensor(base.tensors["emb.ln.b"]))
        self.layers = nn.ModuleList([Layer(base, number) for number in range(layers)])

    def forward(self, embedded: Tensor, present: Tensor) -> Tensor:
        states = self.norm(embedded + self.places[: embedded.shape[1]])
        for layer in self.layers:
            states = layer(states, present, 0.0)
        out: Tensor = states
        return out


class Upper(nn.Module):
    """The layers that are trained, the mean over the pieces, and one linear head a finding."""

    def __init__(self, base: BaseModel, lower: int, domains: int, data_classes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer(base, number) for number in range(lower, base.layers)])
        self.stakes = nn.Linear(base.width, 3)
        self.domain = nn.Linear(base.width, domains)
        self.data = nn.Linear(base.width, data_classes)
        self.complexity = nn.Linear(base.width, 1)

    def forward(self, states: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        dropout = 0.1
        for layer in self.layers:
            states = layer(states, present, dropout)
        there = present[..., None].to(states.dtype)
        vector = (states * there).sum(1) / there.sum(1)
        seen = functional.dropout(vector, dropout, self.training)
        return self.stakes(seen), self.domain(seen), self.data(seen), self.complexity(seen).sigmoid()[:, 0], vector


class Whole(nn.Module):
    """Both parts, as they are exported: embedded pieces in, the heads' scores out."""

    def __init__(self, lower: Lower, upper: Upper) -> None:
        super().__init__()
        self.lower, self.upper = lower, upper

    def forward(self, embedded: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        found: tuple[Tensor, Tensor, Tensor, Tensor, Tensor] = self.upper(self.lower(embedded, present), present)
        return found


_NAMES = (
    *("q.w", "q.b", "k.w", "k.b", "v.w", "v.b", "ao.w", "ao.b", "aln.w", "aln.b"),
    *("fi.w", "fi.b", "fo.w", "fo.b", "oln.w", "oln.b"),
)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0])
    made.weight.data, made.bias.data = weight, bias
    return made


def _norm(weight: Tensor, bias: Tensor) -> nn.LayerNorm:
    made = nn.LayerNorm(weight.shape[0], _LAYER_NORM)
    made.weight.data, made.bias.data = weight, bias
    return made
