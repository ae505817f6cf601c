"""How often the assessment is wrong about stakes: ``./dev bench stakes [--write] [--public FOLDER]``.

Prints a report on examples that no training saw: the blind examination set, the set that the thresholds were set on,
the calibration side of the training files and, with ``--public``, public sources that were kept out of training
altogether, from a folder that holds their files. ``--write`` puts the page into ``bench/STAKES.md``, its charts beside
it, and the figures into ``bench/stakes.json``. Takes some minutes; the speeds are true only on a machine that is idle.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.stakes_report.agreement import agreement
from bench.stakes_report.charts import cost_of_caution, reliability
from bench.stakes_report.measured import TARGETS, Measured, against, measure
from bench.stakes_report.page import CAUTION, RELIABILITY, Report, page
from bench.stakes_report.rivals import rivals
from bench.stakes_report.sections import sections
from bench.stakes_report.speed import Speed, long_prompts, processor, short_prompts, speed
from bench.training.material import read_examples
from routing.assess import RuleAssessor, TrainedAssessor
from routing.assess.model.artefact import Artefact, shipped
from routing.assessment import Assessor
from routing.policy import parse_policy
from workers.assessors import load_assessors
from workers.rulebook import read

HERE = Path(__file__).parent


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench stakes", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--write", action="store_true", help="write bench/STAKES.md, its charts and bench/stakes.json")
    parser.add_argument("--public", type=Path, metavar="FOLDER", help="folder of the public domain_ and routing_ files")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="measure this artefact instead of the shipped one")
    chosen = parser.parse_args(arguments)
    report = make_report(chosen.public, chosen.model)
    text = "\n".join(page(report)) + "\n"
    print(text, end="")
    if chosen.write:
        (HERE / "STAKES.md").write_text(text, "utf-8")
        (HERE / RELIABILITY).write_text(reliability(report.sections), "utf-8")
        (HERE / CAUTION).write_text(cost_of_caution(report.sections), "utf-8")
        (HERE / "stakes.json").write_text(json.dumps(figures(report), indent=2) + "\n", "utf-8")
    return 0


def make_report(public: Path | None, model: Path | None) -> Report:
    """Measure everything; ``model`` is the folder of an artefact, the shipped one where none is given."""
    promise = miss_per_thousand()
    artefact = Artefact(model) if model else shipped()
    assessors: Sequence[Assessor] = load_assessors(promise) if model is None else _trained(artefact, promise)
    thresholds = {point.miss_per_thousand: point.threshold for point in artefact.card.points}
    others = rivals()
    examples = list(read_examples())
    found = [measure(section, assessors, thresholds, others) for section in sections(public)]
    seen = [example for section in found for example in section.section.examples]
    prompts = {"short prompts": short_prompts(seen), "8 kB prompts": long_prompts(seen)}
    rules = [RuleAssessor()]
    return Report(
        version=", ".join(assessor.version for assessor in assessors),
        miss_per_thousand=promise,
        thresholds=thresholds,
        sections=found,
        speeds={name: speed(assessors, made) for name, made in prompts.items()},
        rules_speeds={name: speed(rules, made) for name, made in prompts.items()},
        processor=processor(),
        agreement=agreement({example.id: example.stakes for example in examples}),
        public=public is not None,
        rivals=bool(others),
    )


def miss_per_thousand() -> int:
    """The promise of the policy that comes with the product."""
    text, origin = read(None, "policy.toml")
    return parse_policy(text, origin).stakes.miss_per_thousand


def _trained(artefact: Artefact, promise: int) -> Sequence[Assessor]:
    return [TrainedAssessor(RuleAssessor(), artefact, promise)]


def figures(report: Report) -> dict[str, Any]:
    """The headline figures for programs: value, interval and whether the target is met, by section."""
    return {
        "assessor": report.version,
        "miss_per_thousand": report.miss_per_thousand,
        "sections": {found.section.name: _section(found) for found in report.sections},
        "decisions_per_second": {name: _speed(found) for name, found in report.speeds.items()},
        "kappa": round(report.agreement.kappa, 4),
    }


def _section(found: Measured) -> dict[str, Any]:
    stand = against(found)
    told = {
        name: {
            "value": round(each.figure.value, 4),
            "interval": [round(bound, 4) for bound in each.figure.interval],
            "of": each.of,
            "target": TARGETS[name],
            "verdict": each.verdict,
        }
        for name, each in stand.items()
        if each is not None
    }
    return {"jobs": len(found.judged), "calibration_error": round(found.calibration.error, 4), "figures": told}


def _speed(found: Speed) -> dict[str, float]:
    return {"best": round(found.best, 1), "slowest": round(found.slowest, 1)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
