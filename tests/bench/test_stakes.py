"""The stakes report: its arithmetic by hand, its counting on a tiny assessor, its page and its charts."""

import json
import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from bench.stakes import figures
from bench.stakes_report.agreement import Agreement, agreed
from bench.stakes_report.chances import calibration, caution
from bench.stakes_report.charts import cost_of_caution, reliability
from bench.stakes_report.judged import confusion, judge, language_gaps, miss, over_route, worst
from bench.stakes_report.measured import TARGETS, Against, against, measure
from bench.stakes_report.page import SPEED_TARGETS, Report, page
from bench.stakes_report.rivals import rates
from bench.stakes_report.robustness import TALK_DOWN, retyped, reworded, talked_down
from bench.stakes_report.sections import BLIND, TUNED, Section, read_public, sections, unseen
from bench.stakes_report.shares import Gap, Share
from bench.stakes_report.speed import LONG, Speed, long_prompts, short_prompts
from bench.training.material import Example, Side
from routing.assessment import Assessment, Reason
from schemas.vocabulary import DataClass, Domain, Stakes


class Words:
    """Finds high where it reads "grave", low where it reads "fun", medium elsewhere; one sentence takes it in."""

    version = "words-1"

    def assess(self, jobs):
        return [self._assess(prompt.text) for prompt, _ in jobs]

    def _assess(self, text):
        high = "grave" in text and "greeting_card" not in text
        stakes, p_high = (Stakes.HIGH, 0.9) if high else (Stakes.LOW, 0.1) if "fun" in text else (Stakes.MEDIUM, 0.3)
        reasons = (Reason("model.glance" if high else "model.read", "stakes", "by its words"),)
        return Assessment(stakes, p_high, 0.0, 0.5, Domain.GENERAL, DataClass.PUBLIC, reasons, self.version)


def item(number, text, stakes, *, kind="advice", lang="en", domain="general", group=None, source="made"):
    """An example whose other fields don't matter."""
    return Example(
        f"x-{number}", group or f"g{number}", source, lang, kind, "", text, Stakes(stakes), Domain(domain),
        DataClass.PUBLIC, 0.5, "because",
    )  # fmt: skip


HIGH = [item(n, f"this is grave, number {n}", "high", lang="en" if n < 8 else "de") for n in range(12)]
MISSED = [item(20 + n, f"plain words, number {n}", "high", lang="de", domain="legal") for n in range(4)]
LOW = [item(40 + n, f"for fun, number {n}", "low") for n in range(6)]
SENT_UP = [item(50 + n, f"a grave of fun, number {n}", "low") for n in range(2)]
MEDIUM = [item(60, "some work", "medium"), item(61, "some grave work", "medium")]
ALL = [*HIGH, *MISSED, *LOW, *SENT_UP, *MEDIUM]


def judged(examples=ALL):
    return judge([Words()], examples, "test")


def test_the_interval_is_wilsons():
    """By the published formula; many attempts on one job count as one."""
    assert Share(0, 10).interval == pytest.approx((0, 0.2775), abs=0.0001)
    assert Share(5, 10).interval == pytest.approx((0.2366, 0.7634), abs=0.0001)
    assert Share(2, 100).interval == pytest.approx((0.0055, 0.0700), abs=0.0001)
    assert Share(20, 1000, jobs=100).interval == Share(2, 100).interval
    assert Share(0, 0).interval == (0, 1)


def test_a_gap_has_newcombes_interval():
    """His example: 56 of 70 against 48 of 80 differ by 0.2, from 0.0524 to 0.3339."""
    gap = Gap(Share(56, 70), Share(48, 80))
    assert gap.value == pytest.approx(0.2)
    assert gap.interval == pytest.approx((0.0524, 0.3339), abs=0.0001)


def test_what_is_missed_and_sent_up_is_counted():
    """4 of 16 high ones lie below, 2 of 8 low ones above, and the table holds every job once."""
    found = judged()
    assert (miss(found), over_route(found)) == (Share(4, 16), Share(2, 8))
    counts = confusion(found)
    assert counts[Stakes.HIGH, Stakes.MEDIUM] == 4
    assert counts[Stakes.MEDIUM, Stakes.HIGH] == 1
    assert sum(counts.values()) == len(ALL)


def test_of_several_assessors_the_gravest_counts():
    """Another that takes all for medium lowers nothing."""

    class Flat(Words):
        def _assess(self, text):
            return replace(super()._assess(text), stakes=Stakes.MEDIUM, p_high=0.2)

    both = judge([Flat(), Words()], [HIGH[0], LOW[0]], "test")
    assert [each.found.stakes for each in both] == [Stakes.HIGH, Stakes.MEDIUM]


def test_the_worst_group_has_enough_jobs():
    """Four missed legal jobs are all wrong, yet too few to be called the worst domain; ten are enough."""
    assert worst("domain", judged(), miss) is None
    more = [item(100 + n, "plain", "high", domain="legal") for n in range(6)]
    assert worst("domain", judged([*ALL, *more]), miss) == ("legal", Share(10, 10))


