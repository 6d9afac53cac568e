"""``zostudy tokens``: the vocabulary tokens nearest to a tuned prompt's vectors."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zostudy.cli.export import TrustOption
from zostudy.cli.formats import Format, show
from zostudy.cli.study_notes import print_study_notes
from zostudy.results.tables import Table

if TYPE_CHECKING:
    from zostudy.export.nearest import PromptVector

_log = logging.getLogger(__name__)


def tokens_command(
    results: Annotated[str, typer.Argument(metavar="DIR", help="The study's results: a folder or a URI.")],
    trial: Annotated[
        str,
        typer.Argument(
            metavar="TRIAL", help="A trial; or a cell, or best: its, or the study's, confirm trial of best dev AUC."
        ),
    ],
    top: Annotated[int, typer.Option(min=1, help="How many tokens of each vector.")] = 5,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.TABLE,
    trust_remote_code: TrustOption = False,
) -> None:
    """Show the tokens nearest to each vector of a tuned prompt, by cosine."""
    from zostudy.export.trials import load_study_results

    chosen = load_study_results(results).trial(trial)
    print_study_notes([results])
    if chosen.name != trial:
        _log.info("%s: %s", trial, chosen.summary)
    _log.info("loading %s", chosen.study.spec.model.name)
    from zostudy.export.nearest import nearest_tokens

    vectors = nearest_tokens(chosen, top, trust_remote_code)
    show(_records(vectors), format, [_table(vectors)])


def _records(vectors: list[PromptVector]) -> list[dict[str, Any]]:
    """Returns one flat record a vector and token."""
    return [
        {
            "vector": vector.place,
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
            str(vector.place),
            vector.start.token,
            "  ".join(f"{token.token} {token.cosine:.2f}, {token.distance:.2f}" for token in vector.nearest),
            f"{vector.start.distance:.2f}",
        )
        for vector in vectors
    )
    notes = (
        "Cosine and Euclidean distance between the vector and a token's embedding. A start token that is still the "
        "nearest by far has hardly moved.",
    )
    return Table(columns, rows, notes=notes, text_columns=3)
