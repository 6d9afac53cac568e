"""What results/README.md says of the study rarer-text is what its Parquet holds."""

from __future__ import annotations

from itertools import product
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.reading_findings import NUMBERS, REFERENCE, committed, findings, paired_p_values, set_up, short, signed

from zostudy import load_results

TASKS = ("mpqa", "sst2", "subj")
TUNED = ("random-search", "zosa", "fzoo", "cma-es", "bpt-fzg")
ROWS = ("no-prompt", "untuned", *TUNED)
RATIOS = (1, 10, 50)
AUC, BY_ARGMAX, AT_THRESHOLD = "test_auc", "test_balanced_accuracy", "test_balanced_accuracy_at_dev_threshold"

Seeds: TypeAlias = NDArray[np.float64]
Cells: TypeAlias = dict[tuple[str, str, int, str], Seeds]


@pytest.fixture(scope="module")
def cells() -> Cells:
    """What the confirm trials have, by task, method, ratio and metric, in the order of their seeds."""
    folders = [REFERENCE / f"{study}-{task}" for study, task in product(("rarer-text", "real-text"), TASKS)]
    trials = load_results(folders).trials.sort_values("number")
    confirmed = trials[(trials["stage"] == "confirm") & trials["method"].isin(ROWS)]
    assert {*confirmed.loc[confirmed["method"].isin(TUNED), "sampler"]} == {"stratified"}
    found = {
        (str(task), str(method), int(float(str(ratio))), metric): rows[metric].to_numpy(float)
        for (task, method, ratio), rows in confirmed.groupby(["task", "method", "imbalance_ratio"])
        for metric in (AUC, BY_ARGMAX, AT_THRESHOLD)
    }
    assert {len(seeds) for seeds in found.values()} == {5}
    assert len(found) == len(TASKS) * len(ROWS) * len(RATIOS) * 3
    return found


def test_the_set_up() -> None:
    text = findings("rarer-text")
    assert text.startswith(
        "What changes where the rare class of a real text is five times rarer than in real-text, and where it is not "
        "rare at all?"
    )
    assert f"The study: {set_up('rarer-text-*')}. It is `real-text` for {NUMBERS[len(ROWS)]} of its rows" in text
    assert "at ratios 1 and 50 in place of 10, so that the 20 stand against 20 and 1,000 of the other class." in text
    rarer, real = ({study.task.name: study for study in committed(f"{name}-*")} for name in ("rarer-text", "real-text"))
    assert rarer.keys() == {*TASKS}
    for task, study in rarer.items():
        assert (study.imbalance.ratios, study.imbalance.minority_size) == ((1.0, 50.0), 20)
        assert {method.label for method in study.methods} == {*ROWS}
        assert real[task].imbalance.ratios == (10.0,)
        own = {"name": study.name, "imbalance": study.imbalance, "methods": study.methods}
        assert real[task].model_copy(update=own) == study
        assert not any(method.options or method.imbalance for method in study.methods)


def test_the_tables_of_means(cells: Cells) -> None:
    text = findings("rarer-text")
    assert "Mean test AUC at ratios 1, 10 and 50:" in text
    assert "Mean balanced accuracy by argmax at the same ratios:" in text
    for metric, method in product((AUC, BY_ARGMAX), ROWS):
        means = [", ".join(short(cells[task, method, ratio, metric].mean()) for ratio in RATIOS) for task in TASKS]
        assert f"| {method} | {' | '.join(means)} |" in text


def test_little_changes(cells: Cells) -> None:
    text = findings("rarer-text")
    spans = []
    for metric in (AUC, BY_ARGMAX, AT_THRESHOLD):
        moves = [
            cells[task, method, ratio, metric] - cells[task, method, 10, metric]
            for task, method, ratio in product(TASKS, TUNED, (1, 50))
        ]
        means = [float(each.mean()) for each in moves]
        spans.append(f"{signed(min(means))} to {signed(max(means))}")
        assert min(paired_p_values(moves)) > 0.05
        assert f"None of it is beyond chance (Holm over {len(moves)} each)." in text
    auc, by_argmax, at_threshold = spans
    told = f"from ratio 10 to 1 or 50 the mean test AUC of the {NUMBERS[len(TUNED)]} tuned methods moves by {auc}"
    assert f"**Little changes, as batches are stratified**: {told}, their balanced accuracy by argmax by" in text
    assert f"by argmax by {by_argmax}, and by the threshold from dev by {at_threshold}." in text


def gains(cells: Cells, other: str) -> dict[tuple[str, str, int], tuple[float, float]]:
    """Returns what tuned methods have more test AUC than another row, with p-values, by task, method and ratio."""
    keys = [key for key in product(TASKS, TUNED, (1, 50)) if key[1] != other]
    found = [cells[*key, AUC] - cells[key[0], other, key[2], AUC] for key in keys]
    means = [float(each.mean()) for each in found]
    return dict(zip(keys, zip(means, paired_p_values(found), strict=True), strict=True))


def test_no_method_is_told_from_random_search(cells: Cells) -> None:
    found = gains(cells, "random-search")
    assert min(p for _, p in found.values()) > 0.05
    told = "**No method is told from random search** in test AUC at ratio 1 or 50"
    assert f"{told} (Holm over {len(found)}, five seeds)." in findings("rarer-text")


def test_what_is_above_a_row_without_method(cells: Cells) -> None:
    text, found = findings("rarer-text"), gains(cells, "untuned")
    beyond = {key: gain for key, (gain, p) in found.items() if p < 0.05}
    assert beyond.keys() == {*product(["subj"], ["zosa", "fzoo", "cma-es"], [1, 50])}
    told = "there `zosa`, `fzoo` and `cma-es` are above it at both ratios beyond chance"
    span = f"by {short(min(beyond.values()))} to {short(max(beyond.values()))} (Holm over {len(found)})."
    assert f"**An untuned prompt is beaten on Subj alone**: {told}, {span}" in text
    above = {key for key, (gain, p) in gains(cells, "no-prompt").items() if p < 0.05 and gain > 0}
    assert above == {("subj", "random-search", 1), ("subj", "fzoo", 50)}
    assert min(p for (gain, p) in gains(cells, "no-prompt").values() if gain < 0) > 0.05
    told = "Above the template without a prompt are random search at ratio 1 and `fzoo` at ratio 50, both on Subj."
    assert told in text
