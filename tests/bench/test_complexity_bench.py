"""RouteLLM's measures on hand-made cases with known answers, and the benchmark on a small folder of outcomes."""

import json

import numpy as np
import pytest

from bench import complexity
from bench.complexity_report.curve import NoGapError, Ranking
from bench.complexity_report.hashed_words import count_words, fitted_scores, join
from bench.complexity_report.outcomes import OutcomesError, read_outcomes
from bench.complexity_report.overlap import folds, overlapping
from bench.complexity_report.page import _against
from bench.complexity_report.resample import Estimate, measure
from bench.complexity_report.routers import Router

# Ten jobs: the strong model alone is right on four, both are on six.
FOUR_OF_TEN = np.array([1.0] * 4 + [0.0] * 6)
# The strong model alone is right on five, the weak one alone on one: a gap of four.
WITH_A_LOSS = np.array([1.0] * 5 + [0.0] * 4 + [-1.0])


def falling(count):
    """Scores that put jobs in the order they stand in."""
    return -np.arange(count, dtype=float)


def test_a_perfect_router_recovers_the_gap_at_once():
    found = Ranking(falling(10), FOUR_OF_TEN)
    assert found.pgr() == pytest.approx([0, 0.25, 0.5, 0.75, *[1] * 7])
    measures = found.measures()
    assert measures.apgr == pytest.approx(0.8)  # a triangle up to 0.4 and a rectangle from there
    assert measures.cpt50 == pytest.approx(0.2)
    assert measures.cpt80 == pytest.approx(0.32)


def test_a_reversed_router_recovers_it_last():
    measures = Ranking(-falling(10), FOUR_OF_TEN).measures()
    assert measures.apgr == pytest.approx(0.2)
    assert measures.cpt50 == pytest.approx(0.8)
    assert measures.cpt80 == pytest.approx(0.92)


def test_a_router_that_knows_nothing_is_the_diagonal():
    """Equal scores stand for a random order: its average, without the luck of one draw."""
    measures = Ranking(np.zeros(10), FOUR_OF_TEN).measures()
    assert (measures.apgr, measures.cpt50, measures.cpt80) == pytest.approx((0.5, 0.5, 0.8))


def test_random_orders_are_the_diagonal_on_average():
    draws = np.random.default_rng(1)
    found = [Ranking(draws.random(10), WITH_A_LOSS).measures().apgr for _ in range(2000)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.02)


def test_pgr_passes_one_where_the_weak_model_alone_is_right():
    found = Ranking(falling(10), WITH_A_LOSS)
    assert found.pgr() == pytest.approx([0, 0.25, 0.5, 0.75, 1, *[1.25] * 5, 1])
    assert found.measures().apgr == pytest.approx(0.925)


def test_cpt_is_the_first_crossing():
    """Up to 1, down to 0.5, up again: 80 % is reached at the first rise."""
    found = Ranking(falling(10), np.array([1, 1, -1, 0, 0, 0, 0, 0, 0, 1.0]))
    assert found.pgr() == pytest.approx([0, 0.5, 1, *[0.5] * 7, 1])
    assert (found.measures().cpt50, found.measures().cpt80) == pytest.approx((0.1, 0.16))


def test_ties_are_a_straight_line_between_their_ends():
    scores = np.array([2, 1, 1, 1, 1, 0, 0, 0, 0, 0.0])
    assert Ranking(scores, FOUR_OF_TEN).pgr()[:6] == pytest.approx([0, 0.25, 0.4375, 0.625, 0.8125, 1])


def test_marks_count_by_their_difference():
    assert Ranking(falling(2), np.array([0.3, 0.1])).pgr()[5] == pytest.approx(0.75)


def test_counting_a_job_twice_is_having_it_twice():
    draws = np.random.default_rng(2)
    scores, counts = draws.random(10), draws.integers(0, 3, 10)
    resampled = Ranking(np.repeat(scores, counts), np.repeat(FOUR_OF_TEN, counts))
    assert Ranking(scores, FOUR_OF_TEN).pgr(counts.astype(float)) == pytest.approx(resampled.pgr())


def test_without_a_gap_there_is_nothing_to_measure():
    with pytest.raises(NoGapError):
        Ranking(falling(2), np.array([1.0, -1.0])).pgr()


def test_words_are_learned_and_a_groups_level_is_not():
    prompts = ["prove the theorem now", "say hello now", "prove a lemma", "say goodbye"] * 10
    words = join([count_words(prompts), count_words(["prove it", "say it"])])
    labels = np.array([1.0, 0, 1, 0] * 10 + [0, 0])
    known = np.array([True] * 40 + [False] * 2)
    groups = np.array([0, 1] * 20 + [0, 0])
    scores = fitted_scores(words, labels, np.zeros(42, np.int64), known)
    assert scores[40] > scores[41]
    # Here the group says all that the words say, and takes much of the credit.
    credit = fitted_scores(words, labels, groups, known)
    assert 0 < credit[40] - credit[41] < scores[40] - scores[41]


