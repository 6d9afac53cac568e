"""What results/README.md says of the study imbalance-cause is what its Parquet holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from tests.reading_findings import (
    NUMBERS,
    REFERENCE,
    chance,
    findings,
    paired_p_values,
    record,
    results,
    set_up,
    short,
    signed,
)

from zostudy import load_results
from zostudy.config.imbalance import ImbalanceSpec

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
OF_LOSS = {name: Effect("loss", name, "ce") for name in ("auc", "adjusted", "focal")}
OF_DIRECTIONS = Effect("directions", "own", "shared")


def low(differences: NDArray[np.float64]) -> float:
    """Returns the lower end of the 95% interval of a mean."""
    return float(stats.ttest_1samp(differences, 0).confidence_interval(0.95).low)


def shown(differences: list[NDArray[np.float64]]) -> list[str]:
    """Returns each mean as the text writes it, with its 95% interval and its p-value after Holm's correction."""
    tests = [stats.ttest_1samp(each, 0) for each in differences]
    p_values = paired_p_values(differences)
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
    assert "At ratio 100, with a direction for each example, test AUC and balanced accuracy by argmax: | loss" in text
    assert f"| loss | {BATCHES[0]} batches | {BATCHES[1]} | {BATCHES[2]} |" in text
    for words, loss in LOSSES.items():
        cells = []
        for batches in BATCHES:
            rows = own[(own["loss"] == loss) & (own["batches"] == batches)]
            means = rows["test_auc"].mean(), rows[DECIDING].mean()
            cells.append(f"{short(means[0])}, {short(means[1])}" if len(rows) else "-")
        assert f"| {words} | {' | '.join(cells)} |" in text


def test_the_logit_adjusted_loss_on_stratified_batches_is_cross_entropy(parts: pd.DataFrame) -> None:
    text = findings("imbalance-cause")
    assert "On stratified batches the logit-adjusted loss is cross-entropy, and equal to it to the last bit" in text
    assert "it adjusts by the shares of the classes in the batches, which are equal there" in text
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
    in_auc, text = replace(WEIGHTED, metric="test_auc"), findings("imbalance-cause")
    losses = {name: loss.differences(stratified) for name, loss in OF_LOSS.items() if name != "adjusted"}
    directions = OF_DIRECTIONS.differences(stratified)
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
    assert (
        "A p is that of a paired t test over the seeds, after Holm's correction over the comparisons named beside it. "
        "Intervals are of 95%, uncorrected."
    ) in results("What the studies found")
    assert "What one part changes in balanced accuracy at ratio 100, all else equal." in text
    assert "The unit is a model and seed, 15 in all; the three models share the seeds and their texts." in text
    assert f"Holm over the {NUMBERS[len(found)]} in the next four points" in text
    for words, figures in zip(found, shown([*found.values()]), strict=True):
        assert f"{words} {figures}" in text
    p_values = paired_p_values(found.values())
    beyond_chance = [words for words, p in zip(found, p_values, strict=True) if p < 0.05]
    assert beyond_chance == [
        "stratified less natural batches",
        "in AUC",
        "a direction for each example less one for all",
    ]
    assert "- **The batches do the work**: stratified less" in text
    assert "- **Class weights are no substitute**: weighted less natural" in text
    assert low(Effect("batches", "stratified", "weighted").differences(trials)) > 0
    assert "- **The loss hardly matters once batches are stratified**: the AUC minimax less" in text
    assert "- **Directions of their own gain a little**, on stratified batches: a direction for each" in text


def test_what_losses_and_directions_do_on_natural_batches(trials: pd.DataFrame) -> None:
    text, natural = findings("imbalance-cause"), trials[trials["batches"] == "natural"]
    effects = [*OF_LOSS.values(), OF_DIRECTIONS]
    found = [replace(e, metric=metric).differences(natural) for e in effects for metric in ("test_auc", DECIDING)]
    p_values = paired_p_values(found)
    said = [f"{signed(each.mean())}|{chance(p)}" for each, p in zip(found, p_values, strict=True)]
    ((auc, auc_p), (auc_of, auc_of_p)), adjusted, focal, own = (
        [each.split("|") for each in pair] for pair in zip(said[::2], said[1::2], strict=True)
    )
    assert (
        f"- **On natural batches two losses cost AUC** (Holm over these {NUMBERS[len(found)]}): the AUC minimax less "
        f"cross-entropy {auc} ({auc_p}; balanced accuracy {auc_of}, {auc_of_p}), logit-adjusted {pair_of(adjusted)}, "
        f"focal {pair_of(focal)}. Directions of their own change nothing beyond chance there: {pair_of(own)}."
    ) in text
    assert [index for index, p in enumerate(p_values) if p < 0.05] == [0, 2]
    assert max(found[0].mean(), found[2].mean()) < 0


