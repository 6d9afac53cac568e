"""What results/README.md says of the study what-search-buys is what its Parquet holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from scipy import stats
from tests.reading_findings import REFERENCE, chance, findings, record, short, signed

from zostudy import compare, load_results
from zostudy.results.comparison.statistics import holm

METHODS, RATIOS = ("bpt-fzg", "fzoo", "spsa", "zosa"), (10, 50)


def trials_on(model: str) -> pd.DataFrame:
    return load_results(REFERENCE / f"what-search-buys-{model}").trials.sort_values("number")


@pytest.fixture(scope="module")
def trials() -> pd.DataFrame:
    return trials_on("llama")


@pytest.fixture(scope="module")
def on_gpt2() -> pd.DataFrame:
    return trials_on("gpt2")


def confirmed(trials: pd.DataFrame, method: str, ratio: int) -> pd.DataFrame:
    """Returns the ten confirm trials of a cell, in the order of their seeds."""
    is_cell = (trials["stage"] == "confirm") & (trials["method"] == method) & (trials["imbalance_ratio"] == ratio)
    assert is_cell.sum() == 10
    return trials[is_cell]


def difference(trials: pd.DataFrame, one: str, other: str, ratio: int) -> tuple[float, float]:
    """Returns the mean difference in test AUC, and the p-value of the paired t test; 1 of equal trials."""
    sides = [confirmed(trials, method, ratio)["test_auc"].to_numpy(float) for method in (one, other)]
    if (sides[0] == sides[1]).all():
        return 0.0, 1.0
    return float((sides[0] - sides[1]).mean()), float(stats.ttest_rel(*sides).pvalue)


def gains(trials: pd.DataFrame) -> dict[tuple[str, int], tuple[float, float]]:
    """Returns what the search gained in each cell, with its p-value after Holm's correction."""
    cells = [(method, ratio) for method in METHODS for ratio in RATIOS]
    found = [difference(trials, method, f"{method}-defaults", ratio) for method, ratio in cells]
    corrected = holm([p for _, p in found])
    return {cell: (gain, p) for cell, (gain, _), p in zip(cells, found, corrected, strict=True)}


def radii(trial: pd.Series[Any]) -> str:
    """Returns the perturbation radius, and for ZOSA the sharpness radius behind a slash."""
    names = ("perturbation_radius", "sharpness_radius") if trial["algorithm"] == "zosa" else ("perturbation_radius",)
    return " / ".join(short(trial[name]) for name in names)


def check_the_table(trials: pd.DataFrame) -> None:
    shown = {cell: f"{signed(gain)} ({chance(p)})" for cell, (gain, p) in gains(trials).items()}
    for method in METHODS:
        found = [confirmed(trials, method, ratio).iloc[0] for ratio in RATIOS]
        row = [
            *(
                ", ".join(short(confirmed(trials, label, ratio)["test_auc"].mean()) for ratio in RATIOS)
                for label in (f"{method}-defaults", method)
            ),
            ", ".join(shown[method, ratio] for ratio in RATIOS),
            ", ".join(f"{of['reach']:.1f}" for of in found),
            ", ".join(map(radii, found)),
            ", ".join(str(of["subspace_dim"]) for of in found),
        ]
        assert f"| {method} | {' | '.join(row)} |" in findings("what-search-buys")


def test_the_table_of_gains(trials: pd.DataFrame) -> None:
    check_the_table(trials)
    assert [cell for cell, (_, p) in gains(trials).items() if p < 0.05] == [("zosa", 10)]
    assert "gains most for ZOSA**, and only its gain at ratio 10 is beyond chance" in findings("what-search-buys")
    assert max((gain, cell) for cell, (gain, _) in gains(trials).items())[1] == ("zosa", 10)
    search = trials[trials["stage"] == "search"].groupby(["method", "imbalance_ratio"])
    assert {*search["number"].nunique()} == {30}
    assert f"up to {search['queries'].sum().max():,} queries a cell" in findings("what-search-buys")


def test_on_mini_gpt2_the_search_gained_nothing(on_gpt2: pd.DataFrame) -> None:
    check_the_table(on_gpt2)
    found, text = gains(on_gpt2), findings("what-search-buys")
    assert min(p for _, p in found.values()) > 0.05
    assert [cell for cell, (gain, _) in found.items() if gain > 0] == [("spsa", 50)]
    assert {cell for cell, (gain, _) in found.items() if gain == 0} == {("fzoo", 10), ("fzoo", 50), ("spsa", 10)}
    assert "In three of eight cells the search returns the defaults, in four its winner is worse than they are" in text
    assert "on fresh seeds, though not beyond chance" in text
    for method, ratio in (("fzoo", 10), ("fzoo", 50), ("spsa", 10)):
        settings = [confirmed(on_gpt2, label, ratio)["params"].iloc[0] for label in (method, f"{method}-defaults")]
        assert settings[0] == settings[1]
    span = (
        f"from {signed(min(gain for gain, _ in found.values()))} to {signed(max(gain for gain, _ in found.values()))}"
    )
    assert f"On mini-gpt2 the same search gained nothing ({span})" in record()


