"""What results/README.md says of the study real-text is what its Parquet holds."""

from __future__ import annotations

import json
import re
from typing import TypeAlias

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from tests.reading_findings import (
    NUMBERS,
    REFERENCE,
    committed,
    findings,
    paired_p_values,
    record,
    set_up,
    short,
    signed,
)

from zostudy import compare, load_results
from zostudy.config.loading import parse_study
from zostudy.lm.noise_floor import ENOUGH

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

LEFT_OUT = {*TUNED} - {"random-search", "zosa", "fzoo", "cma-es", "bpt-fzg"}
"""The methods that only results/README.md shows."""

HEADER = " | ".join(TASKS.values())

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


def above(cells: Cells, task: str, other: str) -> dict[str, float]:
    """Returns the tuned methods whose paired interval above another row is above 0, with their p after Holm."""
    rivals = [method for method in TUNED if method != other]
    differences = [less(cells, task, method, other) for method in rivals]
    corrected = paired_p_values(differences)
    found = zip(rivals, differences, corrected, strict=True)
    return {method: p for method, each, p in found if interval(each)[0] > 0}


def test_the_set_up(cells: Cells) -> None:
    text, words = findings("real-text"), set_up("real-text-*")
    assert text.startswith(f"What do the defaults gain on real texts and a real encoder? {words}. ")
    ranked = "mean rank (bootstrap interval, too narrow with seven tasks)"
    assert f"{words}, all defaults; mean test AUC, and {ranked}. It ran in bfloat16" in record()
    studies = {study.task.name: study for study in committed("real-text-*")}
    assert not any(method.options or method.imbalance for study in studies.values() for method in study.methods)
    natural = {task for task, study in studies.items() if study.imbalance.ratios == ("natural",)}
    assert {study.imbalance.ratios for task, study in studies.items() if task not in natural} == {(10.0,)}
    assert "Each task has one imbalance ratio, so that all methods fit into two hours of two cores." in text
    classes = {task: json.loads((REFERENCE / f"real-text-{task}" / "classes.json").read_text()) for task in studies}
    ratio = {task: f"{of['ratios'][0]:.3g}" for task, of in classes.items()}
    counts = {task: len(of["classes"]) for task, of in classes.items()}
    assert {task for task, count in counts.items() if count > 2} == {"trec", "hate_speech_offensive"}
    six, three = (f"{ratio[task]}, {NUMBERS[counts[task]]} classes" for task in ("trec", "hate_speech_offensive"))
    assert natural == {"sms_spam", "trec", "hate_speech_offensive"}
    of_data = f"SMS spam ({ratio['sms_spam']}), TREC ({six}) and hate speech ({three})"
    assert f"{of_data} are at their natural ratio, the others at ratio 10." in text
    dev = {task: min(each["dev"][0] for each in of["classes"]) for task, of in classes.items()}
    assert dev == dict.fromkeys(TASKS, 20) | {"trec": 10}
    assert "Dev has 20 examples of the rare class, of TREC 10." in text


def test_what_the_last_rows_see(cells: Cells) -> None:
    needs = {row: cells["sst2", row]["needs"].iloc[0] for row in ROWS}
    assert [needs[row] for row in ROWS[-2:]] == ["states", "gradients"]
    assert {needs[row] for row in ROWS[:-2]} == {"scores"}
    text = findings("real-text")
    assert "Mean test AUC, and balanced accuracy at the threshold from dev, or by argmax with more than two" in text
    assert (
        "by argmax with more than two classes; the mean rank by AUC has a bootstrap interval, which seven tasks make"
        in text
    )
    assert f"The last two rows need more of the model than its scores: | method | {HEADER} | mean rank |" in text
    shown = (
        "The last two rows see more than a black box shows, and [results](results/README.md#real-text) has the other"
    )
    assert f"{shown} eight tuned methods: | method | {HEADER} | mean rank |" in record()


