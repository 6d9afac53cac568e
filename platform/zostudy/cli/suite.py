"""``zostudy suite``: the fixed set of studies that any method enters, and its leaderboard."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zostudy.cli.formats import show
from zostudy.cli.parameters import ClusterOption, ResultsOption, local_path, names
from zostudy.cli.run import exit_if_any
from zostudy.console.process_setup import interrupt_on_termination
from zostudy.console.progress import progress
from zostudy.errors import SpecError
from zostudy.printing import print_lines

if TYPE_CHECKING:
    from zostudy.suite.definition import Slice
    from zostudy.suite.leaderboard import Leaderboard


class Action(StrEnum):
    """The action of ``zostudy suite``; without one, the suite is described."""

    RUN = "run"


def suite_command(
    action: Annotated[
        Action | None,
        typer.Argument(help="run: run methods on the suite. Default: describe the suite and show its leaderboard."),
    ] = None,
    methods: Annotated[
        str, typer.Option(metavar="NAMES", help="The methods to run, separated by commas.", show_default=False)
    ] = "",
    offline: Annotated[
        bool, typer.Option("--offline", help="Only the parts whose models and texts come with zostudy.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            parser=local_path,
            help="The data files of the other parts, such as sst2.parquet. Default: the Hugging Face hub.",
        ),
    ] = None,
    only: Annotated[
        str, typer.Option(metavar="PARTS", help="Only these parts, separated by commas.", show_default=False)
    ] = "",
    budget: Annotated[int | None, typer.Option(help="Only this budget.")] = None,
    ratio: Annotated[str | None, typer.Option(help="Only this imbalance ratio, a number or natural.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Only the first SEEDS seeds.")] = None,
    version: Annotated[int | None, typer.Option(help="The version of the suite. Default: the current one.")] = None,
    results: ResultsOption = "results",
    address: ClusterOption = None,
) -> None:
    """Run methods on a fixed set of studies and compare them with committed results. Run it again to resume it."""
    from zostudy.suite.inputs import choose_slice

    chosen = choose_slice(version, offline, names(only), budget, ratio, seeds)
    if action is Action.RUN:
        _run(chosen, names(methods), data, results, address)
    elif methods:
        raise SpecError(
            "must stand after run", got="run is missing", remedy="write zostudy suite run", about="`methods`"
        )
    else:
        _describe(chosen)


def _describe(chosen: Slice) -> None:
    from zostudy.suite.definition import SEEDS, part_records
    from zostudy.suite.leaderboard import committed_trials, leaderboard

    budgets = " and ".join(f"{budget:,}" for budget in chosen.budgets)
    sizes = [f"budgets of {budgets} queries, {SEEDS} seeds, every default as it is"] if chosen.is_whole else []
    print_lines(chosen, *sizes, "")
    show(part_records(chosen))
    with progress("reading the committed results"):
        committed = committed_trials(chosen)
    print_lines("")
    if committed.empty:
        print_lines("no method has rows here yet")
    else:
        _show(leaderboard(committed, committed.head(0)))
    print_lines("", "next: zostudy suite run --offline --methods NAME")


def _run(chosen: Slice, methods: tuple[str, ...], data: Path | None, results: str, address: str | None) -> None:
    from zostudy.results.storage import Storage
    from zostudy.running import run_spec
    from zostudy.suite.leaderboard import committed_trials, leaderboard, new_trials
    from zostudy.suite.studies import suite_studies

    studies = suite_studies(chosen, methods, data, Storage.at(results))
    interrupt_on_termination()
    failed = [row for study in studies for row in run_spec(study.spec, study.storage, address).failed]
    with suppress(typer.Exit):  # raised where nobody reads any more; what failed still decides the exit code
        print_lines(chosen, "")
        _show(leaderboard(committed_trials(chosen), new_trials([study.storage for study in studies])))
        print_lines("", *(f"results: {study.storage}" for study in studies))
    exit_if_any(failed)


def _show(board: Leaderboard) -> None:
    show([], tables=board.tables)
    if board.reruns:
        print_lines("", *board.reruns)
