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
from zostudy.results.comparison.statistics import holm

TASKS = {
    "mpqa": "MPQA",
    "sms_spam": "SMS spam",
    "sst2": "SST-2",
    "subj": "Subj",
    "trec": "TREC",
    "hate_speech_offensive": "hate speech",
    "rte": "RTE",
}
TUNED = (
    *("random-search", "cma-es", "spsa", "mezo-momentum", "zo-adamm", "r-adazo", "fzoo", "sabo", "cma-es-spsa"),
    *("zosa", "zosa-auc", "bpt-fzg", "bpt-fzg-sam"),
)
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
    assert found.keys() == {(task, method) for task in TASKS for method in ROWS}
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


def above(cells: Cells, task: str, other: str) -> dict[str, float]:
    """Returns the tuned methods whose paired interval above another row is above 0, with their p after Holm."""
    rivals = [method for method in TUNED if method != other]
    differences = [less(cells, task, method, other) for method in rivals]
    corrected = holm([float(stats.ttest_1samp(each, 0).pvalue) for each in differences])
    found = zip(rivals, differences, corrected, strict=True)
    return {method: p for method, each, p in found if interval(each)[0] > 0}


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


def test_how_many_methods_are_above_which_row(cells: Cells) -> None:
    for other in ("untuned", "no-prompt", "random-search"):
        counts = [above(cells, task, other).values() for task in TASKS]
        shown = (f"{len(found)} ({sum(p < 0.05 for p in found)})" for found in counts)
        assert f"| above {other} | {' | '.join(shown)} |" in findings("real-text")


def test_who_is_above_the_template(cells: Cells) -> None:
    for task in ("sms_spam", "trec", "hate_speech_offensive"):
        found = above(cells, task, "no-prompt")
        assert found.keys() == set(TUNED)
        assert max(found.values()) < 0.05
    assert above(cells, "sst2", "no-prompt") == {}
    assert interval(less(cells, "sst2", "white-box", "no-prompt"))[0] < 0
    assert interval(less(cells, "sst2", "untuned", "no-prompt"))[1] < 0
    assert interval(less(cells, "sst2", "bpt-fzg", "untuned"))[0] > 0


def test_nobody_is_above_random_search_after_correction(cells: Cells) -> None:
    found = {task: above(cells, task, "random-search") for task in TASKS}
    assert min(p for of_task in found.values() for p in of_task.values()) >= 0.05
    assert {task: {*of_task} for task, of_task in found.items() if of_task} == {
        "mpqa": {"cma-es", "cma-es-spsa", "bpt-fzg"},
        "sms_spam": {"cma-es", "bpt-fzg", "fzoo", "r-adazo", "bpt-fzg-sam"},
        "subj": {"fzoo"},
    }


def test_an_ascent_costs_more_than_it_brings(cells: Cells) -> None:
    assert max(less(cells, task, "bpt-fzg-sam", "bpt-fzg").mean() for task in TASKS) < 0


def test_on_rte_nothing_is_above_chance(cells: Cells) -> None:
    means = [cells["rte", method]["test_auc"].mean() for method in ROWS]
    assert max(means) < 0.5
    assert f"AUC is {short(min(means))} to {short(max(means))} for every row" in findings("real-text")


def test_on_hate_speech_prompts_hardly_help(cells: Cells) -> None:
    task, text = "hate_speech_offensive", findings("real-text")
    assert above(cells, task, "untuned") == {}
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
    """It holds the means, the mean ranks and the letters of Nemenyi's test."""
    compared = compare(load_results([REFERENCE / f"real-text-{task}" for task in TASKS]), ["test_auc"], by="task")
    ranks = compared.rank_statistics("test_auc")
    assert ranks is not None
    groups = list(zip("abcdefgh", ranks.groups, strict=False))
    shown = {
        each.method: f"{each.mean:.1f} ({each.low:.1f}, {each.high:.1f}) "
        + "".join(letter for letter, group in groups if each.method in group)
        for each in ranks.ranks
    }
    for method in ROWS:
        means = " | ".join(short(cells[task, method]["test_auc"].mean()) for task in TASKS)
        assert f"| {method} | {means} | {shown.get(method, '-')} |" in record()
    assert {each.method for each in ranks.ranks[:4]} == {"bpt-fzg", "cma-es", "cma-es-spsa", "fzoo"}
    assert {"bpt-fzg", "cma-es", "cma-es-spsa", "fzoo", "random-search"} <= {*ranks.groups[0]}
