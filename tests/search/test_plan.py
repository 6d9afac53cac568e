from __future__ import annotations

from collections.abc import Callable

import pytest

from zostudy.config.study import StudySpec
from zostudy.errors import SpecError
from zostudy.search.plan import Plan, make_plan


def test_one_cell_a_method_and_ratio(plan: Plan) -> None:
    names = [cell.name for cell in plan.cells]
    assert names == ["spsa-r1", "zosa-r1", "untuned-r1", "spsa-r5", "zosa-r5", "untuned-r5"]


def test_the_untuned_prompt_is_confirmed_but_not_searched_and_spends_nothing(plan: Plan) -> None:
    untuned = plan.cells[2]
    assert (untuned.n_search, untuned.n_confirm) == (0, 2)
    assert plan.n_trials == 4 * (5 + 2) + 2 * 2
    assert plan.n_queries == 4 * (5 + 2) * 60


def test_the_space_is_what_the_method_has_and_leaves_open(plan: Plan) -> None:
    spsa, zosa = plan.cells[:2]
    assert set(spsa.space) == {"subspace_dim", "perturbation_radius", "imbalance.sampler"}
    assert set(zosa.space) == {*spsa.space, "sharpness_radius"}


def test_confirm_trials_are_paired_across_cells_and_fresh(plan: Plan) -> None:
    search = {plan.assign(cell, "search", n, {}).seed for cell in plan.cells for n in range(5)}
    confirm = [{plan.assign(cell, "confirm", n, {}).seed for cell in plan.cells} for n in range(2)]
    assert len(search) == len(confirm[0]) == len(confirm[1]) == 1
    assert len(search | confirm[0] | confirm[1]) == 3


def test_without_search_the_defaults_are_confirmed(make_spec: Callable[..., StudySpec]) -> None:
    plan = make_plan(make_spec(search={"trials": 0}))
    assert all(cell.n_search == 0 for cell in plan.cells)
    assert plan.replicates == (1, 2)


def test_the_natural_ratio_is_named_and_has_the_number_of_the_data(make_spec: Callable[..., StudySpec]) -> None:
    plan = make_plan(make_spec(imbalance={"ratios": ("natural", 10), "minority_size": "all"}), natural_ratio=6.66)
    natural, tenfold = plan.cells[0], plan.cells[3]
    assert (natural.name, natural.imbalance_ratio, natural.ratio_label) == ("spsa-natural", 6.66, "natural (6.66)")
    assert (tenfold.name, tenfold.imbalance_ratio, tenfold.ratio_label) == ("spsa-r10", 10, "10")
    assert plan.ratios == {6.66: "natural", 10: 10}
    assert plan.assign(natural, "confirm", 0, {}).asked_ratio == "natural"


def test_a_number_that_is_the_natural_ratio_is_refused(make_spec: Callable[..., StudySpec]) -> None:
    spec = make_spec(imbalance={"ratios": ("natural", 10)})
    with pytest.raises(SpecError, match=r"imbalance.ratios: must hold each ratio once, but natural is 10 in this data"):
        make_plan(spec, natural_ratio=10.0)
    assert len(make_plan(spec, natural_ratio=9.99).ratios) == 2
