"""The one writer of a study's results: a trial is either there, whole, or not there at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.config.changes import study_changes
from zostudy.errors import ResultsError
from zostudy.ratios import NATURAL
from zostudy.results.encoding import encode, encode_rows
from zostudy.results.filesystems import UNFINISHED
from zostudy.results.measurements import NOISE_FLOOR_FILE, read_measurements
from zostudy.results.outcome import Outcome
from zostudy.results.parquet import PARQUET, write_table
from zostudy.results.schema import AGREEMENT, NOISE_FLOOR, OLDER_NAMES, SCHEMAS
from zostudy.results.storage import Storage, Where
from zostudy.results.stored_tables import TABLES_OF_A_TRIAL, read_table
from zostudy.results.study_file import STUDY_FILE, read_stored_study
from zostudy.results.trial_row import TrialRow
from zostudy.study_keys import options_by_label
from zostudy.yaml_text import dump_yaml

_PROBE = ".probe"
_OPENING = "# ran with "
_SAME_CONTENTS = {
    "data": "the same texts, labels and splits",
    "weights": "the same weights",
    "settings": "the same settings and tokens",
    "model": "the same weights, settings and tokens",
}


class Ledger:
    """The results of one study: ``study.yaml``, and a folder for each table of ``zostudy.results.schema``.

    A trial is finished when its file in ``trials`` is there. That file is written last, so the trial's other files are
    there too. Files that a stopped writer left of an unfinished trial are never read, and are replaced.

    A method raises ``ResultsError`` where a file cannot be read or written, and ``ValueError`` where a column of the
    rows that it is to store is unknown, missing or empty.
    """

    def __init__(self, where: Where) -> None:
        """Makes or opens a study's storage; one process at a time may write to it.

        Raises:
            ResultsError: the storage cannot be made or written, or holds a study file that no run wrote.
        """
        self.storage = Storage.at(where)
        self._check_study_file()
        for folder in (self.storage, *(self.storage / table for table in SCHEMAS)):
            folder.make()
            for name in folder.files(UNFINISHED):
                folder.remove(name)
        self.storage.write(_PROBE, b"")
        self.storage.remove(_PROBE)

    def _check_study_file(self) -> None:
        """Refuses a folder without trials whose study file is a user's own, which would be lost."""
        if (self.storage / "trials").files(PARQUET) or not self.storage.exists(STUDY_FILE):
            return
        try:
            by_a_run = self.storage.read(STUDY_FILE).startswith(_OPENING.encode())
        except OSError:  # a file that cannot be read may be anybody's
            by_a_run = False
        if not by_a_run:
            raise ResultsError(
                "a results folder must hold no study file that another wrote, which would be lost",
                got=f"{self.storage} holds a {STUDY_FILE}",
                remedy="move it away, or give another folder with `results`",
            )

    def check_extends(self, resolved: Mapping[str, Any]) -> tuple[str, ...]:
        """Checks that the folder holds no finished trial, or those of this study as it is or was before it grew.

        Args:
            resolved: the study with every default filled in, as plain YAML data.

        Returns:
            What the study adds to the stored one, a line each: trials, seeds, ratios or methods. Nothing where it takes
            back what it had grown by, before any trial came of it.

        Raises:
            ResultsError: the folder holds results of another study, or does not say of which.
        """
        if not (self.storage / "trials").files(PARQUET):
            return ()
        stored = read_stored_study(self.storage, "going on with a study", "give another folder with `results`").data
        changes = study_changes(stored, resolved)
        if changes.contradictions and not self._takes_back(stored, resolved):
            raise ResultsError(
                "a results folder holds one study, which may only grow",
                got=f"{self.storage} holds another ({'; '.join(changes.contradictions)})",
                remedy=_other_study(stored),
            )
        return changes.additions

    def check_contents(self, versions: Mapping[str, str]) -> None:
        """Checks that the finished trials ran on what the study's data and model hold now, wherever they lie.

        Trials that an older zostudy stored do not say what they ran on, and are let through.

        Args:
            versions: of the study as it is to run, the digests of data and model among them.

        Raises:
            ResultsError: trials ran on other data or another model, or a file cannot be read.
        """
        for text in read_table(self.storage, "trials", ("versions",))["versions"].unique().to_pylist():
            held = json.loads(text)
            for content, same in _SAME_CONTENTS.items():
                given = versions.get(content)
                if None not in (held.get(content), given) and held[content] != given:
                    raise ResultsError(
                        f"a results folder holds trials on {same}",
                        got=f"those in {self.storage} ran on {content} of digest {held[content]}, and "
                        f"that of the study's {content} is {given} now",
                        remedy=f"put the {content} back, or give the study another name",
                    )

    def write_study(self, resolved: Mapping[str, Any], versions: Mapping[str, str]) -> None:
        """Writes ``study.yaml``: the study with every default filled in, under the versions it ran with as a comment.

        The file is a study file itself: ``zostudy run`` takes it.
        """
        numbers = ", ".join(f"{name} {number}" for name, number in versions.items())
        text = f"{_OPENING}{numbers}\n{dump_yaml(resolved)}"
        self.storage.write(STUDY_FILE, text.encode())

    def record(self, outcome: Outcome) -> None:
        """Stores a trial, complete, failed or pruned; its file in ``trials`` comes last and makes it count.

        A trial that runs again is unfinished meanwhile, so that its row never stands beside rows of another run.
        """
        cells = read_measurements(self.storage, "noise_floor")["cell"].to_pylist()
        tables = encode(outcome, cells.count(outcome.trial.cell))
        (self.storage / "trials").remove(outcome.name + PARQUET)
        for table in TABLES_OF_A_TRIAL:
            write_table(tables[table], self.storage / table, outcome.name + PARQUET)

    def trials(self) -> list[TrialRow]:
        """Returns the rows of the finished trials, by name."""
        return [TrialRow.of_stored(row) for row in read_table(self.storage, "trials").to_pylist()]

    def evaluations(self) -> dict[str, dict[str, NDArray[Any]]]:
        """Returns the evaluations on dev by trial: ``queries`` (int64) and ``dev_auc`` (float64), the start's first."""
        history = read_table(self.storage, "history", ("trial", "queries", "dev_auc")).drop_null()
        found: dict[str, list[tuple[int, float]]] = {}
        for trial, queries, dev_auc in zip(*(column.to_pylist() for column in history.columns), strict=True):
            found.setdefault(trial, []).append((queries, dev_auc))
        return {
            trial: {"queries": np.array([at for at, _ in rows]), "dev_auc": np.array([auc for _, auc in rows])}
            for trial, rows in found.items()
        }

    def record_noise_floor(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Stores the noise floors of all cells, in place of those stored before: all of them or nothing.

        Args:
            rows: one mapping a cell and dtype, with every column of ``zostudy.results.schema.NOISE_FLOOR``.
        """
        write_table(encode_rows(rows, NOISE_FLOOR), self.storage / "noise_floor", NOISE_FLOOR_FILE)
        (self.storage / OLDER_NAMES["noise_floor"]).remove(NOISE_FLOOR_FILE)

    def noise_floor(self) -> list[dict[str, Any]]:
        """Returns the rows that ``record_noise_floor`` stored, in its order; no row where nothing was measured."""
        rows: list[dict[str, Any]] = read_measurements(self.storage, "noise_floor").to_pylist()
        return rows

    def record_agreement(self, row: Mapping[str, Any]) -> None:
        """Stores how near the evaluator of a dtype is to transformers, replacing what was stored of that dtype.

        Args:
            row: every column of ``zostudy.results.schema.AGREEMENT``.
        """
        write_table(encode_rows([row], AGREEMENT), self.storage / "agreement", f"{row['dtype']}{PARQUET}")

    def forget_agreement(self) -> None:
        """Removes what was stored of all dtypes. Until a trial has finished it may be of another model."""
        folder = self.storage / "agreement"
        for name in folder.files(PARQUET):
            folder.remove(name)

    def _takes_back(self, stored: Mapping[str, Any], resolved: Mapping[str, Any]) -> bool:
        """Returns whether the stored study is this one grown, and all trials are of this one."""
        if study_changes(resolved, stored).contradictions:
            return False
        most = {"search": resolved["search"]["trials"], "confirm": resolved["confirm"]["seeds"]}
        labels = options_by_label(resolved["methods"]).keys()
        n_seeds = resolved["search"].get("seeds", 1)
        columns = ("stage", "number", "search_seed", "method", "imbalance_ratio", "imbalance")
        trials: list[dict[str, Any]] = read_table(self.storage, "trials", columns).to_pylist()
        return all(
            row["number"] < most[row["stage"]]
            and (row["search_seed"] or 0) < n_seeds
            and row["method"] in labels
            and (NATURAL if row["imbalance"] == NATURAL else row["imbalance_ratio"]) in resolved["imbalance"]["ratios"]
            for row in trials
        )


def _other_study(stored: Mapping[str, Any]) -> str:
    """Returns how to run a study that contradicts the stored one."""
    search, name = stored.get("search"), "give it another name (`overrides` name=...)"
    if isinstance(search, Mapping) and search.get("trials") and not search.get("space"):
        return f"{name}: the stored one is older than default search spaces, so its search.trials searched nothing"
    return f"change the study back, or {name}"