def pair_of(said: list[list[str]]) -> str:
    """Returns a change in AUC, and in brackets that in balanced accuracy."""
    (auc, p), (deciding, deciding_p) = said
    return f"{auc} ({p}; {deciding}, {deciding_p})"


def test_the_record_tells_what_the_batches_do(trials: pd.DataFrame) -> None:
    (interval,) = shown([STRATIFIED.differences(trials)])
    assert (
        f"At ratio 100 they change balanced accuracy by {interval.split(';')[0]}) in the mean of four losses"
        in record()
    )
    assert len(OF_LOSS) == 3  # beside cross-entropy
    assert min(low(STRATIFIED.differences(of_loss)) for _, of_loss in trials.groupby("loss")) > 0
    stratified = trials[trials["batches"] == "stratified"]
    changes = {name: loss.differences(stratified).mean() for name, loss in OF_LOSS.items()}
    assert f"on such batches the loss changes it by {short(max(changes.values()))} at most" in record()
    assert min(changes.values()) == 0
    assert "Class weights on natural batches are no substitute" in record()
    assert "- **Draw batches with all classes in equal number** (the default). At ratio 100" in record()
    assert ImbalanceSpec().sampler == "auto"
    assert {*load_results(REFERENCE / "suite").trials["sampler"]} == {"stratified"}


def test_what_batches_do_on_each_model(trials: pd.DataFrame) -> None:
    text = findings("imbalance-cause")
    by_model = {str(model): of_model for model, of_model in trials.groupby("model")}

    def on_each(effect: Effect) -> dict[str, tuple[float, float]]:
        """Returns the mean and Holm's p-value of each model."""
        found = {model: effect.differences(by_model[model]) for model in ("mini-llama", "mini-gpt2", "mini-roberta")}
        p_values = paired_p_values(found.values())
        return {model: (each.mean(), p) for (model, each), p in zip(found.items(), p_values, strict=True)}

    shown = (f"{model} {signed(mean)} ({chance(p)})" for model, (mean, p) in on_each(STRATIFIED).items())
    assert f"By model (Holm over the three): {', '.join(shown)}." in text
    weighted = on_each(WEIGHTED)
    mean, p = weighted["mini-gpt2"]
    said = f"on mini-gpt2 alone, by {signed(mean)} ({chance(p)}, Holm over the three models)"
    assert f"They helped to decide {said}" in text
    assert [model for model, (mean, p) in weighted.items() if mean > 0 and p < 0.05] == ["mini-gpt2"]


def test_what_batches_do_at_each_ratio(parts: pd.DataFrame) -> None:
    text, ratios = findings("imbalance-cause"), (1, 10, 50, 100)
    effects = (STRATIFIED, replace(STRATIFIED, metric="test_auc"))
    found = shown(
        [effect.differences(parts[parts["imbalance_ratio"] == each]) for each in ratios for effect in effects]
    )
    for ratio, deciding, auc in zip(ratios, found[::2], found[1::2], strict=True):
        assert f"| {ratio} | {deciding} | {auc} |" in text
    caption = (
        f"What stratified batches change in place of natural ones, by ratio (Holm over these {NUMBERS[len(found)]})"
    )
    assert f"{caption}: | ratio | balanced accuracy | AUC |" in text
    assert "At ratio 1, where the data is even, they make no measurable difference" in text
    assert all(float(figures.split("p = ")[1].rstrip(")")) > 0.05 for figures in found[:2])


def test_a_threshold_makes_up_for_part_of_what_natural_batches_cost(trials: pd.DataFrame) -> None:
    text = findings("imbalance-cause")
    plain = trials[(trials["method"] == "ce-natural")]
    argmax, threshold = plain[DECIDING].mean(), plain[f"{DECIDING}_at_dev_threshold"].mean()
    best = trials[trials["method"] == "ce-stratified"][DECIDING].mean()
    gain = f"from {short(argmax)} to {short(threshold)}"
    assert (
        f"- **A threshold makes up for much**: a threshold from dev takes cross-entropy on natural batches {gain}"
        in text
    )
    assert f", and stratified batches with argmax reach {short(best)}" in text
    assert threshold - argmax > 0.8 * (best - argmax)
    assert "- **If a prompt was tuned on natural batches, choose a threshold on dev.** At ratio 100" in record()
    assert f"At ratio 100 it takes cross-entropy {gain}" in record()
