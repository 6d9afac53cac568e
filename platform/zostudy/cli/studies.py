"""``zostudy studies | diff | delete``: lists studies, shows the differences of two, deletes the results of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from zostudy.cli.formats import Format, show
from zostudy.cli.parameters import RESULTS_SHOWN, FormatOption, StudyResultsArgument, given_results
from zostudy.console.progress import duration, progress
from zostudy.errors import ResultsError
from zostudy.printing import print_lines
from zostudy.results.table_formats import table_of
from zostudy.wording import counted

if TYPE_CHECKING:
    from zostudy.results.overview import StudyOverview

NOT_DELETED = 1


def studies_command(
    folders: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DIR",
            help="Results folders of studies, or a folder that holds some; also s3:// or gs://.",
            show_default=RESULTS_SHOWN,
        ),
    ] = None,
    format: FormatOption = Format.TABLE,
) -> None:
    """List studies: state, trials, time, and the best method at the hardest ratio by dev AUC."""
    from zostudy.results.overview import overviews

    with progress("reading the studies"):
        found = overviews(given_results(folders))
    records = [_record(study) for study in found]
    show(records, format, [table_of([_summary(record) for record in records])] if records else [])


def _record(study: StudyOverview) -> dict[str, Any]:
    best = study.best
    return {
        "study": study.storage.name,
        "state": study.state,
        "trials": study.trials,
        "failed": study.failed,
        "model": study.model or "-",
        "task": study.task or "-",
        "started": f"{study.started_at:%Y-%m-%d %H:%M}" if study.started_at else "-",
        "took": "-" if study.seconds is None else duration(study.seconds),
        "best": f"{best.method} at {best.imbalance_ratio:g}" if best else "-",
        "dev_auc": f"{best.dev_auc:.3f}" if best else "-",
    }


def _summary(record: dict[str, Any]) -> dict[str, str]:
    """Returns a record for people, in fewer columns."""
    best = f"{record['best']}: {record['dev_auc']}" if record["best"] != "-" else "-"
    return {
        "study": record["study"],
        "state": record["state"],
        "trials": f"{record['trials']}, {record['failed']} failed" if record["failed"] else str(record["trials"]),
        "model and task": f"{record['model']}, {record['task']}",
        "started": record["started"],
        "took": record["took"],
        "best dev AUC": best,
    }


def diff_command(
    first: StudyResultsArgument,
    second: StudyResultsArgument,
    metric: Annotated[str, typer.Option(help="The metric to compare.")] = "test_auc",
    format: FormatOption = Format.TABLE,
) -> None:
    """Show the settings in which two studies differ, and the change of each method's metric."""
    from zostudy.results.comparison.study_difference import study_difference

    with progress("reading the results"):
        found = study_difference(first, second, metric)
    show(found.records(), format, found.tables())


def delete_command(
    folder: StudyResultsArgument, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
) -> None:
    """Delete the results of a study for good. The study file stays, as do files that no run has written."""
    from zostudy.results.deleting import delete_results, plan_deletion
    from zostudy.results.study_file import STUDY_FILE

    study = plan_deletion(folder)
    trials = "its trials, which cannot be read," if study.trials is None else counted(study.trials, "trial")
    if not yes and not _confirmed(f"delete {trials} of {study.storage} for good?"):
        print_lines("nothing was deleted")
        raise typer.Exit(NOT_DELETED)
    delete_results(study)
    print_lines(f"deleted: {trials} of {study.storage}", f"kept:    {', '.join((STUDY_FILE, *study.kept))}")


def _confirmed(question: str) -> bool:
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        typer.echo(err=True)  # ends the line of the question
        got = "nobody answered, so nothing was deleted"
        raise ResultsError("deleting must be confirmed", got=got, remedy="answer y, or give --yes") from None
