"""What results/README.md says of the study flatness is what its Parquet holds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from tests.reading_findings import (
    REFERENCE,
    Metrics,
    chance,
    committed,
    findings,
    paired_p_values,
    record,
    set_up,
    short,
    signed,
    values,
)

from zostudy import load_results
from zostudy.methods import get_method
from zostudy.methods.zosa import ZosaOptions
from zostudy.results.schema import TRIALS, meaning

SEEDS = range(10)
BUDGETS = (100, 300, 1000)
ZOSA = ("zosa-0", "zosa-tenth", "zosa-1", "zosa-3")
OTHERS = ("spsa", "sabo", *ZOSA)
"""All tuning but FZOO's, with which it is compared."""
METHODS = ("untuned", "fzoo", *OTHERS)
RADII = (0.5, 1.0, 1.5, 2.0)
TRIED = [(budget, method) for budget in BUDGETS for method in OTHERS]


@pytest.fixture(scope="module")
def flatness() -> Metrics:
    found = values("flatness", BUDGETS, len(SEEDS), "train_loss", "test_loss", "sharpness", "test_auc", "latent_norm")
    test, train = found["test_loss"], found["train_loss"]
    return found | rises() | {"gap": {key: test[key] - train[key] for key in test}}


def rises() -> Metrics:
    """Returns, by radius, the mean rise of the training loss along the two lines through each point."""
    results = load_results([REFERENCE / f"flatness-{budget}" for budget in BUDGETS])
    slices = results.landscape[(results.landscape["x"] == 0) | (results.landscape["y"] == 0)]
    trials = slices.merge(results.trials.drop(columns="cell"), on=["study", "trial"])
    trials = trials.assign(radius=trials[["x", "y"]].abs().max(axis=1), rise=trials["loss"] - trials["train_loss"])
    assert not trials["rise"][trials["radius"] == 0].any()
    means = trials.groupby(["radius", "budget", "method", "number"])["rise"].mean().unstack()
    return {
        str(radius): {key: of_radius.loc[key].to_numpy(float) for key in of_radius.index}
        for radius, of_radius in ((radius, means.loc[radius]) for radius in RADII)
    }


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


@pytest.fixture(scope="module")
def flatter(flatness: Metrics) -> dict[tuple[int, str], str]:
    """What the text says of each method's sharpness less FZOO's at equal training loss."""
    found = [excess(flatness, "sharpness", *key) for key in TRIED]
    assert {len(each) for each in found} == {9, 10}
    interpolated = "FZOO's sharpness at another training loss is interpolated over its budgets and the start."
    left_out = "Seeds whose training loss FZOO never reached are left out, so 9 or 10 of ten stand behind a figure."
    assert f"{interpolated} {left_out}" in findings("flatness")
    return dict(zip(TRIED, shown(found), strict=True))


def shown(found: list[NDArray[np.float64]]) -> list[str]:
    """Returns how the text writes the means of differences, and their p-values after Holm's correction."""
    return [f"{signed(each.mean(), 4)} ({chance(p)})" for each, p in zip(found, paired_p_values(found), strict=True)]


def test_the_set_up(flatness: Metrics) -> None:
    text = findings("flatness")
    asked = "Does tuning that seeks flat minima find them, and do they generalise better?"
    assert f"{asked} {set_up('flatness-*')}." in text
    assert {study.search.trials for study in committed("flatness-*")} == {0}
    assert "Nothing was searched." in text
    trials = load_results(REFERENCE / "flatness-1000").trials.groupby("method").first()
    ascents = [f"{trials['sharpness_radius'][method]:g}" for method in ZOSA]
    assert ascents[1] == f"{ZosaOptions().sharpness_radius:g}"
    assert f"are ZOSA with an ascent of {ascents[0]}, {ascents[1]} (the default), {ascents[2]} and {ascents[3]}" in text
    reach = trials["reach"]["zosa-0"]
    steps = 1000 // int(trials["queries_per_step"]["zosa-0"])
    shorter = short(reach * ZosaOptions().reach_steps / steps, 2)
    told = f"its first step is {reach:g} of them long, and {shorter} of them with 1,000 queries"
    assert f"embedding spreads; {told}" in text
    assert trials["reach"][[*ZOSA]].nunique() == 1
    options = {method: json.loads(trials["params"][method]) for method in ("sabo", "spsa", "fzoo")}
    assert [method for method in options if options[method].get("kl_radius")] == ["sabo"]
    assert trials["sharpness_radius"][["sabo", "spsa", "fzoo"]].isna().all()
    assert "`sabo` ascends too, `spsa` and `fzoo` do not." in text


