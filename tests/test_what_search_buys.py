"""What results/README.md says of the study what-search-buys is what its Parquet holds."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy import stats
from tests.reading_findings import REFERENCE, chance, findings, record, short

from zostudy import load_results
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


def signed(gain: float) -> str:
    return f"{gain:+.3f}".replace("0.", ".", 1)


def gains(trials: pd.DataFrame) -> dict[tuple[str, int], tuple[float, float]]:
    """Returns what the search gained in each cell, with its p-value after Holm's correction."""
    cells = [(method, ratio) for method in METHODS for ratio in RATIOS]
    found = [difference(trials, method, f"{method}-defaults", ratio) for method, ratio in cells]
    corrected = holm([p for _, p in found])
    return {cell: (gain, p) for cell, (gain, _), p in zip(cells, found, corrected, strict=True)}


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
            ", ".join(str(of["subspace_dim"]) for of in found),
        ]
        assert f"| {method} | {' | '.join(row)} |" in findings("what-search-buys")


def test_the_table_of_gains(trials: pd.DataFrame) -> None:
    check_the_table(trials)
    assert [cell for cell, (_, p) in gains(trials).items() if p < 0.05] == [("zosa", 10)]


def test_on_mini_gpt2_the_search_gained_nothing(on_gpt2: pd.DataFrame) -> None:
    check_the_table(on_gpt2)
    found, text = gains(on_gpt2), findings("what-search-buys")
    assert min(p for _, p in found.values()) > 0.05
    assert [cell for cell, (gain, _) in found.items() if gain > 0] == [("spsa", 50)]
    assert {cell for cell, (gain, _) in found.items() if gain == 0} == {("fzoo", 10), ("fzoo", 50), ("spsa", 10)}
    assert "In three of eight cells the search returns the defaults, in four its winner is worse than they are" in text
    span = (
        f"from {signed(min(gain for gain, _ in found.values()))} to {signed(max(gain for gain, _ in found.values()))}"
    )
    assert f"On mini-gpt2 the same search gained nothing ({span})" in record()


def test_what_the_search_found_for_zosa(trials: pd.DataFrame) -> None:
    text = findings("what-search-buys")
    first, second = (f"{confirmed(trials, 'zosa', ratio).iloc[0]['reach']:.1f}" for ratio in RATIOS)
    assert f"a reach of {first} and {second} in place of 3" in text
    behind = [difference(trials, "bpt-fzg-defaults", "zosa", ratio) for ratio in RATIOS]
    gaps, p_values = (" and ".join(short(pair[part]) for pair in behind) for part in (0, 1))
    assert f"they stay {gaps} behind BPT-FZG's defaults (p = {p_values})" in text


def test_longer_latents_are_better_in_every_method(trials: pd.DataFrame, on_gpt2: pd.DataFrame) -> None:
    text = findings("what-search-buys")
    found, on_the_other = correlations(trials), correlations(on_gpt2)
    assert f"of {short(min(found), 2)} to {short(max(found), 2)}" in text
    assert f"on mini-gpt2 of {short(min(on_the_other), 2)} to {short(max(on_the_other), 2)}" in text


def correlations(trials: pd.DataFrame) -> list[float]:
    """Returns the rank correlation of dev AUC and subspace_dim over the tried configurations of each method."""
    search, found = trials[trials["stage"] == "search"], []
    for method in METHODS:
        tried = search[search["method"] == method].groupby(["imbalance_ratio", "number"])
        means = tried.agg(dev=("dev_auc", "mean"), length=("subspace_dim", "first"))
        found.append(float(stats.spearmanr(means["dev"], means["length"].astype(float)).statistic))
    return found


def test_the_record_tells_what_searching_gained(trials: pd.DataFrame) -> None:
    found = {cell: gain for cell, (gain, _) in gains(trials).items()}
    zosa, fzoo = (" and ".join(short(found[method, ratio]) for ratio in RATIOS) for method in ("zosa", "fzoo"))
    rest = max(found[method, ratio] for method in ("bpt-fzg", "spsa") for ratio in RATIOS)
    assert f"on three seeds gained {zosa} for `zosa`, {fzoo} for `fzoo`, and at most {short(rest)}" in record()
