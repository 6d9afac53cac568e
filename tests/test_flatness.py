"""What results/README.md says of the study flatness is what its Parquet holds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from tests.reading_findings import REFERENCE, Metrics, chance, findings, record, short, signed, values

from zostudy import load_results
from zostudy.results.comparison.statistics import holm

SEEDS = range(10)
BUDGETS = (100, 300, 1000)
ZOSA = ("zosa-0", "zosa-tenth", "zosa-1", "zosa-3")
OTHERS = ("spsa", "sabo", *ZOSA)
"""All tuning but FZOO's, with which it is compared."""
METHODS = ("untuned", "fzoo", *OTHERS)
TRIED = [(budget, method) for budget in BUDGETS for method in OTHERS]


@pytest.fixture(scope="module")
def flatness() -> Metrics:
    found = values("flatness", BUDGETS, len(SEEDS), "train_loss", "test_loss", "sharpness", "test_auc", "latent_norm")
    test, train = found["test_loss"], found["train_loss"]
    return found | {"gap": {key: test[key] - train[key] for key in test}}


def distance(flatness: Metrics, budget: int, method: str) -> float:
    """Returns the mean distance of the kept points from the start, in embedding spreads; latents have 100 numbers."""
    return float(flatness["latent_norm"][budget, method].mean()) / 10


def excess(flatness: Metrics, name: str, budget: int, method: str) -> NDArray[np.float64]:
    """Returns, by seed, how far a method's point is above one of FZOO's with the same training loss.

    FZOO's value is interpolated over its budgets and the start. A seed whose training loss FZOO has not reached is left
    out.
    """
    keys = [*((each, "fzoo") for each in BUDGETS), (100, "untuned")]
    found = []
    for seed in SEEDS:
        own = flatness["train_loss"][budget, method][seed]
        losses, of_fzoo = (np.array([flatness[each][key][seed] for key in keys]) for each in ("train_loss", name))
        order = np.argsort(losses)
        if own >= losses.min():
            found.append(flatness[name][budget, method][seed] - np.interp(own, losses[order], of_fzoo[order]))
    return np.array(found)


def p_values(differences: list[NDArray[np.float64]]) -> list[float]:
    """Returns those of t tests against 0, after Holm's correction."""
    return holm([float(stats.ttest_1samp(each, 0).pvalue) for each in differences])


@pytest.fixture(scope="module")
def flatter(flatness: Metrics) -> dict[tuple[int, str], str]:
    """What the text says of each method's sharpness less FZOO's at equal training loss."""
    found = [excess(flatness, "sharpness", *key) for key in TRIED]
    assert {len(each) for each in found} == {8, 9, 10}
    assert "so 8 to 10 of ten stand behind a figure" in findings("flatness")
    shown = (f"{signed(each.mean(), 4)} ({chance(p)})" for each, p in zip(found, p_values(found), strict=True))
    return dict(zip(TRIED, shown, strict=True))


def test_the_table_of_points(flatness: Metrics, flatter: dict[tuple[int, str], str]) -> None:
    for method in METHODS:
        shown = [short(flatness[name][1000, method].mean()) for name in ("train_loss", "gap", "test_auc")]
        shown += [f"{distance(flatness, 1000, method):.1f}", short(flatness["sharpness"][1000, method].mean(), 4)]
        assert f"| {method} | {' | '.join(shown)} | {flatter.get((1000, method), '-')} |" in findings("flatness")


def test_the_table_of_radii() -> None:
    results = load_results(REFERENCE / "flatness-1000")
    slices = results.landscape[(results.landscape["x"] == 0) | (results.landscape["y"] == 0)]
    radius = slices[["x", "y"]].abs().max(axis=1)
    at_point = slices[radius == 0].set_index("trial")["loss"]
    rises = slices.assign(radius=radius, rise=slices["loss"] - slices["trial"].map(at_point))
    method = results.trials.set_index("trial")["method"]
    means = rises.assign(method=rises["trial"].map(method)).groupby(["trial", "method", "radius"])["rise"].mean()
    by_radius = means.groupby(["method", "radius"]).mean().unstack()
    for name in METHODS:
        shown = (short(rise, 4) for rise in np.asarray(by_radius.loc[name, [0.5, 1.0, 1.5, 2.0]], float))
        assert f"| {name} | {' | '.join(shown)} |" in findings("flatness")
    assert (by_radius.loc[[*ZOSA, "sabo"]].max()[1:] < by_radius.loc[["fzoo", "spsa"]].min()[1:]).all()
    assert "At each radius ZOSA's and SABO's points are flatter than FZOO's and SPSA's" in findings("flatness")