def test_the_table_of_points(flatness: Metrics, flatter: dict[tuple[int, str], str]) -> None:
    of = "the mean rise of the training loss one embedding spread around the kept point"
    (column,) = (field for field in TRIALS if field.name == "sharpness")
    assert meaning(column).replace("train_loss, in nats,", "the training loss") in of
    points = "The points after 1,000 queries, and how they differ in sharpness from points of FZOO that have the same"
    assert f"Sharpness is {of}. {points} training loss:" in findings("flatness")
    for method in METHODS:
        shown = [short(flatness[name][1000, method].mean()) for name in ("train_loss", "gap", "test_auc")]
        shown += [f"{distance(flatness, 1000, method):.1f}", short(flatness["sharpness"][1000, method].mean(), 4)]
        assert f"| {method} | {' | '.join(shown)} | {flatter.get((1000, method), '-')} |" in findings("flatness")


def test_the_table_of_radii(flatness: Metrics) -> None:
    text = findings("flatness")
    tried = [(method, str(radius)) for method in OTHERS for radius in RADII]
    found = [excess(flatness, radius, 1000, method) for method, radius in tried]
    less = dict(zip(tried, shown(found), strict=True))
    for method in METHODS:
        cells = [short(flatness[str(radius)][1000, method].mean(), 4) for radius in RADII]
        if method in OTHERS:
            cells = [f"{rise}, {less[method, str(radius)]}" for rise, radius in zip(cells, RADII, strict=True)]
        assert f"| {method} | {' | '.join(cells)} |" in text
    assert f"(Holm over {len(tried)}: six methods at four radii)" in text
    assert all(each.mean() < 0 for each in found)
    assert "**The other radii agree.** At equal training loss each mean is below FZOO's at each radius." in text
    beyond = {key for key, p in zip(tried, paired_p_values(found), strict=True) if p < 0.05}
    assert beyond == {("zosa-3", "2.0")}
    assert "Beyond chance is `zosa-3` at 2 alone." in text


def test_zosa_is_flatter_where_it_has_walked_further(flatness: Metrics, flatter: dict[tuple[int, str], str]) -> None:
    text = findings("flatness")
    assert f"Holm over {len(TRIED)}: six methods at three budgets" in text
    few, many = (f"flatter by {flatter[budget, 'zosa-0'][1:]}" for budget in (300, 1000))
    assert "**ZOSA's points are flatter where it has walked further.** At equal training loss and 300" in text
    assert f"and 300 queries `zosa-0`, which does not ascend, is {few}." in text
    far, near = ([f"{distance(flatness, budget, each):.1f}" for each in ("zosa-0", "fzoo")] for budget in (300, 1000))
    assert f"It lies {far[0]} embedding spreads from the start there, and `fzoo` {far[1]}." in text
    assert f"where its steps are shorter, these are {near[0]} and {near[1]}, and it is {many}." in text
    assert float(far[0]) > 2 * float(far[1])
    assert float(near[0]) < float(near[1])
    assert all(shown[0] == "-" for (budget, _), shown in flatter.items() if budget > 100)
    assert flatter[100, "sabo"][0] == "+"


