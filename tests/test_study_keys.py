"""The keys of a study file that several rooms read."""

from __future__ import annotations

from typing import Any

import pytest

from zostudy.study_keys import options_by_label, searched_keys


def test_entries_of_methods_have_a_label_and_options() -> None:
    entries = ["untuned", {"zosa": {"reach": 3}}, {"focal": {"method": "spsa", "objective": "focal"}}, {"fzoo": None}]
    assert options_by_label(entries) == {
        "untuned": {},
        "zosa": {"reach": 3},
        "focal": {"method": "spsa", "objective": "focal"},
        "fzoo": None,
    }


@pytest.mark.parametrize("methods", [None, "zosa", 3, {"zosa": {}}])
def test_a_study_file_without_a_list_of_methods_has_no_entry(methods: Any) -> None:
    assert options_by_label(methods) == {}


@pytest.mark.parametrize("order", [1, -1])
def test_a_key_with_a_label_counts_before_one_without_in_any_order(order: int) -> None:
    space = ["reach", "zosa.reach", "fzoo.momentum", "imbalance.sampler", "task.wording", "gamma"][::order]
    assert searched_keys(space, "zosa", {"reach", "momentum", "imbalance.sampler"}) == {
        "reach": "zosa.reach",
        "imbalance.sampler": "imbalance.sampler",
        "task.wording": "task.wording",
    }
    assert searched_keys(space, "fzoo", {"reach", "momentum"}) == {
        "reach": "reach",
        "momentum": "fzoo.momentum",
        "task.wording": "task.wording",
    }