def test_what_the_search_found_for_zosa(trials: pd.DataFrame) -> None:
    text = findings("what-search-buys")
    first, second = (f"{confirmed(trials, 'zosa', ratio).iloc[0]['reach']:.1f}" for ratio in RATIOS)
    assert f"a reach of {first} and {second} in place of 3" in text
    behind = [difference(trials, "bpt-fzg-defaults", "zosa", ratio) for ratio in RATIOS]
    gaps = " and ".join(short(gap) for gap, _ in behind)
    p_values = " and ".join(map(short, holm([p for _, p in behind])))
    assert f"they stay {gaps} behind BPT-FZG's defaults (p = {p_values}; Holm over these two)" in text


def test_search_promised_more_of_bpt_fzg_than_confirm_kept() -> None:
    verdicts = compare(load_results(REFERENCE / "what-search-buys-gpt2")).verdicts
    disagreeing = {verdict.cell.row[-1] for verdict in verdicts if verdict.rule == "Search and confirm disagree"}
    assert "bpt-fzg" in disagreeing
    assert "the verdict *search and confirm disagree* stands under its table" in findings("what-search-buys")


def test_how_the_winners_settings_move(trials: pd.DataFrame, on_gpt2: pd.DataFrame) -> None:
    text, both = findings("what-search-buys"), (trials, on_gpt2)

    def winners(name: str, method: str) -> list[list[float]]:
        return [[float(confirmed(of, method, ratio).iloc[0][name]) for ratio in RATIOS] for of in both]

    reach = {method: [[f"{each:.1f}" for each in of] for of in winners("reach", method)] for method in METHODS}
    assert reach["bpt-fzg"] == [["8.9", "8.9"], ["0.5", "0.5"]]
    assert "BPT-FZG's reach falls from 8.9 to 0.5 at both ratios" in text
    assert f"FZOO's from {' and '.join(reach['fzoo'][0])} to 1.0;" in text
    assert set(reach["fzoo"][1]) == {"1.0"}
    of_zosa = sorted(float(each) for of in reach["zosa"] for each in of)
    assert f"ZOSA's is {of_zosa[0]} to {of_zosa[-1]} on both" in text
    pairs = [pair for method in METHODS for pair in winners("perturbation_radius", method)]
    assert len(pairs) == 8
    assert sum(at_50 > at_10 for at_10, at_50 in pairs) == 6
    assert sum(at_50 < at_10 for at_10, at_50 in pairs) == 1
    assert "grows in six of eight pairs of method and model and falls in one" in text
    found = [each for of in both for ratio in RATIOS for each in correlations(of, "perturbation_radius", [ratio])]
    assert f"correlate (Spearman) by {signed(min(found), 2)} to {signed(max(found), 2)}" in text
    assert {*pd.concat(both)["model"]} == {"mini-llama", "mini-gpt2"}
    assert "No encoder was searched" in text


def test_longer_latents_are_better_in_every_method(trials: pd.DataFrame, on_gpt2: pd.DataFrame) -> None:
    text = findings("what-search-buys")
    found, on_the_other = correlations(trials), correlations(on_gpt2)
    assert f"of {short(min(found), 2)} to {short(max(found), 2)}" in text
    assert f"on mini-gpt2 of {short(min(on_the_other), 2)} to {short(max(on_the_other), 2)}" in text


def correlations(trials: pd.DataFrame, name: str = "subspace_dim", ratios: Sequence[int] = RATIOS) -> list[float]:
    """Returns the rank correlation of dev AUC and a setting over the tried configurations of each method."""
    search, found = trials[(trials["stage"] == "search") & trials["imbalance_ratio"].isin(ratios)], []
    for method in METHODS:
        tried = search[search["method"] == method].groupby(["imbalance_ratio", "number"])
        means = tried.agg(dev=("dev_auc", "mean"), setting=(name, "first"))
        found.append(float(stats.spearmanr(means["dev"], means["setting"].astype(float)).statistic))
    return found


def test_the_record_tells_what_searching_gained(trials: pd.DataFrame) -> None:
    found = {cell: gain for cell, (gain, _) in gains(trials).items()}
    zosa, fzoo = (" and ".join(short(found[method, ratio]) for ratio in RATIOS) for method in ("zosa", "fzoo"))
    rest = max(found[method, ratio] for method in ("bpt-fzg", "spsa") for ratio in RATIOS)
    assert f"on three seeds gained {zosa} for `zosa`, {fzoo} for `fzoo`, and at most {short(rest)}" in record()
    assert "only the first beyond chance" in record()
