from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler, TPESampler

from zostudy.config.study import StudySpec
from zostudy.randomness import derive_seed
from zostudy.search.plan import Cell, Plan, make_plan
from zostudy.search.proposer import RANDOM_DRAWS, SAMPLER_DRAWS, Proposer, SearchResult, frozen_trial
from zostudy.search.space import defaults_inside, distributions


def results(plan: Plan, cell: Cell, values: list[float | None]) -> list[SearchResult]:
    told: list[SearchResult] = []
    for number, value in enumerate(values):
        told.append(SearchResult(propose_after(plan, cell, number, told), value))
    return told


def propose_after(plan: Plan, cell: Cell, number: int, told: list[SearchResult]) -> dict[str, Any]:
    proposed: dict[int, Any] = {each: {} for each in range(number)} | {
        each: result.params for each, result in enumerate(told)
    }
    return Proposer(plan.spec, cell).propose(number, told, proposed)


def test_trial_0_is_the_defaults_where_the_space_has_them(plan: Plan) -> None:
    first = Proposer(plan.spec, plan.cells[1]).propose(0, [], {})
    assert first["subspace_dim"] == 100
    assert first["perturbation_radius"] == 0.1
    assert first["imbalance.sampler"] in ("natural", "stratified")


def test_a_proposal_is_a_pure_function_of_what_it_was_told(plan: Plan) -> None:
    cell = plan.cells[0]
    told = results(plan, cell, [0.6, 0.7, 0.8, None])
    assert propose_after(plan, cell, 5, told) == propose_after(plan, cell, 5, told)
    assert propose_after(plan, cell, 5, told) != propose_after(plan, cell, 6, told)


SPACES: tuple[dict[str, Any], ...] = (
    {"perturbation_radius": {"low": 0.01, "high": 1.0, "log": True}, "subspace_dim": {"low": 5, "high": 200}},
    {"subspace_dim": {"choice": (5, 10, 20)}, "imbalance.sampler": {"choice": ("natural", "stratified")}},
    {"perturbation_radius": {"choice": (0.1,)}, "reach": {"low": 0.1, "high": 9.0}},
)


def by_a_new_study(spec: StudySpec, cell: Cell, number: int, told: Sequence[SearchResult], proposed: list[Any]) -> Any:
    """The proposal of plain Optuna, with a study and a sampler made for it alone."""
    space = distributions(cell.space, cell.method.method_class.Options)
    seed = derive_seed(spec.seed, "proposal", cell.name, number)
    tpe = TPESampler(seed=seed, n_startup_trials=spec.search.startup_trials, multivariate=True, constant_liar=False)
    random = spec.search.sampler == "random"
    study = optuna.create_study(direction="maximize", sampler=RandomSampler(seed=seed) if random else tpe)
    study.add_trials([frozen_trial(result, cell) for result in told])
    if number == 0:
        study.enqueue_trial(defaults_inside(cell.space, cell.method, spec))
    first = study.ask(space).params
    params = first
    for draw in range(SAMPLER_DRAWS + RANDOM_DRAWS):
        if params not in proposed:
            return params
        if draw == SAMPLER_DRAWS:
            study.sampler = RandomSampler(seed=derive_seed(spec.seed, "proposal", cell.name, number, "random"))
        params = study.ask(space).params
    return params if params not in proposed else first


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@settings(max_examples=15)
@given(data=st.data(), space=st.sampled_from(SPACES), lag=st.integers(1, 4), sampler=st.sampled_from(["tpe", "random"]))
def test_proposals_are_those_of_a_new_optuna_study(
    make_spec: Callable[..., StudySpec], data: st.DataObject, space: dict[str, Any], lag: int, sampler: str
) -> None:
    search = {"trials": 12, "startup_trials": 3, "sampler": sampler, "space": space}
    plan = make_plan(make_spec(search=search))
    cell = plan.cells[0]
    proposer = Proposer(plan.spec, cell)
    results: list[SearchResult] = []
    for number in range(12):
        proposed = [result.params for result in results]
        told = results[: max(0, number - lag + 1)]
        params = proposer.propose(number, told, dict(enumerate(proposed)))
        assert params == by_a_new_study(plan.spec, cell, number, told, proposed)
        value = data.draw(st.one_of(st.none(), st.floats(0, 1)))
        # A key may leave the space: the default of an option that its method has gained.
        kept = params if data.draw(st.booleans()) else dict.fromkeys(params, 10**6)
        results.append(SearchResult(kept, value, {1.0: 0.5}, pruned=value is not None and value < 0.3))


