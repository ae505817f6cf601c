"""Taking a batch in: durable or not at all, once a key, every bad line named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from schemas.lines import LineLimits, lines_of
from tests.workers.core import DRAFT, Core, line, mails, together
from workers.intake import BatchRefusedError, KeyReusedError, Order, Receipt, accept

pytestmark = pytest.mark.system


def test_what_was_accepted_is_stored_with_its_facts(core: Core) -> None:
    """Body without model and metadata; tenant, cost centre and template in columns; each job assessed."""
    receipt = core.take_in([line("j0", DRAFT, tenant="acme", cost_centre="ops", project="x", template_id="memo")])
    assert receipt == Receipt("b", 1, 0, known=False)
    row = core.job()
    assert (row.state, row.stakes, row.asked_model, row.line) == ("accepted", "medium", "auto", 1)
    assert (row.tenant, row.cost_centre, row.project, row.template) == ("acme", "ops", "x", "memo")
    assert set(row.body) == {"messages"}
    assert row.assessment["reasons"]
    assert row.prompt_tokens > 10
    batch = core.one("SELECT * FROM batch")
    assert (batch.state, batch.jobs, batch.way_in) == ("accepted", 1, "function")
    core.hold_books()


def test_bad_lines_are_named_and_the_good_ones_run(core: Core) -> None:
    """By line number, field and code, in order; a line with two faults counts once."""
    bad: dict[str, Any] = {"custom_id": "x", "body": {"messages": [{"role": "nobody", "content": "hi"}], "n": 2}}
    receipt = core.take_in([line("j0"), bad, "{", line("j0"), line("j1")])
    assert (receipt.jobs, receipt.bad_lines) == (2, 3)
    problems = core.rows("SELECT line, code FROM line_problem ORDER BY number")
    assert problems[0].line == 2
    assert {(row.line, row.code) for row in problems} >= {(3, "invalid_json"), (4, "duplicate_custom_id")}
    assert [row.custom_id for row in core.rows("SELECT custom_id FROM job ORDER BY line")] == ["j0", "j1"]


def test_a_batch_without_a_good_line_is_finished_and_says_so(core: Core) -> None:
    """Nobody waits for it: it is over, with its event, and nothing is planned."""
    receipt = core.take_in(["{", "[]"])
    assert (receipt.jobs, receipt.bad_lines) == (0, 2)
    assert core.one("SELECT state FROM batch").state == "finished"
    assert core.one("SELECT finished_at FROM batch").finished_at is not None
    assert [row.kind for row in core.rows("SELECT kind FROM event")] == ["finished"]
    assert not core.plan()


def test_the_same_key_and_content_give_the_same_batch(core: Core) -> None:
    """However often it is sent; nothing is stored twice."""
    first = core.take_in([*mails(3), "{"])
    again = core.take_in([*mails(3), "{"])
    assert (again.jobs, again.bad_lines, again.known) == (first.jobs, first.bad_lines, True)
    assert len(core.rows("SELECT 1 FROM job")) == 3
    core.plan()
    assert core.take_in([*mails(3), "{"]).known, "also when it is planned"


@pytest.mark.parametrize(
    "other",
    [
        Order("b", "function", {}, 5),
        Order("b", "function", {"tenant": "acme"}),
        Order("b", "function", {}, strict=True),
    ],
    ids=["budget", "defaults", "strict"],
)
def test_a_key_belongs_to_one_content(core: Core, other: Order) -> None:
    """Other lines, defaults, budget or strictness under the same key are refused, and change nothing."""
    core.take_in(mails(2))
    runtime = core.runtime
    with pytest.raises(KeyReusedError):
        accept(core.engine, other, lines_of(mails(2)), runtime.rulebook, runtime.assessors)
    with pytest.raises(KeyReusedError):
        core.take_in(mails(3))
    assert len(core.rows("SELECT 1 FROM job")) == 2


def test_of_two_submissions_of_one_key_at_one_moment_one_is_stored(core: Core) -> None:
    """The second waits for the first and finds it."""
    receipts = together(4, lambda _: core.take_in(mails(5)))
    assert sorted(receipt.known for receipt in receipts) == [False, True, True, True]
    assert {receipt.jobs for receipt in receipts} == {5}
    assert len(core.rows("SELECT 1 FROM job")) == 5


def test_a_strict_batch_with_a_bad_line_leaves_nothing(core: Core) -> None:
    """All problems are told, and the key is free for the repaired file."""
    with pytest.raises(BatchRefusedError) as refused:
        core.take_in([line("j0"), "{", "[]"], strict=True)
    assert [problem.line for problem in refused.value.problems] == [2, 3]
    assert refused.value.found == 2
    assert core.rows("SELECT id FROM batch UNION ALL SELECT batch_id FROM job") == []
    assert not core.take_in([line("j0")], strict=True).known


def test_a_batch_over_its_limits_leaves_nothing(core: Core) -> None:
    """Too many lines refuse the whole batch, strict or not."""
    runtime, limits = core.runtime, LineLimits(max_lines=2)
    order = Order("b", "function", {})
    with pytest.raises(BatchRefusedError) as refused:
        accept(core.engine, order, lines_of(mails(3), limits), runtime.rulebook, runtime.assessors)
    assert refused.value.problems[-1].refuses_batch
    assert core.rows("SELECT 1 FROM batch") == []


def test_a_submission_that_breaks_off_leaves_nothing(core: Core) -> None:
    """A file that can't be read to its end was never acknowledged; the same key may be sent again."""

    def broken() -> Iterator[Any]:
        yield from lines_of(mails(2))
        raise OSError("the file went away")

    runtime = core.runtime
    with pytest.raises(OSError, match="went away"):
        accept(core.engine, Order("b", "function", {}), broken(), runtime.rulebook, runtime.assessors)
    assert core.rows("SELECT 1 FROM batch") == []
    assert not core.take_in(mails(2)).known


def test_batches_larger_than_a_block_are_stored_whole(core: Core) -> None:
    """Blocks follow one another within the one transaction; progress is told."""
    seen: list[int] = []
    runtime = core.runtime
    jobs: list[Any] = [*mails(2100), "{"]
    receipt = accept(
        core.engine,
        Order("b", "function", {}),
        lines_of(jobs),
        runtime.rulebook,
        runtime.assessors,
        progress=seen.append,
    )
    assert (receipt.jobs, receipt.bad_lines) == (2100, 1)
    assert seen == [2000, 2100]
    assert core.one("SELECT count(*) AS n, max(line) AS last FROM job") == (2100, 2100)
    assert core.one("SELECT line, number FROM line_problem") == (2101, 1)


def test_characters_that_a_table_cannot_hold_cost_one_line(core: Core) -> None:
    """U+0000 and halves of surrogate pairs are problems of their lines, wherever they stand."""
    texts = ["\\u0000", "\\ud800"]
    template = (
        '{"custom_id": "%s", "body": {"messages": [{"role": "user", "content": "%s"}], "metadata": {"tag": "%s"}}}'
    )
    odd = [template % tuple(t if place == n else f"x{place}" for place in range(3)) for n in range(3) for t in texts]
    receipt = core.take_in([*odd, line("j0")])
    assert (receipt.jobs, receipt.bad_lines) == (1, len(odd))
