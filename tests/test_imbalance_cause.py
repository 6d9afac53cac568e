"""What results/README.md says of the study imbalance-cause is what its Parquet holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.reading_findings import REFERENCE, findings, record, short

from zostudy import load_results

LOSSES = {"cross-entropy": "ce", "focal": "focal", "logit-adjusted": "adjusted", "AUC minimax": "auc"}
BATCHES = ("natural", "weighted", "stratified")
DECIDING = "test_balanced_accuracy"


@pytest.fixture(scope="module")
def trials() -> pd.DataFrame:
    """The confirm trials at ratio 100, with what each changes: ``loss``, ``batches`` and ``directions``."""
    found = load_results(sorted(REFERENCE.glob("imbalance-cause-*/"))).trials
    found = found[(found["stage"] == "confirm") & (found["method"] != "untuned") & (found["imbalance_ratio"] == 100)]
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
    shown = effect(trials, "batches", "stratified", "natural", DECIDING)
    assert f"At ratio 100 they change balanced accuracy by {shown}" in record()


def test_a_threshold_makes_up_for_part_of_what_natural_batches_cost(trials: pd.DataFrame) -> None:
    text = findings("imbalance-cause")
    plain = trials[(trials["method"] == "ce-natural")]
    argmax, threshold = plain[DECIDING].mean(), plain[f"{DECIDING}_at_dev_threshold"].mean()
    best = trials[trials["method"] == "ce-stratified"][DECIDING].mean()
    assert f"from {short(argmax)} to {short(threshold)}, and stratified batches to {short(best)}" in text
    assert f"it takes cross-entropy from {short(argmax)} to {short(threshold)}" in record()
