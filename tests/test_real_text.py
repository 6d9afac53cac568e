"""What results/README.md says of the study real-text is what its Parquet holds."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from tests.reading_findings import REFERENCE, findings, record, short

from zostudy import compare, load_results

TASKS = ("mpqa", "sms_spam", "sst2", "subj", "trec", "hate_speech_offensive", "rte")
TUNED = ("random-search", "spsa", "zosa", "fzoo", "cma-es", "bpt-fzg")
ROWS = ("no-prompt", "untuned", *TUNED, "linear-probe", "white-box")
DECIDED = dict.fromkeys(TASKS, "balanced_accuracy_at_dev_threshold") | dict.fromkeys(
    ("trec", "hate_speech_offensive"), "balanced_accuracy"
)

Cells: TypeAlias = dict[tuple[str, str], pd.DataFrame]


@pytest.fixture(scope="module")
def cells() -> Cells:
    """The five confirm trials of each task and method, in the order of their seeds."""
    trials = load_results([REFERENCE / f"real-text-{task}" for task in TASKS]).trials.sort_values("number")
    confirmed = trials[trials["stage"] == "confirm"].groupby(["task", "method"])
    found = {(str(task), str(method)): rows for (task, method), rows in confirmed}
    assert {len(rows) for rows in found.values()} == {5}
    return found


def less(cells: Cells, task: str, one: str, other: str) -> NDArray[np.float64]:
    """Returns the difference in test AUC, seed by seed."""
    first, second = (cells[task, method]["test_auc"].to_numpy(float) for method in (one, other))
    difference: NDArray[np.float64] = first - second
    return difference


def interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    found = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    return float(found.low), float(found.high)


def signed(value: float) -> str:
    return ("+" if value >= 0 else "-") + short(abs(value))


def above(cells: Cells, task: str, other: str) -> set[str]:
    """Returns the tuned methods whose paired interval above another method is above 0."""
    return {method for method in TUNED if method != other and interval(less(cells, task, method, other))[0] > 0}


def test_the_table_of_means(cells: Cells) -> None:
    for method in ROWS:
        shown = (
            ", ".join(short(cells[task, method][f"test_{name}"].mean()) for name in ("auc", DECIDED[task]))
            for task in TASKS
        )
        assert f"| {method} | {' | '.join(shown)} |" in findings("real-text")


def test_the_table_of_differences(cells: Cells) -> None:
    for other in ("untuned", "no-prompt", "random-search", "cma-es", "linear-probe", "white-box"):
        of_tasks = [less(cells, task, "bpt-fzg", other) for task in TASKS]
        shown = (f"{signed(each.mean())} ({', '.join(map(signed, interval(each)))})" for each in of_tasks)
        assert f"| {other} | {' | '.join(shown)} |" in findings("real-text")


def test_where_tuning_pays(cells: Cells) -> None:
    assert above(cells, "sms_spam", "no-prompt") == set(TUNED)
    assert above(cells, "sst2", "no-prompt") == set()
    assert interval(less(cells, "sst2", "white-box", "no-prompt"))[0] < 0
    assert interval(less(cells, "sst2", "bpt-fzg", "untuned"))[0] > 0


def test_who_is_above_random_search(cells: Cells) -> None:
    assert above(cells, "mpqa", "random-search") == {"bpt-fzg", "cma-es"}
    assert above(cells, "sms_spam", "random-search") == {"bpt-fzg", "cma-es", "fzoo"}
    assert above(cells, "sst2", "random-search") == set()
    assert above(cells, "subj", "random-search") == {"fzoo"}
    assert above(cells, "trec", "random-search") == set()
    assert above(cells, "hate_speech_offensive", "random-search") == set()


def test_on_rte_nothing_is_above_chance(cells: Cells) -> None:
    highest = {method: interval(cells["rte", method]["test_auc"].to_numpy(float) - 0.5)[0] for method in ROWS[1:]}
    assert max(highest.values()) < 0
    assert cells["rte", "no-prompt"]["test_auc"].max() < 0.5
    means = [cells["rte", method]["test_auc"].mean() for method in ROWS]
    assert f"AUC is {short(min(means))} to {short(max(means))} for every row" in findings("real-text")


def test_on_hate_speech_prompts_hardly_help(cells: Cells) -> None:
    task, text = "hate_speech_offensive", findings("real-text")
    assert above(cells, task, "untuned") == set()
    best, probe = (
        short(max(cells[task, method]["test_auc"].mean() for method in methods))
        for methods in (TUNED, ("linear-probe",))
    )
    assert f"no method is above the untuned prompt, the best has {best}, a linear probe {probe}" in text
    assert f"True gradients reach {short(cells[task, 'white-box']['test_auc'].mean())}" in text


def test_a_linear_probe_is_above_all_prompts_on_four_tasks(cells: Cells) -> None:
    prompts = (*TUNED, "white-box")
    lowest = {task: min(interval(less(cells, task, "linear-probe", method))[0] for method in prompts) for task in TASKS}
    assert [task for task in TASKS if lowest[task] > 0] == ["sms_spam", "subj", "trec", "hate_speech_offensive"]


def test_the_main_table_of_the_record(cells: Cells) -> None:
    """It holds the means and the mean ranks, whose order is what the text below it says."""
    compared = compare(load_results([REFERENCE / f"real-text-{task}" for task in TASKS]), ["test_auc"], by="task")
    ranks = compared.rank_statistics("test_auc")
    assert ranks is not None
    shown = {each.method: f"{each.mean:.1f} ({each.low:.1f}, {each.high:.1f})" for each in ranks.ranks}
    for method in ROWS:
        means = " | ".join(short(cells[task, method]["test_auc"].mean()) for task in TASKS)
        assert f"| {method} | {means} | {shown.get(method, '-')} |" in record()
    assert {each.method for each in ranks.ranks[:3]} == {"bpt-fzg", "cma-es", "fzoo"}
    assert any({"bpt-fzg", "cma-es", "fzoo"} <= set(group) for group in ranks.groups)
