"""What a batch's decisions read: gathered, stored and read back the same."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from routing.decision import Learned, PlanInputs
from tests.workers.settled_batches import MAIL, call_all, job, plan_batch, take_in
from workers.plan_inputs import BatchInputs, gather, restore
from workers.rulebook import load_rulebook
from workers.runtime import Runtime
from workers.settings import load_settings

AT = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def test_what_is_stored_is_read_back_the_same() -> None:
    """Written as JSON and restored with the same rulebook, the inputs are equal."""
    rulebook = load_rulebook(load_settings())
    learned = {
        ("acme", "birthday"): {"m1": Learned(3, 120, 1), "m2": Learned(1, 40, 0)},
        ("b", "x"): {"m1": Learned(9, 1, 9)},
    }
    inputs = PlanInputs(rulebook.policy, rulebook.catalogue, AT, {"e": "KEY is not set"}, learned)
    given = BatchInputs(inputs, Counter({"birthday": 40}))
    assert restore(json.loads(json.dumps(given.as_json())), rulebook) == given


def test_what_is_stored_leaves_out_the_rulebook() -> None:
    """That is kept once by its digest, not with each batch."""
    rulebook = load_rulebook(load_settings())
    stored = BatchInputs(PlanInputs(rulebook.policy, rulebook.catalogue, AT, {}, {}), Counter()).as_json()
    assert set(stored) == {"at", "unreachable", "learned", "templates"}


@pytest.mark.system
def test_gathers_what_came_back_before_for_the_tenant_and_template(runtime: Runtime) -> None:
    """A second batch sees the answers to the first for its tenant and template, and counts its repeated templates."""
    take_in(runtime, "b1", [job(f"m{n}", MAIL, tenant="acme", template_id="birthday") for n in range(3)])
    plan_batch(runtime, "b1")
    call_all(runtime, "b1")
    rows = [job(f"n{n}", MAIL, tenant="acme", template_id="birthday") for n in range(2)]
    rows += [job("other-tenant", MAIL, tenant="rival", template_id="birthday"), job("single", MAIL, template_id="once")]
    take_in(runtime, "b2", [*rows, job("plain", MAIL)])
    with runtime.engine.connect() as connection:
        found = gather(connection, "b2", runtime.rulebook, {"e": "KEY is not set"}, AT)
        first = gather(connection, "none", runtime.rulebook, {}, AT)
    assert found.templates == Counter({"birthday": 3})
    assert list(found.inputs.learned) == [("acme", "birthday")]
    (row,) = found.inputs.learned["acme", "birthday"].values()
    assert row == Learned(answers=3, output_tokens=60, flawed=0)
    assert (found.inputs.at, found.inputs.unreachable) == (AT, {"e": "KEY is not set"})
    assert (first.templates, first.inputs.learned) == (Counter(), {})
    assert restore(found.as_json(), runtime.rulebook) == found
