"""``zostudy predict``: labels the texts of a file with an exported prompt."""

from __future__ import annotations

import io
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from zostudy.cli.parameters import TO_FLAGS, Device, TrustOption, local_path
from zostudy.console.log import log_notes
from zostudy.console.progress import progress

_log = logging.getLogger(__name__)


def predict_command(
    folder: Annotated[
        Path, typer.Argument(metavar="OUT", parser=local_path, help="A folder that zostudy export wrote.")
    ],
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", parser=local_path, help="Texts: CSV, TSV, JSON (array or lines) or Parquet."),
    ],
    text: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The text column. Default: as in the study.")
    ] = None,
    second_text: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The second text column of a pair task.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The column of true labels, for metrics. Default: as in the study, if the file has that column.",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            *TO_FLAGS,
            metavar="FILE",
            parser=local_path,
            help="The file to write, in the format of its extension. Default: CSV on standard output.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where the model is now, if it has moved since.")
    ] = None,
    device: Annotated[Device, typer.Option(help="The device that computes the model.")] = Device.CPU,
    truncate: Annotated[bool, typer.Option("--truncate", help="Cut texts that are too long for the model.")] = False,
    trust_remote_code: TrustOption = False,
) -> None:
    """Label texts with an exported prompt: labels at the threshold and by argmax, scores and probabilities.

    If the file holds the true labels, the metrics of both decisions are shown on standard error.
    """
    import numpy as np

    from zostudy.arguments import check_texts
    from zostudy.errors import DataError
    from zostudy.export.labelling import read_texts, with_predictions
    from zostudy.export.manifest import read_manifest
    from zostudy.export.metrics import metrics_lines, true_labels
    from zostudy.export.writing import check_target, write_csv, write_rows

    check_texts(text=text, second_text=second_text, label=label, model=model)
    manifest = read_manifest(folder)
    rows, texts = read_texts(file, manifest, text, second_text)
    labels = None
    try:
        labels = true_labels(rows.table, manifest.task, label, str(file))
    except DataError as error:
        if label is not None:
            raise
        log_notes([f"no metrics: {error}"])
    unscored = with_predictions(
        rows, np.zeros((len(texts.texts), len(manifest.task.class_names)), np.float32), manifest
    )
    if to is None:
        write_csv(unscored, io.StringIO())  # refuses before the work what CSV cannot hold
    else:
        check_target(to, file, unscored)
    log_notes([*rows.notes, *([labels.note] if labels and labels.note else [])])
    with progress(f"loading {model or manifest.model.name}", len(texts.texts), "texts", at_once=True) as show_done:
        from zostudy.export.scoring import score_texts

        scores = score_texts(folder, manifest, texts, show_done, device.value, model, truncate, trust_remote_code)
    _log.info("decision: %s", manifest.decision_text)
    result = with_predictions(rows, scores, manifest)
    if to is None:
        write_csv(result, sys.stdout)
    else:
        write_rows(result, to)
        _log.info("labelled: %s texts in %s", f"{len(scores):,}", to)
    for line in metrics_lines(scores, labels, manifest) if labels is not None else ():
        _log.info("%s", line)