def test_there_is_less_to_win_than_on_generated_reviews(cells: Cells) -> None:
    real = [less(cells, task, "bpt-fzg", "untuned").mean() for task in TASKS]
    trials = load_results(REFERENCE / "suite").trials
    means = trials[trials["budget"] == 300].pivot_table("test_auc", ["model", "imbalance_ratio"], "method")
    generated = means["bpt-fzg"] - means["untuned"]
    assert (
        "On real text with a small encoder there is less to win: over the untuned prompt `bpt-fzg` gains "
        f"{short(min(real))} to {short(max(real))} in test AUC, on generated reviews {short(generated.min())} to "
        f"{short(generated.max())} (suite, 300 queries)."
    ) in record()
    assert max(real) < generated.min()


def test_the_table_of_means(cells: Cells) -> None:
    for method in ROWS:
        shown = (
            ", ".join(short(cells[task, method][f"test_{name}"].mean()) for name in ("auc", DECIDED[task]))
            for task in TASKS
        )
        assert f"| {method} | {' | '.join(shown)} |" in findings("real-text")


def test_the_table_of_differences(cells: Cells) -> None:
    text = findings("real-text")
    assert (
        f"Test AUC of `bpt-fzg` less that of another method, with the paired 95% interval: | less | {HEADER} |" in text
    )
    for other in ("untuned", "no-prompt", "random-search", "cma-es", "linear-probe", "white-box"):
        of_tasks = [less(cells, task, "bpt-fzg", other) for task in TASKS]
        shown = (f"{signed(each.mean())} ({', '.join(map(signed, interval(each)))})" for each in of_tasks)
        assert f"| {other} | {' | '.join(shown)} |" in text


def test_how_many_methods_are_above_which_row(cells: Cells) -> None:
    text = findings("real-text")
    assert (
        f"How many of the {len(TUNED)} tuned methods are above another row in test AUC: by the paired 95% interval, "
        f"and in brackets after Holm's correction over the methods of the task: | tuned methods | {HEADER} |"
    ) in text
    for other in ("untuned", "no-prompt", "random-search"):
        counts = [above(cells, task, other).values() for task in TASKS]
        shown = (f"{len(found)} ({sum(p < 0.05 for p in found)})" for found in counts)
        assert f"| above {other} | {' | '.join(shown)} |" in text


def test_who_is_above_the_template(cells: Cells) -> None:
    assert (
        f"- **Above the template without a prompt** are all {len(TUNED)} methods on SMS spam, TREC and hate speech, "
        "also after Holm's correction. On SST-2 none is, and true gradients neither: the random start costs AUC there, "
        "and tuning wins it back."
    ) in findings("real-text")
    for task in ("sms_spam", "trec", "hate_speech_offensive"):
        found = above(cells, task, "no-prompt")
        assert found.keys() == set(TUNED)
        assert max(found.values()) < 0.05
    assert above(cells, "sst2", "no-prompt") == {}
    assert "On SST-2 no method is measurably above the template without a prompt, on hate speech none above" in record()
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
    assert (
        "- **After Holm's correction no method is above random search on any task.** Uncorrected, three are on MPQA "
        "(`cma-es`, `cma-es-spsa`, `bpt-fzg`), five on SMS spam (these without `cma-es-spsa`, and `fzoo`, `r-adazo`, "
        "`bpt-fzg-sam`), and `fzoo` on Subj."
    ) in findings("real-text")
    assert "nor is any above it on one task after Holm's correction" in record()


def test_an_ascent_brings_nothing(cells: Cells) -> None:
    said = "- **An ascent brings BPT-FZG nothing**: `bpt-fzg-sam` has a lower mean on every task."
    assert said in findings("real-text")
    assert max(less(cells, task, "bpt-fzg-sam", "bpt-fzg").mean() for task in TASKS) < 0


def test_on_rte_nothing_is_above_chance(cells: Cells) -> None:
    means = [cells["rte", method]["test_auc"].mean() for method in ROWS]
    assert max(means) < 0.5
    assert (
        "- **On RTE nothing is above chance**, true gradients and the linear probe neither: test AUC is "
        f"{short(min(means))} to {short(max(means))} for every row."
    ) in findings("real-text")
    assert "on hate speech none above the untuned prompt, on RTE none above chance." in record()


