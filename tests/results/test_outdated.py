from __future__ import annotations

from typing import Any

import pandas as pd

from zostudy.results.outdated import JUDGED_BY, confirmed, outdated


def judged(*trials: tuple[str, str, int, float | None, str]) -> list[bool]:
    rows = [("made", "zosa-r1", *trial) for trial in trials]
    return outdated(dict(zip(JUDGED_BY, zip(*rows, strict=True), strict=True)))


def test_settings_that_were_bettered_count_no_more() -> None:
    search: list[Any] = [("search", "complete", 0, 0.7, "a"), ("search", "complete", 1, 0.8, "b")]
    confirm: list[Any] = [("confirm", "complete", 0, 0.9, "a"), ("confirm", "failed", 1, None, "b")]
    assert judged(*search, *confirm) == [False, False, True, False]


def test_equals_are_confirmed_by_the_earliest() -> None:
    search: list[Any] = [("search", "complete", 1, 0.7, "b"), ("search", "complete", 0, 0.7, "a")]
    confirm: list[Any] = [("confirm", "complete", 0, 0.9, "a"), ("confirm", "complete", 1, 0.9, "b")]
    assert judged(*search, *confirm) == [False, False, False, True]


def test_settings_of_no_complete_search_trial_count() -> None:
    search: list[Any] = [("search", "complete", 0, 0.7, "a"), ("search", "pruned", 1, 0.9, "b")]
    confirm: list[Any] = [("confirm", "complete", 0, 0.9, "b"), ("confirm", "complete", 1, 0.9, "c")]
    assert judged(*search, *confirm) == [False] * 4
    assert judged(*confirm) == [False] * 2
    assert outdated({name: [] for name in JUDGED_BY}) == []


def test_a_trial_without_a_dev_auc_betters_none() -> None:
    search: list[Any] = [("search", "complete", 0, None, "a"), ("search", "complete", 1, 0.5, "b")]
    assert judged(*search, ("confirm", "complete", 0, 0.9, "b")) == [False] * 3


def test_cells_of_one_name_in_two_studies_are_two() -> None:
    columns = {
        "study": ["one", "one", "other", "other"],
        "cell": ["zosa-r1"] * 4,
        "stage": ["search", "confirm"] * 2,
        "status": ["complete"] * 4,
        "number": [0] * 4,
        "dev_auc": [0.7, 0.7, 0.9, 0.9],
        "params": ["a", "a", "b", "b"],
    }
    assert outdated(columns) == [False] * 4


def test_of_confirm_trials_those_count_that_are_complete_and_not_bettered() -> None:
    rows: list[Any] = [
        ("search", "complete", 0, 0.7, "a"),
        ("search", "complete", 1, 0.8, "b"),
        ("confirm", "complete", 0, 0.9, "a"),
        ("confirm", "complete", 1, 0.9, "b"),
        ("confirm", "failed", 2, None, "b"),
    ]
    trials = pd.DataFrame([("made", "zosa-r1", *row) for row in rows], columns=list(JUDGED_BY))
    assert confirmed(trials).index.tolist() == [3]
    assert confirmed(trials.iloc[:0]).empty