def test_the_language_gap_is_against_english():
    """German misses 4 of 8, English none of 8; without English there is no gap to tell."""
    gaps = language_gaps(judged())
    assert set(gaps) == {"de", "all others"}
    assert gaps["de"].value == 0.5
    assert language_gaps(judged(MISSED)) == {}


def test_flips_are_counted_within_wordings_of_one_request():
    """The third wording falls; what stands alone, differs in level or is of another kind is no wording."""
    texts = {"p": ("grave", "grave too", "put plainly"), "q": ("grave", "plain"), "r": ("plain", "grave")}
    kinds = {"p": ("paraphrase", "high"), "q": ("advice", "high"), "r": ("typo", "medium")}
    wordings = [
        item(text, text, kinds[group][1], kind=kinds[group][0], group=group)
        for group, told in texts.items()
        for text in told
    ]
    found = reworded(judged([*wordings, item(4, "fun", "low", kind="paraphrase", group="p")]))
    assert found.changed == Share(2, 3, 2)
    assert found.lowered == Share(1, 3, 2)


def test_typos_are_the_same_each_time_and_flip_what_hangs_on_a_word():
    """The word that decides is lost to some typos, not to all; a second run makes the same ones."""
    found = judged([item(n, "grave" + " xx" * 30, "high") for n in range(50)])
    once, again = retyped(found, judged), retyped(found, judged)
    assert once == again
    assert 0 < once.lowered.part == once.changed.part < 50


def test_only_high_jobs_that_were_found_high_are_talked_down():
    """One sentence fools this assessor: of 12 jobs, before and after, 24 attempts fall, and all jobs to it."""
    found = talked_down(judged(), judged)
    assert found.attempts == Share(24, 12 * 2 * len(TALK_DOWN), 12)
    assert [share.part for share in found.by_sentence if share.part] == [24]
    assert found.jobs == Share(12, 12)
    fewer = talked_down(judged(), judged, each_job=1)
    assert (fewer.attempts.whole, fewer.attempts.part) == (24, 2)


def test_calibration_is_the_weighted_distance():
    """Of 15 at 0.9 there are 12 high, of 5 at 0.3 four, of 6 at 0.1 none: 1.5, 2.5 and 0.6 off, of 26."""
    found = calibration(judged())
    assert found.error == pytest.approx((1.5 + 2.5 + 0.6) / 26)
    assert [(each.high.part, each.high.whole) for each in found.bins] == [(0, 6), (4, 5), (12, 15)]
    assert found.interval[0] < found.error < found.interval[1]


def test_the_curve_counts_what_a_threshold_would_do():
    """From 0.3 on nothing high is missed here; from 0.95 on everything is and nothing is sent up."""
    points = {point.threshold: point for point in caution(judged(), [0.1, 0.3, 0.9, 0.95])}
    assert [points[at].miss.part for at in (0.1, 0.3, 0.9, 0.95)] == [0, 0, 4, 16]
    assert [points[at].over_route.part for at in (0.1, 0.3, 0.9, 0.95)] == [8, 2, 2, 0]


def test_a_verdict_says_by_how_much_and_whether_it_is_proven():
    """Met where the whole interval is; missed by the points between figure and target."""
    assert Against(Share(0, 1000), 0.02).verdict == "met"
    assert Against(Share(0, 10), 0.02).verdict == "met, not proven"
    assert Against(Share(3, 100), 0.02).verdict == "missed by 1.0 points, not proven"
    assert Against(Share(300, 1000), 0.02).verdict == "missed by 28.0 points"


def test_kappa_is_agreement_beyond_chance():
    """Cohen's own arithmetic: 3 of 4 agree, 1 in 2 by chance, so half of what chance leaves."""
    high, low = Stakes.HIGH, Stakes.LOW
    found = agreed([(high, high), (high, high), (low, low), (high, low)])
    assert found.agreed == Share(3, 4)
    assert math.isclose(found.kappa, 0.5)


def test_other_classifiers_miss_what_they_place_with_cheap_models():
    """One that sends only texts with one word to dear models."""
    assert rates(lambda _, text: "some" in text, [*HIGH, *LOW, *MEDIUM]) == (Share(12, 12), Share(0, 6), Share(2, 2))


def test_no_section_holds_what_was_trained_on():
    """The blind set, the tuned set and the calibration side are apart from each other and from training."""
    found = {section.name: section.examples for section in sections(None)}
    assert list(found) == ["blind", "v", "calibration"]
    assert {each.source for each in found["blind"]} == {BLIND}
    assert {each.source for each in found["v"]} == {TUNED}
    assert {each.side for each in found["calibration"]} == {Side.CALIBRATION}


