"""The data frames of the figures. Their columns have fixed names; the labels of a study are values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zostudy.config.distributions import Distribution, SearchSpace
from zostudy.config.space import own_space
from zostudy.methods.objectives import AucMinimax
from zostudy.methods.options import ImbalanceSettings, ObjectiveOptions
from zostudy.results.comparison.cells import Cells

# The rows of one kind of figure over all ratios, and the points of a line. More would make the page large and slow.
MOST_ROWS, MOST_POINTS, LEAST_POINTS = 8_000, 101, 11

OF_A_TRIAL = ["method", "ratio", "trial"]

TrialScores: TypeAlias = "tuple[pd.Series[Any], pd.DataFrame]"
"""A row of the table ``trials``, and the trial's rows of the table ``scores``."""


def metric_frame(comparison: Cells, metric: str) -> pd.DataFrame:
    """Returns ``method, column, mean, low, high, seeds``, a row for each cell that has a mean.

    ``column`` is the heading of the cell's column in the comparison, and ``method`` the name of its row.
    """
    rows = [
        {"method": " ".join(map(str, cell.row)), "column": comparison.heading(cell.column), "seeds": cell.seeds}
        | interval.band
        for cell in comparison.cells
        if (interval := cell.intervals[metric]).mean is not None
    ]
    return pd.DataFrame(rows, columns=["method", "column", "mean", "low", "high", "seeds"])


