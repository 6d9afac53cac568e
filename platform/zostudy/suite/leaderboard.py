"""The leaderboard: committed rows and new ones in one comparison, and whether a method that ran again agrees."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from zostudy.errors import ResultsError
from zostudy.ratios import NATURAL
from zostudy.results.comparison.compare import compare
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.given import needed_columns
from zostudy.results.comparison.metric_tables import comparison_tables
from zostudy.results.comparison.rank_tables import rank_tables
from zostudy.results.reading import load_trials
from zostudy.results.storage import Storage
from zostudy.results.table_formats import Table
from zostudy.suite.definition import Slice
from zostudy.wording import counted

COMMITTED = Path(__file__).parent / "reference"
"""In a checkout, a link to ``results/reference/suite``."""

TOLERANCE = 0.005
"""A cell's mean test AUC may move by this much where another kind of processor rounds otherwise. Measured: .0003."""

_CELL = ["model", "task", "budget", "imbalance_ratio", "method"]
_TRIAL = [*_CELL, "seed"]
_BESIDE = ("latent", "imbalance", "number", "versions")


@dataclass(frozen=True)
class Leaderboard:
    """The tables and notes that ``zostudy suite`` shows.

    Attributes:
        comparison: of all rows, those of a method that ran again in place of its committed ones.
        reruns: of each method that ran again, whether it agrees with its committed rows, a line each.
    """

    comparison: Comparison
    reruns: tuple[str, ...]

    @property
    def tables(self) -> list[Table]:
        """Mean ranks over the blocks; of a slice with too few blocks for ranks the means."""
        return rank_tables(self.comparison) or comparison_tables(self.comparison)


def committed_trials(of: Slice) -> pd.DataFrame:
    """Returns the committed confirm trials of a slice of the suite; perhaps none."""
    whole = Slice()
    names = {whole.study_name(part, budget): of.study_name(part, budget) for part in of.parts for budget in of.budgets}
    there = [name for name in names if (COMMITTED / name).is_dir()]
    if not there:
        return pd.DataFrame()
    trials = load_trials([COMMITTED / name for name in there], _columns())
    in_ratio = True if of.ratio is None else _has_ratio(trials, of.ratio)
    in_seeds = True if of.seeds is None else trials["number"] < of.seeds
    trials = trials[(trials["stage"] == "confirm") & in_ratio & in_seeds]
    return trials.assign(study=trials["study"].map(names))


def new_trials(storages: Sequence[Storage]) -> pd.DataFrame:
    """Returns the trials of studies that ran here.

    Raises:
        ResultsError: no trial has ended, or a file cannot be read.
    """
    return load_trials(storages, _columns())


def leaderboard(committed: pd.DataFrame, new: pd.DataFrame) -> Leaderboard:
    """Returns the comparison of committed and new trials, of which either may be empty.

    Raises:
        ResultsError: they ran on other texts or other weights, or both are empty.
    """
    if committed.empty or new.empty:
        return Leaderboard(compare(new if committed.empty else committed), ())
    _check_contents(committed, new)
    again = committed.set_index(_CELL).index.isin(new.set_index(_CELL).index)
    together = pd.concat([committed[~again], new], ignore_index=True)
    return Leaderboard(compare(together), tuple(_reruns(committed[again], new)))


def _columns() -> list[str]:
    return list(dict.fromkeys([*needed_columns(()), *_BESIDE]))


def _has_ratio(trials: pd.DataFrame, ratio: float | str) -> pd.Series[bool]:
    is_natural = trials["imbalance"].fillna("") == NATURAL
    return is_natural if ratio == NATURAL else ~is_natural & (trials["imbalance_ratio"] == ratio)


def _check_contents(committed: pd.DataFrame, new: pd.DataFrame) -> None:
    """Checks that new rows may stand beside committed ones."""
    before = {(model, task): held for model, task, held in _contents(committed)}
    for model, task, held in _contents(new):
        if held != before.get((model, task), held):
            raise ResultsError(
                "rows of one leaderboard must be of the same texts and weights",
                got=f"those of {task} with {model} ran on others than the committed ones",
                remedy="take the model and the data of the suite",
            )


def _contents(trials: pd.DataFrame) -> set[tuple[str, str, tuple[str, ...]]]:
    """Returns model and task with the digests of texts and weights."""
    columns = zip(trials["model"], trials["task"], map(json.loads, trials["versions"]), strict=True)
    return {(model, task, (versions["data"], versions["weights"])) for model, task, versions in columns}


def _reruns(committed: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """Returns, of each method that is in both, how its trials agree."""
    both = committed.merge(new[new["status"] == "complete"], on=_TRIAL, suffixes=("", "_new"))
    lines: list[str] = []
    equal: list[str] = []
    for method, pairs in both.groupby("method", sort=False):
        latents = zip(pairs["latent"], pairs["latent_new"], strict=True)
        same = np.array([np.array_equal(*pair) for pair in latents]) & (pairs["test_auc"] == pairs["test_auc_new"])
        if same.all():
            equal.append(f"{method} ({counted(len(pairs), 'trial')})")
            continue
        moved = (pairs["test_auc_new"] - pairs["test_auc"]).groupby([pairs[name] for name in _CELL]).mean().abs().max()
        bound = "within" if moved <= TOLERANCE else "beyond"
        lines.append(
            f"differs from the committed rows: {method} in {(~same).sum()} of {len(pairs)} trials; the mean "
            f"test AUC of a cell moves by up to {moved:.2g}, {bound} the tolerance of {TOLERANCE:g}"
        )
    return [*([f"as committed, to the last bit: {', '.join(equal)}"] if equal else []), *lines]
