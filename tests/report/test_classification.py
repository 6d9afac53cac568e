from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix

from zostudy.report import classification, frames
from zostudy.results.classes import StudyClass, StudyClasses
from zostudy.results.results import Results, load_results

QUICKSTART = Path(__file__).resolve().parents[2] / "results" / "reference" / "quickstart"


@pytest.fixture(scope="module")
def results() -> Results:
    return load_results(QUICKSTART)


@pytest.fixture(scope="module")
def confirm(results: Results) -> pd.DataFrame:
    of_zosa = (results.trials["stage"] == "confirm") & (results.trials["method"] == "zosa")
    return results.trials[of_zosa & (results.trials["imbalance_ratio"] == 50)]


def test_matrices_are_scikit_learns_and_recalls_those_that_are_stored(results: Results, confirm: pd.DataFrame) -> None:
    shares = classification.confusion_frame(confirm, results.scores)
    expected = []
    for _, split in frames.trials_with_scores(confirm, results.scores, "test"):
        logits, labels = frames.scores_and_labels(split)
        expected.append(confusion_matrix(labels, logits.argmax(axis=1), normalize="true"))
    argmax = shares[shares["decision"] == "argmax"].pivot_table(index="label", columns="predicted", values="share")
    np.testing.assert_allclose(argmax, np.mean(expected, axis=0))
    recalls = shares.query("label == 1 and predicted == 1").set_index("decision")["share"]
    assert recalls["argmax"] == pytest.approx(confirm["test_minority_recall"].mean())
    assert recalls["threshold"] == pytest.approx(confirm["test_minority_recall_at_dev_threshold"].mean())


def test_a_matrix_stands_under_the_names_of_the_classes(
    results: Results, confirm: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tuple(StudyClass(name, "", False, (1,), (1,), 1) for name in ("bad", "good"))
    [table] = classification.classes_section(confirm, results.scores, StudyClasses("label word", (50.0,), named)).tables
    assert table.columns[2:] == ("argmax: bad", "argmax: good", "threshold: bad", "threshold: good")
    assert [row[:2] for row in table.rows] == [("zosa", "bad"), ("zosa", "good")]
    assert table.best == {(0, 2), (1, 3), (0, 4), (1, 5)}
    monkeypatch.setattr(classification, "LARGEST_MATRIX", 1)
    [narrow] = classification.classes_section(confirm, results.scores, None).tables
    assert narrow.columns[2:] == ("argmax: recall", "threshold: recall")
    assert [row[2:] for row in narrow.rows] == [(table.rows[i][2 + i], table.rows[i][4 + i]) for i in (0, 1)]
    monkeypatch.undo()
    [untold] = classification.classes_section(
        confirm.assign(dev_threshold=None), results.scores.assign(label=0), None
    ).tables
    assert untold.columns[2:] == ("argmax: 0", "argmax: 1")
    assert untold.rows[1] == ("zosa", "1", "-", "-")


def test_bins_hold_the_stored_calibration_error(
    results: Results, confirm: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classification, "LEAST_ROWS", 1)
    for _, trial in confirm.iterrows():
        bins = classification.reliability_frame(confirm[confirm["trial"] == trial["trial"]], results.scores)
        error = ((bins["x"] - bins["y"]).abs() * bins["rows"]).sum() / bins["rows"].sum()
        assert error == pytest.approx(trial["test_expected_calibration_error"], abs=1e-4)
