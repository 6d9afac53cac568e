"""What results/README.md says of the study imbalance-cause, and of AUC from labels, is what its Parquet holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from tests.reading_findings import REFERENCE, chance, findings, record, set_up, short, signed

from zostudy import load_results
from zostudy.results.comparison.statistics import holm

LOSSES = {"cross-entropy": "ce", "focal": "focal", "logit-adjusted": "adjusted", "AUC minimax": "auc"}
BATCHES = ("natural", "weighted", "stratified")
DECIDING = "test_balanced_accuracy"


@pytest.fixture(scope="module")
def confirmed() -> pd.DataFrame:
    """The confirm trials of all models and ratios."""
    found = load_results(sorted(REFERENCE.glob("imbalance-cause-*/"))).trials
    return found[found["stage"] == "confirm"]


@pytest.fixture(scope="module")
def parts(confirmed: pd.DataFrame) -> pd.DataFrame:
    """Those of tuned methods, with what each changes: ``loss``, ``batches`` and ``directions``."""
    found = confirmed[confirmed["method"] != "untuned"]
    names = found["method"].str.split("-")
    directions = np.where(found["method"].str.endswith("-shared"), "shared", "own")
    return found.assign(loss=names.str[0], batches=names.str[1], directions=directions)


@pytest.fixture(scope="module")
def trials(parts: pd.DataFrame) -> pd.DataFrame:
    """Those at ratio 100."""
    return parts[parts["imbalance_ratio"] == 100]


@dataclass(frozen=True)
class Effect:
    """The mean differences of one value of ``column`` less another, all else equal, by model and seed.

    Each is the mean over all pairs of methods that differ in ``column`` alone.
    """

    column: str
    one: str
    other: str
    metric: str = DECIDING

    def differences(self, trials: pd.DataFrame) -> NDArray[np.float64]:
        rest = [name for name in ("model", "number", "loss", "batches", "directions") if name != self.column]
        sides = [
            trials[trials[self.column] == value].set_index(rest)[self.metric].astype(float)
            for value in (self.one, self.other)
        ]
        return np.asarray((sides[0] - sides[1]).dropna().groupby(["model", "number"]).mean(), float)


STRATIFIED, WEIGHTED = Effect("batches", "stratified", "natural"), Effect("batches", "weighted", "natural")


def shown(differences: list[NDArray[np.float64]]) -> list[str]:
    """Returns each mean as the text writes it, with its 95% interval and its p-value after Holm's correction."""
    tests = [stats.ttest_1samp(each, 0) for each in differences]
    p_values = holm([float(test.pvalue) for test in tests])
    return [
        f"{signed(each.mean())} ({', '.join(map(signed, test.confidence_interval(0.95)))}; {chance(p)})"
        for each, test, p in zip(differences, tests, p_values, strict=True)
    ]


def test_the_set_up(parts: pd.DataFrame) -> None:
    text = findings("imbalance-cause")
    assert f"BPT-FZG with every combination of these parts: {set_up('imbalance-cause-*')}. " in text
    assert {*parts["algorithm"]} == {"bpt-fzg"}
    combinations = {*product(LOSSES.values(), BATCHES, ("own", "shared"))}
    absent = combinations - {*parts[["loss", "batches", "directions"]].itertuples(index=False, name=None)}
    assert absent == {("auc", "weighted", "own"), ("auc", "weighted", "shared")}
    weighted = parts[parts["batches"] == "weighted"]
    assert {*zip(weighted["sampler"], weighted["class_weights"], strict=True)} == {("natural", "balanced")}
    assert "*Weighted* are natural batches with balanced class weights, which the AUC minimax does not take" in text


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


def test_the_logit_adjusted_loss_on_stratified_batches_is_cross_entropy(parts: pd.DataFrame) -> None:
    assert "equal to it to the last bit" in findings("imbalance-cause")
    stratified = parts[parts["batches"] == "stratified"].sort_values(
        ["model", "imbalance_ratio", "directions", "number"]
    )
    adjusted, plain = (stratified[stratified["loss"] == loss] for loss in ("adjusted", "ce"))
    assert len(adjusted) == len(plain) == 3 * 4 * 2 * 5
    for name in ("test_auc", DECIDING, "dev_auc", "train_loss", "test_loss"):
        np.testing.assert_array_equal(adjusted[name].to_numpy(float), plain[name].to_numpy(float))
    np.testing.assert_array_equal(np.stack(adjusted["latent"].to_list()), np.stack(plain["latent"].to_list()))


