"""``pointsman ledger``: what was spent, beside the frontier baseline, and the trial balance."""

from __future__ import annotations

import csv
import sys
from datetime import datetime

import click

from gateway.cli.display import count, show, show_json, show_table
from gateway.cli.exit_codes import CommandError, ExitCode
from gateway.cli.options import Moment, json_option
from gateway.cli.session import with_database
from ledger.balance import trial_balance
from ledger.report import Dimension, Figures, Report
from ledger.report import report as make_report
from schemas.money import usd_exact, usd_short

_NUMBERS = (
    "calls",
    "tokens in",
    "cached",
    "tokens out",
    "billed USD",
    "accrued USD",
    "baseline USD*",
    "saving USD*",
    "saving*",
)


def _dimensions(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> tuple[Dimension, ...]:
    names = [name.strip().replace("-", "_") for part in value for name in part.split(",") if name.strip()]
    unknown = [name for name in names if name not in tuple(Dimension)]
    if unknown:
        raise click.BadParameter(f"there is no {', '.join(unknown)}; choose of {', '.join(Dimension)}")
    if len(set(names)) < len(names):
        raise click.BadParameter("names a dimension twice")
    return tuple(Dimension(name) for name in names)


@click.group()
def ledger() -> None:
    """Report what was spent, beside what the reference frontier model would have cost, or show the trial balance.

    Example: pointsman ledger report --by cost_centre,model --since 2026-12-01
    """


@ledger.command()
@click.option(
    "--by",
    multiple=True,
    default=("cost_centre",),
    callback=_dimensions,
    help=f"comma separated: {', '.join(Dimension)}  [default: cost_centre]",
)
@click.option("--batch", help="only this batch")
@click.option("--tenant", help="only this tenant")
@click.option("--since", type=Moment(), help="only calls from this time on: 2026-12-01, or a time with an offset")
@click.option("--until", type=Moment(), help="only calls before this time")
@click.option("--csv", "as_csv", is_flag=True, help="write CSV with exact amounts")
@json_option
def report(
    *,
    by: tuple[Dimension, ...],
    batch: str | None,
    tenant: str | None,
    since: datetime | None,
    until: datetime | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Add up the ledger by cost centre, tenant, model, tier, batch, day and more.

    Example: pointsman ledger report --by tenant,day --since 2026-12-01 --csv
    """
    if as_csv and as_json:
        raise click.UsageError("choose one of --csv and --json")
    with with_database("ledger") as runtime, runtime.engine.connect() as connection:
        found = make_report(connection, by, tenant=tenant, batch=batch, since=since, until=until)
    if as_json:
        show_json(found.as_json())
    elif as_csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(found.as_csv())
    else:
        _show(found)


@ledger.command()
@json_option
def balance(as_json: bool) -> None:
    """Show the trial balance: every account with its debits and credits. Exit status 1 if they don't balance.

    Example: pointsman ledger balance
    """
    with with_database("ledger") as runtime, runtime.engine.connect() as connection:
        found = trial_balance(connection)
    if as_json:
        accounts = [
            {
                "account": row.account,
                "debit_usd": usd_exact(row.debit_pico),
                "credit_usd": usd_exact(row.credit_pico),
                "balance_usd": usd_exact(row.balance_pico),
            }
            for row in found.accounts
        ]
        totals = {"debit_usd": usd_exact(found.debit_pico), "credit_usd": usd_exact(found.credit_pico)}
        show_json({"accounts": accounts, **totals, "balanced": found.balanced})
    else:
        numbers = ("debit USD", "credit USD", "balance USD")
        rows = [
            (row.account, usd_exact(row.debit_pico), usd_exact(row.credit_pico), usd_exact(row.balance_pico))
            for row in found.accounts
        ]
        total = ("all", usd_exact(found.debit_pico), usd_exact(found.credit_pico), "")
        show_table(("account", *numbers), rows, right=numbers, total=total)
    if not found.balanced:
        raise CommandError(ExitCode.UNEXPECTED, "the books don't balance: debits and credits differ")


def _show(found: Report) -> None:
    names = [dimension.value for dimension in found.by]
    rows = [
        (*("(none)" if value is None else value for value in row.values), *_figures(row.figures)) for row in found.rows
    ]
    total = ("all", *[""] * (len(names) - 1), *_figures(found.totals)) if names else ("all", *_figures(found.totals))
    if not names:
        names, rows = ["ledger"], []
    show_table((*names, *_NUMBERS), rows, right=_NUMBERS, total=total)
    cards = ", ".join(found.totals.baseline_cards)
    if cards:
        show(f"* An estimate: the tokens of the accepted answers at the list prices of the frontier model ({cards}).")
    if found.totals.accrued_pico:
        show("Accrued: calls whose fate is unknown, at their estimate; they may yet be charged.")


def _figures(figures: Figures) -> tuple[str, ...]:
    share = figures.saving_share
    return (
        count(figures.calls),
        count(figures.input_tokens + figures.cache_write_tokens),
        count(figures.cached_read_tokens),
        count(figures.output_tokens),
        usd_short(figures.settled_pico),
        usd_short(figures.accrued_pico),
        usd_short(figures.baseline_pico),
        usd_short(figures.saving_pico),
        "" if share is None else f"{share * 100:.1f} %",
    )
