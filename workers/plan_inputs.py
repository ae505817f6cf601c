"""What a batch's decisions read besides the jobs: gathered at plan time, stored, and read back to decide again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from routing.decision import Learned, PlanInputs
from schemas.database import query
from workers.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class BatchInputs:
    """The inputs of a batch's decisions. ``templates`` counts its jobs by template, where more than one share it."""

    inputs: PlanInputs
    templates: Counter[str]

    def as_json(self) -> dict[str, Any]:
        """All but the rulebook, which is stored by its digest."""
        learned = [
            [tenant, template, model, row.answers, row.output_tokens, row.flawed]
            for (tenant, template), models in self.inputs.learned.items()
            for model, row in models.items()
        ]
        return {
            "at": self.inputs.at.isoformat(),
            "unreachable": dict(self.inputs.unreachable),
            "learned": learned,
            "templates": dict(self.templates),
        }


def gather(
    connection: Connection, batch_id: str, rulebook: Rulebook, unreachable: Mapping[str, str], at: datetime
) -> BatchInputs:
    """Read what decisions about a stored batch depend on."""
    templates = connection.execute(query("workers", "repeated_templates"), {"batch": batch_id})
    learned = connection.execute(query("workers", "learned"), {"batch": batch_id})
    return BatchInputs(
        PlanInputs(rulebook.policy, rulebook.catalogue, at, unreachable, _by_template(map(tuple, learned))),
        Counter({row.template: row.jobs for row in templates}),
    )


def restore(stored: Mapping[str, Any], rulebook: Rulebook) -> BatchInputs:
    """The inputs that ``BatchInputs.as_json`` wrote."""
    inputs = PlanInputs(
        rulebook.policy,
        rulebook.catalogue,
        datetime.fromisoformat(stored["at"]),
        stored["unreachable"],
        _by_template(stored["learned"]),
    )
    return BatchInputs(inputs, Counter(stored["templates"]))


def _by_template(rows: Any) -> dict[tuple[str, str], dict[str, Learned]]:
    learned: dict[tuple[str, str], dict[str, Learned]] = {}
    for tenant, template, model, answers, output_tokens, flawed in rows:
        learned.setdefault((tenant, template), {})[model] = Learned(answers, output_tokens, flawed)
    return learned
