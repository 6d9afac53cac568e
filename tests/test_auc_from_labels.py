"""What results/README.md says of AUC from labels is what the Parquet of the studies holds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from tests.reading_findings import REFERENCE, findings, listed, short

from zostudy import load_results

RATIOS = (1, 10, 50, 100)
BATCHES = ("natural", "weighted", "stratified")
REAL = ("mpqa", "sms_spam", "sst2", "subj", "trec", "hate_speech_offensive", "rte")
"""In the order of the table of real-text."""
MORE_CLASSES = ("trec", "hate_speech_offensive")
SEEDS = range(5)


@dataclass(frozen=True)
class Means:
    """AUC of methods: a row each method, a column each seed; from scores and from labels."""

    scores: pd.DataFrame
    labels: pd.DataFrame

    def order(self) -> float:
        """Returns Kendall's correlation of both, on the same seeds."""
        return kendall(self.scores.to_numpy(), self.labels.to_numpy())

    def order_on_other_seeds(self, labels: bool) -> float:
        """Returns that of AUC from scores on two seeds with another on the three others, over all choices of two."""
        scores, other = self.scores.to_numpy(), (self.labels if labels else self.scores).to_numpy()
        choices = [(list(two), [*{*SEEDS} - {*two}]) for two in combinations(SEEDS, 2)]
        return float(np.mean([kendall(scores[:, two], other[:, three]) for two, three in choices]))


