"""A batch on the screen: what was at stake, where it went, what it cost and would have cost, what is parked and why."""

from __future__ import annotations

from gateway.cli.display import count, counted, percent, show, show_table
from gateway.cli.exit_codes import ExitCode
from schemas.money import usd_short
from schemas.vocabulary import BatchState, JobState
from workers.batch_status import BatchStatus

_ENDS = (JobState.DONE, JobState.PARKED, JobState.FAILED)
_COLUMNS = (
    "stakes", "tier", "jobs", "done", "parked", "failed", "escalated", "tokens in", "tokens out", "cost USD",
    "baseline USD*", "saving USD*",
)  # fmt: skip


def show_summary(status: BatchStatus) -> None:
    """Print all of a batch but its events."""
    _head(status)
    _groups(status)
    _money(status)
    _endings(status)
    _waiting(status)
    if status.calls.standin:
        show(standin_sentence(status.calls.standin, status.calls.made))


def exit_code(status: BatchStatus) -> ExitCode:
    """``INCOMPLETE`` for a finished batch in which jobs are parked or failed."""
    over = status.state is BatchState.FINISHED
    return ExitCode.INCOMPLETE if over and status.count(JobState.PARKED, JobState.FAILED) else ExitCode.FINE


def standin_sentence(standin: int, made: int) -> str:
    """That answers are no model's, in plain words."""
    part = "All" if standin == made else f"{count(standin)} of"
    return (
        f"{part} {counted(made, 'call')} went to the stand-in provider, not to models: those answers are made up for "
        "trials, and nobody charges what they are shown to cost."
    )


def _head(status: BatchStatus) -> None:
    states = [f"{count(n)} {state.value}" for state in JobState if (n := status.count(state))]
    show(f"Batch {status.id} is {status.state}: {counted(status.jobs, 'job')} ({', '.join(states)})")
    if status.bad_lines:
        show(f"{counted(status.bad_lines, 'bad line')} left out; see them with: pointsman problems {status.id}")


def _groups(status: BatchStatus) -> None:
    if not status.groups:
        return
    rows = [
        (
            group.stakes,
            group.tier or "not planned",
            count(group.jobs),
            *(count(group.states.get(state, 0)) for state in _ENDS),
            count(group.escalated),
            count(group.input_tokens),
            count(group.output_tokens),
            usd_short(group.cost_pico),
            usd_short(group.baseline_pico),
            usd_short(group.saving_pico),
        )
        for group in status.groups
    ]
    total = (
        "all",
        "",
        count(sum(group.jobs for group in status.groups)),
        *(count(status.count(state)) for state in _ENDS),
        count(status.escalated),
        count(sum(group.input_tokens for group in status.groups)),
        count(sum(group.output_tokens for group in status.groups)),
        usd_short(status.cost_pico),
        usd_short(status.baseline_pico),
        usd_short(status.baseline_pico - status.cost_pico),
    )
    show_table(_COLUMNS, rows, right=_COLUMNS[2:], total=total)


def _money(status: BatchStatus) -> None:
    cost = f"Cost: {usd_short(status.settled_pico)} USD billed"
    if status.accrued_pico or status.calls.uncertain:
        cost += (
            f", and {usd_short(status.accrued_pico)} USD accrued for {counted(status.calls.uncertain, 'call')} "
            "that may yet be charged"
        )
    if status.budget_pico is not None:
        cost += f"; the budget is {usd_short(status.budget_pico)} USD"
    if status.held_pico:
        review = " (in review: it outlived its term)" if status.hold_state == "review" else ""
        cost += f"; {usd_short(status.held_pico)} USD are held{review}"
    show(f"{cost}.")
    if status.baseline_cards:
        named = ", ".join(status.baseline_models) or "the reference model"
        saving = status.baseline_pico - status.cost_pico
        share = percent(saving, status.baseline_pico)
        show(
            f"* An estimate: the tokens of the accepted answers at the list prices of {named} "
            f"({', '.join(status.baseline_cards)}) come to {usd_short(status.baseline_pico)} USD; "
            f"the saving is {usd_short(saving)} USD{f' ({share})' if share else ''}."
        )
    if status.escalated:
        show(f"{counted(status.escalated, 'job')} went on to a stronger model, since a cheap answer failed its check.")


def _endings(status: BatchStatus) -> None:
    if not status.endings:
        return
    rows = [
        (
            ending.state,
            ending.code,
            count(ending.jobs),
            usd_short(ending.price_pico) if ending.priced else None,
            ending.example,
        )
        for ending in status.endings
    ]
    columns = ("state", "reason", "jobs", "would cost USD*", "first")
    show_table(columns, rows, title="Parked and failed:", right=("jobs", "would cost USD*"))
    show(*(f"{ending.example} ({ending.code}): {ending.says}" for ending in status.endings))


def _waiting(status: BatchStatus) -> None:
    if not status.waiting:
        return
    rows = [
        (
            count(waiting.jobs),
            f"{waiting.endpoint}: {waiting.outcome}" if waiting.endpoint else "not called yet",
            "now" if waiting.due or waiting.due_at is None else f"{waiting.due_at:%Y-%m-%d %H:%M:%S %Z}",
        )
        for waiting in status.waiting
    ]
    show_table(("jobs", "last call", "next attempt due"), rows, title="Waiting:", right=("jobs",))
