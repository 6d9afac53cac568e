"""The one writer of a study's results: a trial is either there, whole, or not there at all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from zostudy.errors import ResultsError
from zostudy.results.encoding import encode, encode_precision
from zostudy.results.files import read_table, remove_unfinished, write_table, write_whole
from zostudy.results.outcome import Outcome
from zostudy.results.schema import SCHEMAS
from zostudy.spec import difference, dump_yaml

STUDY_FILE = "study.yaml"
PRECISION_FILE = "cells.parquet"


class Ledger:
    """The results of one study: ``study.yaml`` and the folders ``trials``, ``history``, ``scores`` and ``precision``.

    A trial is finished when its file in ``trials`` is there: it is written last, so its history and scores
    are there too. What a stopped writer left of an unfinished trial is never read and will be replaced.
    """

    def __init__(self, folder: Path) -> None:
        """Makes or opens a study's folder; one process at a time may write to it.

        Raises:
            ResultsError: the folder cannot be made or written.
        """
        self.folder = folder.absolute()
        try:
            for table in SCHEMAS:
                (self.folder / table).mkdir(parents=True, exist_ok=True)
                remove_unfinished(self.folder / table)
            remove_unfinished(self.folder)
            tempfile.TemporaryFile(dir=self.folder).close()
        except OSError as error:
            raise ResultsError(
                f"the results folder must be writable, but {self.folder} is not ({error.strerror}); "
                "permit it, or give another one with --results"
            ) from error

    def check_extends(self, resolved: Mapping[str, Any]) -> tuple[str, ...]:
        """Checks that the folder holds no finished trial, or those of this study as it is or was before it grew.

        Args:
            resolved: the study with every default filled in, as plain YAML data.

        Returns:
            What the study adds to the stored one, a line each: trials, seeds, ratios or methods.

        Raises:
            ResultsError: the folder holds results of another study, or does not say of which.
        """
        path = self.folder / STUDY_FILE
        if not any((self.folder / "trials").glob("*.parquet")):
            return ()
        if not path.exists():
            raise ResultsError(
                f"a results folder must say whose results it holds, but {path} is missing; "
                "put it back, or give another folder with --results"
            )
        changes = difference(_read_yaml(path), resolved)
        if changes.contradictions:
            raise ResultsError(
                f"a results folder holds one study, which may only grow, but {self.folder} holds another "
                f"({'; '.join(changes.contradictions)}); change the study back, or give it another name"
            )
        return changes.additions

    def write_study(self, resolved: Mapping[str, Any], versions: Mapping[str, str]) -> None:
        """Writes ``study.yaml``: the study with every default filled in, under the versions it ran with as a comment.

        The file is a study file itself: ``zostudy run`` takes it.

        Raises:
            ResultsError: the file cannot be written.
        """
        text = f"# ran with {', '.join(f'{name} {number}' for name, number in versions.items())}\n{dump_yaml(resolved)}"
        write_whole(self.folder / STUDY_FILE, lambda file: file.write(text.encode()))

    def record(self, outcome: Outcome) -> None:
        """Stores a trial, complete or failed; its file in ``trials`` comes last and makes it count.

        Raises:
            ResultsError: a file cannot be written.
            ValueError: a column of the outcome is unknown or missing.
        """
        tables = encode(outcome)
        for table in ("scores", "history", "trials"):
            write_table(tables[table], self.folder / table / f"{outcome.name}.parquet")

    def trials(self) -> list[dict[str, Any]]:
        """Returns the finished trials by name, each as the mapping that was recorded, absent values as None.

        Raises:
            ResultsError: a file cannot be read.
        """
        rows: list[dict[str, Any]] = read_table(self.folder, "trials").to_pylist()
        for row in rows:
            row["params"] = json.loads(row["params"])
            row["versions"] = json.loads(row["versions"])
        return rows

    def record_precision(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Stores what was measured of the cells' precision, in place of what was stored before: all of it or nothing.

        Args:
            rows: one mapping a cell and dtype, with every column of ``zostudy.results.schema.PRECISION``.

        Raises:
            ResultsError: the file cannot be written.
            ValueError: a column is unknown, missing or empty.
        """
        write_table(encode_precision(rows), self.folder / "precision" / PRECISION_FILE)

    def precision(self) -> list[dict[str, Any]]:
        """Returns what ``record_precision`` stored, in its order; nothing in a folder of an older zostudy.

        Raises:
            ResultsError: a file cannot be read.
        """
        rows: list[dict[str, Any]] = read_table(self.folder, "precision").to_pylist()
        return rows


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ResultsError(
            f"a results folder must say whose results it holds, but {path} cannot be read "
            f"({' '.join(str(error).split())}); give another folder with --results"
        ) from error
    return content if isinstance(content, Mapping) else {}
