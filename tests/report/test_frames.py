from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import auc

from zostudy.report import frames
from zostudy.report.charts import Charts
from zostudy.report.comparing import ANYTIME, anytime_section, curves_section, saddle_section
from zostudy.results.results import Results, load_results

QUICKSTART = Path(__file__).resolve().parents[1] / "data" / "quickstart"


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


def test_the_last_of_an_anytime_curve_is_the_stored_dev_auc(results: Results) -> None:
    confirm = results.trials[results.trials["stage"] == "confirm"]
    curves = frames.anytime_frame(confirm, results.history)
    stored = confirm.set_index("trial")["dev_auc"].to_dict()
    assert set(curves["trial"]) == set(stored)
    for trial, curve in curves.groupby("trial"):
        values = curve.sort_values("queries")["value"]
        assert values.iloc[-1] == pytest.approx(stored[trial])
        assert (np.diff(values) >= 0).all()


def test_without_knowledge_precision_is_the_positive_share_of_test(results: Results) -> None:
    confirm = results.trials[results.trials["stage"] == "confirm"].assign(positive_class=1)
    rows = results.scores[results.scores["split"] == "test"]
    assert frames.positive_share(confirm, results.scores) == pytest.approx((rows["label"] == 1).mean())
    assert np.isnan(frames.positive_share(confirm, results.scores.assign(label=0)))


def test_a_configuration_counts_with_the_mean_over_its_seeds(results: Results) -> None:
    search = results.trials[results.trials["stage"] == "search"]
    judged = frames.by_configuration(search)
    assert sorted(judged["trial"]) == sorted(search["trial"])
    assert judged.set_index("trial")["dev_auc"].to_dict() == search.set_index("trial")["dev_auc"].to_dict()
    other = search.assign(trial=search["trial"] + "-seed-1", dev_auc=search["dev_auc"] + 0.1)
    failing = search["trial"].iloc[0]
    other.loc[other.index[0], "status"] = "failed"
    other.loc[other.index[0], "dev_auc"] = np.nan
    both = frames.by_configuration(pd.concat([other, search], ignore_index=True)).set_index("trial")
    assert failing not in both.index
    assert set(both["seeds"]) == {2}
    for trial, dev_auc in search.set_index("trial")["dev_auc"].drop(failing).items():
        assert both.loc[trial, "dev_auc"] == pytest.approx(dev_auc + 0.05)


@pytest.fixture(scope="module")
def with_metrics(results: Results) -> pd.DataFrame:
    """The quickstart's history, with two more metrics at each evaluation."""
    history, random = results.history, np.random.default_rng(0)
    there = history["dev_auc"].notna()
    values = {f"dev_{name}": random.random(len(history)) for name in ("balanced_accuracy", "minority_recall")}
    return history.assign(**{name: np.where(there, value, np.nan) for name, value in values.items()})


def test_other_metrics_are_those_of_the_point_with_the_best_dev_auc_so_far(
    results: Results, with_metrics: pd.DataFrame
) -> None:
    confirm = results.trials[results.trials["stage"] == "confirm"]
    curves = frames.anytime_frame(confirm, with_metrics, "dev_minority_recall")
    steps = with_metrics.dropna(subset=["dev_auc"])
    falls = 0
    for trial, curve in curves.groupby("trial"):
        for _, row in curve.iterrows():
            so_far = steps[(steps["trial"] == trial) & (steps["queries"] <= row["queries"])]
            assert row["value"] == so_far.loc[so_far["dev_auc"].idxmax(), "dev_minority_recall"]
        falls += (np.diff(curve.sort_values("queries")["value"]) < 0).sum()
    assert falls  # it may, for the point is chosen by AUC


