"""What results/README.md says of the study what-search-buys is what its Parquet holds."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy import stats
from tests.reading_findings import REFERENCE, chance, findings, record, short

from zostudy import load_results
from zostudy.results.comparison.statistics import holm

METHODS, RATIOS = ("bpt-fzg", "fzoo", "spsa", "zosa"), (10, 50)


@pytest.fixture(scope="module")
def trials() -> pd.DataFrame:
    return load_results(REFERENCE / "what-search-buys-llama").trials.sort_values("number")


def confirmed(trials: pd.DataFrame, method: str, ratio: int) -> pd.DataFrame:
    """Returns the ten confirm trials of a cell, in the order of their seeds."""
    is_cell = (trials["stage"] == "confirm") & (trials["method"] == method) & (trials["imbalance_ratio"] == ratio)
    assert is_cell.sum() == 10
    return trials[is_cell]


def difference(trials: pd.DataFrame, one: str, other: str, ratio: int) -> tuple[float, float]:
    """Returns the mean difference in test AUC, and the p-value of the paired t test."""
    sides = [confirmed(trials, method, ratio)["test_auc"].to_numpy(float) for method in (one, other)]
    return float((sides[0] - sides[1]).mean()), float(stats.ttest_rel(*sides).pvalue)


def test_the_table_of_gains(trials: pd.DataFrame) -> None:
    cells = [(method, ratio) for method in METHODS for ratio in RATIOS]
    gains = [difference(trials, method, f"{method}-defaults", ratio) for method, ratio in cells]
    corrected = holm([p for _, p in gains])
    shown = {cell: f"+{short(gain)} ({chance(p)})" for cell, (gain, _), p in zip(cells, gains, corrected, strict=True)}
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
    assert [cell for cell, p in zip(cells, corrected, strict=True) if p < 0.05] == [("zosa", 10)]


def test_what_the_search_found_for_zosa(trials: pd.DataFrame) -> None:
    text = findings("what-search-buys")
    first, second = (f"{confirmed(trials, 'zosa', ratio).iloc[0]['reach']:.1f}" for ratio in RATIOS)
    assert f"a reach of {first} and {second} in place of 3" in text
    behind = [difference(trials, "bpt-fzg-defaults", "zosa", ratio) for ratio in RATIOS]
    gaps, p_values = (" and ".join(short(pair[part]) for pair in behind) for part in (0, 1))
    assert f"they stay {gaps} behind BPT-FZG's defaults (p = {p_values})" in text


def test_longer_latents_are_better_in_every_method(trials: pd.DataFrame) -> None:
    search = trials[trials["stage"] == "search"]
    found = []
    for method in METHODS:
        tried = search[search["method"] == method].groupby(["imbalance_ratio", "number"])
        means = tried.agg(dev=("dev_auc", "mean"), length=("subspace_dim", "first"))
        found.append(float(stats.spearmanr(means["dev"], means["length"].astype(float)).statistic))
    assert f"of {min(found):.2f} to {max(found):.2f}".replace("0.", ".") in findings("what-search-buys")


def test_the_record_tells_what_searching_gained(trials: pd.DataFrame) -> None:
    gains = {
        method: [difference(trials, method, f"{method}-defaults", ratio)[0] for ratio in RATIOS] for method in METHODS
    }
    zosa, fzoo = (" and ".join(short(gain) for gain in gains[method]) for method in ("zosa", "fzoo"))
    rest = max(*gains["bpt-fzg"], *gains["spsa"])
    assert f"on three seeds gained {zosa} for `zosa`, {fzoo} for `fzoo`, and at most {short(rest)}" in record()
