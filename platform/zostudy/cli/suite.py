"""``zostudy suite``: the fixed set of studies that any method enters, and its leaderboard."""

from __future__ import annotations

import logging
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zostudy.cli.formats import show
from zostudy.cli.parameters import RESULTS_VARIABLE, local_path
from zostudy.console.interrupts import interrupt_on_termination
from zostudy.console.progress import progress
from zostudy.errors import SpecError
from zostudy.printing import print_lines

if TYPE_CHECKING:
    from zostudy.suite.definition import Slice
    from zostudy.suite.leaderboard import Leaderboard

SOMETHING_FAILED = 1

_log = logging.getLogger(__name__)


class Action(StrEnum):
    """What to do with the suite."""

    RUN = "run"


def suite_command(
    action: Annotated[
        Action | None,
        typer.Argument(
            help="run: run methods on the suite. Without it, say what the suite is and show its leaderboard.",
            show_default=False,
        ),
    ] = None,
    methods: Annotated[
        str, typer.Option(metavar="NAMES", help="The methods to run, separated by commas.", show_default=False)
    ] = "",
    offline: Annotated[
        bool, typer.Option("--offline", help="Only the half whose models and texts come with zostudy.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            parser=local_path,
            help="The data files of the other half, such as sst2.parquet; without it, the hub.",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        str, typer.Option(metavar="PARTS", help="A slice: these parts, separated by commas.", show_default=False)
    ] = "",
    budget: Annotated[int | None, typer.Option(help="A slice: one budget.", show_default=False)] = None,
    ratio: Annotated[
        str | None, typer.Option(help="A slice: one imbalance ratio, a number or natural.", show_default=False)
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="A slice: this number of seeds, from the first on.", show_default=False)
    ] = None,
    version: Annotated[int, typer.Option(help="The version of the suite.")] = 1,
    results: Annotated[
        str,
        typer.Option(
            metavar="DIR", envvar=RESULTS_VARIABLE, help="Where the studies' folders are made; also s3:// or gs://."
        ),
    ] = "results",
    address: Annotated[
        str | None, typer.Option(metavar="ADDR", help="A Ray cluster to run on; without it, this machine.")
    ] = None,
) -> None:
    """Run methods on a fixed set of studies, beside the committed rows of others. Run again, it goes on."""
    from zostudy.suite.inputs import choose_slice

    of = choose_slice(version, offline, _names(only), budget, ratio, seeds)
    if action is Action.RUN:
        _run(of, _names(methods), data, results, address)
    elif methods:
        raise SpecError(
            "must stand after run", got="run is missing", remedy="write zostudy suite run", about="`methods`"
        )
    else:
        _describe(of)


def _describe(of: Slice) -> None:
    from zostudy.suite.definition import SEEDS, part_records
    from zostudy.suite.leaderboard import committed_trials, leaderboard

    budgets = " and ".join(f"{budget:,}" for budget in of.budgets)
    sizes = [f"budgets of {budgets} queries, {SEEDS} seeds, every default as it is"] if of.is_whole else []
    print_lines(of, *sizes, "")
    show(part_records(of))
    with progress("reading the committed results"):
        committed = committed_trials(of)
    print_lines("")
    if committed.empty:
        print_lines("no method has rows here yet")
    else:
        _show(leaderboard(committed, committed.head(0)))
    print_lines("", "next: zostudy suite run --offline --methods NAME")


def _run(of: Slice, methods: tuple[str, ...], data: Path | None, results: str, address: str | None) -> None:
    from zostudy.results.storage import Storage
    from zostudy.running import run_spec
    from zostudy.suite.leaderboard import committed_trials, leaderboard, new_trials
    from zostudy.suite.studies import suite_studies

    studies = suite_studies(of, methods, data, Storage.at(results))
    interrupt_on_termination()
    failed = [row for study in studies for row in run_spec(study.spec, study.storage, address).failed]
    print_lines(of, "")
    _show(leaderboard(committed_trials(of), new_trials([study.storage for study in studies])))
    for row in failed:
        _log.info("failed: %s: %s", row.trial, row.error)
    print_lines("", *(f"results: {study.storage}" for study in studies))
    if failed:
        raise typer.Exit(SOMETHING_FAILED)


def _show(board: Leaderboard) -> None:
    show([], tables=board.tables)
    if board.reruns:
        print_lines("", *board.reruns)


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())
