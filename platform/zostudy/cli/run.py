"""``zostudy run | validate``: run a study, show its plan, or check its file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from zostudy.cli.formats import show
from zostudy.cli.parameters import ClusterOption, ResultsOption, SetOption, StudyArgument
from zostudy.console.preparing import prepare_with_notes
from zostudy.console.process_setup import interrupt_on_termination
from zostudy.console.progress import progress
from zostudy.printing import print_lines, print_text
from zostudy.wording import counted

if TYPE_CHECKING:
    from zostudy.results.storage import Storage
    from zostudy.results.trial_row import TrialRow
    from zostudy.search.prepare import PreparedStudy
    from zostudy.search.progress import StudyProgress

SOMETHING_FAILED = 1

_log = logging.getLogger(__name__)


def run_command(
    study: StudyArgument,
    set_: SetOption = None,
    results: ResultsOption = "results",
    address: ClusterOption = None,
    track: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TRACKER", help="Send each trial as it ends to mlflow, tensorboard or wandb; may be repeated."
        ),
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Show the time of each phase; write Ray's timeline beside the results.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and the expected time; start nothing.")
    ] = False,
) -> None:
    """Run a study: search, confirm, compare. Run it again to resume it."""
    from zostudy.config.loading import load_study
    from zostudy.tracking.trackers import check_trackers

    spec = load_study(study, set_ or ())
    check_trackers(track or ())
    if dry_run:
        _show_plan(prepare_with_notes(spec))
        return
    from zostudy.results.storage import Storage
    from zostudy.running import run_spec

    storage = Storage.at(results) / spec.name
    interrupt_on_termination()
    progress = run_spec(spec, storage, address, track=track or (), profile=profile)
    with suppress(typer.Exit):  # raised where nobody reads any more; what failed still decides the exit code
        _show_end(progress, storage)
    exit_if_any(progress.failed)


def exit_if_any(failed: Sequence[TrialRow]) -> None:
    """Logs failed trials, of which each has a line, and ends the command with exit code 1 if there are any."""
    for row in failed:
        _log.info("failed: %s: %s", row.trial, row.error)
    if failed:
        raise typer.Exit(SOMETHING_FAILED)


def validate_command(study: StudyArgument, set_: SetOption = None) -> None:
    """Check a study file: its keys, values, methods and search spaces. Model and data are not read."""
    from zostudy.config.loading import load_study
    from zostudy.search.plan import make_plan

    plan = make_plan(load_study(study, set_ or ()))
    print_lines(
        f"{study} is valid: {counted(len(plan.cells), 'cell')}, {counted(plan.n_trials, 'trial')}, "
        f"{plan.n_queries:,} queries at most"
    )


def _show_plan(study: PreparedStudy) -> None:
    """Prints the plan of the study and its expected time; starts no Ray and writes nothing."""
    from zostudy.console.dry_run import expectation_lines, plan_lines
    from zostudy.search.estimate import estimate

    print_text("".join(f"{line}\n" for line in plan_lines(study)))
    with progress(f"probing {study.plan.spec.model.name}", at_once=True):
        expected = estimate(study)
    print_lines(*expectation_lines(study, expected))


def _show_end(progress: StudyProgress, storage: Storage) -> None:
    """Prints the comparison, and the location of the results."""
    from zostudy.results.comparison.compare import compare
    from zostudy.results.comparison.metric_tables import comparison_tables
    from zostudy.results.results import read_results

    if any(cell.cell.n_confirm and not cell.abandoned for cell in progress.cells.values()):
        comparison = compare(read_results(storage))
        show([], tables=comparison_tables(comparison))
    if progress.plan.spec.search.pruning != "none":
        print_lines("", _pruned(progress))
    if progress.plan.spec.search.seeds > 1:
        print_lines("", _lost(progress))
    print_lines(
        "",
        f"results: {storage} ({counted(progress.n_finished, 'trial')})",
        f"again:   zostudy compare {storage.shell_quoted}",
    )


def _lost(progress: StudyProgress) -> str:
    plan = progress.plan
    n_search = sum(cell.n_search * cell.n_seeds for cell in plan.cells)
    saved = sum(cell.n_lost * plan.queries(cell.cell) for cell in progress.cells.values())
    return f"seeds dropped early: {progress.n_lost} of {n_search} search trials, {saved:,} queries saved"


def _pruned(progress: StudyProgress) -> str:
    pruned, n_search = progress.pruned, sum(cell.cell.n_search for cell in progress.cells.values())
    saved = sum(row.budget - row.queries for row in pruned)
    return f"pruned: {len(pruned)} of {n_search} search trials, {saved:,} queries saved"
