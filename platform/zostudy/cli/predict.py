"""``zostudy predict``: label a file of texts with an exported prompt."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TextIO

import typer

from zostudy.cli.bench import Device
from zostudy.cli.export import TrustOption
from zostudy.cli.paths import local_path

_log = logging.getLogger(__name__)

SECONDS_WITHOUT_PROGRESS = 2.0
SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_DRAWINGS = 0.2


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
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            parser=local_path,
            metavar="FILE",
            help="Where to write; the extension says how. Without it: CSV, printed.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The model, if it is not where the study had it.", show_default=False),
    ] = None,
    device: Annotated[Device, typer.Option(help="What the model runs on.")] = Device.CPU,
    truncate: Annotated[bool, typer.Option("--truncate", help="Cut texts that are too long for the model.")] = False,
    trust_remote_code: TrustOption = False,
) -> None:
    """Label texts with an exported prompt: label, class scores and probabilities."""
    import numpy as np

    from zostudy.export.labelling import labelled, read_texts
    from zostudy.export.manifest import read_manifest
    from zostudy.export.writing import check_csv, check_target, write_csv, write_rows

    manifest = read_manifest(folder)
    rows, texts = read_texts(file, manifest, text, second_text)
    nothing = np.zeros((len(texts.texts), len(manifest.task.class_names)), np.float32)
    if to is None:
        check_csv(labelled(rows, nothing, manifest))
    else:
        check_target(to, file, labelled(rows, nothing, manifest))
    for note in rows.notes:
        _log.info("note: %s", note)
    _log.info("loading %s", model or manifest.model.name)
    from zostudy.export.predict import predict

    scores = predict(
        folder,
        manifest,
        texts,
        Progress(len(texts.texts)),
        device=device.value,
        model=model,
        truncate=truncate,
        trust_remote_code=trust_remote_code,
    )
    result = labelled(rows, scores, manifest)
    if to is None:
        write_csv(result, sys.stdout)
    else:
        write_rows(result, to)
        _log.info("labelled: %s texts in %s", f"{len(scores):,}", to)


class Progress:
    """Shows rate and time left of work that takes longer than two seconds: a line that moves, or plain ones."""

    def __init__(self, n_texts: int, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Starts the clock at the first report, which comes when the model is loaded and at work.

        Args:
            n_texts: in all.
            stream: where to show it; standard error by default.
            clock: seconds.
        """
        self._n_texts, self._stream, self._clock = n_texts, stream or sys.stderr, clock
        self._moves = self._stream.isatty()
        self._first: tuple[float, int] | None = None
        self._shown: float | None = None

    def __call__(self, done: int) -> None:
        """Takes how many texts are done."""
        from zostudy.console.meter import duration

        now = self._clock()
        if self._first is None:
            self._first = now, done
        started, done_then = self._first
        pause = SECONDS_BETWEEN_DRAWINGS if self._moves else SECONDS_BETWEEN_LINES
        due = now - started >= SECONDS_WITHOUT_PROGRESS if self._shown is None else now - self._shown >= pause
        if due and done < self._n_texts:
            rate = (done - done_then) / (now - started)
            left = duration((self._n_texts - done) / rate)
            self._show(f"{done:,}/{self._n_texts:,} texts  {rate:,.0f} texts/s  ETA {left}")
            self._shown = now
        elif done == self._n_texts and self._shown is not None and self._moves:
            self._show("")

    def _show(self, line: str) -> None:
        text = f"\r\x1b[K{line}" if self._moves else f"{line}\n"
        print(text, end="", file=self._stream, flush=True)
