from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from zostudy.results.completeness import JUDGED_BY, confirmed, has_same_settings, outdated

Trial = tuple[str, str, int, float | None, str]


def rows_of(*trials: Trial) -> list[tuple[Any, ...]]:
    """Rows of ``JUDGED_BY``; the letter of a trial stands for its settings."""
    return [("made", "zosa-r1", *trial[:4], "zosa", json.dumps({"learning_rate": trial[4]})) for trial in trials]


def judged(*trials: Trial) -> list[bool]:
    return outdated(dict(zip(JUDGED_BY, zip(*rows_of(*trials), strict=True), strict=True)))


def test_settings_that_were_bettered_count_no_more() -> None:
    search: list[Any] = [("search", "complete", 0, 0.7, "a"), ("search", "complete", 1, 0.8, "b")]
    confirm: list[Any] = [("confirm", "complete", 0, 0.9, "a"), ("confirm", "failed", 1, None, "b")]
    assert judged(*search, *confirm) == [False, False, True, False]


def test_equals_are_confirmed_by_the_earliest() -> None:
    search: list[Any] = [("search", "complete", 1, 0.7, "b"), ("search", "complete", 0, 0.7, "a")]
    confirm: list[Any] = [("confirm", "complete", 0, 0.9, "a"), ("confirm", "complete", 1, 0.9, "b")]
    assert judged(*search, *confirm) == [False, False, False, True]


def test_only_settings_of_the_best_complete_search_trial_count() -> None:
    search: list[Any] = [("search", "complete", 0, 0.7, "a"), ("search", "pruned", 1, 0.9, "b")]
    confirm: list[Any] = [("confirm", "complete", n, 0.9, letter) for n, letter in enumerate("abc")]
    assert judged(*search, *confirm) == [False, False, False, True, True]


def test_of_several_seeds_the_mean_counts_and_what_lost_or_failed_one_is_never_the_best() -> None:
    def seeds(number: int, letter: str, *dev_aucs: float | None) -> list[Any]:
        return [("search", "complete" if value else "failed", number, value, letter) for value in dev_aucs]

    search = [
        *seeds(0, "a", 0.9, 0.5, 0.5),
        *seeds(1, "b", 0.7, 0.7, 0.7),
        *seeds(2, "c", 0.9),
        *seeds(3, "d", 0.9, 0.9, 0.9, None),
    ]
    confirm: list[Any] = [("confirm", "complete", n, 0.9, letter) for n, letter in enumerate("abcd")]
    assert judged(*search, *confirm)[-4:] == [True, False, True, True]


def test_without_a_search_or_after_one_that_found_nothing_all_count() -> None:
    confirm: list[Any] = [("confirm", "complete", 0, 0.9, "b"), ("confirm", "failed", 1, None, "c")]
    assert judged(*confirm) == [False] * 2
    assert judged(("search", "failed", 0, None, "b"), *confirm) == [False] * 3
    assert outdated({name: [] for name in JUDGED_BY}) == []


@pytest.mark.parametrize("nothing", [None, float("nan")])
@pytest.mark.parametrize("first", [True, False])
def test_a_trial_without_a_dev_auc_betters_none(nothing: float | None, first: bool) -> None:
    search: list[Any] = [("search", "complete", 0, nothing, "a"), ("search", "complete", 1, 0.5, "b")]
    assert judged(*search[:: 1 if first else -1], ("confirm", "complete", 0, 0.9, "b")) == [False] * 3


def test_cells_of_one_name_in_two_studies_are_two() -> None:
    columns: dict[str, list[Any]] = {
        "study": ["one", "one", "other", "other"],
        "cell": ["zosa-r1"] * 4,
        "stage": ["search", "confirm"] * 2,
        "status": ["complete"] * 4,
        "number": [0] * 4,
        "dev_auc": [0.7, 0.7, 0.9, 0.9],
        "algorithm": ["zosa"] * 4,
        "params": ['{"x": 1}', '{"x": 1}', '{"x": 2}', '{"x": 2}'],
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
    trials = pd.DataFrame(rows_of(*rows), columns=list(JUDGED_BY))
    assert confirmed(trials).index.tolist() == [3]
    assert confirmed(trials.iloc[:0]).empty


def test_numbers_are_compared_as_json_gives_them_back() -> None:
    assert has_same_settings(
        {"learning_rate": 1, "margin": float("nan")}, {"learning_rate": 1.0, "margin": float("nan")}, "spsa"
    )
    assert not has_same_settings({"learning_rate": 1}, {"learning_rate": 1.0 + 1e-15}, "spsa")


def test_an_option_that_a_method_has_gained_counts_as_its_default() -> None:
    old = {"perturbation_radius": 0.2}
    assert has_same_settings(old, old | {"learning_rate": 0.5, "imbalance.prior": "global"}, "spsa")
    assert has_same_settings(old | {"learning_rate": 0.5}, old, "spsa")
    assert not has_same_settings(old, old | {"learning_rate": 0.4}, "spsa")
    assert not has_same_settings(old, old | {"imbalance.prior": "batch"}, "spsa")


def test_options_that_a_method_has_lost_and_those_of_an_unknown_method_are_compared_where_both_have_them() -> None:
    for algorithm in ("spsa", "not installed here"):
        assert has_same_settings({"lost": 1, "margin": 2.0}, {"margin": 2.0}, algorithm)
        assert not has_same_settings({"lost": 1}, {"lost": 2}, algorithm)
