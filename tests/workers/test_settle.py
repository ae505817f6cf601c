"""Settling: results and ledger lines in one transaction, behind the fence, once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from schemas.usage import Usage
from schemas.vocabulary import Tier
from tests.routing.small_catalogue import FRONTIER_US, small_catalogue
from tests.workers.core import (
    BUSY,
    DRAFT,
    EMPTY,
    MAIL_PICO,
    PRESSED,
    REFUSED,
    SECOND,
    TIMEOUT,
    USAGE,
    Core,
    answer,
    line,
    mails,
)
from workers.calls import Outcome
from workers.settle import ended, settle

pytestmark = pytest.mark.system


def test_lines_and_baseline_are_exact(core: Core) -> None:
    """Each meter is priced by the card, to the pico-dollar, as reckoned by hand."""
    (chunk,) = core.planned(mails(1))
    (job,) = core.claim(chunk)
    core.settle(core.settled(job, answer(Usage(input=100, cached_read=50, cache_write=10, output=20))))
    # USD per million tokens: input and cache write 0.10, cached read 0.01, output 0.30
    expected = {("input", 100 * 100_000), ("cached_read", 50 * 10_000)}
    expected |= {("cache_write", 10 * 100_000), ("output", 20 * 300_000)}
    assert core.lines(job.attempt_id) == {("charge", meter, pico) for meter, pico in expected}
    result = core.one("SELECT * FROM result")
    # the reference model: 5 USD in, 25 USD out, nothing cached
    assert (result.baseline_pico, result.baseline_card) == (160 * 5_000_000 + 20 * 25_000_000, "us/opus@2026")
    posted = core.one("SELECT DISTINCT debit, credit, occurred_at, card FROM ledger_line")
    assert (posted.debit, posted.credit) == ("expense:default:unassigned", "payable:cn")
    assert (posted.occurred_at, posted.card) == (job.charged.occurred_at, "cn/deepseek@2026")
    core.hold_books()


def test_settling_the_same_calls_twice_writes_nothing_twice(core: Core) -> None:
    """Results, attempts, lines and what was learned are as after the first time, down to the last row."""
    jobs = [line("done", template_id="t"), line("late"), line("busy"), line("no"), line("draft", DRAFT)]
    chunks = core.planned(jobs)
    claimed = {job.custom_id: job for chunk in chunks for job in core.claim(chunk)}
    outcomes = {"done": answer(), "late": TIMEOUT, "busy": BUSY, "no": REFUSED, "draft": answer()}
    calls = [core.settled(claimed[name], o, EMPTY if name == "draft" else ()) for name, o in outcomes.items()]
    first = core.settle(*calls)
    assert first.owned == {job.attempt_id for job in claimed.values()}
    assert [lane for _, lane in first.opened] == [Tier.HYBRID]
    tables = ("job", "attempt", "result", "ledger_line", "answer_history", "chunk", "event")
    before = {t: core.rows(f"SELECT to_jsonb(t) AS row FROM {t} t ORDER BY 1") for t in tables}  # noqa: S608
    again = core.settle(*calls)
    assert (again.owned, again.opened, ended(calls, again)) == (frozenset(), (), frozenset())
    after = {t: core.rows(f"SELECT to_jsonb(t) AS row FROM {t} t ORDER BY 1") for t in tables}  # noqa: S608
    assert after == before
    core.hold_books()


def test_result_and_lines_are_one_transaction(core: Core) -> None:
    """A worker that dies before the commit has written neither; the call is still under way in the books."""
    (chunk,) = core.planned(mails(1))
    (job,) = core.claim(chunk)
    with core.engine.connect() as connection:
        settle(connection, [core.settled(job, answer())], core.reference(), core.runtime.rulebook.catalogue)
        assert connection.execute(text("SELECT count(*) FROM result")).scalar_one() == 1
        connection.rollback()
    assert core.rows("SELECT 1 FROM result UNION ALL SELECT 1 FROM ledger_line") == []
    core.hold_books()


def test_a_late_answer_is_fenced_and_its_spend_booked(core: Core) -> None:
    """Taken over and run again by another, the job keeps one result; the first call's accrual becomes a charge."""
    (chunk,) = core.planned(mails(1))
    (lost,) = core.claim(chunk)
    core.expire(lost)
    assert core.sweep().leases == 1
    core.all_due()
    (second,) = core.claim(chunk)
    core.settle(core.settled(second, answer(content="second")))
    late = core.settle(core.settled(lost, answer(Usage(input=7, output=3), content="first")))
    assert late.owned == frozenset()
    result = core.one("SELECT * FROM result")
    assert result.attempt_id == second.attempt_id
    assert [a.state for a in core.attempts(lost.job_id)] == ["reconciled", "billed"]
    taken = lost.estimate
    accrued = {("input", taken.input * 100_000), ("output", taken.output * 300_000)}
    assert core.lines(lost.attempt_id) == {
        *((kind, meter, pico) for kind in ("accrual", "reversal") for meter, pico in accrued),
        ("charge", "input", 7 * 100_000),
        ("charge", "output", 3 * 300_000),
    }
    core.settle(core.settled(lost, answer(Usage(input=7, output=3))))
    core.hold_books()


