"""A stored trial, with its study, settings and scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zostudy.config.known import HeadKind
from zostudy.config.loading import parse_study
from zostudy.config.study import StudySpec
from zostudy.config.task import OWN_WORDING
from zostudy.errors import ResultsError
from zostudy.export.task import ExportedTask, find_task
from zostudy.results.classes import read_classes
from zostudy.results.comparison.statistics import Interval, bounded_interval
from zostudy.results.completeness import confirmed
from zostudy.results.outcome import SplitScores
from zostudy.results.results import Results, read_results
from zostudy.results.schema import bounds
from zostudy.results.storage import Storage
from zostudy.results.study_file import STUDY_FILE, check_same_study, read_stored_study
from zostudy.study_keys import WORDING
from zostudy.wording import suggestion

if TYPE_CHECKING:  # so that errors in the results are reported before torch is loaded
    from zostudy.lm.weights import DType

BEST = "best"


@dataclass(frozen=True)
class StudyResults:
    """A stored study: its settings, the text of its study file, its tables, and the names of its classes by label.

    An older zostudy stored no names of classes.
    """

    spec: StudySpec
    yaml: str
    results: Results
    class_names: tuple[str, ...] | None

    @property
    def dtype(self) -> DType:
        """The dtype of the matrix products that the study's trials ran in."""
        measured = self.results.noise_floor
        chosen = measured.loc[measured["chosen"], "dtype"].tolist()
        in_bfloat16 = "bfloat16" in chosen if chosen else self.spec.model.dtype == "bfloat16"
        return "bfloat16" if in_bfloat16 else "float32"

    def trial(self, name: str) -> StoredTrial:
        """Returns a finished trial by its name.

        A cell, such as ``zosa-r50``, stands for its confirm trial with the best dev AUC, the first of equals;
        ``best-r50`` for the best one of all methods at the ratio; ``best`` for the best one at the hardest ratio. The
        last two leave out references, which need more than a black box gives, and methods without a prompt.

        Raises:
            ResultsError: no trial has that name, or it kept no prompt.
        """
        trials = self.results.trials
        names, cells, at_ratio = trials["trial"].tolist(), trials["cell"].unique().tolist(), _cells_at_ratio(trials)
        if name == BEST:
            exportable = _exportable(trials)
            hardest = exportable["imbalance_ratio"] == confirmed(exportable)["imbalance_ratio"].max()
            name = self._best(exportable[hardest] if hardest.any() else exportable, f"study {self.spec.name}")
        elif name in cells and name not in names:
            name = self._best(trials[trials["cell"] == name], f"cell {name}")
        elif name in at_ratio and name not in names:
            candidates = _exportable(trials[trials["cell"].isin(at_ratio[name])])
            name = self._best(candidates, f"study {self.spec.name} at this ratio")
        elif name not in names:
            fallback = f"name one of its {len(names)} trials, such as {names[0]}, a cell such as {cells[0]}, or {BEST}"
            remedy = suggestion(name, [*names, *cells, *at_ratio, BEST], fallback)
            rule = f"a trial must be one of study {self.spec.name}"
            raise ResultsError(rule, got=f"there is no {name!r}", remedy=remedy)
        [row] = trials[trials["trial"] == name].to_dict("records")
        if row["latent"] is None:
            fault = f"{name} is {row['status']} ({row['error']})"
            raise ResultsError("a trial must have kept a prompt", got=fault, remedy="name another one")
        if not len(row["latent"]) or not self.spec.model.prompt_tokens:
            raise ResultsError(
                "a trial must have a prompt",
                got=f"{row['method']} puts none in front of the text",
                remedy="name a trial of another method",
            )
        return StoredTrial(self, {str(column): value for column, value in row.items()})

    @property
    def best_names(self) -> list[str]:
        """The names that stand for the best trial at each ratio, such as ``best-r10``."""
        return list(_cells_at_ratio(self.results.trials))

    def _best(self, trials: pd.DataFrame, whose: str) -> str:
        complete = confirmed(trials)
        if complete.empty:
            lack, remedy = _no_complete(trials)
            rule = "the best is the confirm trial with the best dev AUC"
            raise ResultsError(rule, got=f"{whose} {lack}", remedy=remedy)
        return str(complete["trial"].iloc[int(complete["dev_auc"].argmax())])


