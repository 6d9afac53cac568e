"""What results/README.md says of the reference studies is what their Parquet holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from tests.reading_findings import REFERENCE, chance, findings, record, short

from zostudy import load_results
from zostudy.results.comparison.statistics import holm

SEEDS = range(10)
BUDGETS = (100, 300, 1000)
LONGER_BUDGETS = (*BUDGETS, 5000)
ASCENDING = ("zosa-0", "zosa-tenth", "zosa-1", "zosa-3", "sabo")

Metrics: TypeAlias = dict[str, dict[tuple[int, str], NDArray[np.float64]]]
"""The values over the seeds, by metric, budget and method."""


def values(study: str, budgets: Sequence[int], seeds: int, *metrics: str) -> Metrics:
    """Returns what the confirm trials of a study have at each budget, in the order of their seeds."""
    trials = load_results([REFERENCE / f"{study}-{budget}" for budget in budgets]).trials.sort_values("number")
    groups = [rows for _, rows in trials[trials["stage"] == "confirm"].groupby(["budget", "method"])]
    assert {len(rows) for rows in groups} == {seeds}
    keys = [(int(rows["budget"].iloc[0]), str(rows["method"].iloc[0])) for rows in groups]
    return {name: {key: rows[name].to_numpy(float) for key, rows in zip(keys, groups, strict=True)} for name in metrics}


@pytest.fixture(scope="module")
def flatness() -> Metrics:
    return values("flatness", BUDGETS, len(SEEDS), "train_loss", "test_loss", "sharpness", "test_auc")


def excess_sharpness(flatness: Metrics, method: str, budget: int) -> NDArray[np.float64]:
    """Returns, by seed, how much sharper a method's point is than one of FZOO's with the same training loss.

    FZOO's sharpness is interpolated over its budgets and the start. A seed whose training loss FZOO has not reached is
    left out.
    """
    keys = [*((each, "fzoo") for each in BUDGETS), (100, "untuned")]
    found = []
    for seed in SEEDS:
        own = flatness["train_loss"][budget, method][seed]
        losses = np.array([flatness["train_loss"][key][seed] for key in keys])
        sharpness = np.array([flatness["sharpness"][key][seed] for key in keys])
        order = np.argsort(losses)
        if own >= losses.min():
            at_equal_loss = np.interp(own, losses[order], sharpness[order])
            found.append(flatness["sharpness"][budget, method][seed] - at_equal_loss)
    return np.array(found)


def test_without_its_ascent_zosa_is_as_flat(flatness: Metrics) -> None:
    text, sharpness = findings("flatness"), flatness["sharpness"]
    none, default, fzoo = (short(sharpness[1000, name].mean()) for name in ("zosa-0", "zosa-tenth", "fzoo"))
    assert f"`zosa-0`, which does not ascend, has sharpness {none}, the default {default} and FZOO {fzoo}" in text
    tried = [(method, budget) for method in ASCENDING for budget in (300, 1000)]
    excess = {key: excess_sharpness(flatness, *key) for key in tried}
    assert min(map(len, excess.values())) >= 8
    corrected = holm([float(stats.ttest_1samp(excess[key], 0).pvalue) for key in tried])
    p_values = dict(zip(tried, corrected, strict=True))
    both = [("zosa-0", 1000), ("zosa-tenth", 1000)]
    gaps, after_holm = (
        " and ".join(short(figure[key]) for key in both)
        for figure in ({key: -float(values.mean()) for key, values in excess.items()}, p_values)
    )
    assert f"by {gaps} (p = {after_holm} after Holm's correction over {len(tried)} comparisons)" in text


def test_zosa_goes_further(flatness: Metrics) -> None:
    trials = load_results(REFERENCE / "flatness-1000").trials
    confirmed = trials[trials["stage"] == "confirm"]

    def distance(method: str) -> str:
        latents = np.stack(confirmed[confirmed["method"] == method]["latent"].to_list())
        return f"{np.sqrt(np.square(latents).mean(axis=1)).mean():.0f}"

    text = findings("flatness")
    assert f"lie {distance('zosa-0')} embedding spreads from the start, FZOO's {distance('fzoo')}" in text


def test_what_the_ascent_changes(flatness: Metrics) -> None:
    text = findings("flatness")

    def change(name: str, ascent: str) -> tuple[str, str]:
        one, other = flatness[name][1000, ascent], flatness[name][1000, "zosa-0"]
        return short(abs((one - other).mean())), chance(float(stats.ttest_rel(one, other).pvalue))

    flatter, loss, auc = (" (".join(change(name, "zosa-3")) for name in ("sharpness", "train_loss", "test_auc"))
    assert f"it lowers sharpness by {flatter})" in text
    assert f"raises the training loss by {loss})" in text
    assert f"lowers test AUC by {auc})" in text
    _, at_default = change("sharpness", "zosa-tenth")
    assert f"An ascent of 0.1 does not change sharpness measurably ({at_default})" in text


def test_flatter_points_do_not_generalise_better(flatness: Metrics) -> None:
    gaps = {
        key: float((flatness["test_loss"][key] - flatness["train_loss"][key]).mean()) for key in flatness["test_loss"]
    }
    tuned = [gap for (_, method), gap in gaps.items() if method != "untuned"]
    text = findings("flatness")
    assert f"between {short(min(tuned))} and {short(max(tuned))}" in text
    assert f"The untuned prompt has {short(gaps[100, 'untuned'])}" in text


@pytest.fixture(scope="module")
def auc_by_budget() -> dict[tuple[int, str], NDArray[np.float64]]:
    return values("budget", LONGER_BUDGETS, 5, "test_auc")["test_auc"]


def test_the_gap_to_true_gradients_that_each_method_closes(
    auc_by_budget: dict[tuple[int, str], NDArray[np.float64]],
) -> None:
    text = findings("budget")
    methods = ("bpt-fzg", "fzoo", "spsa", "cma-es", "zosa", "random-search")
    means = {key: float(seeds.mean()) for key, seeds in auc_by_budget.items()}
    closed: dict[str, list[str]] = {}
    for method in methods:
        shares = [
            (means[budget, method] - means[budget, "untuned"]) / (means[budget, "white-box"] - means[budget, "untuned"])
            for budget in LONGER_BUDGETS
        ]
        cells = [
            f"{means[budget, method]:.3f} ({share:.0%})" for budget, share in zip(LONGER_BUDGETS, shares, strict=True)
        ]
        assert f"| {method} | {' | '.join(cells)} |" in text
        closed[method] = [f"{share:.0%}" for share in shares]
    bpt, fzoo, zosa, luck = (closed[method] for method in ("bpt-fzg", "fzoo", "zosa", "random-search"))
    assert f"it has gone {bpt[0]} of the way" in record()
    assert f"`fzoo` {fzoo[0]} and `zosa` {zosa[0]}" in record()
    assert f"at {bpt[2]}, {fzoo[2]} and {zosa[2]}, and random search is at {luck[2]}" in record()
    assert f"With 5,000 queries random search has gone {luck[3]} of the way, less than" in text
    assert means[5000, "random-search"] < min(means[100, method] for method in methods[:-1])


def test_bpt_fzg_is_ahead_while_queries_are_few(auc_by_budget: dict[tuple[int, str], NDArray[np.float64]]) -> None:
    text, rivals = findings("budget"), ("fzoo", "spsa", "cma-es", "zosa", "random-search")

    def p_values(budget: int) -> list[float]:
        own = auc_by_budget[budget, "bpt-fzg"]
        return holm([float(stats.ttest_rel(own, auc_by_budget[budget, rival]).pvalue) for rival in rivals])

    assert max(p_values(100)) < 0.05
    assert "ahead of every other black box at 100 queries" in text
    for budget in (1000, 5000):
        assert [rival for rival, p in zip(rivals, p_values(budget), strict=True) if p < 0.05] == ["random-search"]
    assert "At 1,000 and 5,000 queries only random search is measurably behind" in text


def test_who_still_gains_from_more_queries(auc_by_budget: dict[tuple[int, str], NDArray[np.float64]]) -> None:
    text = findings("budget")
    for few, many in ((300, 1000), (1000, 5000)):
        shown = []
        for method in ("zosa", "cma-es", "spsa", "fzoo", "bpt-fzg", "random-search"):
            p = float(stats.ttest_rel(auc_by_budget[many, method], auc_by_budget[few, method]).pvalue)
            gain = (auc_by_budget[many, method] - auc_by_budget[few, method]).mean()
            shown.append(f"`{method}` {short(gain)} ({chance(p)})")
        assert f"from {few:,} to {many:,}**: {', '.join(shown)}." in text