def kendall(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Returns Kendall's correlation of the means of the rows, which are equal if they are to the ninth digit."""
    return float(stats.kendalltau(one.mean(axis=1).round(9), other.mean(axis=1).round(9)).statistic)


def means(trials: pd.DataFrame, labels: str = "test_balanced_accuracy") -> Means:
    scores, other = (trials.pivot_table(name, "method", "number") for name in ("test_auc", labels))
    return Means(scores, other)


def confirmed(folders: list[Path]) -> pd.DataFrame:
    trials = load_results(folders).trials
    return trials[trials["stage"] == "confirm"]


def auc_from_labels(counts: NDArray[np.float64]) -> float:
    """Returns macro one-vs-rest AUC of labels from how often each class (row) is taken for each (column)."""
    right, of_class, of_label = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    false_positives = (of_label - right) / (counts.sum() - of_class)
    return float(np.mean(right / of_class + 1 - false_positives) / 2)


def of_real_text(task: str) -> pd.DataFrame:
    """The confirm trials of a task without the references, with AUC from the labels that its scores choose."""
    results = load_results(REFERENCE / f"real-text-{task}")
    counts = results.sql(
        "SELECT trial, label, list_position(scores, list_max(scores)) - 1 AS predicted, count(*) AS rows FROM scores "
        "WHERE split = 'test' GROUP BY ALL"
    )
    trials = results.trials[results.trials["needs"] == "scores"]
    labels = sorted(counts["label"].unique())
    tables = counts.pivot_table("rows", ["trial", "label"], "predicted", fill_value=0)
    tables = tables.reindex(columns=labels, fill_value=0)
    found = {str(trial): auc_from_labels(tables.loc[str(trial)].to_numpy(float)) for trial in trials["trial"]}
    return trials.assign(from_labels=trials["trial"].map(found))


@pytest.fixture(scope="module")
def causes() -> pd.DataFrame:
    return confirmed(sorted(REFERENCE.glob("imbalance-cause-*/")))


@pytest.fixture(scope="module")
def suite() -> list[Means]:
    """Those of the suite at each ratio."""
    return [means(of) for _, of in confirmed([REFERENCE / "suite"]).groupby("imbalance_ratio")]


@pytest.fixture(scope="module")
def of_batches(causes: pd.DataFrame) -> dict[str, list[Means]]:
    """Those of the methods with each kind of batches, at each ratio."""
    chosen = {batches: causes[causes["method"].str.contains(batches)] for batches in BATCHES}
    return {name: [means(of) for _, of in trials.groupby("imbalance_ratio")] for name, trials in chosen.items()}


@pytest.fixture(scope="module")
def real() -> list[Means]:
    """Those of each task of real text. With two classes the balanced accuracy is AUC from labels."""
    binary = confirmed([REFERENCE / f"real-text-{task}" for task in REAL if task not in MORE_CLASSES])
    binary = binary[binary["needs"] == "scores"]
    of_two = {task: means(of) for task, of in binary.groupby("task")}
    return [means(of_real_text(task), "from_labels") if task in MORE_CLASSES else of_two[task] for task in REAL]


def test_auc_from_labels_is_the_balanced_accuracy_of_two_classes() -> None:
    random = np.random.default_rng(0)
    for n_classes in (2, 4):
        truth, decided = random.integers(0, n_classes, (2, 90))
        counts = np.zeros((n_classes, n_classes))
        np.add.at(counts, (truth, decided), 1)
        one_hot = np.eye(n_classes)[decided]
        expected = roc_auc_score(truth, decided if n_classes == 2 else one_hot, multi_class="ovr")
        assert auc_from_labels(counts) == pytest.approx(expected, abs=1e-12)
        assert (n_classes == 2) == (abs(expected - balanced_accuracy_score(truth, decided)) < 1e-12)
    sst2 = of_real_text("sst2")
    np.testing.assert_allclose(sst2["from_labels"], sst2["test_balanced_accuracy"].astype(float), atol=1e-6)
    said = "with two classes it is the balanced accuracy of argmax, with more it is taken one class against the rest"
    assert said in findings("auc-from-labels")


def row(words: str, of: list[Means]) -> str:
    """Returns a row of the table."""
    columns = [
        [each.order() for each in of],
        *([each.order_on_other_seeds(labels) for each in of] for labels in (True, False)),
    ]
    return f"| {words} | {' | '.join(', '.join(short(value, 2) for value in column) for column in columns)} |"


def test_the_table_of_orders(suite: list[Means], of_batches: dict[str, list[Means]], real: list[Means]) -> None:
    text = findings("auc-from-labels")
    assert (
        "Kendall's correlation of the orders: on the same seeds, and of AUC from scores on two seeds with either AUC "
        "on the other three (mean over all choices of two): | methods | same seeds | other seeds, from labels | other "
        "seeds, from scores |"
    ) in text
    assert {len(each.scores) for each in suite} == {8}
    assert row("suite, eight methods, at ratios 1, 10 and 50", suite) in text
    for name, number in (("stratified", 8), ("weighted", 6), ("natural", 8)):
        assert {len(each.scores) for each in of_batches[name]} == {number}
        words = {8: "eight", 6: "six"}[number]
        at = ", at ratios 1, 10, 50 and 100" if name == "stratified" else ""
        assert row(f"imbalance-cause, {words} with {name} batches{at}", of_batches[name]) in text
    assert {len(each.scores) for each in real} == {15}
    assert row("real-text, 15 methods, each task in the order of its table", real) in text


def test_where_the_order_stays(suite: list[Means], of_batches: dict[str, list[Means]]) -> None:
    even = [*suite, *of_batches["stratified"], *of_batches["weighted"], of_batches["natural"][0]]
    gaps = [abs(each.order_on_other_seeds(labels=True) - each.order_on_other_seeds(labels=False)) for each in even]
    assert (
        "- **Where ratio, batches or weights are even, the order stays**: AUC from labels agrees with AUC from scores "
        f"on other seeds as that does with itself, within {short(np.ceil(max(gaps) * 100) / 100, 2)}."
    ) in findings("auc-from-labels")
    assert all(each.scores.mean(axis=1).idxmax() == "bpt-fzg" for each in suite)
    assert all(each.labels.mean(axis=1).idxmax() == "bpt-fzg" for each in suite)
    assert "In the suite BPT-FZG is first by both at every ratio." in findings("auc-from-labels")


def test_where_it_changes(causes: pd.DataFrame, of_batches: dict[str, list[Means]]) -> None:
    text, hardest = findings("auc-from-labels"), causes[causes["imbalance_ratio"] == 100]
    orders = [short(each.order(), 2) for each in of_batches["natural"][1:]]
    assert (
        f"- **It changes where argmax decides after natural batches**: {listed(orders)} at ratios 10, 50 and 100, "
        "while scores keep their order on other seeds."
    ) in text
    assert min(each.order_on_other_seeds(labels=False) for each in of_batches["natural"][1:]) > 0.5
    natural = hardest[hardest["method"].str.contains("natural")]
    threshold = means(natural, "test_balanced_accuracy_at_dev_threshold").order()
    assert f"Decided at a threshold from dev, the orders agree again ({threshold:.2f} at ratio 100)." in text
    everyone = means(hardest)
    ranks = [of.mean(axis=1).rank(ascending=False).astype(int) for of in (everyone.scores, everyone.labels)]
    falls = f"from place {ranks[0]['ce-natural']} to place {ranks[1]['ce-natural']} of {len(ranks[0])}"
    assert f"Among all of the study, cross-entropy on natural batches falls {falls} there" in text


def test_where_there_is_hardly_an_order(real: list[Means]) -> None:
    text = findings("auc-from-labels")
    scores, labels = ([each.order_on_other_seeds(of_labels) for each in real] for of_labels in (False, True))
    assert (
        "- **On real text there is little order to change**: on other seeds AUC from scores agrees with itself by "
        f"{short(min(scores), 2)} to {short(max(scores), 2)}, and with AUC from labels by less on every task."
    ) in text
    assert all(with_labels < with_itself for with_labels, with_itself in zip(labels, scores, strict=True))
    same = [each.scores.mean(axis=1).idxmax() == each.labels.mean(axis=1).idxmax() for each in real]
    assert [task for task, is_same in zip(REAL, same, strict=True) if is_same] == ["mpqa", "sms_spam", "subj"]
    assert "The same method is first by both on MPQA, SMS spam and Subj." in text