def test_the_sampler_learns_from_results(make_spec: Callable[..., StudySpec]) -> None:
    plan = make_plan(
        make_spec(
            search={"trials": 60, "startup_trials": 5, "space": {"perturbation_radius": {"low": 0.0, "high": 1.0}}}
        )
    )
    cell = plan.cells[0]
    told: list[SearchResult] = []
    for number in range(40):
        params = propose_after(plan, cell, number, told)
        told.append(SearchResult(params, 1 - abs(params["perturbation_radius"] - 0.8)))
    late = [abs(result.params["perturbation_radius"] - 0.8) for result in told[-15:]]
    early = [abs(result.params["perturbation_radius"] - 0.8) for result in told[1:6]]
    assert sum(late) / len(late) < 0.5 * sum(early) / len(early)


def test_other_study_seeds_propose_otherwise(make_spec: Callable[..., StudySpec]) -> None:
    proposals = set()
    for seed in range(3):
        plan = make_plan(make_spec(seed=seed))
        proposals.add(Proposer(plan.spec, plan.cells[0]).propose(1, [], {0: {}})["perturbation_radius"])
    assert len(proposals) == 3


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_proposals_stay_inside_the_space(make_spec: Callable[..., StudySpec], sampler: str) -> None:
    search = make_spec().search.model_copy(update={"sampler": sampler})
    plan = make_plan(make_spec(search=search))
    for result in results(plan, plan.cells[1], [0.5] * 8):
        assert result.params["subspace_dim"] in (5, 100)
        assert 0.01 <= result.params["sharpness_radius"] <= 1.0


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_what_was_proposed_is_proposed_again_only_when_the_space_is_exhausted(
    make_spec: Callable[..., StudySpec], sampler: str
) -> None:
    space = {"subspace_dim": {"choice": (5, 10, 20)}, "imbalance.sampler": {"choice": ("natural", "stratified")}}
    plan = make_plan(make_spec(search={"trials": 8, "startup_trials": 2, "sampler": sampler, "space": space}))
    params = [
        tuple(result.params.values()) for result in results(plan, plan.cells[0], [0.5 + i / 20 for i in range(8)])
    ]
    assert len(set(params[:6])) == 6
    assert set(params[6:]) <= set(params[:6])


def test_random_draws_depend_on_the_study_and_the_cell(
    make_spec: Callable[..., StudySpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the sampler repeats itself: all that is shown as new here is what is drawn at random."""
    drawn = set()
    for plan, index in ((make_plan(make_spec()), 0), (make_plan(make_spec()), 1), (make_plan(make_spec(seed=1)), 0)):
        proposer = Proposer(plan.spec, plan.cells[index])
        monkeypatch.setattr(proposer, "_is_new", lambda params, of=proposer: type(of._study.sampler) is RandomSampler)
        drawn.add(proposer.propose(1, [], {0: {}})["perturbation_radius"])
    assert len(drawn) == 3


def test_ranges_are_whole_where_the_option_is(make_spec: Callable[..., StudySpec]) -> None:
    space = {
        "subspace_dim": {"low": 10, "high": 200, "log": True},
        "perturbation_radius": {"low": 1, "high": 2},
        "imbalance.margin": {"low": 1, "high": 2},
        "imbalance.prior": {"choice": ("global", "batch")},
    }
    plan = make_plan(make_spec(search={"trials": 2, "space": space}))
    kinds = distributions(plan.cells[0].space, plan.cells[0].method.method_class.Options)
    assert kinds == {
        "subspace_dim": IntDistribution(10, 200, log=True),
        "perturbation_radius": FloatDistribution(1, 2),
        "imbalance.margin": FloatDistribution(1, 2),
        "imbalance.prior": CategoricalDistribution(("global", "batch")),
    }