def with_method_and_ratio(confirm: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of confirm trials, with the columns ``method`` and ``ratio`` of each trial."""
    trials = confirm[["trial", "method", "imbalance_ratio"]].rename(columns={"imbalance_ratio": "ratio"})
    return rows.merge(trials, on="trial")


def anytime_frame(confirm: pd.DataFrame, history: pd.DataFrame, metric: str = "dev_auc") -> pd.DataFrame:
    """Returns ``method, ratio, trial, queries, value``: a dev metric of the kept point over the queries.

    The kept point is the one with the best dev AUC so far, the earliest of equals. All trials of a cell have a value at
    each number of queries at which one of them was evaluated. Studies that did not store the metric have no rows.

    Args:
        confirm: complete confirm trials.
        history: the table ``history``.
        metric: a column of ``history``, such as ``dev_balanced_accuracy``.
    """
    seen = with_method_and_ratio(confirm, history.dropna(subset=["dev_auc", metric]))
    seen = seen.sort_values(["trial", "step"], kind="stable")
    best_before = seen.groupby("trial")["dev_auc"].cummax().groupby(seen["trial"]).shift(fill_value=-np.inf)
    kept = seen[seen["dev_auc"] > best_before]
    rows = [pd.DataFrame(columns=["queries", "trial", "value"])]
    for _, cell in seen.groupby(["method", "ratio"]):
        values = kept[kept["trial"].isin(cell["trial"])].pivot_table(index="queries", columns="trial", values=metric)
        filled = values.reindex(sorted(cell["queries"].unique())).ffill().dropna()
        rows.append(filled.melt(ignore_index=False).reset_index())
    return with_method_and_ratio(confirm, pd.concat(rows[1:] or rows))[[*OF_A_TRIAL, "queries", "value"]]


def curve_frame(confirm: pd.DataFrame, scores: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Returns ``method, ratio, trial, x, y, order`` of two-class confirm trials on test, each line thinned evenly.

    ``kind`` is ``roc`` (false against true positive rate) or ``precision-recall`` (recall against precision).
    """
    from sklearn.metrics import precision_recall_curve, roc_curve

    parts = [pd.DataFrame(columns=[*OF_A_TRIAL, "x", "y", "order"])]
    for trial, split in two_class_trials(confirm, scores, "test"):
        positive = positive_class(trial, split, "test")
        logits, labels = scores_and_labels(split)
        is_positive, score = labels == positive, logits[:, positive] - logits[:, 1 - positive]
        if kind == "roc":
            x, y, _ = roc_curve(is_positive, score)
        else:
            y, x, _ = precision_recall_curve(is_positive, score)
        kept = _thinned(len(x), len(confirm))
        points = {"x": x[kept].round(4), "y": y[kept].round(4), "order": kept}
        parts.append(pd.DataFrame(_of_trial(trial) | points))
    return pd.concat(parts[1:] or parts)


def positive_share(confirm: pd.DataFrame, scores: pd.DataFrame) -> float:
    """Returns the positive class's share of test, equal for all trials; NaN if no trial has scores of two classes."""
    found = two_class_trials(confirm, scores, "test")
    return next((float((rows["label"] == positive_class(trial, rows, "test")).mean()) for trial, rows in found), np.nan)


def by_configuration(search: pd.DataFrame) -> pd.DataFrame:
    """Returns a row for each configuration: its first complete search trial, with the mean dev AUC of its trials.

    The column ``seeds`` counts these trials. A configuration with a failed trial is left out.
    """
    failed = search[search["status"] == "failed"].groupby(["cell", "number"]).size()
    complete = search[search["status"] == "complete"].sort_values(["cell", "number", "trial"], kind="stable")
    seeds = complete.groupby(["cell", "number"])["dev_auc"]
    judged = complete.assign(dev_auc=seeds.transform("mean"), seeds=seeds.transform("size"))
    first = judged.drop_duplicates(["cell", "number"])
    keys = pd.MultiIndex.from_frame(first[["cell", "number"]])
    found: pd.DataFrame = first[~keys.isin(failed.index)]
    return found


def search_frame(search: pd.DataFrame, space: SearchSpace) -> pd.DataFrame:
    """Returns ``method, ratio, trial, key, value, dev_auc``, a row for each configuration and searched key.

    ``search`` is the frame of ``by_configuration``, and ``space`` the study's search space.
    """
    rows = [
        {**_of_trial(trial), "key": key, "value": value, "dev_auc": trial["dev_auc"]}
        for _, trial in search.iterrows()
        for key, (_, value) in searched(trial, space).items()
    ]
    return pd.DataFrame(rows, columns=[*OF_A_TRIAL, "key", "value", "dev_auc"])


def searched(trial: pd.Series[Any], space: SearchSpace) -> dict[str, tuple[Distribution, Any]]:
    """Returns the distribution and the trial's value of each searched option, in alphabetical order.

    An option that the method fixes outside its searched range is left out.
    """
    params = json.loads(trial["params"])
    own = own_space(space, trial["method"], params.keys())
    return {key: (own[key], params[key]) for key in sorted(own) if key in params and own[key].contains(params[key])}


def auxiliary_frame(confirm: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Returns ``trial, queries, scalar, value, method, ratio`` of objectives with auxiliary scalars, thinned evenly."""
    with_scalars = history[history["auxiliary"].map(bool) & history["trial"].isin(confirm["trial"])]
    rows = []
    for trial, steps in with_scalars.groupby("trial"):
        kept = steps.iloc[_thinned(len(steps), with_scalars["trial"].nunique() * len(steps["auxiliary"].iloc[0]))]
        rows += [
            {"trial": trial, "queries": queries, "scalar": name, "value": value}
            for queries, auxiliary in zip(kept["queries"], kept["auxiliary"], strict=True)
            for name, value in auxiliary.items()
        ]
    return with_method_and_ratio(confirm, pd.DataFrame(rows, columns=["trial", "queries", "scalar", "value"]))


def saddle_frame(confirm: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Returns ``method, ratio, trial, scalar, value``: the saddle's a, b and alpha for the kept point's dev scores."""
    rows = []
    for trial, split in two_class_trials(confirm[confirm["objective"] == "auc"], scores, "dev"):
        logits, labels = scores_and_labels(split)
        shares = np.bincount(labels, minlength=2) / len(labels)
        options = ObjectiveOptions(alpha_projection="none", auxiliary_start="closed_form")
        imbalance = ImbalanceSettings(margin=trial["margin"])
        objective = AucMinimax((positive_class(trial, split, "dev"),), shares, options, imbalance)
        objective.start(logits[None].astype(np.float32), labels[None])
        rows += [{**_of_trial(trial), "scalar": name, "value": value} for name, value in objective.auxiliary.items()]
    return pd.DataFrame(rows, columns=[*OF_A_TRIAL, "scalar", "value"])


def n_classes(scores: pd.DataFrame) -> int:
    """Returns the number of classes of a table ``scores`` that has rows."""
    return len(scores["scores"].iloc[0])


def two_class_trials(confirm: pd.DataFrame, scores: pd.DataFrame, split: str) -> Iterator[TrialScores]:
    """Yields each trial of two classes with its scores on ``dev`` or ``test``, if both classes have rows there."""
    for trial, rows in trials_with_scores(confirm, scores, split):
        if n_classes(rows) == 2 and rows["label"].nunique() == 2:
            yield trial, rows


def trials_with_scores(confirm: pd.DataFrame, scores: pd.DataFrame, split: str) -> Iterator[TrialScores]:
    """Yields each trial that has scores on ``dev`` or ``test``, with these scores."""
    by_trial = dict(list(scores[scores["split"] == split].groupby("trial")))
    for _, trial in confirm.iterrows():
        if trial["trial"] in by_trial:
            yield trial, by_trial[trial["trial"]]


def positive_class(trial: pd.Series[Any], rows: pd.DataFrame, split: str) -> int:
    """Returns the stored positive class of a two-class trial.

    Before schema version 4 it was not stored. There it is the class whose average precision is the stored AUPRC.
    """
    if not pd.isna(trial["positive_class"]):
        return int(trial["positive_class"])
    from sklearn.metrics import average_precision_score

    logits, labels = scores_and_labels(rows)
    auprc = [average_precision_score(labels == k, logits[:, k] - logits[:, 1 - k]) for k in (0, 1)]
    return min((0, 1), key=lambda k: abs(auprc[k] - trial[f"{split}_auprc"]))


def scores_and_labels(rows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Returns the scores, float64 ``[n, C]``, and the classes, int32 ``[n]``, of rows of the table ``scores``."""
    return np.stack(list(rows["scores"])).astype(np.float64), rows["label"].to_numpy(np.int32)


def _of_trial(trial: pd.Series[Any]) -> dict[str, Any]:
    return {"method": trial["method"], "ratio": trial["imbalance_ratio"], "trial": trial["trial"]}


def _thinned(n_points: int, n_lines: int) -> NDArray[np.int64]:
    """Returns the indices of the points of a line to draw: evenly spaced, with the first and the last."""
    shown = min(MOST_POINTS, max(LEAST_POINTS, MOST_ROWS // n_lines))
    return np.unique(np.linspace(0, n_points - 1, shown).astype(np.int64))
