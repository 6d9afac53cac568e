"""What the figures draw, as data frames whose columns have fixed names; labels of a study are only ever values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zostudy.results.comparison import Comparison
from zostudy.results.intervals import t_interval

# What a page stays small and quick with: rows of one kind of figure over all ratios, and points of one line.
MOST_ROWS, MOST_POINTS, LEAST_POINTS = 8_000, 101, 11


def metric_frame(comparison: Comparison, metric: str) -> pd.DataFrame:
    """Returns ``method, ratio, mean, low, high, seeds``, one row a cell with a mean; no interval: low = high = mean."""
    rows = []
    for cell in comparison.cells:
        mean, half = cell.intervals[metric]
        if mean is not None:
            rows.append(_band(mean, half) | {"method": cell.row[-1], "ratio": cell.column, "seeds": cell.seeds})
    return pd.DataFrame(rows, columns=["method", "ratio", "mean", "low", "high", "seeds"])


def anytime_frame(confirm: pd.DataFrame, history: pd.DataFrame, metric: str = "dev_auc") -> pd.DataFrame:
    """Returns ``method, ratio, queries, mean, low, high, seeds``: a dev metric of the point that is kept so far.

    That is the point with the best dev AUC, the earliest of equals. Studies of before the metric was stored have none.

    Args:
        confirm: complete confirm trials.
        history: the table ``history``.
        metric: a column of it, such as ``dev_balanced_accuracy``.
    """
    seen = history.dropna(subset=["dev_auc", metric]).merge(confirm[["trial", "method", "imbalance_ratio"]], on="trial")
    seen = seen.sort_values(["trial", "step"], kind="stable")
    best_before = seen.groupby("trial")["dev_auc"].cummax().groupby(seen["trial"]).shift(fill_value=-np.inf)
    kept = seen[seen["dev_auc"] > best_before]
    rows = []
    for (method, ratio), cell in seen.groupby(["method", "imbalance_ratio"]):
        values = kept[kept["trial"].isin(cell["trial"])].pivot_table(index="queries", columns="trial", values=metric)
        so_far = values.reindex(sorted(cell["queries"].unique())).ffill()
        for queries, of_trials in so_far.dropna().iterrows():
            band = _band(*t_interval(of_trials.to_numpy(np.float64)))
            rows.append({"method": method, "ratio": ratio, "queries": queries, "seeds": len(of_trials)} | band)
    return pd.DataFrame(rows, columns=["method", "ratio", "queries", "mean", "low", "high", "seeds"])


def curve_frame(confirm: pd.DataFrame, scores: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Returns ``method, ratio, trial, x, y`` of two-class confirm trials on test, each line thinned evenly.

    Args:
        confirm: complete confirm trials.
        scores: the table ``scores``.
        kind: ``roc`` (false against true positive rate) or ``precision-recall`` (recall against precision).
    """
    from sklearn.metrics import precision_recall_curve, roc_curve

    parts = []
    for trial, split in two_class(confirm, scores, "test"):
        label, score = _positive(trial, split, "test")
        if kind == "roc":
            x, y, _ = roc_curve(label, score)
        else:
            y, x, _ = precision_recall_curve(label, score)
        kept = _thinned(len(x), len(confirm))
        place = {"method": trial["method"], "ratio": trial["imbalance_ratio"], "trial": trial["trial"]}
        parts.append(pd.DataFrame({**place, "x": x[kept].round(5), "y": y[kept].round(5), "order": kept}))
    return pd.concat(parts) if parts else pd.DataFrame(columns=["method", "ratio", "trial", "x", "y", "order"])


def search_frame(search: pd.DataFrame, space: Mapping[str, Any]) -> pd.DataFrame:
    """Returns ``method, ratio, trial, key, value, dev_auc``, one row a complete search trial and searched key."""
    rows = []
    for _, trial in search[search["status"] == "complete"].iterrows():
        for key, value in searched(trial, space).items():
            place = {"method": trial["method"], "ratio": trial["imbalance_ratio"], "trial": trial["trial"]}
            rows.append({**place, "key": key, "value": value, "dev_auc": trial["dev_auc"]})
    return pd.DataFrame(rows, columns=["method", "ratio", "trial", "key", "value", "dev_auc"])


