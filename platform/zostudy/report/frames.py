"""The data of the figures: frames whose columns have fixed names, so that labels of a study are only ever values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zostudy.config.distributions import Distribution
from zostudy.config.space import own_space
from zostudy.methods.objectives import AucMinimax
from zostudy.methods.options import ImbalanceSettings, ObjectiveOptions
from zostudy.results.comparison.cells import Cells

# So that a page stays small and quick: rows of one kind of figure over all ratios, and points of one line.
MOST_ROWS, MOST_POINTS, LEAST_POINTS = 8_000, 101, 11

OF_A_TRIAL = ["method", "ratio", "trial"]


def metric_frame(comparison: Cells, metric: str) -> pd.DataFrame:
    """Returns ``method, column, mean, low, high, seeds``, one row a cell with a mean.

    ``column`` is the heading of what the cells are compared by, and ``method`` whatever names a row.
    """
    rows = [
        {"method": " ".join(map(str, cell.row)), "column": comparison.heading(cell.column), "seeds": cell.seeds}
        | interval.band
        for cell in comparison.cells
        if (interval := cell.intervals[metric]).mean is not None
    ]
    return pd.DataFrame(rows, columns=["method", "column", "mean", "low", "high", "seeds"])


def with_places(confirm: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Returns rows of confirm trials, with the trial's ``method`` and ``ratio`` beside them."""
    places = confirm[["trial", "method", "imbalance_ratio"]].rename(columns={"imbalance_ratio": "ratio"})
    return rows.merge(places, on="trial")


def anytime_frame(confirm: pd.DataFrame, history: pd.DataFrame, metric: str = "dev_auc") -> pd.DataFrame:
    """Returns ``method, ratio, trial, queries, value``: a dev metric of the point that is kept so far.

    That is the point with the best dev AUC, the earliest of equals. All trials of a cell have a value wherever one of
    them was evaluated. Studies that did not store the metric have none.

    Args:
        confirm: complete confirm trials.
        history: the table ``history``.
        metric: a column of it, such as ``dev_balanced_accuracy``.
    """
    seen = with_places(confirm, history.dropna(subset=["dev_auc", metric]))
    seen = seen.sort_values(["trial", "step"], kind="stable")
    best_before = seen.groupby("trial")["dev_auc"].cummax().groupby(seen["trial"]).shift(fill_value=-np.inf)
    kept = seen[seen["dev_auc"] > best_before]
    rows = [pd.DataFrame(columns=["queries", "trial", "value"])]
    for _, cell in seen.groupby(["method", "ratio"]):
        values = kept[kept["trial"].isin(cell["trial"])].pivot_table(index="queries", columns="trial", values=metric)
        filled = values.reindex(sorted(cell["queries"].unique())).ffill().dropna()
        rows.append(filled.melt(ignore_index=False).reset_index())
    return with_places(confirm, pd.concat(rows[1:] or rows))[[*OF_A_TRIAL, "queries", "value"]]


