"""What README.md and results/README.md say of the quickstart is what its Parquet holds."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from tests.reading_findings import REFERENCE, committed, findings, readme, readme_start, set_up, short

from zostudy import load_results

RATIOS = (1, 10, 50)
SEARCHED = ("bpt-fzg", "zosa")
RECALL = "test_minority_recall"


@pytest.fixture(scope="module")
def trials() -> pd.DataFrame:
    return load_results(REFERENCE / "quickstart").trials.sort_values("number")


@pytest.fixture(scope="module")
def confirmed(trials: pd.DataFrame) -> pd.DataFrame:
    return trials[trials["stage"] == "confirm"]


@pytest.fixture(scope="module")
def answer() -> str:
    return readme("The answer it gives")


def test_the_task_is_generated_and_seeds_are_few(answer: str) -> None:
    assert "generated reviews" in set_up("quickstart")
    assert set_up("quickstart").endswith("five seeds")
    assert "Five seeds of a small generated task show how to read a study, not which method is best." in answer


def by_ratio(confirmed: pd.DataFrame, method: str, metric: str) -> list[float]:
    """Returns a method's mean at each ratio."""
    means = confirmed[confirmed["method"] == method].groupby("imbalance_ratio")[metric].mean()
    return [float(means[ratio]) for ratio in RATIOS]


def test_deciding_collapses_while_ranking_stays(confirmed: pd.DataFrame, answer: str) -> None:
    auc, argmax, threshold = (
        by_ratio(confirmed, "ce-natural", metric) for metric in ("test_auc", RECALL, f"{RECALL}_at_dev_threshold")
    )
    assert f"AUC is {short(auc[0])}, {short(auc[1])} and {short(auc[2])} as the ratio grows" in answer
    assert f"minority recall falls from {short(argmax[0])} to {short(argmax[2])}" in answer
    assert (
        f"The same scores, decided at a threshold from dev, find {short(threshold[2])} of the minority at ratio 50"
        in answer
    )
    assert "**Deciding collapses while ranking stays.** On natural batches (`ce-natural`)" in answer
    assert "but argmax follows the majority" in answer
    assert max(threshold) - min(threshold) < 0.03 < argmax[0] - argmax[2]
    assert auc == sorted(auc)
    assert argmax == sorted(argmax, reverse=True)
    caption = (
        "Cross-entropy on batches drawn as the data is (green) ranks better and better, and finds less and less of the "
        "rare class, unless a threshold from dev decides."
    )
    assert f"*The quickstart, with 20 examples of the rare class. {caption}*" in readme_start()


def test_the_figure_shows_the_means(confirmed: pd.DataFrame) -> None:
    figure = (REFERENCE / "quickstart.svg").read_text(encoding="utf-8")
    points = re.findall(r"ratio: (\d+); mean: ([\d.]+); method: ([\w-]+); .{,120}description=\"point\"", figure)
    cells = [(method, int(ratio)) for ratio, _, method in points]
    assert len(cells) == 3 * 18
    for start, metric in zip((0, 18, 36), ("test_auc", RECALL, f"{RECALL}_at_dev_threshold"), strict=True):
        means = confirmed.groupby(["method", "imbalance_ratio"])[metric].mean()
        shown = [float(mean) for _, mean, _ in points[start : start + 18]]
        assert shown == pytest.approx(means.loc[cells[start : start + 18]].to_list(), abs=1e-6)
    (colour,) = {*re.findall(r'method: ce-natural;[^>]*line mark"[^>]*stroke="(#\w+)"', figure)}
    assert colour == "#009E73", "the green of Okabe and Ito"


def test_stratified_batches_find_the_rare_class(confirmed: pd.DataFrame, answer: str) -> None:
    assert f"recall {short(by_ratio(confirmed, 'ce-stratified', RECALL)[2])} at ratio 50" in answer
    recall = confirmed.pivot_table(index=["imbalance_ratio", "number"], columns="method", values=RECALL)
    more = (recall["ce-stratified"] - recall["ce-natural"]).loc[[10, 50]].to_numpy(float)
    assert len(more) == 10
    assert f"in each seed, by {short(more.min())} to {short(more.max())}" in answer
    assert more.min() > 0
    assert "**Stratified batches find the rare class by argmax**" in answer
    assert "At ratios 10 and 50 `ce-stratified` finds more than `ce-natural` in each seed" in answer