def test_what_distance_tells(flatness: Metrics, flatter: dict[tuple[int, str], str]) -> None:
    text = findings("flatness")
    found = []
    for budget in BUDGETS:
        pairs = [
            np.concatenate([flatness[name][budget, each] for each in ("fzoo", *OTHERS)])
            for name in ("latent_norm", "sharpness")
        ]
        assert len(pairs[0]) == 70
        found.append(short(float(stats.spearmanr(*pairs).statistic), 2))
    assert all(each.startswith("-") for each in found)
    assert "**Distance is not all.** Distance from the start" in text
    assert f"the 70 trials of a budget correlate (Spearman) by {found[0]}, {found[1]} and {found[2]}" in text
    sabo, spsa = (f"{distance(flatness, *key):.1f}" for key in ((1000, "sabo"), (300, "spsa")))
    flat = f"flatter by {flatter[1000, 'sabo'][1:]}"
    assert f"At 1,000 queries `sabo` lies {sabo} embedding spreads from the start and is {flat}." in text
    few, many = (flatter[budget, "spsa"][1:] for budget in (300, 1000))
    assert f"`spsa`, which does not ascend, is flatter by {few} at 300 queries, {spsa} from the start," in text
    assert f"and by {many} at 1,000." in text


def test_what_the_ascent_changes(flatness: Metrics) -> None:
    text = findings("flatness")
    tried = [(method, name) for method in ZOSA[1:] for name in ("sharpness", "train_loss", "test_auc")]
    changes = [flatness[name][1000, method] - flatness[name][1000, "zosa-0"] for method, name in tried]
    found = {key: (each.mean(), p) for key, each, p in zip(tried, changes, paired_p_values(changes), strict=True)}
    sharpness, loss, auc = (found["zosa-3", name] for name in ("sharpness", "train_loss", "test_auc"))
    assert f"Holm over {len(tried)}" in text
    assert loss[0] > -sharpness[0] > 0
    assert "**A long ascent flattens, and costs more than it flattens.** At 1,000 queries a length of 3" in text
    assert f"a length of 3 lowers sharpness by {short(-sharpness[0])} ({chance(sharpness[1])})" in text
    assert f"raises the training loss by {short(loss[0])} ({chance(loss[1])})" in text
    assert f"lowers test AUC by {short(-auc[0])} ({chance(auc[1])})" in text
    metrics = ("sharpness", "train_loss", "test_auc")
    assert {key for key, (_, p) in found.items() if p < 0.05} == {("zosa-3", name) for name in metrics}
    assert (
        f"An ascent of 0.1 does not change sharpness measurably ({chance(found['zosa-tenth', 'sharpness'][1])})" in text
    )
    advice = "- **Do not pay for flatness.** On mini-llama ZOSA's default ascent takes half of its queries,"
    flat = "and its points are not measurably flatter than without one. A longer one flattens them and lowers AUC."
    assert f"{advice} {flat}" in record()
    costs = [str(get_method(name).__doc__).partition("Cost: ")[2].split()[:3] for name in ("fzoo", "zosa")]
    assert costs == [["m", "+", "1"], ["2(m", "+", "1)"]]


def test_flatter_points_do_not_generalise_better(flatness: Metrics) -> None:
    text, gap = findings("flatness"), flatness["gap"]
    assert "**Flatter points did not generalise better.** Test loss less training loss lies" in text
    tuned = [seeds.mean() for (_, method), seeds in gap.items() if method != "untuned"]
    assert f"between {short(min(tuned))} and {short(max(tuned))}" in text
    assert f"The untuned prompt has {short(gap[100, 'untuned'].mean())}" in text
    assert min(paired_p_values([gap[key] - gap[key[0], "fzoo"] for key in TRIED])) > 0.999
    assert f"from FZOO's at the same budget in none of {len(TRIED)} comparisons (p = 1.000)" in text
    least = min(paired_p_values([excess(flatness, "test_loss", *key) for key in TRIED]))
    assert f"test loss at equal training loss neither (p of {short(least)} or more)" in text
    assert "Flatter points generalise no better." in record()
