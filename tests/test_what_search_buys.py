"""What results/README.md says of the study what-search-buys is what its Parquet holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.reading_findings import REFERENCE, chance, committed, findings, record, set_up, short, signed

from zostudy import compare, load_results
from zostudy.results.comparison.statistics import holm
from zostudy.results.comparison.verdicts import DISAGREES, EDGE, EDGE_CHOSEN, Verdict

METHODS, RATIOS = ("bpt-fzg", "fzoo", "spsa", "zosa"), (10, 50)
MODELS = ("llama", "gpt2")


def verdicts(model: str, rule: str) -> list[Verdict]:
    compared = compare(load_results(REFERENCE / f"what-search-buys-{model}"), ["test_auc"])
    return [verdict for verdict in compared.verdicts if verdict.rule == rule]


def trials_on(model: str) -> pd.DataFrame:
    return load_results(REFERENCE / f"what-search-buys-{model}").trials.sort_values("number")


@pytest.fixture(scope="module")
def trials() -> pd.DataFrame:
    return trials_on("llama")


@pytest.fixture(scope="module")
def on_gpt2() -> pd.DataFrame:
    return trials_on("gpt2")


@pytest.fixture(scope="module")
def on_roberta() -> pd.DataFrame:
    return trials_on("roberta")


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
    radius = "The radius is `perturbation_radius`, and for ZOSA behind a slash `sharpness_radius`:"
    assert radius in findings("what-search-buys")
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


def test_the_set_up(trials: pd.DataFrame, on_gpt2: pd.DataFrame, on_roberta: pd.DataFrame) -> None:
    text, studies = findings("what-search-buys"), committed("what-search-buys-*")
    assert {(study.search.trials, study.search.seeds) for study in studies} == {(30, 3)}
    first = "What does a search of 30 configurations find that the defaults do not have?"
    assert f"{first} {set_up('what-search-buys-*')}. Before that, each configuration" in text
    for each in (trials, on_gpt2, on_roberta):
        by_stage = each.groupby("stage")["seed"].agg(set)
        assert not by_stage["search"] & by_stage["confirm"]
    assert "each configuration was judged on three other seeds" in text
    assert "On mini-llama, mean test AUC at ratio 10 and 50, the gain (Holm over the eight)" in text
    assert "The same on mini-gpt2:" in text
    assert "The same on mini-roberta:" in text


def test_the_table_of_gains(trials: pd.DataFrame) -> None:
    check_the_table(trials)
    assert len(gains(trials)) == 8
    assert [cell for cell, (_, p) in gains(trials).items() if p < 0.05] == [("zosa", 10)]
    most = "**On mini-llama a search gains most for ZOSA**, and only its gain at ratio 10 is beyond chance"
    assert most in findings("what-search-buys")
    assert max((gain, cell) for cell, (gain, _) in gains(trials).items())[1] == ("zosa", 10)
    search = trials[trials["stage"] == "search"].groupby(["method", "imbalance_ratio"])
    assert {*search["number"].nunique()} == {30}
    assert f"up to {search['queries'].sum().max():,} queries a cell" in findings("what-search-buys")


def test_on_mini_gpt2_the_search_gained_nothing(on_gpt2: pd.DataFrame) -> None:
    check_the_table(on_gpt2)
    found, text = gains(on_gpt2), findings("what-search-buys")
    assert min(p for _, p in found.values()) > 0.05
    assert "**On mini-gpt2 a search gains nothing.**" in text
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


def test_on_mini_roberta_nothing_is_left_to_find(on_roberta: pd.DataFrame) -> None:
    check_the_table(on_roberta)
    found, text = gains(on_roberta), findings("what-search-buys")
    assert min(p for _, p in found.values()) > 0.05
    assert "**On mini-roberta nothing is left to find.**" in text
    least = min(confirmed(on_roberta, f"{method}-defaults", ratio)["test_auc"].mean() for method, ratio in found)
    most = max(gain for gain, _ in found.values())
    reached = f"The defaults reach {short(least)} or more in each cell"
    assert f"{reached}, and no search gains more than {short(most)}" in text
    settings = [
        {confirmed(on_roberta, label, ratio)["params"].iloc[0] for label in (method, f"{method}-defaults")}
        for method, ratio in found
    ]
    assert [len(each) for each in settings].count(1) == 4
    assert "In four of eight cells it returns the defaults." in text
    assert verdicts("roberta", EDGE_CHOSEN) == []
    assert "No winner stands at an end of its range." in text


def test_what_the_search_found_for_zosa(trials: pd.DataFrame) -> None:
    text = findings("what-search-buys")
    first, second = (confirmed(trials, "zosa", ratio).iloc[0]["reach"] for ratio in RATIOS)
    default = confirmed(trials, "zosa-defaults", 10).iloc[0]["reach"]
    assert min(first, second) > default
    assert f"The winners take longer steps: a reach of {first:.1f} and {second:.1f} in place of {default:g}" in text
    behind = [difference(trials, "bpt-fzg-defaults", "zosa", ratio) for ratio in RATIOS]
    gaps = " and ".join(short(gap) for gap, _ in behind)
    p_values = " and ".join(map(short, holm([p for _, p in behind])))
    assert f"they stay {gaps} behind BPT-FZG's defaults (p = {p_values}; Holm over these two)" in text


def test_search_promised_more_than_confirm_kept() -> None:
    disagreeing = {(*each.cell.row, each.cell.column) for each in verdicts("gpt2", DISAGREES)}
    assert disagreeing == {("bpt-fzg", 10), ("bpt-fzg", 50), ("zosa", 10)}
    promised = "Dev had promised more of `bpt-fzg` at both ratios, and of `zosa` at ratio 10, than confirm kept:"
    assert f"{promised} the verdict *search and confirm disagree* says so" in findings("what-search-buys")


def winners(both: Sequence[pd.DataFrame], name: str, method: str) -> list[list[float]]:
    """Returns a setting that the search found, by model and ratio."""
    return [[float(confirmed(of, method, ratio).iloc[0][name]) for ratio in RATIOS] for of in both]


def test_how_the_winners_reach_moves(trials: pd.DataFrame, on_gpt2: pd.DataFrame) -> None:
    text, both = findings("what-search-buys"), (trials, on_gpt2)
    found = {method: winners(both, "reach", method) for method in METHODS}
    logarithms = np.log(np.array([*found.values()]))
    by_model, by_ratio = (float(np.exp(np.abs(np.diff(logarithms, axis=axis)).mean())) for axis in (1, 2))
    assert by_model > by_ratio
    assert "**The reach that is found depends on the model more than on the ratio.**" in text
    factors = f"by a factor of {by_model:.1f} in the geometric mean, between the ratios of {by_ratio:.1f}"
    assert f"Between these two models it differs {factors}" in text
    reach = {method: [[f"{each:.1f}" for each in of] for of in found[method]] for method in METHODS}
    assert reach["bpt-fzg"] == [["8.9", "8.9"], ["0.5", "0.5"]]
    assert "From mini-llama to mini-gpt2 BPT-FZG's reach falls from 8.9 to 0.5 at both ratios" in text
    assert f"FZOO's from {' and '.join(reach['fzoo'][0])} to 1.0;" in text
    assert set(reach["fzoo"][1]) == {"1.0"}
    of_zosa = sorted(float(each) for of in reach["zosa"] for each in of)
    assert f"ZOSA's is {of_zosa[0]} to {of_zosa[-1]} on both" in text


def test_how_the_winners_radius_moves(trials: pd.DataFrame, on_gpt2: pd.DataFrame) -> None:
    text, both = findings("what-search-buys"), (trials, on_gpt2)
    pairs = [pair for method in METHODS for pair in winners(both, "perturbation_radius", method)]
    assert len(pairs) == 8
    assert (grows := sum(at_50 > at_10 for at_10, at_50 in pairs)) == 6
    assert (falls := sum(at_50 < at_10 for at_10, at_50 in pairs)) == 1
    assert (p := float(stats.binomtest(grows, grows + falls).pvalue)) > 0.05
    assert "**How the radius moves may be chance.** From ratio 10 to 50 the winner's radius grows in six" in text
    assert f"six of eight pairs of method and model and falls in one (sign test, {chance(p)})" in text
    found = [each for of in both for ratio in RATIOS for each in correlations(of, "perturbation_radius", [ratio])]
    assert "Within a cell, radius and dev AUC correlate" in text
    assert f"correlate (Spearman) by {signed(min(found), 2)} to {signed(max(found), 2)}" in text


def test_which_winners_stand_at_an_edge() -> None:
    text = findings("what-search-buys")

    def at_edges(model: str) -> dict[tuple[str, int], list[str]]:
        found: dict[tuple[str, int], list[str]] = {}
        for verdict in verdicts(model, EDGE_CHOSEN):
            key, *_ = verdict.fact.split()
            found.setdefault((verdict.cell.row[-1], int(verdict.cell.column)), []).append(key.partition(".")[2])
        return found

    on_llama, on_gpt2 = map(at_edges, MODELS)
    shown, also = ({cell: f"({', '.join(names)})" for cell, names in each.items()} for each in (on_llama, on_gpt2))
    assert on_llama.keys() == {("fzoo", 10), ("zosa", 50)}
    assert on_gpt2.keys() == {("bpt-fzg", 10), ("bpt-fzg", 50), ("zosa", 10), ("zosa", 50)}
    first = f"`fzoo` at ratio 10 {shown['fzoo', 10]} and `zosa` at ratio 50 {shown['zosa', 50]}"
    bpt_fzg = f"`bpt-fzg` at ratio 10 {also['bpt-fzg', 10]} and 50 {also['bpt-fzg', 50]}"
    zosa = f"`zosa` at ratio 10 {also['zosa', 10]} and 50 {also['zosa', 50]}"
    assert f"**Some winners stand within {EDGE:.0%} of an end of their range**" in text
    assert f"on mini-llama {first}; on mini-gpt2 {bpt_fzg}, and {zosa}." in text


def test_longer_latents_are_better_in_every_method(trials: pd.DataFrame, on_gpt2: pd.DataFrame) -> None:
    text = findings("what-search-buys")
    found, on_the_other = correlations(trials), correlations(on_gpt2)
    assert min(*found, *on_the_other) > 0
    assert "**Longer latents go with better dev AUC.** The dev AUC of a configuration and its `subspace_dim`" in text
    assert f"have a rank correlation (Spearman) of {short(min(found), 2)} to {short(max(found), 2)}" in text
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
    assert f"on three seeds gained {zosa} for `zosa`, {fzoo} for `fzoo`, and at most {short(rest)} for" in record()
    assert (
        f"{short(rest)} for `bpt-fzg` and `spsa` (test AUC at ratios 10 and 50; only the first beyond chance)"
        in record()
    )
