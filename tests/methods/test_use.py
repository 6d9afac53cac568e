"""What ``zostudy methods`` says of a method beside another is what the committed results hold."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import fmean

import pytest

from zostudy import compare, load_results
from zostudy.bench.defaults.jobs import TrialJob
from zostudy.bench.defaults.store import TrialStore
from zostudy.config.known import EMBEDDED_MODELS
from zostudy.methods import get_method, method_names

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
NUMBERS = {"no": 0, "one": 1, "two": 2, "every": 3}
OF_MODELS = re.compile(r"(below|above) ([a-z-]+) on (no|one|two|every) embedded models?\b")
OF_RANKS = re.compile(r"(below|above) ([a-z-]+) in mean rank on real text")
LEVEL = 0.004
"""Two means of judged AUC that differ by less are called level."""

COMPOSED = ("bpt-fzg-sam", "cma-es", "cma-es-spsa", "mezo-momentum", "r-adazo", "sabo", "zo-adamm", "zosa-auc")
CLAIMS = [(name, *found.groups()) for name in COMPOSED for found in OF_MODELS.finditer(get_method(name).use)]
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
    assert sum(gain > LEVEL if side == "above" else gain < -LEVEL for gain in gains) == NUMBERS[count], gains


def test_a_method_has_the_mean_rank_on_real_text_that_is_said() -> None:
    compared = compare(load_results(sorted(REFERENCE.glob("real-text-*/"))), ["test_auc"], by="task")
    found = compared.rank_statistics("test_auc")
    assert found is not None
    ranks = {each.method: each.mean for each in found.ranks}
    for method, side, other in RANKED:
        assert (ranks[method] < ranks[other]) == (side == "above"), (method, other)
    assert len(RANKED) >= 6


def test_each_of_them_is_told_apart_from_another() -> None:
    assert {name for name, *_ in CLAIMS} == {*COMPOSED}


def test_zosa_is_beside_fzoo_in_the_suite_as_said() -> None:
    trials = load_results(REFERENCE / "suite").trials
    means = trials.pivot_table("test_auc", ["study", "model"], "method")
    below = (means["fzoo"] - means["zosa"] > LEVEL).groupby(lambda block: block[0].rpartition("-")[2]).sum()
    assert below.to_dict() == {"300": 2, "1200": 1}
    assert "below fzoo on two embedded models at 300 queries, on one at 1,200" in get_method("zosa").use