PASSAGE = "In the year of the great storm, the harbour master kept a diary of every ship that came and went."


def test_questions_about_one_passage_lie_in_one_fold():
    prompts = [f"{PASSAGE}\nWho kept it, number {number}?" for number in range(12)]
    assert len(set(folds(prompts, 5))) == 1
    assert len(set(folds([f"Question {number}" for number in range(40)], 5))) == 5


def test_a_shared_line_is_found_whatever_its_punctuation():
    assert overlapping([PASSAGE.upper() + "!\nA. yes", "Something else"], [PASSAGE]).tolist() == [True, False]


def row(number, **changed):
    hard = number % 2
    words = "derive the integral of this polynomial" if hard else "name the colour of this flower"
    return {
        "prompt": f"{words}, case {number}",
        "domain": "math" if number % 4 < 2 else "code",
        "source": "one/place",
        "strong_model": "big",
        "weak_model": "small",
        "strong_correct": 1,
        "weak_correct": 1 - hard,
        **changed,
    }


def write(folder, name, rows):
    (folder / f"routing_{name}.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(complexity, "WRITTEN", tmp_path / "COMPLEXITY.md")
    monkeypatch.setattr("bench.complexity_report.resample.RESAMPLES", 20)
    monkeypatch.setattr("bench.complexity_report.hashed_words.COLUMNS", 1024)
    write(tmp_path, "routellm_mmlu", [row(number) for number in range(60)])
    write(tmp_path, "there", [row(number, source="another/place") for number in range(60)])
    write(tmp_path, "equal", [row(number, source="a/third", weak_correct=1) for number in range(20)])
    return tmp_path


def test_the_page_says_what_beats_what_and_what_was_left_out(folder, capsys):
    assert complexity.main(["--data", str(folder), "--write"]) == 0
    written = (folder / "COMPLEXITY.md").read_text()
    assert capsys.readouterr().out.strip() == written.strip()
    assert "- equal: all, 20 jobs: big and small" in written.split("**Left out**")[1].split("##")[0]
    assert "words, IN-DOMAIN labels | in-domain, cross-validated" in written
    assert "| routellm_mmlu: math |" in written
    beside = written.split("beside RouteLLM's published routers")[1].split("\n## ")[0]
    assert "60 of\nthose questions, ANOTHER pair of models" in beside
    in_domain = "- **words, IN-DOMAIN labels** (labels: in-domain, cross-validated): 0.750 (0.6"
    assert in_domain in beside
    assert "| RouteLLM similarity-weighted | other sources (Arena votes) | 0.473 | 55.8% | 80.2% |" in beside


@pytest.mark.parametrize(
    ("interval", "says"), [((0.6, 0.7), "is above"), ((0.4, 0.5), "is below"), ((0.5, 0.6), "can't be told from")]
)
def test_only_an_interval_on_one_side_is_a_difference(interval, says):
    assert _against(Estimate(0.55, *interval), 0.55) == says


def test_the_same_folder_gives_the_same_page(folder, capsys):
    pages = []
    for _ in range(2):
        complexity.main(["--data", str(folder)])
        pages.append(capsys.readouterr().out)
    assert pages[0] == pages[1]
    assert not (folder / "COMPLEXITY.md").exists()


def test_a_sets_figures_are_those_of_its_own_jobs(folder):
    here = next(file for file in read_outcomes(folder) if file.name == "routellm_mmlu")
    scores = dict.fromkeys(Router, here.gains)
    sets = list(measure(here, scores))
    assert [(found.domain, found.jobs) for found in sets] == [("all", 60), ("code", 30), ("math", 30)]
    assert all(found.routers[Router.RULES].apgr.value == pytest.approx(0.75) for found in sets)
    assert all(found.best == pytest.approx(0.75) for found in sets)


def test_without_data_it_says_what_to_give(capsys):
    assert complexity.main([]) == 2
    assert "--data FOLDER" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"prompt": "p"}], "routing_bad.jsonl:1 lacks the field 'domain'"),
        ([row(0), row(1, weak_correct=7)], "routing_bad.jsonl:2 can't be read: the weak model's outcome is 7.0"),
        ([row(0), row(1, weak_model="other")], "mixes sources or pairs of models"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path, capsys, rows, says):
    write(tmp_path, "bad", rows)
    assert complexity.main(["--data", str(tmp_path)]) == 2
    assert says in capsys.readouterr().err


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(OutcomesError, match="holds no routing_"):
        read_outcomes(tmp_path)