def test_a_late_refusal_clears_the_accrual(core: Core) -> None:
    """A call that was given up as uncertain and turns out not billed leaves no spend behind."""
    (chunk,) = core.planned(mails(1))
    (lost,) = core.claim(chunk)
    core.expire(lost)
    core.sweep()
    core.settle(core.settled(lost, BUSY))
    assert core.attempts(lost.job_id)[0].state == "reconciled"
    assert {kind for kind, _, _ in core.lines(lost.attempt_id)} == {"accrual", "reversal"}
    assert core.job().state == "queued"
    core.hold_books()


@pytest.mark.parametrize("late_first", [True, False])
@pytest.mark.parametrize(
    ("late", "current", "state"),
    [(answer(), BUSY, "queued"), (TIMEOUT, answer(), "done"), (answer(), answer(), "done")],
)
def test_a_late_call_and_the_current_one_in_one_settlement(
    core: Core, late_first: bool, late: Outcome, current: Outcome, state: str
) -> None:
    """Where one worker settles both at once, only the current call decides about the job and may give its result."""
    (chunk,) = core.planned(mails(1))
    (lost,) = core.claim(chunk)
    core.expire(lost)
    core.sweep()
    core.all_due()
    (second,) = core.claim(chunk)
    calls = [core.settled(lost, late), core.settled(second, current)]
    done = core.settle(*(calls if late_first else reversed(calls)))
    assert done.owned == {second.attempt_id}
    assert core.job().state == state
    found = core.rows("SELECT attempt_id FROM result")
    assert [row.attempt_id for row in found] == ([second.attempt_id] if state == "done" else [])
    core.hold_books()


def test_escalation_opens_a_chunk_in_the_lane_of_the_stronger_model(core: Core) -> None:
    """Flawed answers of one batch go on together, due at once, with their bodies as they were; both calls are paid."""
    (chunk,) = core.planned([line("j0", DRAFT), line("j1", DRAFT)])
    first = core.claim(chunk)
    done = core.settle(*(core.settled(job, answer(), EMPTY) for job in first))
    ((opened, lane),) = done.opened
    row = core.one("SELECT * FROM chunk WHERE id = :id", id=opened)
    assert (lane, row.lane, row.stage, row.endpoints[0]) == (Tier.HYBRID, "hybrid", 1, SECOND)
    assert core.rows("SELECT 1 FROM result") == []
    second = core.claim(opened)
    assert [(j.custom_id, j.stage, j.attempt, j.checked) for j in second] == [("j0", 1, 2, False), ("j1", 1, 2, False)]
    assert [job.body for job in second] == [job.body for job in first]
    assert all(job.charged.purpose == "escalation" for job in second)
    core.settle(*(core.settled(job, answer(), EMPTY) for job in second))
    assert {row.state for row in core.rows("SELECT state FROM job")} == {"done"}
    # us/mini: 0.50 in, 4.00 out
    expected = {("charge", "input", 100 * 500_000), ("charge", "output", 20 * 4_000_000)}
    assert core.lines(second[0].attempt_id) == expected
    assert sum(pico for _, _, pico in core.lines(first[0].attempt_id)) == MAIL_PICO
    assert core.finish() == 1
    core.hold_books()


