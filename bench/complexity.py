"""Does complexity know which jobs need the strong model? ``./dev bench complexity --data FOLDER [--write]``.

FOLDER holds ``routing_*.jsonl``: one job a line with ``prompt``, ``domain``, ``source``, ``strong_model``,
``weak_model`` and what both got right (``strong_correct`` and ``weak_correct``, 0 to 1, or ``strong_score`` and
``weak_score``, a judge's marks up to 10). Prints RouteLLM's APGR, CPT(50 %) and CPT(80 %) of the shipped complexity
score, prompt length, chance and a linear model over words, per file and domain, with bootstrap intervals. ``--write``
puts the page into ``bench/COMPLEXITY.md``. Calls no model. Takes about two minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.complexity_report.outcomes import OutcomesError, read_outcomes
from bench.complexity_report.page import page
from bench.complexity_report.resample import SetFigures, measure
from bench.complexity_report.routers import score_all
from routing.assess.rules import RuleAssessor

WRITTEN = Path(__file__).with_name("COMPLEXITY.md")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench complexity", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="a folder with routing_*.jsonl: stored outcomes")
    parser.add_argument("--write", action="store_true", help=f"write the page to {WRITTEN.name}")
    chosen = parser.parse_args(arguments)
    if chosen.data is None:
        return refused("say where stored outcomes are: --data FOLDER with routing_*.jsonl (none ship with the product)")
    try:
        files = read_outcomes(chosen.data)
    except (OutcomesError, OSError) as error:
        return refused(str(error))
    assessor = RuleAssessor()
    scores, dropped = score_all(files, assessor, say)
    sets: list[SetFigures] = []
    for file, found in zip(files, scores, strict=True):
        say(f"{file.name}: resampling")
        sets += measure(file, found)
    written = "\n".join(page(sets, dropped, assessor.version))
    print(written)
    if chosen.write:
        WRITTEN.write_text(written + "\n", "utf-8")
    return 0


def say(text: str) -> None:
    """Progress, with the time since the start, on standard error."""
    print(f"bench: {time.process_time():6.1f} s  {text}", file=sys.stderr, flush=True)


def refused(text: str) -> int:
    """Say what is missing or wrong; the exit status for that."""
    print(f"bench: {text}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
