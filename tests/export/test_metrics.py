from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, matthews_corrcoef, roc_auc_score

from zostudy.config.model import ModelSpec
from zostudy.errors import DataError
from zostudy.export.manifest import Manifest
from zostudy.export.metrics import TrueLabels, metrics_lines, true_labels
from zostudy.export.task import ExportedTask
from zostudy.results.decision import Decision
from zostudy.tasks.labels import NO_LABEL


def task(*names: str, name: str = "own", label: str | None = "label") -> ExportedTask:
    texts = {"text": "body", "second_text": None, "template": "{text} {mask}", "truncate": False}
    words = {"label_words": names, "class_names": names}
    return ExportedTask.model_validate({"name": name, "label": label} | texts | words)


def manifest(threshold: float | None, *names: str) -> Manifest:
    return Manifest.model_validate(
        {"study": "s", "cell": "c", "trial": "t", "method": "m", "imbalance_ratio": 1.0, "head": "masked"}
        | {"model": ModelSpec(name="mini-roberta"), "embeddings": "", "decision": Decision(threshold=threshold)}
        | {"versions": {}, "task": task(*names)}
    )


def classes(labels: TrueLabels | None) -> list[int]:
    assert labels is not None
    return [int(label) for label in labels.classes]


@pytest.mark.parametrize("threshold", [0.0, 1.5])
def test_metrics_are_those_of_scikit_learn_of_the_rows_with_a_class(threshold: float) -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 400)
    scores = np.stack([np.zeros(400), random.normal(2 * truth, 1)], axis=1).astype(np.float32)
    given = np.where(np.arange(400) < 100, NO_LABEL, truth).astype(np.int32)
    lines = metrics_lines(scores, TrueLabels("label", given), manifest(threshold, "ham", "spam"))
    truth, margins = truth[100:], scores[100:, 1]
    assert lines[0].startswith(f"300 rows with a class in column 'label': AUC {roc_auc_score(truth, margins):.3f}, ")
    assert lines[1].split("  ")[0] == "decision"
    for line, name, at in zip(lines[2:], ("argmax", "threshold"), (0.0, threshold), strict=True):
        predicted = margins > at
        measures = (
            accuracy_score(truth, predicted),
            balanced_accuracy_score(truth, predicted),
            f1_score(truth, predicted, average="macro"),
            matthews_corrcoef(truth, predicted),
            np.mean(~predicted[truth == 0]),
            np.mean(predicted[truth == 1]),
        )
        assert line.split() == [name, *(f"{value:.3f}" for value in measures)]


def test_more_classes_are_decided_by_the_highest_score_alone() -> None:
    scores = np.eye(3, dtype=np.float32)[[0, 1, 2, 2]]
    labels = TrueLabels("label", np.array([0, 1, 2, 1], np.int32))
    title, _, argmax = metrics_lines(scores, labels, manifest(None, "a", "b", "c"))
    assert "AUC" in title
    assert argmax.split()[:3] == ["argmax", "0.750", "0.833"]


def test_rows_of_one_class_are_not_measured() -> None:
    labels = TrueLabels("label", np.array([1, NO_LABEL, 1], np.int32))
    [line] = metrics_lines(np.zeros((3, 2), np.float32), labels, manifest(0.0, "ham", "spam"))
    assert line == "no metrics: all rows are 'spam' in column 'label'"


def test_classes_are_found_by_name_and_empty_ones_left_out() -> None:
    table = pa.table({"label": ["spam", None, "ham"], "other": ["ham", "ham", "spam"]})
    assert classes(true_labels(table, task("ham", "spam"), None, "f")) == [1, NO_LABEL, 0]
    assert classes(true_labels(table, task("ham", "spam"), "other", "f")) == [0, 0, 1]
    assert true_labels(table.drop_columns("label"), task("ham", "spam"), None, "f") is None
    assert true_labels(table, task("ham", "spam", label=None), None, "f") is None


def test_numbers_are_classes_by_the_column_of_names_or_else_in_their_order() -> None:
    numbers = pa.table({"label": [2, 1, 2], "label_name": ["up", "down", "up"]})
    named = true_labels(numbers, task("up", "down"), None, "f")
    assert classes(named) == [0, 1, 0]
    assert named is not None
    assert named.note is None
    ranked = true_labels(numbers.drop_columns("label_name"), task("up", "down"), None, "f")
    assert classes(ranked) == [1, 0, 1]
    assert ranked is not None
    assert ranked.note is not None
    assert ranked.note.endswith("in their order: 1 = up, 2 = down")


def test_a_known_tasks_other_names_count() -> None:
    table = pa.table({"label": ["Positive", "neg"]})
    known = task("negative", "positive", name="sst2")
    with pytest.raises(DataError, match="it holds 'neg'"):
        true_labels(table, task("negative", "Positive"), None, "f")
    assert classes(true_labels(table.slice(0, 1), known, None, "f")) == [1]


@pytest.mark.parametrize(
    ("column", "got"),
    [(["ham", "eggs"], "it holds 'eggs'"), ([1, 2, 3], "it holds '1'"), ([None, ""], "it is empty")],
)
def test_what_is_no_class_is_refused(column: list[str | int | None], got: str) -> None:
    with pytest.raises(DataError, match=f"column 'label' must hold the classes ham, spam, but {got}"):
        true_labels(pa.table({"label": column}), task("ham", "spam"), None, "f")
