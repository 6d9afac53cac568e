"""What results/README.md says of the study subspace-dim is what its Parquet holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from tests.reading_findings import REFERENCE, chance, findings, set_up, short

from zostudy import load_results
from zostudy.results.comparison.statistics import holm

METHODS = ("bpt-fzg", "fzoo", "spsa", "zosa")
LENGTHS = ("10", "50", "200", "500", "none")


@pytest.fixture(scope="module")
def auc() -> dict[tuple[str, str], NDArray[np.float64]]:
    """The test AUC of the ten seeds, by method and length of the latent."""
    trials = load_results([REFERENCE / "subspace-dim", REFERENCE / "subspace-dim-none"]).trials
    confirmed = trials[(trials["stage"] == "confirm") & (trials["algorithm"] != "untuned")].sort_values("number")
    found = {}
    for (study, algorithm, length), rows in confirmed.groupby(["study", "algorithm", "subspace_dim"]):
        key = str(algorithm), "none" if study == "subspace-dim-none" else str(length)
        found[key] = rows["test_auc"].to_numpy(float)
    assert {len(seeds) for seeds in found.values()} == {10}
    return found


def p_values(auc: dict[tuple[str, str], NDArray[np.float64]], pairs: Sequence[tuple[str, str, str]]) -> list[float]:
    """Returns those of paired t tests of one length against another, by method."""
    return [float(stats.ttest_rel(auc[method, one], auc[method, other]).pvalue) for method, one, other in pairs]


def test_the_table_of_lengths(auc: dict[tuple[str, str], NDArray[np.float64]]) -> None:
    text = findings("subspace-dim")
    assert "Mean test AUC: | method | 10 | 50 | 200 | 500 | none |" in text
    for method in METHODS:
        assert f"| {method} | {' | '.join(short(auc[method, length].mean()) for length in LENGTHS)} |" in text


def test_more_numbers_gain_up_to_200(auc: dict[tuple[str, str], NDArray[np.float64]]) -> None:
    steps = [(method, longer, shorter) for method in METHODS for longer, shorter in (("50", "10"), ("200", "50"))]
    assert all(auc[method, longer].mean() > auc[method, shorter].mean() for method, longer, shorter in steps)
    found = dict(zip(steps, holm(p_values(auc, steps)), strict=True))
    spsa, zosa = ("spsa", "200", "50"), ("zosa", "200", "50")
    assert {step for step, p in found.items() if p >= 0.05} == {spsa, zosa}
    assert "**On this model and ratio more numbers are better, up to 50 for every method" in findings("subspace-dim")
    assert "up to 50 for every method and up to 200 for BPT-FZG and FZOO" in findings("subspace-dim")
    assert "each step up to there gains (p < .05, Holm over eight)" in findings("subspace-dim")
    shown = f"SPSA ({chance(found[spsa])}) and ZOSA ({chance(found[zosa])}) are within chance"
    assert f"From 50 to 200 the gains of {shown}" in findings("subspace-dim")


def test_a_subspace_gains_nothing(auc: dict[tuple[str, str], NDArray[np.float64]]) -> None:
    without = [(method, "none", length) for method in METHODS for length in ("200", "500")]
    assert min(p_values(auc, without)) > 0.15
    assert "**The subspace itself gains nothing here**: no method is measurably better or" in findings("subspace-dim")
    assert "better or worse at 200 or 500 numbers than without a subspace (p > .15, uncorrected)" in findings(
        "subspace-dim"
    )


def test_without_a_subspace_all_numbers_of_the_prompt_are_tuned_at_the_same_cost() -> None:
    trials = load_results([REFERENCE / "subspace-dim", REFERENCE / "subspace-dim-none"]).trials
    asked = "How many numbers should be tuned? One model at one ratio:"
    assert f"{asked} {set_up('subspace-dim*')}. The last column has" in findings("subspace-dim")
    assert set(trials["subspace_dim"][trials["study"] == "subspace-dim-none"]) == {640}
    assert "no subspace: all 640 numbers of the prompt" in findings("subspace-dim")
    tuned = trials[trials["algorithm"] != "untuned"]
    assert (tuned.groupby("algorithm")["queries"].nunique() == 1).all()
    assert "A zeroth-order step costs the same number of queries at any length." in findings("subspace-dim")
