from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import auc

from zostudy.report import frames
from zostudy.results.reading import Results, load_results

QUICKSTART = Path(__file__).resolve().parents[2] / "results" / "reference" / "quickstart"


@pytest.fixture(scope="module")
def results() -> Results:
    return load_results(QUICKSTART)


def test_the_area_under_each_roc_curve_is_the_stored_auc(results: Results) -> None:
    confirm = results.trials[results.trials["stage"] == "confirm"]
    curves = frames.curve_frame(confirm, results.scores, "roc")
    stored = confirm.set_index("trial")["test_auc"]
    assert set(curves["trial"]) == set(stored.index)
    for trial, curve in curves.groupby("trial"):
        assert auc(curve["x"], curve["y"]) == pytest.approx(stored[trial], abs=5e-3)  # thinned to 101 points


def test_the_last_of_an_anytime_curve_is_the_mean_of_the_stored_dev_auc(results: Results) -> None:
    confirm = results.trials[results.trials["stage"] == "confirm"]
    curves = frames.anytime_frame(confirm, results.history)
    means = confirm.groupby(["method", "imbalance_ratio"])["dev_auc"].mean()
    for place, curve in curves.groupby(["method", "ratio"]):
        assert curve.sort_values("queries")["mean"].iloc[-1] == pytest.approx(means[place])
        assert (np.diff(curve.sort_values("queries")["mean"]) >= 0).all()


def test_the_saddle_is_where_the_gradients_of_the_objective_vanish(results: Results) -> None:
    from zostudy.methods.objectives import AucMinimax, AucSettings

    confirm = results.trials[(results.trials["stage"] == "confirm") & (results.trials["objective"] == "auc")]
    (trial,) = confirm["trial"].head(1)
    rows = results.scores[(results.scores["trial"] == trial) & (results.scores["split"] == "dev")]
    levels = frames.saddle_frame(confirm, results.scores).query("trial == @trial").set_index("scalar")["value"]
    logits, labels = np.stack(list(rows["scores"]))[None], rows["label"].to_numpy()[None]
    gradients = []
    for positive in (0, 1):  # the tables do not say which class is the minority
        share = (labels == positive).mean()
        objective = AucMinimax(
            (positive,), np.array([1 - share, share]) if positive else np.array([share, 1 - share]), AucSettings()
        )
        objective.a, objective.b, objective.alpha = (np.array([levels[name]]) for name in ("a", "b", "alpha"))
        gradients.append(np.abs(np.concatenate(objective.gradients(logits, labels))).max())
    assert min(gradients) < 1e-6
