"""What results/README.md says of the study searching-peers is what its Parquet holds."""

from __future__ import annotations

import pandas as pd
import pytest
from tests.reading_findings import (
    NUMBERS,
    REFERENCE,
    chance,
    committed,
    findings,
    paired_p_values,
    set_up,
    short,
    signed,
)

from zostudy import compare, load_results
from zostudy.results.comparison.verdicts import EDGE, EDGE_CHOSEN

PEERS, RATIOS = ("random-search", "cma-es", "cma-es-spsa", "r-adazo"), (10, 50)
CELLS = [(method, ratio) for method in PEERS for ratio in RATIOS]


def confirmed(study: str) -> pd.DataFrame:
    trials = load_results(REFERENCE / study).trials.sort_values("number")
    return trials[trials["stage"] == "confirm"]


@pytest.fixture(scope="module")
def peers() -> pd.DataFrame:
    return confirmed("searching-peers")


@pytest.fixture(scope="module")
def bpt_fzg() -> pd.DataFrame:
    """BPT-FZG's defaults on the same seeds."""
    found = confirmed("what-search-buys-llama")
    return found[found["method"] == "bpt-fzg-defaults"]


def cell(trials: pd.DataFrame, method: str, ratio: int) -> pd.DataFrame:
    """Returns the ten confirm trials of a cell, in the order of their seeds."""
    found = trials[(trials["method"] == method) & (trials["imbalance_ratio"] == ratio)]
    assert list(found["number"]) == list(range(10))
    return found


def differences(pairs: list[tuple[pd.DataFrame, pd.DataFrame]]) -> list[tuple[float, float]]:
    """Returns the mean differences in test AUC with the p-values of paired t tests, after Holm's correction."""
    found = [one["test_auc"].to_numpy(float) - other["test_auc"].to_numpy(float) for one, other in pairs]
    return [(float(each.mean()), p) for each, p in zip(found, paired_p_values(found), strict=True)]


def gains(peers: pd.DataFrame) -> dict[tuple[str, int], tuple[float, float]]:
    sides = [(cell(peers, method, ratio), cell(peers, f"{method}-defaults", ratio)) for method, ratio in CELLS]
    return dict(zip(CELLS, differences(sides), strict=True))


def behind(peers: pd.DataFrame, bpt_fzg: pd.DataFrame) -> dict[tuple[str, int], tuple[float, float]]:
    """Returns how far the searched peers are behind BPT-FZG's defaults."""
    sides = [(cell(bpt_fzg, "bpt-fzg-defaults", ratio), cell(peers, method, ratio)) for method, ratio in CELLS]
    assert all((one["seed"].to_numpy() == other["seed"].to_numpy()).all() for one, other in sides)
    return dict(zip(CELLS, differences(sides), strict=True))


def test_the_set_up() -> None:
    text = findings("searching-peers")
    (study,) = committed("searching-peers")
    (same,) = committed("what-search-buys-llama")
    assert text.startswith("Do other methods reach BPT-FZG's defaults once a search has chosen their settings?")
    assert f"The study: {set_up('searching-peers')}, {study.search.trials} configurations a cell." in text
    assert "They were judged as in what-search-buys." in text
    assert study.search.model_copy(update={"space": {}}) == same.search.model_copy(update={"space": {}})
    assert (study.task, study.imbalance, study.budget) == (same.task, same.imbalance, same.budget)


def test_the_table(peers: pd.DataFrame, bpt_fzg: pd.DataFrame) -> None:
    gained, gaps = gains(peers), behind(peers, bpt_fzg)
    assert "what BPT-FZG with its defaults has more than the searched method on the same seeds" in findings(
        "searching-peers"
    )
    assert f"(Holm over {NUMBERS[len(CELLS)]} each)" in findings("searching-peers")
    for method in PEERS:
        means = [
            ", ".join(short(cell(peers, label, ratio)["test_auc"].mean()) for ratio in RATIOS)
            for label in (f"{method}-defaults", method)
        ]
        told = [
            ", ".join(f"{signed(of[method, ratio][0])} ({chance(of[method, ratio][1])})" for ratio in RATIOS)
            for of in (gained, gaps)
        ]
        found = [cell(peers, method, ratio).iloc[0] for ratio in RATIOS]
        settings = [", ".join(f"{of['reach']:.1f}" for of in found), ", ".join(str(of["subspace_dim"]) for of in found)]
        assert f"| {method} | {' | '.join([*means, *told, *settings])} |" in findings("searching-peers")


def test_none_reaches_the_defaults_of_bpt_fzg(peers: pd.DataFrame, bpt_fzg: pd.DataFrame) -> None:
    text, gaps = findings("searching-peers"), behind(peers, bpt_fzg)
    assert min(gap for gap, _ in gaps.values()) > 0
    assert [key for key, (_, p) in gaps.items() if p >= 0.05] == [("cma-es", 10)]
    told = (
        "**No searched peer reaches BPT-FZG's defaults**: each is behind at both ratios, all but `cma-es` at ratio 10"
    )
    assert f"{told} beyond chance." in text
    assert [key for key, (gain, p) in gains(peers).items() if p < 0.05] == [("random-search", 50)]
    assert gains(peers)["random-search", 50][0] > 0
    little = "**A search gains little for them**: only random search at ratio 50 gains beyond chance."
    assert little in text


def test_which_winners_stand_at_an_edge() -> None:
    verdicts = compare(load_results(REFERENCE / "searching-peers"), ["test_auc"]).verdicts
    edges = [verdict for verdict in verdicts if verdict.rule == EDGE_CHOSEN]
    found = {str(each.cell.row[-1]): each.fact.split()[0].partition(".")[2] for each in edges}
    assert {int(each.cell.column) for each in edges} == {50}
    assert found == {
        "random-search": "reach",
        "cma-es": "subspace_dim",
        "cma-es-spsa": "subspace_dim",
        "r-adazo": "perturbation_radius",
    }
    text = findings("searching-peers")
    assert (
        f"**Some winners stand within {EDGE:.0%} of an end of their range**: at ratio 50 `random-search` (reach)"
        in text
    )
    assert "`cma-es` and `cma-es-spsa` (subspace_dim), and `r-adazo` (perturbation_radius)." in text
