"""Files of texts in, the same files with predictions out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import DataError
from zostudy.export.decision import probabilities
from zostudy.export.manifest import Manifest
from zostudy.tasks.files import read_frame, texts_of

if TYPE_CHECKING:
    from pandas import DataFrame

LABEL = "predicted_label"


@dataclass(frozen=True)
class Texts:
    """What is to be labelled.

    Attributes:
        texts: n texts.
        second_texts: the second texts of a pair task, or None.
    """

    texts: tuple[str, ...]
    second_texts: tuple[str, ...] | None


def read_texts(file: Path, manifest: Manifest, text: str | None, second_text: str | None) -> tuple[DataFrame, Texts]:
    """Returns a file's rows, and the texts among them.

    Args:
        file: CSV, TSV, JSON (an array or lines) or Parquet.
        manifest: names the columns that the study's data had.
        text: the text column, if it is another one here.
        second_text: the second text column of a pair task, if it is another one here.

    Raises:
        DataError: the file cannot be read, lacks a column, has empty texts, or has columns named as the predictions.
    """
    if not file.is_file():
        fault = "is a folder" if file.is_dir() else "no such file"
        raise DataError(f"{file}: {fault}; name a CSV, TSV, JSON or Parquet file")
    task, frame = manifest.task, read_frame(file)
    if second_text is not None and task.second_text is None:
        raise DataError(f"task {task.name!r} has no second text; leave out --second-text")
    second_column = task.second_text and (second_text or task.second_text)
    taken = [column for column in _columns(manifest) if column in frame]
    if taken:
        raise DataError(f"{file}: has a column {taken[0]!r} already, which the predictions would replace; rename it")
    return frame, Texts(*texts_of(frame, text or task.text, second_column, str(file)))


def labelled(frame: DataFrame, scores: NDArray[np.float32], manifest: Manifest) -> DataFrame:
    """Returns the rows with ``predicted_label``, and ``score_`` and ``probability_`` of each class.

    Args:
        frame: the rows.
        scores: float32 ``[n, C]``.
        manifest: names the classes, and how scores become one.
    """
    names = manifest.task.class_names
    classes = manifest.decision.classes(scores)
    values = [[names[k] for k in classes], *scores.T, *probabilities(scores).T]
    return frame.assign(**dict(zip(_columns(manifest), values, strict=True)))


def check_target(to: Path, file: Path, frame: DataFrame) -> None:
    """Checks before the work that the predictions can go where they are to go.

    Args:
        to: the file to write.
        file: the input.
        frame: the input's rows, which are written with the predictions.

    Raises:
        DataError: it is the input, of no known extension, or cannot be written, or its format cannot hold the rows.
    """
    if to.suffix.lower() not in _WRITERS:
        raise DataError(f"--to {to}: unknown extension {to.suffix!r}; use one of {', '.join(_WRITERS)}")
    if to.exists() and to.samefile(file):
        raise DataError(f"--to must be another file than the input, but is {to}; name another one")
    if to.is_dir() or not os.access(to.absolute().parent, os.W_OK):
        raise DataError(f"--to must be a file in a folder that can be written, but got {to}; mend the path")
    _write(frame, Path(os.devnull), to)


def write_frame(frame: DataFrame, to: Path) -> None:
    """Writes rows in the format of the file's extension; the file appears whole.

    Raises:
        DataError: it cannot be written, or the format cannot hold the rows.
    """
    unfinished = to.with_name(f".{to.name}.unfinished")
    try:
        _write(frame, unfinished, to)
        os.replace(unfinished, to)
    except OSError as error:
        raise DataError(f"--to {to}: cannot be written ({error.strerror or error}); name another file") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _write(frame: DataFrame, path: Path, to: Path) -> None:
    """Writes rows to a path in the format that is asked for."""
    try:
        _WRITERS[to.suffix.lower()](frame, path)
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:  # Arrow's errors are kinds of these
        reason = " ".join(str(error).split())
        raise DataError(
            f"--to {to}: {to.suffix} cannot hold the rows ({reason}); mend the column, or write CSV"
        ) from error


def _columns(manifest: Manifest) -> list[str]:
    names = manifest.task.class_names
    return [LABEL, *(f"score_{name}" for name in names), *(f"probability_{name}" for name in names)]


_WRITERS: dict[str, Callable[[DataFrame, Path], None]] = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    ".json": lambda frame, path: frame.to_json(path, orient="records", force_ascii=False, indent=2),
    ".jsonl": lambda frame, path: frame.to_json(path, orient="records", force_ascii=False, lines=True),
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
}