def test_dev_metrics_are_drawn_beside_the_auc_where_they_are_stored(
    results: Results, with_metrics: pd.DataFrame
) -> None:
    confirm = results.trials[results.trials["stage"] == "confirm"]
    charts = Charts(sorted(confirm["method"].unique()))

    def drawn(history: pd.DataFrame) -> list[str]:
        return [figure.name for figure in anytime_section(confirm, history, charts).figures]

    every = [f"anytime-{metric}-ratio-{ratio}" for metric in ANYTIME for ratio in (1, 10, 50)]
    assert len(every) == 9
    assert drawn(with_metrics) == every
    older = with_metrics.assign(dev_balanced_accuracy=np.nan, dev_minority_recall=np.nan)
    assert drawn(older) == every[:3]


def test_the_saddle_is_where_the_gradients_of_the_objective_vanish(results: Results) -> None:
    from zostudy.methods import ImbalanceSettings
    from zostudy.methods.objectives import AucMinimax
    from zostudy.methods.options import ObjectiveOptions

    confirm = results.trials[(results.trials["stage"] == "confirm") & (results.trials["objective"] == "auc")]
    (trial,) = confirm["trial"].head(1)
    rows = results.scores[(results.scores["trial"] == trial) & (results.scores["split"] == "dev")]
    levels = frames.saddle_frame(confirm, results.scores).query("trial == @trial").set_index("scalar")["value"]
    logits, labels = np.stack(list(rows["scores"]))[None], rows["label"].to_numpy()[None]
    gradients = []
    for positive in (0, 1):  # the tables do not say which class is the minority
        share = (labels == positive).mean()
        class_shares = np.array([1 - share, share]) if positive else np.array([share, 1 - share])
        objective = AucMinimax((positive,), class_shares, ObjectiveOptions(), ImbalanceSettings())
        objective.a, objective.b, objective.alpha = (np.array([levels[name]]) for name in ("a", "b", "alpha"))
        gradients.append(np.abs(np.concatenate(objective.gradients(logits, labels))).max())
    assert min(gradients) < 1e-6


def test_each_scalar_of_more_than_two_classes_has_a_figure_of_its_own(results: Results) -> None:
    confirm = results.trials[results.trials["stage"] == "confirm"]
    several = [
        {f"{name}_{k}": value for name, value in scalars.items() for k in range(3)}
        for scalars in results.history["auxiliary"]
    ]
    history = results.history.assign(auxiliary=pd.Series(several, index=results.history.index))
    of_two = saddle_section(confirm, results.history, results.scores).figures
    of_three = saddle_section(confirm, history, results.scores.iloc[:0]).figures
    names = ("a", "alpha", "b")
    assert [figure.name for figure in of_three] == [f"{figure.name}-{name}" for figure in of_two for name in names]
    for name, figure in zip(names, of_three, strict=False):
        assert figure.chart.to_dict()["title"].endswith(f", {name}")
        assert {*figure.chart.data["scalar"]} == {f"{name}_{k}" for k in range(3)}


def test_the_positive_class_is_the_stored_one_and_inferred_where_none_is_stored(results: Results) -> None:
    confirm = results.trials[results.trials["stage"] == "confirm"]
    for trial, rows in frames.two_class_trials(confirm, results.scores, "test"):
        inferred = frames.positive_class(trial, rows, "test")
        assert inferred == rows["label"].value_counts().idxmin() or rows["label"].value_counts().nunique() == 1
        stored = trial.copy()
        stored["positive_class"] = 1 - inferred
        assert frames.positive_class(stored, rows, "test") == 1 - inferred


def test_curves_say_where_the_positive_class_is_inferred(results: Results) -> None:
    confirm = results.trials[results.trials["stage"] == "confirm"]
    charts = Charts(sorted(confirm["method"].unique()))
    assert "did not store which class is the positive one" in curves_section(confirm, results.scores, charts).note
    assert not curves_section(confirm.assign(positive_class=1), results.scores, charts).note
    bare = curves_section(confirm.assign(scores_rows=0), results.scores.iloc[:0], charts)
    assert (bare.note, bare.figures) == ("The study was run with confirm.scores: false, which stores no scores.", ())
