"""What results/README.md says of the study rarer-text is what its Parquet holds."""

from __future__ import annotations

from itertools import product
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.reading_findings import NUMBERS, REFERENCE, committed, findings, paired_p_values, set_up, short, signed

from zostudy import load_results

TASKS = ("mpqa", "sst2")
TUNED = ("random-search", "zosa", "fzoo", "cma-es", "bpt-fzg")
ROWS = ("no-prompt", "untuned", *TUNED)
METRICS = ("test_auc", "test_balanced_accuracy", "test_balanced_accuracy_at_dev_threshold")

Seeds: TypeAlias = NDArray[np.float64]
Cells: TypeAlias = dict[tuple[str, str, str], Seeds]


def values(study: str) -> Cells:
    """Returns what the confirm trials have, by task, method and metric, in the order of their seeds."""
    trials = load_results([REFERENCE / f"{study}-{task}" for task in TASKS]).trials.sort_values("number")
    confirmed = trials[trials["stage"] == "confirm"].groupby(["task", "method"])
    cells = {(str(task), str(method)): rows for (task, method), rows in confirmed}
    return {
        (task, method, metric): cells[task, method][metric].to_numpy(float)
        for task, method, metric in product(TASKS, ROWS, METRICS)
    }


@pytest.fixture(scope="module")
def at_50() -> Cells:
    found = values("rarer-text")
    assert {len(seeds) for seeds in found.values()} == {5}
    return found


@pytest.fixture(scope="module")
def at_10() -> Cells:
    return values("real-text")


def test_the_set_up() -> None:
    text = findings("rarer-text")
    assert text.startswith("What changes where the rare class of a real text is five times rarer?")
    assert f"The study: {set_up('rarer-text-*')}. It is `real-text` for {NUMBERS[len(ROWS)]} of its rows" in text
    assert "at ratio 50 in place of 10, so that the 20 stand against 1,000 of the other class" in text
    rarer, real = ({study.task.name: study for study in committed(f"{name}-*")} for name in ("rarer-text", "real-text"))
    assert rarer.keys() == {*TASKS}
    for task, study in rarer.items():
        assert (study.imbalance.ratios, study.imbalance.minority_size) == ((50.0,), 20)
        assert {method.label for method in study.methods} == {*ROWS}
        assert real[task].imbalance.ratios == (10.0,)
        own = {"name": study.name, "imbalance": study.imbalance, "methods": study.methods}
        assert real[task].model_copy(update=own) == study
        assert not any(method.options or method.imbalance for method in study.methods)


def test_the_table_of_means(at_50: Cells) -> None:
    assert "Mean test AUC, balanced accuracy by argmax, and at the threshold from dev:" in findings("rarer-text")
    for method in ROWS:
        cells = [", ".join(short(at_50[task, method, metric].mean()) for metric in METRICS) for task in TASKS]
        assert f"| {method} | {' | '.join(cells)} |" in findings("rarer-text")


def test_little_changes(at_50: Cells, at_10: Cells) -> None:
    text = findings("rarer-text")
    spans = []
    for metric in METRICS[:2]:
        keys = [(task, method, metric) for task, method in product(TASKS, TUNED)]
        differences = [at_50[key] - at_10[key] for key in keys]
        means = [float(each.mean()) for each in differences]
        spans.append(f"{signed(min(means))} to {signed(max(means))}")
        assert min(paired_p_values(differences)) > 0.05
        assert f"None of it is beyond chance (Holm over {NUMBERS[len(keys)]} each)" in text
    moves = f"the mean test AUC of the {NUMBERS[len(TUNED)]} tuned methods moves by {spans[0]} from ratio 10 to 50"
    assert f"**Little changes, as batches are stratified**: {moves}" in text
    assert f"and their balanced accuracy by argmax by {spans[1]}." in text
    trials = load_results([REFERENCE / f"rarer-text-{task}" for task in TASKS]).trials
    assert {*trials.loc[trials["method"].isin(TUNED), "sampler"]} == {"stratified"}


@pytest.mark.parametrize("other", ["random-search", "untuned", "no-prompt"])
def test_no_method_is_told_from_a_row_without_method(at_50: Cells, other: str) -> None:
    pairs = [(task, method) for task, method in product(TASKS, TUNED) if method != other]
    assert min(paired_p_values([at_50[*pair, "test_auc"] - at_50[pair[0], other, "test_auc"] for pair in pairs])) > 0.05
    told = (
        "**No method is told from random search or from an untuned prompt** in test AUC, after Holm's correction over"
    )
    assert f"{told} both tasks, with five seeds." in findings("rarer-text")
