"""The protocol of leases as a whole: whatever the order of claims, answers, deaths and sweeps, the books hold."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from schemas.usage import Usage
from tests.workers.core import BUSY, CLAUSE, DRAFT, EMPTY, PRESSED, REFUSED, TIMEOUT, Core, answer, line
from workers.claimed import ClaimedJob
from workers.settle import Settled

pytestmark = pytest.mark.system

STEPS = 110


@dataclass
class History:
    """A provider and the workers that call it. What the provider counts, the books must name."""

    core: Core
    dice: random.Random
    under_way: list[ClaimedJob] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    counted: dict[int, Usage] = field(default_factory=dict)

    def claim(self) -> None:
        open_chunks = self.core.rows("SELECT id, endpoints FROM chunk WHERE ended_at IS NULL")
        chunk = self.dice.choice(open_chunks) if open_chunks else None
        if chunk is not None:
            endpoint = self.dice.choice(chunk.endpoints)
            spent = self.dice.choice([None, 2])
            self.under_way += self.core.claim(chunk.id, self.dice.randint(1, 3), endpoint=endpoint, spent=spent)

    def settle(self) -> None:
        """Some calls end, early or late; the provider counts answers, and some calls whose answer never came."""
        self.dice.shuffle(self.under_way)
        calls = []
        for _ in range(min(len(self.under_way), self.dice.randint(1, 4))):
            job = self.under_way.pop()
            usage = Usage(input=self.dice.randint(1, 500), output=self.dice.randint(1, 500))
            outcome = self.dice.choice([answer(usage), answer(usage), TIMEOUT, BUSY, PRESSED, REFUSED])
            if outcome.usage is not None:
                self.counted[job.attempt_id] = usage
            flawed = outcome.usage is not None and self.dice.random() < 0.3
            calls.append(self.core.settled(job, outcome, EMPTY if flawed else ()))
        if calls:
            self.core.settle(*calls)
            self.settled += calls

    def settle_again(self) -> None:
        """A commit's answer was lost: the same calls are settled once more, in other company."""
        if self.settled:
            self.core.settle(*self.dice.sample(self.settled, min(len(self.settled), 3)))

    def die(self) -> None:
        """A worker falls silent. Its calls go on, and may end late."""
        if self.under_way:
            self.core.expire(*self.dice.sample(self.under_way, self.dice.randint(1, len(self.under_way))))

    def sweep(self) -> None:
        self.core.sweep()

    def wait(self) -> None:
        self.core.all_due()


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_books_hold_after_every_step(core: Core, seed: int) -> None:
    """Claims, answers, repeated and late settlements, deaths and sweeps in any order, then an orderly end."""
    asks = ["mail", "mail", DRAFT, DRAFT, CLAUSE]
    core.take_in([line(f"j{n}", asks[n % 5] if n % 5 > 1 else "Write a birthday e-mail.") for n in range(15)])
    core.plan(chunk_jobs=4)
    history = History(core, random.Random(seed))
    steps = [history.claim] * 4 + [history.settle] * 4 + [history.settle_again, history.die, history.sweep]
    steps += [history.wait] * 2
    results: dict[int, int] = {}
    for _ in range(STEPS):
        history.dice.choice(steps)()
        core.hold_books()
        now = {row.job_id: row.attempt_id for row in core.rows("SELECT job_id, attempt_id FROM result")}
        assert results.items() <= now.items(), "an accepted result stays as it is"
        results = now
    for _ in range(80):
        history.wait()
        history.claim()
        history.settle()
    while history.under_way:
        history.settle()
    core.run("UPDATE job SET lease_until = now() - interval '1 second' WHERE state = 'running'")
    for job in core.rows("SELECT id FROM job WHERE state = 'queued'"):
        core.run("UPDATE job SET state = 'parked', reason = 'test', ended_at = now() WHERE id = :id", id=job.id)
    core.sweep()
    core.hold_books()
    assert core.one("SELECT state FROM batch").state == "finished"
    charged = core.rows("SELECT attempt_id, meter, quantity FROM ledger_line WHERE kind = 'charge'")
    found = {(row.attempt_id, row.meter): row.quantity for row in charged}
    expected = {(a, "input"): usage.input for a, usage in history.counted.items()}
    expected |= {(a, "output"): usage.output for a, usage in history.counted.items()}
    assert found == expected, "what the provider counted is what was charged, once"
