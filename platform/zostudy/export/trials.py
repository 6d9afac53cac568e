"""A stored trial, with all that its study stored of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zostudy.config import StudySpec, parse_study
from zostudy.config.space import WORDING
from zostudy.config.task import OWN_WORDING
from zostudy.errors import ResultsError
from zostudy.results.comparison.statistics import Interval, bounded_interval
from zostudy.results.completeness import confirmed
from zostudy.results.outcome import SplitScores
from zostudy.results.results import Results, read_results
from zostudy.results.schema import bounds
from zostudy.results.storage import Storage
from zostudy.results.study_file import STUDY_FILE, read_stored_study
from zostudy.wording import suggestion

if TYPE_CHECKING:  # mistakes in the results are reported before torch is loaded
    from zostudy.lm.weights import DType

BEST = "best"


@dataclass(frozen=True)
class StudyResults:
    """One study as it is stored.

    Attributes:
        spec: the study.
        yaml: its file, word for word.
        results: its tables.
    """

    spec: StudySpec
    yaml: str
    results: Results

    @property
    def dtype(self) -> DType:
        """The dtype of the matrix products that the study's trials ran in."""
        measured = self.results.noise_floor
        chosen = measured.loc[measured["chosen"], "dtype"].tolist()
        in_bfloat16 = "bfloat16" in chosen if chosen else self.spec.model.dtype == "bfloat16"
        return "bfloat16" if in_bfloat16 else "float32"

    def trial(self, name: str) -> StoredTrial:
        """Returns a finished trial.

        Args:
            name: the trial's. A cell, such as ``zosa-r50``, stands for its confirm trial with the best dev AUC, the
                first of equals; ``best-r50`` for that of all methods at the ratio; ``best`` for that at the hardest
                ratio. References, which need more than a black box gives, are never among these two, nor are methods
                without a prompt.

        Raises:
            ResultsError: no trial has that name, or it kept no point.
        """
        trials = self.results.trials
        names, cells, at_ratio = trials["trial"].tolist(), trials["cell"].unique().tolist(), _at_ratio(trials)
        if name == BEST:
            exportable = _exportable(trials)
            hardest = exportable["imbalance_ratio"] == confirmed(exportable)["imbalance_ratio"].max()
            name = self._best(exportable[hardest] if hardest.any() else exportable, f"study {self.spec.name}")
        elif name in cells and name not in names:
            name = self._best(trials[trials["cell"] == name], f"cell {name}")
        elif name in at_ratio and name not in names:
            there = _exportable(trials[trials["cell"].isin(at_ratio[name])])
            name = self._best(there, f"study {self.spec.name} at this ratio")
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
        """The names of the best at each ratio, such as ``best-r10``."""
        return list(_at_ratio(self.results.trials))

    def _best(self, trials: pd.DataFrame, whose: str) -> str:
        complete = confirmed(trials)
        if complete.empty:
            lack, remedy = _no_complete(trials)
            rule = "the best is the confirm trial with the best dev AUC"
            raise ResultsError(rule, got=f"{whose} {lack}", remedy=remedy)
        return str(complete["trial"].iloc[int(complete["dev_auc"].argmax())])


