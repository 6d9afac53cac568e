"""What results/README.md says of the study imbalance-cause, and of AUC from labels, is what its Parquet holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from tests.reading_findings import REFERENCE, findings, record, short

from zostudy import load_results

LOSSES = {"cross-entropy": "ce", "focal": "focal", "logit-adjusted": "adjusted", "AUC minimax": "auc"}
BATCHES = ("natural", "weighted", "stratified")
DECIDING = "test_balanced_accuracy"


@pytest.fixture(scope="module")
def confirmed() -> pd.DataFrame:
    """The confirm trials of all models and ratios."""
    found = load_results(sorted(REFERENCE.glob("imbalance-cause-*/"))).trials
    return found[found["stage"] == "confirm"]


@pytest.fixture(scope="module")
def trials(confirmed: pd.DataFrame) -> pd.DataFrame:
    """Those at ratio 100, with what each changes: ``loss``, ``batches`` and ``directions``."""
    found = confirmed[(confirmed["method"] != "untuned") & (confirmed["imbalance_ratio"] == 100)]
    parts = found["method"].str.split("-")
    directions = np.where(found["method"].str.endswith("-shared"), "shared", "own")
    return found.assign(loss=parts.str[0], batches=parts.str[1], directions=directions)


def effect(trials: pd.DataFrame, column: str, one: str, other: str, metric: str) -> str:
    """Returns the mean difference of one value of ``column`` less another, all else equal, with its 95% interval.

    The unit is a model and seed: its difference is the mean over all pairs of methods that differ in ``column`` alone.
    """
    rest = [name for name in ("model", "number", "loss", "batches", "directions") if name != column]
    sides = [trials[trials[column] == value].set_index(rest)[metric].astype(float) for value in (one, other)]
    pairs = (sides[0] - sides[1]).dropna().groupby(["model", "number"]).mean().to_numpy()
    margin = stats.t.ppf(0.975, len(pairs) - 1) * pairs.std(ddof=1) / np.sqrt(len(pairs))
    low, high = pairs.mean() - margin, pairs.mean() + margin
    return f"{_signed(pairs.mean())} ({_signed(low)}, {_signed(high)})"


def _signed(value: float) -> str:
    return ("+" if value >= 0 else "-") + short(abs(value))


def test_the_table_of_losses_and_batches(trials: pd.DataFrame) -> None:
    text = findings("imbalance-cause")
    own = trials[trials["directions"] == "own"]
    for words, loss in LOSSES.items():
        cells = []
        for batches in BATCHES:
            rows = own[(own["loss"] == loss) & (own["batches"] == batches)]
            means = rows["test_auc"].mean(), rows[DECIDING].mean()
            cells.append(f"{short(means[0])}, {short(means[1])}" if len(rows) else "-")
        assert f"| {words} | {' | '.join(cells)} |" in text


def test_what_each_part_does(trials: pd.DataFrame) -> None:
    text = findings("imbalance-cause")
    stratified = trials[trials["batches"] == "stratified"]
    for words, shown in {
        "stratified less natural batches": effect(trials, "batches", "stratified", "natural", DECIDING),
        "weighted less natural": effect(trials, "batches", "weighted", "natural", DECIDING),
        "in AUC": effect(trials, "batches", "weighted", "natural", "test_auc"),
        "the AUC minimax less cross-entropy": effect(stratified, "loss", "auc", "ce", DECIDING),
        "focal less cross-entropy": effect(stratified, "loss", "focal", "ce", DECIDING),
        "a direction for each example less one for all": effect(stratified, "directions", "own", "shared", DECIDING),
    }.items():
        assert f"{words} {shown}" in text
    by_model = {str(model): of_model for model, of_model in trials.groupby("model")}
    gains = {name: effect(of, "batches", "stratified", "natural", DECIDING).split()[0] for name, of in by_model.items()}
    assert (
        f"mini-llama {gains['mini-llama']}, mini-gpt2 {gains['mini-gpt2']}, mini-roberta {gains['mini-roberta']}"
        in text
    )
    weights = {name: effect(of, "batches", "weighted", "natural", DECIDING) for name, of in by_model.items()}
    assert [name for name, shown in weights.items() if "(+" in shown] == ["mini-gpt2"]
    shown = effect(trials, "batches", "stratified", "natural", DECIDING)
    assert f"At ratio 100 they change balanced accuracy by {shown}" in record()


def test_a_threshold_makes_up_for_part_of_what_natural_batches_cost(trials: pd.DataFrame) -> None:
    text = findings("imbalance-cause")
    plain = trials[(trials["method"] == "ce-natural")]
    argmax, threshold = plain[DECIDING].mean(), plain[f"{DECIDING}_at_dev_threshold"].mean()
    best = trials[trials["method"] == "ce-stratified"][DECIDING].mean()
    assert f"from {short(argmax)} to {short(threshold)}, and stratified batches to {short(best)}" in text
    assert f"it takes cross-entropy from {short(argmax)} to {short(threshold)}" in record()


def test_auc_from_labels_is_balanced_accuracy_and_ranks_otherwise(confirmed: pd.DataFrame) -> None:
    text = findings("auc-from-labels")
    random = np.random.default_rng(0)
    truth, decided = random.integers(0, 2, (2, 50))
    assert roc_auc_score(truth, decided) == pytest.approx(balanced_accuracy_score(truth, decided), abs=1e-12)
    agreement, n = [], 0
    for _, rows in confirmed.groupby("imbalance_ratio"):
        means = rows.groupby("method")[["test_auc", DECIDING]].mean()
        agreement.append(f"{stats.kendalltau(means['test_auc'], means[DECIDING]).statistic:.2f}".removeprefix("0"))
        n = len(means)
    assert f"{n} methods of [imbalance-cause](#imbalance-cause)" in text
    assert f"correlate (Kendall) by {', '.join(agreement[:-1])} and {agreement[-1]}" in text
    hardest = confirmed[confirmed["imbalance_ratio"] == 100].groupby("method")[["test_auc", DECIDING]].mean()
    places = hardest.rank(ascending=False).astype(int).loc["ce-natural"]
    assert f"from place {places['test_auc']} to place {places[DECIDING]}" in text
    assert hardest["test_auc"].idxmax() == hardest[DECIDING].idxmax() == "auc-stratified"