def test_bpt_fzg_holds_and_zosa_is_behind_it(confirmed: pd.DataFrame, answer: str) -> None:
    bpt_fzg, zosa = (by_ratio(confirmed, method, "test_auc") for method in SEARCHED)
    assert f"(AUC {short(min(bpt_fzg))} to {short(max(bpt_fzg))}). ZOSA" in answer
    assert (
        f"ZOSA ({short(min(zosa))} to {short(max(zosa))}) is behind it and above random search, in each seed at"
        in answer
    )
    assert "in each seed at every ratio." in answer
    assert "- **BPT-FZG holds at every ratio** (AUC" in answer
    assert max(bpt_fzg) - min(bpt_fzg) < 0.02
    seeds = confirmed.pivot_table(index=["imbalance_ratio", "number"], columns="method", values="test_auc")
    assert len(seeds) == 15
    assert (seeds["zosa"] < seeds["bpt-fzg"]).all()
    assert (seeds["zosa"] > seeds["random-search"]).all()


def test_the_set_up(trials: pd.DataFrame) -> None:
    text = findings("quickstart")
    assert text.startswith(f"`zostudy run studies/quickstart.yaml`: {set_up('quickstart')}. ")
    (study,) = committed("quickstart")
    natural, stratified = (method for method in study.methods if method.label.startswith("ce-"))
    assert (natural.label, natural.imbalance["sampler"]) == ("ce-natural", "natural")
    assert "`ce-natural` is SPSA with cross-entropy on batches drawn from the data as it is" in text
    assert (stratified.label, stratified.imbalance["sampler"]) == ("ce-stratified", "stratified")
    assert "`ce-stratified` is the same with both classes in equal number in every batch" in text
    assert {*trials[trials["algorithm"] == "spsa"]["objective"]} == {"cross-entropy"}
    search = trials[trials["stage"] == "search"]
    assert {*search["method"]} == {*SEARCHED}
    assert [name.split(".")[1] for name in study.search.space] == [
        *("subspace_dim", "perturbation_radius") * 2,
        "sampler",
    ]
    searched = "subspace dimension, perturbation radius and sampler, in four trials of each cell."
    assert f"BPT-FZG and ZOSA first search {searched}" in text
    assert set(search.groupby("cell").size()) == {4}
    assert {*search["seed"]}.isdisjoint(trials[trials["stage"] == "confirm"]["seed"])
    assert "The confirm seeds are fresh" in text


def test_what_searching_bought(trials: pd.DataFrame) -> None:
    text = findings("quickstart")
    search = trials[trials["stage"] == "search"].groupby(["method", "imbalance_ratio"])
    cells = {(str(method), float(str(ratio))): rows for (method, ratio), rows in search}
    assert {*cells} == {(method, ratio) for method in SEARCHED for ratio in RATIOS}
    assert {len(rows) for rows in cells.values()} == {4}
    winners = {cell: rows.nlargest(1, "dev_auc").iloc[0] for cell, rows in cells.items()}
    assert sum(winner["number"] == 0 for winner in winners.values()) == 3
    assert "In three of the six searched cells the first trial won" in text
    assert {winner["sampler"] for winner in winners.values()} == {"stratified"}
    assert "No winner draws natural batches" in text
    dev = {cell: (rows["dev_auc"].iloc[0], winners[cell]["dev_auc"]) for cell, rows in cells.items()}
    first, best = dev.pop(("bpt-fzg", 10))
    assert f"BPT-FZG at ratio 10 went from {short(first)} to {short(best)}" in text
    rise = max(after - before for before, after in dev.values())
    assert f"On dev a winner is above the first trial by {short(rise)} AUC or less, but BPT-FZG at ratio 10" in text
    assert best - first > 3 * rise
    assert "- **Searching bought little here, but in one cell.**" in text


def test_the_first_trial_has_the_defaults_but_for_the_dimension(trials: pd.DataFrame) -> None:
    assert "the first trial won, which has the defaults but for the dimension" in findings("quickstart")
    first = trials[(trials["stage"] == "search") & (trials["number"] == 0)]
    assert set(first["perturbation_radius"]) == {0.1}
    assert set(first["sampler"]) == {"stratified"}
    assert len(set(first["subspace_dim"])) > 1