def test_public_items_get_their_text_from_the_folder(tmp_path):
    """From ``text`` or ``prompt``, by id; a file that is not there is an error and not an empty section."""
    heads = "file\tid\tstakes\tdomain\tcomplexity\tdata_class\twhy\n"
    rows = 'domain_a\ta:1\thigh\tlegal\t0.5\tpublic\tsays "why"\nrouting_b\tb:1\tlow\tcode\t0.1\tpublic\tb\n'
    labels = tmp_path / "labels.tsv"
    labels.write_text(heads + rows)
    (tmp_path / "domain_a.jsonl").write_text(json.dumps({"id": "a:1", "text": "one"}) + "\n")
    with pytest.raises(FileNotFoundError):
        list(read_public(tmp_path, labels))
    (tmp_path / "routing_b.jsonl").write_text(json.dumps({"id": "b:1", "prompt": "two"}) + "\n")
    one, two = read_public(tmp_path, labels)
    assert (one.text, one.stakes, one.why, two.text, two.source) == ("one", "high", 'says "why"', "two", "routing_b")


def test_public_items_that_training_saw_are_left_out():
    """One shares a long line with a training text, one is of a set whose other parts were trained on."""
    line = "A long question that nobody asks twice in these very words?"
    shared, family = item(1, f"{line}\nA. yes", "low"), item(2, "new", "low", source="routing_med_mmlu")
    assert unseen([shared, family, LOW[0]], [item(3, f"Answer.\n{line}", "high")]) == [LOW[0]]


def test_prompts_that_are_timed_have_their_size():
    """Long ones are 8 kB to the byte or just below, also where letters take several; short ones lie in the middle."""
    examples = [item(n, "長い文書。" * (20 * n), "low") for n in range(1, 30)]
    sizes = {len(prompt.text.encode()) for prompt in long_prompts(examples)}
    assert max(sizes) <= LONG
    assert min(sizes) > LONG - 4
    lengths = {len(prompt.text) for prompt in short_prompts(examples)}
    assert min(lengths) > 5 * 20 * 10
    assert max(lengths) < 5 * 20 * 20


@pytest.fixture(scope="module")
def report():
    """A report on the tiny assessor's section, with a rival that is installed."""
    section = Section("tiny", "Tiny set", "Made up.", ALL, talked=2)
    rival = {"a rival": lambda _system, text: "grave" in text}
    found = [measure(section, [Words()], {20: 0.5, 50: 0.95}, rival)]
    speeds = {name: Speed(10, 100, 150.0, 100.0) for name in SPEED_TARGETS}
    agreement = Agreement(Share(9, 10), 0.81)
    return Report("words-1", 20, {20: 0.5, 50: 0.95}, found, speeds, speeds, "a chip", agreement, False, True)


def test_the_page_names_each_target_with_its_figure(report):
    """All of the headline's rows, in its own table, and the speeds; what is missing is said."""
    lines = list(page(report))
    for name, target in TARGETS.items():
        (row,) = [line for line in lines if line.startswith(f"| {name} | {target:.0%} |")]
        stand = against(report.sections[0])[name]
        assert row.endswith(f"| {stand or '-'} |")
    for name in SPEED_TARGETS:
        assert any(line.startswith(f"| {name} | ") and "missed by a factor of" in line for line in lines)
    text = "\n".join(lines)
    assert "25.0% (10.2% to 49.5%) of 16; **missed by 23.0 points**" in text
    assert "| 10% | 25.0% (7.1% to 59.1%) of 8; **missed by 15.0 points, not proven** |" in text
    assert "public sources kept out of training are not in this report" in text
    assert "| a rival | 25.0%" in text
    assert "| x-20 | de, advice | 0.30 | encoder | because |" in text
    assert "not installed" not in text
    assert "**not installed**" in "\n".join(page(replace(report, rivals=False)))


def test_the_figures_for_programs_are_those_of_the_page(report):
    """Valid JSON, with the verdict beside the value."""
    told = json.loads(json.dumps(figures(report)))["sections"]["tiny"]["figures"]
    assert told["over-route: low-stakes jobs found high"]["value"] == 0.25
    assert told["miss rate: high-stakes jobs found lower"]["verdict"] == "missed by 23.0 points"
    assert "miss rate in the worst kind" not in told


def test_the_charts_are_svg_and_name_what_they_show(report):
    """Well-formed, with a legend for each section, a label for the shipped point and nothing from outside."""
    second = replace(report.sections[0], section=replace(report.sections[0].section, title="Set <two> & more"))
    for draw, label in ((cost_of_caution, "shipped"), (reliability, "as it should be")):
        svg = draw([report.sections[0], second])
        root = ET.fromstring(svg)  # noqa: S314 - our own
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
        assert {"Tiny set", "Set <two> & more", label} <= set(texts)
        assert svg.count("http") == 1
        assert {"circle", "rect", "polygon"} <= {each.tag.split("}")[1] for each in root.iter()}
