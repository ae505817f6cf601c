"""Explaining a job from stored facts: its decision is made again from them, and must come out the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from routing.choose import AUTO, Chooser
from routing.decision import Candidate, Decision, Question, RuledOut
from routing.policy import Stage
from routing.price import Sizes, Tariff, sizes
from schemas.database import query
from schemas.vocabulary import AttemptState, JobState, Meter, Tier
from workers.batch_rulebook import rulebook_of
from workers.explanation import (
    AttemptExplained,
    Excluded,
    Explanation,
    LineExplained,
    Qualified,
    Rederived,
    StageExplained,
    Subject,
    Versions,
)
from workers.plan_inputs import BatchInputs, restore
from workers.planning import question_of
from workers.settings import ConfigurationError
from workers.stored import assessment_from


def explain(
    connection: Connection, *, batch_id: str | None = None, custom_id: str | None = None, job_id: int | None = None
) -> Explanation | None:
    """Explain the job of a ``job_id``, or of a batch and ``custom_id``; None where there is none."""
    given = {"batch": batch_id, "custom_id": custom_id, "job": job_id}
    row = connection.execute(query("workers", "explain_job"), given).one_or_none()
    if row is None:
        return None
    known, why_not = _inputs(connection, row)
    decision: Decision | None = None
    stages: tuple[StageExplained, ...] = ()
    versions, rederived = None, Rederived(same=False, impossible=why_not)
    if known is not None:
        question = question_of(row, known)
        decision = Chooser(known.inputs).decide(question)
        stages = _stages(question, decision, known)
        rederived = _compare(decision, row.decision)
        versions = Versions(known.inputs.policy.version, known.inputs.catalogue.version, known.inputs.at)
    return Explanation(
        subject=_subject(row),
        assessment=assessment_from(row.assessment),
        decision=row.decision,
        use_case=_use_case(known, decision),
        versions=versions,
        stages=stages,
        rederived=rederived,
        attempts=_attempts(connection, row),
        baseline_pico=row.baseline_pico,
        baseline_card=row.baseline_card,
    )


def _inputs(connection: Connection, row: Any) -> tuple[BatchInputs | None, str | None]:
    """What the job's decision read, else why that can't be had."""
    if row.plan_inputs is None:
        return None, "its batch isn't planned yet"
    try:
        rulebook = rulebook_of(connection, row.batch_id)
    except ConfigurationError:
        return None, "this version of Pointsman can't read the policy or the catalogue that decided"
    if rulebook is None:
        return None, "the policy or the catalogue that decided is not stored"
    return restore(row.plan_inputs, rulebook), None


def _compare(made: Decision, stored: Mapping[str, Any] | None) -> Rederived:
    if stored is None:
        return Rederived(same=False, impossible="it has no stored decision")
    again = made.as_json()
    differs = sorted(key for key in again.keys() | stored.keys() if again.get(key) != stored.get(key))
    return Rederived(same=not differs, differs=tuple(differs))


def _use_case(known: BatchInputs | None, decision: Decision | None) -> str | None:
    if known is None or decision is None:
        return None
    return next(rule.use_case for rule in known.inputs.policy.rules if rule.id == decision.rule)


def _stages(question: Question, decision: Decision, known: BatchInputs) -> tuple[StageExplained, ...]:
    """The stages of the tier with all endpoints, each either qualified or excluded."""
    inputs = known.inputs
    size = sizes(question, inputs)
    excluded: dict[int, list[RuledOut]] = {}
    for number, out in Chooser(inputs).ruled_out(question):
        excluded.setdefault(number, []).append(out)
    rows = {stage.stage: stage for stage in inputs.policy.stages_of(decision.tier)}
    # A job that asks for a model by name keeps all its stages; else those that nobody qualifies for were passed over.
    named = question.asked_model != AUTO and question.asked_model not in tuple(Tier)
    passed = 0 if named or not decision.stages else max(0, len(rows) - len(decision.stages))
    numbers = sorted(set(excluded) | {passed + place for place in range(1, len(decision.stages) + 1)})
    explained = []
    for number in numbers:
        place = number - passed - 1
        choice = decision.stages[place] if 0 <= place < len(decision.stages) else None
        row = rows.get(number)
        explained.append(
            StageExplained(
                number=number,
                at_least=choice.at_least if choice else row.at_least if row else decision.floor,
                models=_models(row, named=named, number=number),
                checked=choice.checked if choice else bool(row and row.checked),
                skipped=number <= passed,
                qualified=tuple(_qualified(c, size, known) for c in choice.candidates) if choice else (),
                excluded=_excluded(excluded.get(number, ()), choice.candidates if choice else (), size, known),
            )
        )
    return tuple(explained)


def _models(row: Stage | None, *, named: bool, number: int) -> str:
    if named and number == 1:
        return "the model it asks for"
    return row.models.value if row else "any"


def _qualified(candidate: Candidate, size: Sizes, known: BatchInputs) -> Qualified:
    rates = known.inputs.catalogue.card(candidate.card).rates(known.inputs.at)
    return Qualified(
        endpoint=candidate.endpoint,
        model=candidate.model,
        card=candidate.card,
        rates={meter.value: str(rates.of(meter)) for meter in Meter if meter is not Meter.FEE or rates.fee},
        call_pico=Tariff(rates).expected(size),
        expected_pico=candidate.expected_pico,
        worst_pico=candidate.worst_pico,
    )


def _excluded(found: Any, candidates: tuple[Candidate, ...], size: Sizes, known: BatchInputs) -> tuple[Excluded, ...]:
    """The endpoints that were ruled out, cheapest first and those without a price last."""
    chosen = _call_pico(candidates[0].endpoint, size, known) if candidates else None
    explained = []
    for out in found:
        pico = _call_pico(out.endpoint, size, known)
        cheaper = pico is not None and (chosen is None or pico < chosen)
        explained.append(Excluded(out.endpoint, out.code, out.says, pico, cheaper))
    return tuple(sorted(explained, key=lambda e: (e.call_pico is None, e.call_pico or 0, e.endpoint)))


def _call_pico(endpoint: str, size: Sizes, known: BatchInputs) -> int | None:
    card = known.inputs.catalogue.card_for(endpoint, known.inputs.at)
    return None if card is None else Tariff(card.rates(known.inputs.at)).expected(size)


def _subject(row: Any) -> Subject:
    facts = row.facts
    return Subject(
        job_id=row.id,
        batch_id=row.batch_id,
        line=row.line,
        custom_id=row.custom_id,
        state=JobState(row.state),
        reason=row.reason,
        says=row.reason_says,
        tenant=row.tenant,
        cost_centre=row.cost_centre,
        project=row.project,
        producer=facts.get("producer"),
        declared_stakes=facts.get("stakes"),
        declared_data_class=facts.get("data_class"),
        deadline=facts.get("deadline"),
        budget_usd=facts.get("budget_usd"),
        template=row.template,
        asked_model=row.asked_model,
        prompt_tokens=row.prompt_tokens,
        next_attempt_at=row.next_attempt_at,
    )


def _lines(connection: Connection, job_id: int) -> dict[int, list[LineExplained]]:
    """The ledger lines of a job's calls, by attempt."""
    lines: dict[int, list[LineExplained]] = {}
    for row in connection.execute(query("workers", "explain_lines"), {"job": job_id}):
        line = LineExplained(
            row.meter, row.kind, row.quantity, row.usd_per_million, row.amount_pico, row.debit, row.credit
        )
        lines.setdefault(row.attempt_id, []).append(line)
    return lines


def _attempts(connection: Connection, job: Any) -> tuple[AttemptExplained, ...]:
    lines = _lines(connection, job.id)
    return tuple(
        AttemptExplained(
            number=row.number,
            stage=row.stage,
            purpose=row.purpose,
            endpoint=row.endpoint,
            model=row.model,
            served_model=row.served_model,
            standin=row.standin,
            state=AttemptState(row.state),
            outcome=row.outcome,
            status=row.status,
            request_id=row.request_id,
            finish_reason=row.finish_reason,
            tokens={
                "input": row.input_tokens,
                "cached_read": row.cached_read_tokens,
                "cache_write": row.cache_write_tokens,
                "output": row.output_tokens,
            },
            flaws=tuple(row.flaws),
            latency_ms=row.latency_ms,
            card=row.card,
            settled_pico=_int(row.settled_pico),
            accrued_pico=_int(row.accrued_pico),
            sent_at=row.sent_at,
            accepted=row.id == job.accepted_attempt,
            lines=tuple(lines.get(row.id, ())),
        )
        for row in connection.execute(query("workers", "explain_attempts"), {"job": job.id})
    )


def _int(value: Any) -> int | None:
    return None if value is None else int(value)
