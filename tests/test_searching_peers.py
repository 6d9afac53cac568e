"""What results/README.md says of the study searching-peers is what its Parquet holds."""

from __future__ import annotations

from collections import Counter

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
from zostudy.methods import get_method, method_names
from zostudy.methods.sabo import SaboOptions
from zostudy.results.comparison.verdicts import EDGE, EDGE_CHOSEN

PEERS = (
    "random-search",
    "cma-es",
    "cma-es-spsa",
    "r-adazo",
    "mezo-momentum",
    "zo-adamm",
    "sabo",
    "zosa-auc",
    "bpt-fzg-sam",
)
RATIOS = (10, 50)
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
    assert "They were judged as in what-search-buys, where `fzoo`, `spsa` and `zosa` stand." in text
    elsewhere = {method.algorithm for method in same.methods} - {"untuned", "bpt-fzg"}
    assert elsewhere == {"fzoo", "spsa", "zosa"}
    methods = {name: get_method(name) for name in method_names()}
    tuned = {name for name, method in methods.items() if method.spends_queries and method.needs == "scores"}
    assert {*PEERS} == tuned - elsewhere - {"bpt-fzg"}
    assert study.search.model_copy(update={"space": {}}) == same.search.model_copy(update={"space": {}})
    assert (study.task, study.imbalance, study.budget) == (same.task, same.imbalance, same.budget)


def test_the_table(peers: pd.DataFrame, bpt_fzg: pd.DataFrame) -> None:
    gained, gaps = gains(peers), behind(peers, bpt_fzg)
    assert "what BPT-FZG with its defaults has more than the searched method on the same seeds" in findings(
        "searching-peers"
    )
    assert f"(Holm over {len(CELLS)} each)" in findings("searching-peers")
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


def test_none_passes_the_defaults_of_bpt_fzg(peers: pd.DataFrame, bpt_fzg: pd.DataFrame) -> None:
    text, gaps = findings("searching-peers"), behind(peers, bpt_fzg)
    assert {method for (method, _), (gap, _) in gaps.items() if gap <= 0} == {"bpt-fzg-sam"}
    level = " and ".join(signed(gaps["bpt-fzg-sam", ratio][0]) for ratio in RATIOS)
    assert min(p for (method, _), (_, p) in gaps.items() if method == "bpt-fzg-sam") > 0.8
    told = (
        "**No searched peer passes BPT-FZG's defaults beyond chance**: each is behind at both ratios, but for its own"
    )
    assert f"{told} variant `bpt-fzg-sam`, which is level with it ({level})." in text
    beyond = Counter(method for (method, _), (_, p) in gaps.items() if p < 0.05)
    assert set(beyond.values()) == {2}
    assert {*PEERS} - {*beyond} == {"cma-es", "sabo", "bpt-fzg-sam"}
    assert f"{NUMBERS[len(beyond)].capitalize()} of the {NUMBERS[len(PEERS)]} are behind beyond chance at both" in text
    assert "at both ratios; `cma-es`, `sabo` and `bpt-fzg-sam` at none." in text


def test_what_a_search_gains(peers: pd.DataFrame) -> None:
    text, gained = findings("searching-peers"), gains(peers)
    assert [key for key, (_, p) in gained.items() if p < 0.05] == [("random-search", 50), ("sabo", 50)]
    assert min(gained[method, 50][0] for method in ("random-search", "sabo")) > 0
    assert "**A search gains little for most of them**: beyond chance only random search and SABO gain, both at" in text
    most = [max(PEERS, key=lambda method: gained[method, ratio][0]) for ratio in RATIOS]
    assert most == ["sabo", "sabo"]
    of_sabo = " and ".join(signed(gained["sabo", ratio][0]) for ratio in RATIOS)
    assert f"SABO gains most ({of_sabo}): its winners step more than five times as far as its defaults" in text
    assert "in a subspace more than three times as large." in text
    defaults = SaboOptions()
    for ratio in RATIOS:
        found = cell(peers, "sabo", ratio).iloc[0]
        assert found["reach"] > 5 * defaults.reach
        assert found["subspace_dim"] > 3 * defaults.subspace_dim


def test_which_winners_stand_at_an_edge() -> None:
    verdicts = compare(load_results(REFERENCE / "searching-peers"), ["test_auc"]).verdicts
    edges = [verdict for verdict in verdicts if verdict.rule == EDGE_CHOSEN]
    found = {(str(each.cell.row[-1]), int(each.cell.column)): each.fact.split()[0].rpartition(".")[2] for each in edges}
    assert found == {
        ("bpt-fzg-sam", 10): "subspace_dim",
        ("sabo", 10): "subspace_dim",
        ("random-search", 50): "reach",
        ("bpt-fzg-sam", 50): "subspace_dim",
        ("cma-es", 50): "subspace_dim",
        ("cma-es-spsa", 50): "subspace_dim",
        ("mezo-momentum", 50): "perturbation_radius",
        ("r-adazo", 50): "perturbation_radius",
        ("sabo", 50): "kl_radius",
    }
    told = (
        f"**Some winners stand within {EDGE:.0%} of an end of their range**: `bpt-fzg-sam` and `sabo` at ratio 10 "
        "(subspace_dim); at ratio 50 `random-search` (reach), `bpt-fzg-sam`, `cma-es` and `cma-es-spsa` "
        "(subspace_dim), `mezo-momentum` and `r-adazo` (perturbation_radius), and `sabo` (kl_radius)."
    )
    assert told in findings("searching-peers")