def test_an_escalation_whose_endpoints_this_worker_does_not_know_is_opened_all_the_same(core: Core) -> None:
    """A catalogue that was changed between plan and settlement must not lose the answers of others."""
    chunks = core.planned([line("j0", DRAFT), line("mail")])
    calls = [job for chunk in chunks for job in core.claim(chunk)]
    settled = [core.settled(job, answer(), EMPTY if job.custom_id == "j0" else ()) for job in calls]
    smaller = small_catalogue([replace(FRONTIER_US, id="us/other", model="other")])
    with core.engine.begin() as connection:
        done = settle(connection, settled, core.reference(), smaller)
    assert [lane for _, lane in done.opened] == [Tier.FRONTIER]
    assert core.job("mail").state == "done"
    core.hold_books()


def test_a_retry_waits_as_long_as_the_provider_asks(core: Core) -> None:
    """Its time stands in the database; the job is free of its lease; nothing is booked for the refused call."""
    (chunk,) = core.planned(mails(1))
    (job,) = core.claim(chunk)
    settled = core.settled(job, PRESSED)
    core.settle(settled)
    row = core.one("SELECT *, extract(epoch FROM next_attempt_at - now()) AS wait_s FROM job")
    assert settled.verdict.delay_s >= 30
    assert settled.verdict.delay_s - 5 < row.wait_s <= settled.verdict.delay_s
    assert (row.state, row.lease_token, row.lease_until) == ("queued", None, None)
    (attempt,) = core.attempts(row.id)
    assert (attempt.state, attempt.outcome, attempt.status) == ("unbilled", "http_429", 429)
    assert core.lines(job.attempt_id) == set()
    assert core.claim(chunk) == []


def test_jobs_that_end_without_a_result_say_why(core: Core) -> None:
    """Refused for good, out of attempts, flawed with nowhere to go: code and words, and the batch finishes."""
    chunks = core.planned([line("no"), line("busy"), line("draft", DRAFT)])
    claimed = {job.custom_id: job for chunk in chunks for job in core.claim(chunk)}
    claimed["busy"] = replace(claimed["busy"], attempt=core.runtime.rulebook.policy.retries.max_attempts)
    first, second = claimed["draft"].stages
    claimed["draft"] = replace(claimed["draft"], stages=(first, replace(second, endpoints=())))
    calls = [core.settled(claimed["no"], REFUSED), core.settled(claimed["busy"], BUSY)]
    calls.append(core.settled(claimed["draft"], answer(), EMPTY))
    assert ended(calls, core.settle(*calls)) == {"b"}
    found = {r.custom_id: (r.state, r.reason) for r in core.rows("SELECT * FROM job")}
    assert found == {
        "no": ("failed", "http_422"),
        "busy": ("parked", "unavailable"),
        "draft": ("parked", "no_escalation"),
    }
    assert all(row.reason_says for row in core.rows("SELECT reason_says FROM job"))
    assert core.finish() == 1
    assert core.lines(claimed["draft"].attempt_id) != set()
    core.hold_books()


def test_answers_teach_how_long_a_templates_answers_are(core: Core) -> None:
    """Answers, tokens and flaws add up by tenant, template and model; calls without an answer teach nothing."""
    chunks = core.planned([line(f"j{n}", DRAFT, template_id="memo", tenant="acme") for n in range(4)])
    jobs = [job for chunk in chunks for job in core.claim(chunk)]
    core.settle(core.settled(jobs[0], answer()), core.settled(jobs[1], answer(Usage(input=5, output=40)), EMPTY))
    core.settle(core.settled(jobs[2], answer()), core.settled(jobs[3], TIMEOUT))
    row = core.one("SELECT * FROM answer_history")
    assert (row.tenant, row.template, row.model) == ("acme", "memo", "deepseek")
    assert (row.answers, row.output_tokens, row.flawed) == (3, 2 * USAGE.output + 40, 1)


def test_texts_that_the_database_cannot_hold_are_repaired(core: Core) -> None:
    """U+0000 and halves of surrogate pairs in an answer don't cost the answer."""
    (chunk,) = core.planned(mails(1))
    (job,) = core.claim(chunk)
    core.settle(core.settled(job, answer(content="a\x00b\ud800c")))
    stored = core.one("SELECT completion #>> '{choices,0,message,content}' AS said FROM result").said
    assert (stored[0], stored[2], stored[-1]) == ("a", "b", "c")
    assert core.job().state == "done"
