"""``zostudy export | tokens``: exports a trial's tuned prompt, or shows the tokens nearest to it."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zostudy.cli.formats import Format, show
from zostudy.cli.parameters import TO_FLAGS, FormatOption, StudyResultsArgument, TrialArgument, TrustOption, local_path
from zostudy.console.log import log_notes
from zostudy.console.progress import progress
from zostudy.printing import print_lines
from zostudy.results.table_formats import Table

if TYPE_CHECKING:
    from zostudy.export.nearest import PromptVector
    from zostudy.export.trials import StoredTrial

_log = logging.getLogger(__name__)


def export_command(
    results: StudyResultsArgument,
    trial: TrialArgument,
    to: Annotated[
        Path,
        typer.Option(
            *TO_FLAGS, metavar="OUT", parser=local_path, help="A new folder, or an earlier export to replace."
        ),
    ],
    trust_remote_code: TrustOption = False,
) -> None:
    """Export a tuned prompt: a PEFT adapter, its vectors, and a model card."""
    from zostudy.export.manifest import check_replaceable

    check_replaceable(to)
    chosen = _choose(results, trial, confirmed=True)
    with progress(f"loading {chosen.study.spec.model.name}", at_once=True):
        from zostudy.export.exporting import export_trial

        manifest, note = export_trial(chosen, to, trust_remote_code)
    log_notes([note] if note else [])
    print_lines(
        f"exported: {manifest.trial} to {to}",
        f"card:     {to / 'README.md'}",
        f"use:      zostudy predict {shlex.quote(str(to))} FILE",
    )


def tokens_command(
    results: StudyResultsArgument,
    trial: TrialArgument,
    top: Annotated[int, typer.Option(min=1, help="How many tokens to show for each vector.")] = 5,
    format: FormatOption = Format.TABLE,
    trust_remote_code: TrustOption = False,
) -> None:
    """Show the tokens nearest to each vector of a tuned prompt, by cosine."""
    chosen = _choose(results, trial)
    with progress(f"loading {chosen.study.spec.model.name}", at_once=True):
        from zostudy.export.nearest import nearest_tokens

        vectors = nearest_tokens(chosen, top, trust_remote_code)
    show(_records(vectors), format, [_table(vectors)])


def _choose(results: str, trial: str, confirmed: bool = False) -> StoredTrial:
    """Returns the trial; logs its name and the notes on the study's results."""
    from zostudy.export.trials import BEST, load_study_results
    from zostudy.results.lost_rows import study_notes
    from zostudy.results.reading import find_studies

    study = load_study_results(results)
    chosen = study.trial(trial)
    if confirmed:
        chosen.check_confirmed()
    log_notes(study_notes(find_studies([results])))
    if chosen.name != trial:
        _log.info("%s: %s", trial, chosen.summary)
    if trial == BEST and len(study.best_names) > 1:
        _log.info("best: of the hardest ratio; for another, name one of %s", ", ".join(study.best_names))
    return chosen


def _records(vectors: list[PromptVector]) -> list[dict[str, Any]]:
    """Returns a flat record for each vector and each of its nearest tokens."""
    return [
        {
            "vector": vector.position,
            "start_token": vector.start.token,
            "start_token_id": vector.start.id,
            "distance_from_start": vector.start.distance,
            "rank": rank,
            "token": token.token,
            "token_id": token.id,
            "cosine": token.cosine,
            "distance": token.distance,
        }
        for vector in vectors
        for rank, token in enumerate(vector.nearest, start=1)
    ]


def _table(vectors: list[PromptVector]) -> Table:
    columns = ("vector", "start token", "nearest tokens: cosine, distance", "distance from start")
    rows = tuple(
        (
            str(vector.position),
            vector.start.token,
            "  ".join(f"{token.token} {token.cosine:.2f}, {token.distance:.2f}" for token in vector.nearest),
            f"{vector.start.distance:.2f}",
        )
        for vector in vectors
    )
    notes = (
        "Cosine and Euclidean distance between the vector and a token's embedding. A vector whose start token is still "
        "the nearest by far has hardly moved.",
    )
    return Table(columns, rows, notes=notes, text_columns=3)
