"""What ``zostudy methods`` says of a method beside another is what the committed results hold."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import fmean

import pandas as pd
import pytest

from zostudy import compare, load_results
from zostudy.bench.defaults.jobs import TrialJob
from zostudy.bench.defaults.store import TrialStore
from zostudy.config.known import EMBEDDED_MODELS
from zostudy.methods import get_method, method_names

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
NUMBERS = {"no": 0, "one": 1, "two": 2, "every": 3}
OF_MODELS = re.compile(r"(below|above|level with) ([a-z-]+) on (no|one|two|every)\b(?: embedded models?|, and)")
OF_BLOCKS = re.compile(r"above bpt-fzg in (\d+) of (\d+) blocks of the record$")
OF_RANKS = re.compile(r"(below|above) ([a-z-]+) in mean rank on real text")
LEVEL = 0.004
"""Two means of judged AUC that differ by less are called level."""

COMPOSED = ("bpt-fzg-sam", "cma-es", "cma-es-spsa", "mezo-momentum", "r-adazo", "sabo", "zo-adamm", "zosa-auc")
CLAIMS = [(name, *found.groups()) for name in COMPOSED for found in OF_MODELS.finditer(get_method(name).use)]
TUNED = [name for name in method_names() if get_method(name).needs == "scores" and get_method(name).spends_queries]
RANKED = [(name, *found.groups()) for name in method_names() for found in OF_RANKS.finditer(get_method(name).use)]


@pytest.fixture(scope="module")
def store() -> TrialStore:
    return TrialStore(REFERENCE / "defaults")


def judged(store: TrialStore, method: str, model: str) -> float:
    """Returns the mean judged AUC of the method's defaults of today at ratio 10 and 300 queries."""
    rows = [store.find(TrialJob(model, 10.0, method, seed)) for seed in range(3)]
    aucs = [row.judged_auc for row in rows if row is not None and row.judged_auc is not None]
    assert len(aucs) == 3
    return fmean(aucs)


@pytest.mark.parametrize(("method", "side", "other", "count"), CLAIMS)
def test_a_method_is_beside_another_on_embedded_models_as_said(
    store: TrialStore, method: str, side: str, other: str, count: str
) -> None:
    gains = [judged(store, method, model) - judged(store, other, model) for model in EMBEDDED_MODELS]
    sides = ["above" if gain > LEVEL else "below" if gain < -LEVEL else "level with" for gain in gains]
    assert sides.count(side) == NUMBERS[count], gains


def test_fzoo_is_the_best_of_its_loss_on_the_embedded_models_as_said(store: TrialStore) -> None:
    rivals = [name for name in TUNED if getattr(get_method(name).Options(), "objective", None) == "cross-entropy"]
    means = {name: fmean(judged(store, name, model) for model in EMBEDDED_MODELS) for name in rivals}
    assert {"spsa", "zosa", "cma-es-spsa"} < {*rivals}
    assert max(means, key=means.__getitem__) == "fzoo"
    assert "on the embedded models the best mean AUC of those that minimise cross-entropy" in get_method("fzoo").use


def block_means(metric: str, pattern: str) -> pd.DataFrame:
    """The mean of each method with its defaults; a row a block: one model, task, budget and ratio."""
    trials = load_results(sorted(REFERENCE.glob(pattern))).trials
    confirmed = trials[trials["stage"] == "confirm"]
    return confirmed.pivot_table(metric, ["study", "imbalance_ratio"], "method")


def test_bpt_fzg_leads_as_said(ranks_on_real_text: dict[str, float]) -> None:
    for metric in ("test_auc", "test_balanced_accuracy"):
        means = block_means(metric, "suite/*/")
        ranks = means.rank(axis="columns", ascending=False).groupby("imbalance_ratio").mean()
        assert set(ranks.idxmin(axis="columns").astype(str)) == {"bpt-fzg"}, ranks
        assert len(ranks) == 3
    assert min(ranks_on_real_text, key=ranks_on_real_text.__getitem__) == "bpt-fzg"
    leads = "the best mean rank in AUC and balanced accuracy at each ratio of the suite, and in AUC on real text"
    assert leads in get_method("bpt-fzg").use


def test_each_other_method_says_how_often_it_is_above_bpt_fzg() -> None:
    means = pd.concat([block_means("test_auc", pattern) for pattern in ("suite/*/", "budget-*/", "real-text-*/")])
    others = [name for name in TUNED if name in means and name != "bpt-fzg"]
    assert len(others) >= 12
    for name in others:
        said = OF_BLOCKS.search(get_method(name).use)
        assert said is not None, name
        both = means[[name, "bpt-fzg"]].dropna()
        assert (int(said[1]), int(said[2])) == ((both[name] > both["bpt-fzg"]).sum(), len(both)), name


@pytest.fixture(scope="module")
def ranks_on_real_text() -> dict[str, float]:
    compared = compare(load_results(sorted(REFERENCE.glob("real-text-*/"))), ["test_auc"], by="task")
    found = compared.rank_statistics("test_auc")
    assert found is not None
    return {each.method: each.mean for each in found.ranks}


def test_a_method_has_the_mean_rank_on_real_text_that_is_said(ranks_on_real_text: dict[str, float]) -> None:
    for method, side, other in RANKED:
        assert (ranks_on_real_text[method] < ranks_on_real_text[other]) == (side == "above"), (method, other)
    assert len(RANKED) >= 6


def test_each_of_them_is_told_apart_from_another() -> None:
    assert {name for name, *_ in CLAIMS} == {*COMPOSED}


def test_zosa_is_beside_fzoo_in_the_suite_as_said() -> None:
    trials = load_results(REFERENCE / "suite").trials
    means = trials.pivot_table("test_auc", ["study", "model"], "method")
    below = (means["fzoo"] - means["zosa"] > LEVEL).groupby(lambda block: block[0].rpartition("-")[2]).sum()
    assert below.to_dict() == {"300": 2, "1200": 1}
    assert "below fzoo on two embedded models at 300 queries, on one at 1,200" in get_method("zosa").use