def test_on_hate_speech_prompts_hardly_help(cells: Cells) -> None:
    task, text = "hate_speech_offensive", findings("real-text")
    assert above(cells, task, "untuned") == {}
    best, probe, untuned = (
        short(max(cells[task, method]["test_auc"].mean() for method in methods))
        for methods in (TUNED, ("linear-probe",), ("untuned",))
    )
    said = f"no method is measurably above the untuned prompt ({untuned}); the best has {best}, a linear probe {probe}"
    assert f"- **On hate speech prompts hardly help**: {said}" in text
    assert f"True gradients reach {short(cells[task, 'white-box']['test_auc'].mean())}" in text


def test_a_linear_probe_is_above_all_prompts_on_four_tasks(cells: Cells) -> None:
    prompts = ("no-prompt", "untuned", *TUNED, "white-box")
    lowest = {task: min(interval(less(cells, task, "linear-probe", method))[0] for method in prompts) for task in TASKS}
    assert [task for task in TASKS if lowest[task] > 0] == ["sms_spam", "subj", "trec", "hate_speech_offensive"]
    said = "- **A linear probe is above all prompts on four of the seven tasks**: SMS spam, Subj, TREC and hate speech."
    assert said in findings("real-text")
    first = "Where the model's states can be had, try a linear probe first: it is above all prompts on four tasks."
    assert first in record()


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
        assert (f"| {method} | {means} | {shown.get(method, '-')} |" in record()) == (method not in LEFT_OUT)
        assert re.search(rf"\| {method} \| [^a-z]* \| {re.escape(shown.get(method, '-'))} \|", findings("real-text"))
    assert "the other eight tuned methods" in record()
    assert len(LEFT_OUT) == 8
    assert {each.method for each in ranks.ranks[:4]} == {"bpt-fzg", "cma-es", "cma-es-spsa", "fzoo"}
    assert {"bpt-fzg", "cma-es", "cma-es-spsa", "fzoo", "random-search"} <= {*ranks.groups[0]}
    assert (
        "- **BPT-FZG, CMA-ES, CMA-ES-SPSA and FZOO have the best mean ranks**, but Nemenyi's test does not tell them "
        "from random search."
    ) in findings("real-text")
    assert {*TUNED} <= {method for group in ranks.groups if "random-search" in group for method in group}
    said = "Methods that share a letter are not told apart: by mean rank, no tuned method is told from random search,"
    assert f"{said} nor is any" in record()


def test_what_bfloat16_drowns() -> None:
    studies = [parse_study((REFERENCE / f"real-text-{task}" / "study.yaml").read_text(), task) for task in TASKS]
    assert {(study.model.dtype, study.task.test_rows) for study in studies} == {("bfloat16", 1000)}
    text = findings("real-text")
    assert "The study file fixes bfloat16 and at most 1,000 rows of test." in text
    measured = load_results([REFERENCE / f"real-text-{task}" for task in TASKS]).noise_floor
    chosen = measured[measured["chosen"]]
    weak = chosen[chosen["signal_over_noise"] < ENOUGH]
    on_rte = NUMBERS[(weak["task"] == "rte").sum()]
    said = (
        f"In {len(weak)} of the {len(chosen)} measured cells signal/noise is below 10, where a run warns: {on_rte} of"
    )
    assert f"{said} them on RTE." in text
    assert f"whose noise passes the bound of a warning in {len(weak)} of {len(chosen)} cells." in record()
    own = weak[weak["method"] == "bpt-fzg"]
    assert {*TASKS} - {*own["task"]} == {"sms_spam", "trec"}
    span = f"{own['signal_over_noise'].min():.1f} to {own['signal_over_noise'].max():.1f}"
    assert f"BPT-FZG is below it on all tasks but SMS spam and TREC ({span})." in text
