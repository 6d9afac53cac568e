"""What results/README.md says of the study sst2-minilm, which an earlier version ran, is what its Parquet holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from tests.reading_findings import REFERENCE, committed, findings, set_up, short

from zostudy import compare, load_results

SEEDS = 5


@pytest.fixture(scope="module")
def confirmed() -> pd.DataFrame:
    trials = load_results(REFERENCE / "sst2-minilm").trials
    return trials[trials["stage"] == "confirm"].sort_values("number")


def gains(confirmed: pd.DataFrame, method: str, metric: str) -> NDArray[np.float64]:
    """Returns by how much a method is above the untuned prompt, seed by seed."""
    own, untuned = (confirmed[confirmed["method"] == label][metric].to_numpy(float) for label in (method, "untuned"))
    assert len(own) == SEEDS
    difference: NDArray[np.float64] = own - untuned
    return difference


def test_bpt_fzg_is_above_the_untuned_prompt_in_each_seed(confirmed: pd.DataFrame) -> None:
    auc = gains(confirmed, "bpt-fzg", "test_auc")
    assert min(auc) > 0
    assert min(gains(confirmed, "bpt-fzg", "test_balanced_accuracy")) > 0
    said = f"in each of the five seeds, AUC by {short(min(auc))} to {short(max(auc))}."
    assert f"BPT-FZG raised test AUC and balanced accuracy over the untuned prompt {said}" in findings("sst2-minilm")


def test_what_the_other_methods_changed(confirmed: pd.DataFrame) -> None:
    text, moved = findings("sst2-minilm"), {}
    for method in ("spsa", "zosa"):
        kept = confirmed[confirmed["method"] == method]["best_queries"].to_numpy() == 0
        assert kept.sum() == 3
        assert not gains(confirmed, method, "test_auc")[kept].any()
        moved[method] = ~kept
    auc, recall = (
        np.concatenate([gains(confirmed, method, metric)[rows] for method, rows in moved.items()])
        for metric in ("test_auc", "test_minority_recall")
    )
    assert "SPSA and ZOSA kept the start in three seeds" in text
    lost, won = -auc[auc < 0], auc[auc > 0]
    assert len(won) == 1
    first, second, third = map(short, lost)
    lowered = f"three of their four trials lowered test AUC, by {first}, {second} and {third}, and one raised"
    assert f"In the other two, {lowered}" in text
    assert f"raised it by {short(won[0])}." in text
    assert recall.max() < 0
    assert f"The rare class's recall fell in all four, in three by {short(np.sort(-recall)[1])} or more" in text


def test_the_intervals_overlap() -> None:
    cells = compare(load_results(REFERENCE / "sst2-minilm"), ["test_auc"]).cells
    bands = [cell.intervals["test_auc"] for cell in cells]
    low, high = np.array([(band.low, band.high) for band in bands], float).T
    assert len(low) == 4
    assert low.max() < high.min()
    assert "The intervals of five seeds overlap: read the sign, not the size." in findings("sst2-minilm")


def test_its_steps_and_batches_are_those_of_an_earlier_version(confirmed: pd.DataFrame) -> None:
    cross_entropy = confirmed[confirmed["method"].isin(["spsa", "zosa"])]
    assert set(cross_entropy["sampler"]) == {"natural"}
    earlier, today = (first_steps(folder) for folder in ("sst2-minilm", "real-text-sst2"))
    assert max(earlier) < min(today) / 40
    spans = [f"{short(min(earlier), 2)} to {short(max(earlier), 2)}", f"{min(today):.1f} to {max(today):.1f}"]
    assert (
        f"An earlier version ran it, whose steps were much shorter (the first {spans[0]} long in the mean, in "
        f"real-text {spans[1]}) and whose cross-entropy methods drew natural batches."
    ) in findings("sst2-minilm")
    assert findings("sst2-minilm").startswith(f"{set_up('sst2-minilm')}; the rare class is the positive one. ")
    assert committed("sst2-minilm")[0].task.minority == "positive"


def first_steps(folder: str) -> list[float]:
    """Returns the mean length of a first step on SST-2, for each of three methods."""
    history = load_results(REFERENCE / folder).history
    first = history[(history["step"] == 1) & history["cell"].isin(["bpt-fzg-r10", "spsa-r10", "zosa-r10"])]
    assert first["cell"].value_counts().to_list() == [SEEDS] * 3
    return [float(length) for length in first.groupby("cell")["latent_norm"].mean()]
