"""What results/README.md says of the study subspace-dim is what its Parquet holds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from tests.reading_findings import REFERENCE, findings, short

from zostudy import load_results

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


def p_value(auc: dict[tuple[str, str], NDArray[np.float64]], method: str, one: str, other: str) -> float:
    return float(stats.ttest_rel(auc[method, one], auc[method, other]).pvalue)


def test_the_table_of_lengths(auc: dict[tuple[str, str], NDArray[np.float64]]) -> None:
    text = findings("subspace-dim")
    for method in METHODS:
        assert f"| {method} | {' | '.join(short(auc[method, length].mean()) for length in LENGTHS)} |" in text


def test_more_numbers_gain_up_to_200_and_a_subspace_gains_nothing(
    auc: dict[tuple[str, str], NDArray[np.float64]],
) -> None:
    for method in METHODS:
        for longer, shorter in (("50", "10"), ("200", "50")):
            assert auc[method, longer].mean() > auc[method, shorter].mean()
            gains = p_value(auc, method, longer, shorter) < 0.05
            assert gains is not (method == "zosa" and longer == "200")
        assert min(p_value(auc, method, "none", length) for length in ("200", "500")) > 0.15
    assert f"ZOSA's gain is within chance (p = {short(p_value(auc, 'zosa', '200', '50'))})" in findings("subspace-dim")