@dataclass(frozen=True)
class StoredTrial:
    """A finished trial that kept a point.

    Attributes:
        study: where it is from.
        row: its row of the table ``trials``.
    """

    study: StudyResults
    row: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The trial's name."""
        return str(self.row["trial"])

    @property
    def summary(self) -> str:
        """Which trial it is, in a few words."""
        row = self.row
        where = f"{row['method']} at imbalance ratio {row['imbalance_ratio']:g}"
        return f"{self.name}, {where}, dev AUC {row['dev_auc']:.3f}"

    @property
    def latent(self) -> NDArray[np.float32]:
        """The kept point, float32 ``[d]``: a copy, as torch warns of memory that cannot be written, such as Arrow's."""
        return np.array(self.row["latent"], dtype=np.float32)

    @property
    def params(self) -> dict[str, Any]:
        """Every option of the method, and the imbalance settings."""
        return dict(json.loads(self.row["params"]))

    @property
    def wording(self) -> str:
        """The name of the template and label words in which texts were put to the model."""
        return str(self.params.get(WORDING, OWN_WORDING))

    @property
    def versions(self) -> dict[str, str]:
        """Versions of zostudy and of what it stands on, and the digest of the data, when the trial ran."""
        return dict(json.loads(self.row["versions"]))

    def check_confirmed(self) -> None:
        """Checks that the trial is one of the confirm stage: the others have neither stored scores nor a test score.

        Raises:
            ResultsError: it is a search trial.
        """
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
            ResultsError: they are gone.
        """
        table = self.study.results.scores
        rows = table[(table["trial"] == self.name) & (table["split"] == split)]
        if self.row["scores_rows"] == 0:
            raise ResultsError(
                "an exported trial must have its scores",
                got=f"{self.name} was run with confirm.scores: false",
                remedy="run the study with confirm.scores: true under another name",
            )
        if rows.empty:
            raise ResultsError(
                "an exported trial must have its scores",
                got=f"the folder scores holds none of {self.name} on {split}",
                remedy="restore that folder as the run wrote it",
            )
        scores = np.stack(rows["scores"].tolist()).astype(np.float32)
        return SplitScores(rows["row"].to_numpy(np.int64), rows["label"].to_numpy(np.int32), scores)

    @property
    def confirm_seeds(self) -> pd.DataFrame:
        """The complete confirm trials of this trial's cell that count."""
        trials = self.study.results.trials
        return confirmed(trials[trials["cell"] == self.row["cell"]])

    def spread(self, column: str) -> Interval:
        """Returns mean and 95% interval of a metric's column of ``trials`` over the cell's confirm seeds.

        Without a mean where some of them, which an older zostudy ran, lack the metric.
        """
        values = self.confirm_seeds[column]
        return bounded_interval(values if values.notna().all() else (), bounds(column))


def _exportable(trials: pd.DataFrame) -> pd.DataFrame:
    """Returns the trials without those of references that need more than scores, and of methods without a prompt."""
    opened = trials["needs"].isin(("states", "gradients"))
    without_prompt = trials["latent"].map(lambda latent: latent is not None and not len(latent))
    black_boxes: pd.DataFrame = trials[~opened & ~without_prompt]
    return black_boxes


def _at_ratio(trials: pd.DataFrame) -> dict[str, list[str]]:
    """Returns the cells of each ratio by the name of its best, such as ``best-r10``: cells are ``method-r10``."""
    cells: dict[str, list[str]] = {}
    by_ratio = trials.sort_values("imbalance_ratio", kind="stable")[["cell", "method"]].drop_duplicates()
    for cell, method in by_ratio.itertuples(index=False):
        cells.setdefault(f"{BEST}{cell.removeprefix(method)}", []).append(cell)
    return cells


def _no_complete(trials: pd.DataFrame) -> tuple[str, str]:
    """Returns why there is no complete confirm trial among them, and the remedy."""
    confirm = trials[trials["stage"] == "confirm"]
    if confirm.empty:
        return "has none yet", "wait for one, or name a trial"
    if (confirm["status"] == "complete").any():
        return "has none of the settings that a longer search has found since", "run the study again, or name a trial"
    reason = confirm["error"].iloc[0]
    return f"has none, as all {len(confirm)} failed ({reason})", "name a cell or trial that did not"


def load_study_results(where: str | PathLike[str]) -> StudyResults:
    """Returns one study's results.

    Args:
        where: the study's own folder or URI.

    Raises:
        ResultsError: there is no study, or several, or no finished trial, or a file that is not ours.
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
    return StudyResults(parse_study(yaml, str(storage / STUDY_FILE)), yaml, read_results(where))