@dataclass(frozen=True)
class StoredTrial:
    """A finished trial that kept a prompt: its study, and its row of the table ``trials``."""

    study: StudyResults
    row: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The trial's name."""
        return str(self.row["trial"])

    @property
    def summary(self) -> str:
        """The trial's name, method, ratio and dev AUC in a line."""
        row = self.row
        where = f"{row['method']} at imbalance ratio {row['imbalance_ratio']:g}"
        return f"{self.name}, {where}, dev AUC {row['dev_auc']:.3f}"

    @property
    def latent(self) -> NDArray[np.float32]:
        """The kept point, float32 ``[d]``: a copy, as torch warns of read-only memory such as Arrow's."""
        return np.array(self.row["latent"], dtype=np.float32)

    @property
    def params(self) -> dict[str, Any]:
        """Every option of the method, and the imbalance settings."""
        return dict(json.loads(self.row["params"]))

    @property
    def wording(self) -> str:
        """The name of the template and label words that the trial used."""
        return str(self.params.get(WORDING, OWN_WORDING))

    @property
    def versions(self) -> dict[str, str]:
        """Versions of zostudy and its libraries, and the digest of the data, when the trial ran."""
        return dict(json.loads(self.row["versions"]))

    def task(self, head: HeadKind) -> tuple[ExportedTask, str | None]:
        """Returns the study's task in the trial's wording, and a note, see ``find_task``."""
        study = self.study
        return find_task(study.spec.task, head, self.wording, study.class_names, self.versions.get("data"))

    def check_confirmed(self) -> None:
        """Raises a ``ResultsError`` for a search trial, which has neither scores nor test metrics."""
        if self.row["stage"] != "confirm":
            seeds = self.confirm_seeds
            trials = self.study.results.trials
            own = trials[trials["cell"] == self.row["cell"]]
            own_seeds = f"has {', '.join(seeds['trial'])}" if len(seeds) else "; ".join(_no_complete(own))
            raise ResultsError(
                "an exported trial must be a confirm trial, whose scores are stored",
                got=f"{self.name} is of the search",
                remedy=f"its cell {own_seeds}; {BEST} names the best of the hardest ratio",
            )

    def scores(self, split: str) -> SplitScores:
        """Returns the class scores of ``dev`` or ``test`` at the kept point.

        Raises:
            ResultsError: the scores are not stored.
        """
        table = self.study.results.scores
        rows = table[(table["trial"] == self.name) & (table["split"] == split)]
        if rows.empty:
            got, remedy = f"the folder scores holds none of {self.name} on {split}", "restore it as the run wrote it"
            if self.row["scores_rows"] == 0:
                got = f"{self.name} was run with confirm.scores: false"
                remedy = "run the study with confirm.scores: true under another name"
            raise ResultsError("an exported trial must have its scores", got=got, remedy=remedy)
        scores = np.stack(rows["scores"].tolist()).astype(np.float32)
        return SplitScores(rows["row"].to_numpy(np.int64), rows["label"].to_numpy(np.int32), scores)

    @property
    def confirm_seeds(self) -> pd.DataFrame:
        """The complete confirm trials of this trial's cell, with its present settings."""
        trials = self.study.results.trials
        return confirmed(trials[trials["cell"] == self.row["cell"]])

    def spread(self, column: str) -> Interval:
        """Returns mean and 95% interval of a column of ``trials`` over the cell's confirm seeds.

        There is no mean if an older zostudy, which did not store the metric, ran some of the seeds.
        """
        values = self.confirm_seeds[column]
        return bounded_interval(values if values.notna().all() else (), bounds(column))


def _exportable(trials: pd.DataFrame) -> pd.DataFrame:
    """Returns the trials of methods that have a prompt and need only scores."""
    is_reference = trials["needs"].isin(("states", "gradients"))
    without_prompt = trials["latent"].map(lambda latent: latent is not None and not len(latent))
    exportable: pd.DataFrame = trials[~is_reference & ~without_prompt]
    return exportable


def _cells_at_ratio(trials: pd.DataFrame) -> dict[str, list[str]]:
    """Returns the cells of each ratio, such as ``method-r10``, by the name of its best trial, such as ``best-r10``."""
    cells: dict[str, list[str]] = {}
    by_ratio = trials.sort_values("imbalance_ratio", kind="stable")[["cell", "method"]].drop_duplicates()
    for cell, method in by_ratio.itertuples(index=False):
        cells.setdefault(f"{BEST}{cell.removeprefix(method)}", []).append(cell)
    return cells


def _no_complete(trials: pd.DataFrame) -> tuple[str, str]:
    """Returns the reason why no confirm trial is complete, and the remedy."""
    if trials.empty:
        return "has none with a prompt that scores alone have tuned", "name a trial"
    confirm = trials[trials["stage"] == "confirm"]
    if confirm.empty:
        return "has none yet", "wait for one, or name a trial"
    if (confirm["status"] == "complete").any():
        return "has none of the settings that a longer search has found since", "run the study again, or name a trial"
    reason = confirm["error"].iloc[0]
    return f"has none, as all {len(confirm)} failed ({reason})", "name a cell or trial that did not"


def load_study_results(where: str | PathLike[str]) -> StudyResults:
    """Returns the results in a study's own folder or URI.

    Raises:
        ResultsError: it holds no study, no finished trial, the file of another study, or a damaged one.
        SpecError: its ``study.yaml`` is no study.
    """
    storage = Storage.at(where)
    if not storage.exists(STUDY_FILE):
        raise ResultsError(
            "a trial is taken from a study's own folder",
            got=f"{storage} holds no {STUDY_FILE}",
            remedy="give the folder that the study named when it ended, such as results/quickstart",
        )
    yaml = read_stored_study(storage, "a trial", "give another study's folder").text
    spec, results = parse_study(yaml, str(storage / STUDY_FILE)), read_results(where)
    check_same_study(storage, spec.name, results.trials["study"])
    stored = read_classes(storage)
    names = None if stored is None else tuple(each.name for each in stored.classes)
    return StudyResults(spec, yaml, results, names)