def test_what_each_part_does(trials: pd.DataFrame) -> None:
    stratified = trials[trials["batches"] == "stratified"]
    in_auc = replace(WEIGHTED, metric="test_auc")
    losses = {name: Effect("loss", name, "ce").differences(stratified) for name in ("auc", "focal")}
    directions = Effect("directions", "own", "shared").differences(stratified)
    found = {
        "stratified less natural batches": STRATIFIED.differences(trials),
        "weighted less natural": WEIGHTED.differences(trials),
        "in AUC": in_auc.differences(trials),
        "the AUC minimax less cross-entropy": losses["auc"],
        "focal less cross-entropy": losses["focal"],
        "a direction for each example less one for all": directions,
    }
    assert {len(each) for each in found.values()} == {15}
    assert (trials.groupby("number")[["seed", "n_majority"]].nunique() == 1).all(axis=None)
    assert "15 in all; the three models share the seeds" in findings("imbalance-cause")
    for words, figures in zip(found, shown([*found.values()]), strict=True):
        assert f"{words} {figures}" in findings("imbalance-cause")
    p_values = holm([float(stats.ttest_1samp(each, 0).pvalue) for each in found.values()])
    beyond_chance = [words for words, p in zip(found, p_values, strict=True) if p < 0.05]
    assert beyond_chance == [
        "stratified less natural batches",
        "in AUC",
        "a direction for each example less one for all",
    ]
    assert "**Class weights are no substitute**" in findings("imbalance-cause")
    assert "**The loss hardly matters once batches are stratified**" in findings("imbalance-cause")
    (interval,) = shown([STRATIFIED.differences(trials)])
    assert f"At ratio 100 they change balanced accuracy by {interval.split(';')[0]}" in record()
    by_loss = [STRATIFIED.differences(of_loss) for _, of_loss in trials.groupby("loss")]
    assert min(stats.ttest_1samp(each, 0).confidence_interval(0.95).low for each in by_loss) > 0
    assert ") whatever the loss, and the loss changes little" in record()


def test_what_batches_do_on_each_model(trials: pd.DataFrame) -> None:
    text = findings("imbalance-cause")
    by_model = {str(model): of_model for model, of_model in trials.groupby("model")}

    def on_each(effect: Effect) -> dict[str, tuple[float, float]]:
        """Returns the mean and Holm's p-value of each model."""
        found = {model: effect.differences(by_model[model]) for model in ("mini-llama", "mini-gpt2", "mini-roberta")}
        p_values = holm([float(stats.ttest_1samp(each, 0).pvalue) for each in found.values()])
        return {model: (each.mean(), p) for (model, each), p in zip(found.items(), p_values, strict=True)}

    shown = (f"{model} {signed(mean)} ({chance(p)})" for model, (mean, p) in on_each(STRATIFIED).items())
    assert f"By model (Holm over the three): {', '.join(shown)}." in text
    weighted = on_each(WEIGHTED)
    mean, p = weighted["mini-gpt2"]
    assert f"on mini-gpt2 alone, by {signed(mean)} ({chance(p)}, Holm over the three models)" in text
    assert [model for model, (mean, p) in weighted.items() if mean > 0 and p < 0.05] == ["mini-gpt2"]


def test_what_batches_do_at_each_ratio(parts: pd.DataFrame) -> None:
    text, ratios = findings("imbalance-cause"), (1, 10, 50, 100)
    effects = (STRATIFIED, replace(STRATIFIED, metric="test_auc"))
    found = shown(
        [effect.differences(parts[parts["imbalance_ratio"] == each]) for each in ratios for effect in effects]
    )
    for ratio, deciding, auc in zip(ratios, found[::2], found[1::2], strict=True):
        assert f"| {ratio} | {deciding} | {auc} |" in text
    assert "At ratio 1, where the data is even, they make no measurable difference" in text
    assert all(float(figures.split("p = ")[1].rstrip(")")) > 0.05 for figures in found[:2])


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
    assert f"correlate (Kendall) by {', '.join(agreement[:-1])} and {agreement[-1]} at ratios 1, 10, 50 and 100" in text
    hardest = confirmed[confirmed["imbalance_ratio"] == 100].groupby("method")[["test_auc", DECIDING]].mean()
    ranks = hardest.rank(ascending=False).astype(int).loc["ce-natural"]
    assert f"from place {ranks['test_auc']} to place {ranks[DECIDING]}" in text
    assert hardest["test_auc"].idxmax() == hardest[DECIDING].idxmax() == "auc-stratified", "which is BPT-FZG as it is"
    assert "BPT-FZG is first in both" in text