def test_methods_without_an_ascent_are_flatter_too(flatter: dict[tuple[int, str], str]) -> None:
    text = findings("flatness")
    assert f"Holm over {len(TRIED)}: six methods at three budgets" in text
    none, spsa_300, spsa_1000 = (flatter[key] for key in ((1000, "zosa-0"), (300, "spsa"), (1000, "spsa")))
    assert f"`zosa-0`, which does not ascend, is flatter by {none[1:]}" in text
    assert f"`spsa`, which does not either, is flatter by {spsa_300[1:]} at 300 queries" in text
    assert f"by {spsa_1000[1:]} at 1,000" in text
    assert f"`sabo` by {flatter[1000, 'sabo'][1:]} there" in text
    assert all(shown[0] == "-" for (budget, _), shown in flatter.items() if budget > 100)
    assert flatter[100, "sabo"][0] == "+"


def test_what_distance_tells(flatness: Metrics) -> None:
    text = findings("flatness")
    found = []
    for budget in BUDGETS:
        pairs = [
            np.concatenate([flatness[name][budget, each] for each in ("fzoo", *OTHERS)])
            for name in ("latent_norm", "sharpness")
        ]
        assert len(pairs[0]) == 70
        found.append(short(float(stats.spearmanr(*pairs).statistic), 2))
    assert f"the 70 trials of a budget correlate (Spearman) by {found[0]}, {found[1]} and {found[2]}" in text
    sabo, fzoo = (f"{distance(flatness, 1000, method):.1f}" for method in ("sabo", "fzoo"))
    assert f"`sabo` lies {sabo} embedding spreads from the start at 1,000 queries and `fzoo` {fzoo}," in text
    assert "and it is the flatter one" in text
    assert flatness["sharpness"][1000, "sabo"].mean() < flatness["sharpness"][1000, "fzoo"].mean()


def test_what_the_ascent_changes(flatness: Metrics) -> None:
    text = findings("flatness")
    tried = [(method, name) for method in ZOSA[1:] for name in ("sharpness", "train_loss", "test_auc")]
    changes = [flatness[name][1000, method] - flatness[name][1000, "zosa-0"] for method, name in tried]
    found = {key: (each.mean(), p) for key, each, p in zip(tried, changes, p_values(changes), strict=True)}
    sharpness, loss, auc = (found["zosa-3", name] for name in ("sharpness", "train_loss", "test_auc"))
    assert f"Holm over {len(tried)}" in text
    assert f"it lowers sharpness by {short(-sharpness[0])} ({chance(sharpness[1])})" in text
    assert f"raises the training loss by {short(loss[0])} ({chance(loss[1])})" in text
    assert f"lowers test AUC by {short(-auc[0])}, within chance ({chance(auc[1])})" in text
    assert {key for key, (_, p) in found.items() if p < 0.05} == {("zosa-3", "sharpness"), ("zosa-3", "train_loss")}
    assert (
        f"An ascent of 0.1 does not change sharpness measurably ({chance(found['zosa-tenth', 'sharpness'][1])})" in text
    )
    assert "ZOSA's points are flatter than `fzoo`'s, but as flat without its ascent" in record()


def test_flatter_points_do_not_generalise_better(flatness: Metrics) -> None:
    text, gap = findings("flatness"), flatness["gap"]
    tuned = [seeds.mean() for (_, method), seeds in gap.items() if method != "untuned"]
    assert f"between {short(min(tuned))} and {short(max(tuned))}" in text
    assert f"The untuned prompt has {short(gap[100, 'untuned'].mean())}" in text
    assert min(p_values([gap[key] - gap[key[0], "fzoo"] for key in TRIED])) > 0.999
    assert f"from FZOO's at the same budget in none of {len(TRIED)} comparisons (p = 1.000)" in text
    least = min(p_values([excess(flatness, "test_loss", *key) for key in TRIED]))
    assert f"test loss at equal training loss neither (p of {short(least)} or more)" in text
    assert "Flatter points generalise no better in the record" in record()
