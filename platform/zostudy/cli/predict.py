"""``zostudy predict``: label a file of texts with an exported prompt."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from zostudy.cli.parameters import Device, TrustOption, local_path
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
        str | None,
        typer.Option(metavar="COLUMN", help="The text column; without it, as in the study.", show_default=False),
    ] = None,
    second_text: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The second text column of a pair task.", show_default=False),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The column of true classes, for metrics; without it, as in the study, if the file has it.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            "--output",
            "-o",
            parser=local_path,
            metavar="FILE",
            help="The file to write, in the format of its extension; without it, CSV is printed.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The model, if it is not where the study had it.", show_default=False),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where to compute the model.")] = Device.CPU,
    truncate: Annotated[bool, typer.Option("--truncate", help="Cut texts that are too long for the model.")] = False,
    trust_remote_code: TrustOption = False,
) -> None:
    """Label texts with an exported prompt: label (and that of argmax), class scores and probabilities.

    Where the file holds the true classes, the metrics of both decisions follow as messages.
    """
    import numpy as np

    from zostudy.errors import DataError
    from zostudy.export.labelling import labelled, read_texts
    from zostudy.export.manifest import read_manifest
    from zostudy.export.measuring import known_labels, metrics_lines
    from zostudy.export.writing import check_csv, check_target, write_csv, write_rows

    manifest = read_manifest(folder)
    rows, texts = read_texts(file, manifest, text, second_text)
    known = None
    try:
        known = known_labels(rows.table, manifest.task, label, str(file))
    except DataError as error:
        if label is not None:
            raise
        _log.info("note: no metrics: %s", error)
    unscored = labelled(rows, np.zeros((len(texts.texts), len(manifest.task.class_names)), np.float32), manifest)
    if to is None:
        check_csv(unscored)
    else:
        check_target(to, file, unscored)
    for note in (*rows.notes, *([known.note] if known and known.note else [])):
        _log.info("note: %s", note)
    with progress(f"loading {model or manifest.model.name}", len(texts.texts), "texts", at_once=True) as show_done:
        from zostudy.export.predict import predict

        scores = predict(
            folder,
            manifest,
            texts,
            show_done,
            device=device.value,
            model=model,
            truncate=truncate,
            trust_remote_code=trust_remote_code,
        )
    _log.info("decision: %s", manifest.decision_text)
    result = labelled(rows, scores, manifest)
    if to is None:
        write_csv(result, sys.stdout)
    else:
        write_rows(result, to)
        _log.info("labelled: %s texts in %s", f"{len(scores):,}", to)
    for line in metrics_lines(scores, known, manifest) if known is not None else ():
        _log.info("%s", line)