def curve_frame(confirm: pd.DataFrame, scores: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Returns ``method, ratio, trial, x, y, order`` of two-class confirm trials on test, each line thinned evenly.

    Args:
        confirm: complete confirm trials.
        scores: the table ``scores``.
        kind: ``roc`` (false against true positive rate) or ``precision-recall`` (recall against precision).
    """
    from sklearn.metrics import precision_recall_curve, roc_curve

    parts = [pd.DataFrame(columns=[*OF_A_TRIAL, "x", "y", "order"])]
    for trial, split in two_class(confirm, scores, "test"):
        positive = positive_class(trial, split, "test")
        logits, labels = arrays(split)
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
    """Returns the positive class's share of test, which all trials share; NaN where no trial has scores of two."""
    found = two_class(confirm, scores, "test")
    return next((float((rows["label"] == positive_class(of, rows, "test")).mean()) for of, rows in found), np.nan)


def by_configuration(search: pd.DataFrame) -> pd.DataFrame:
    """Returns the complete search trials, those of one configuration as one row: its first, with their mean dev AUC.

    The column ``seeds`` counts them. A configuration with a failed seed has failed, and is left out.
    """
    failed = search[search["status"] == "failed"].groupby(["cell", "number"]).size()
    complete = search[search["status"] == "complete"].sort_values(["cell", "number", "trial"], kind="stable")
    seeds = complete.groupby(["cell", "number"])["dev_auc"]
    judged = complete.assign(dev_auc=seeds.transform("mean"), seeds=seeds.transform("size"))
    first = judged.drop_duplicates(["cell", "number"])
    keys = pd.MultiIndex.from_frame(first[["cell", "number"]])
    found: pd.DataFrame = first[~keys.isin(failed.index)]
    return found


def search_frame(search: pd.DataFrame, space: Mapping[str, Distribution]) -> pd.DataFrame:
    """Returns ``method, ratio, trial, key, value, dev_auc``, one row a configuration and searched key.

    Args:
        search: of ``by_configuration``.
        space: of the study.
    """
    rows = [
        {**_of_trial(trial), "key": key, "value": value, "dev_auc": trial["dev_auc"]}
        for _, trial in search.iterrows()
        for key, (_, value) in searched(trial, space).items()
    ]
    return pd.DataFrame(rows, columns=[*OF_A_TRIAL, "key", "value", "dev_auc"])


def searched(trial: pd.Series[Any], space: Mapping[str, Distribution]) -> dict[str, tuple[Distribution, Any]]:
    """Returns the distribution and the trial's value of each searched option, in alphabetical order.

    An option that the method fixes outside the searched range is left out.
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
    return with_places(confirm, pd.DataFrame(rows, columns=["trial", "queries", "scalar", "value"]))


def saddle_frame(confirm: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Returns ``method, ratio, trial, scalar, value``: the saddle's a, b and alpha for the kept point's dev scores."""
    rows = []
    for trial, split in two_class(confirm[confirm["objective"] == "auc"], scores, "dev"):
        logits, labels = arrays(split)
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


def two_class(confirm: pd.DataFrame, scores: pd.DataFrame, split: str) -> Iterator[tuple[pd.Series[Any], pd.DataFrame]]:
    """Yields each trial of two classes that has scores of both on ``dev`` or ``test``, with these scores."""
    for trial, rows in of_split(confirm, scores, split):
        if n_classes(rows) == 2 and rows["label"].nunique() == 2:
            yield trial, rows


def of_split(confirm: pd.DataFrame, scores: pd.DataFrame, split: str) -> Iterator[tuple[pd.Series[Any], pd.DataFrame]]:
    """Yields each trial that has scores on ``dev`` or ``test``, with these scores."""
    by_trial = dict(list(scores[scores["split"] == split].groupby("trial")))
    for _, trial in confirm.iterrows():
        if trial["trial"] in by_trial:
            yield trial, by_trial[trial["trial"]]


def positive_class(trial: pd.Series[Any], rows: pd.DataFrame, split: str) -> int:
    """Returns the positive class of a two-class trial: the stored one.

    Studies before schema version 4 stored none. There it is the class whose average precision is the stored AUPRC.
    """
    if not pd.isna(trial["positive_class"]):
        return int(trial["positive_class"])
    from sklearn.metrics import average_precision_score

    logits, labels = arrays(rows)
    auprc = [average_precision_score(labels == k, logits[:, k] - logits[:, 1 - k]) for k in (0, 1)]
    return min((0, 1), key=lambda k: abs(auprc[k] - trial[f"{split}_auprc"]))


def arrays(rows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Returns the scores, float64 ``[n, C]``, and the classes, int32 ``[n]``, of rows of the table ``scores``."""
    return np.stack(list(rows["scores"])).astype(np.float64), rows["label"].to_numpy(np.int32)


def _of_trial(trial: pd.Series[Any]) -> dict[str, Any]:
    return {"method": trial["method"], "ratio": trial["imbalance_ratio"], "trial": trial["trial"]}


def _thinned(n_points: int, n_lines: int) -> NDArray[np.int64]:
    """Returns the points of a line to draw where there are many: evenly spaced, the first and the last among them."""
    shown = min(MOST_POINTS, max(LEAST_POINTS, MOST_ROWS // n_lines))
    return np.unique(np.linspace(0, n_points - 1, shown).astype(np.int64))