def searched(trial: pd.Series[Any], space: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a trial used of the searched keys; ``spsa.learning_rate`` is SPSA's ``learning_rate``.

    An option that the method has fixed outside the searched range is left out.
    """
    params = json.loads(trial["params"])
    known = own_space(space, trial["method"])
    return {key: params[key] for key in sorted(known) if key in params and _contains(known[key], params[key])}


def own_space(space: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Returns a method's search space by option; a key with its label counts before one without."""
    prefix = f"{method}."
    own = {key.removeprefix(prefix): values for key, values in space.items() if key.startswith(prefix)}
    return {key: values for key, values in space.items() if not key.startswith(prefix)} | own


def auxiliary_frame(confirm: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Returns ``method, ratio, trial, queries, scalar, value`` of objectives with auxiliary scalars, thinned evenly."""
    with_scalars = history[history["auxiliary"].map(bool) & history["trial"].isin(confirm["trial"])]
    rows = []
    for trial, steps in with_scalars.groupby("trial"):
        kept = steps.iloc[_thinned(len(steps), with_scalars["trial"].nunique() * len(steps["auxiliary"].iloc[0]))]
        rows += [
            {"trial": trial, "queries": queries, "scalar": name, "value": value}
            for queries, auxiliary in zip(kept["queries"], kept["auxiliary"], strict=True)
            for name, value in auxiliary.items()
        ]
    places = confirm[["trial", "method", "imbalance_ratio"]].rename(columns={"imbalance_ratio": "ratio"})
    return pd.DataFrame(rows, columns=["trial", "queries", "scalar", "value"]).merge(places, on="trial")


def saddle_frame(confirm: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Returns ``method, ratio, trial, scalar, value``: the inner optimum on the dev scores of the kept point.

    For the mean probability h of each class: a = E[h|1], b = E[h|0], alpha = margin + b - a
    (Ying et al., NeurIPS 2016).
    """
    rows = []
    for trial, split in two_class(confirm[confirm["objective"] == "auc"], scores, "dev"):
        label, difference = _positive(trial, split, "dev")
        probability = 1 / (1 + np.exp(-difference))
        a, b = probability[label].mean(), probability[~label].mean()
        for scalar, value in {"a": a, "b": b, "alpha": trial["margin"] + b - a}.items():
            place = {"method": trial["method"], "ratio": trial["imbalance_ratio"], "trial": trial["trial"]}
            rows.append({**place, "scalar": scalar, "value": float(value)})
    return pd.DataFrame(rows, columns=["method", "ratio", "trial", "scalar", "value"])


def n_classes(scores: pd.DataFrame) -> int:
    """Returns how many classes the table ``scores``, of which there is a row, has scores of."""
    return len(scores["scores"].iloc[0])


def two_class(confirm: pd.DataFrame, scores: pd.DataFrame, split: str) -> Iterator[tuple[pd.Series[Any], pd.DataFrame]]:
    """Returns the trials of two classes that have scores of both on ``dev`` or ``test``, each with these rows."""
    by_trial = dict(list(scores[scores["split"] == split].groupby("trial")))
    for _, trial in confirm.iterrows():
        rows = by_trial.get(trial["trial"])
        if rows is not None and n_classes(rows) == 2 and rows["label"].nunique() == 2:
            yield trial, rows


def _positive(trial: pd.Series[Any], rows: pd.DataFrame, split: str) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Returns which examples are of the minority class, and its logit less the other's.

    The tables do not name the minority class; it is the one whose average precision is the stored one.
    """
    from sklearn.metrics import average_precision_score

    logits = np.stack(list(rows["scores"])).astype(np.float64)
    labels = rows["label"].to_numpy()
    both = [(labels == k, logits[:, k] - logits[:, 1 - k]) for k in (0, 1)]
    return min(both, key=lambda one: abs(average_precision_score(*one) - trial[f"{split}_auprc"]))


def _thinned(n_points: int, n_lines: int) -> NDArray[np.int64]:
    """Returns which points of a line are drawn, where so many are: evenly spaced, the first and the last among them."""
    shown = min(MOST_POINTS, max(LEAST_POINTS, MOST_ROWS // n_lines))
    return np.unique(np.linspace(0, n_points - 1, shown).astype(np.int64))


def _contains(values: Mapping[str, Any], value: Any) -> bool:
    return bool(value in values["choice"] if "choice" in values else values["low"] <= value <= values["high"])


def _band(mean: float | None, half: float | None) -> dict[str, float]:
    middle = float("nan") if mean is None else mean
    return {"mean": middle, "low": middle - (half or 0.0), "high": middle + (half or 0.0)}
