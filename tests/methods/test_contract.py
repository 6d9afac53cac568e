"""What every registered method promises, checked on all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from itertools import product
from typing import Any, ClassVar, get_args

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from zostudy.errors import NotFiniteError, SpecError
from zostudy.methods import Context, ImbalanceSettings, Method, describe_options, get_method, method_names
from zostudy.methods.options import ObjectiveName
from zostudy.methods.spsa import Spsa, SpsaOptions

TUNED = [name for name in method_names() if get_method(name).spends_queries]
OBJECTIVES = get_args(get_args(ObjectiveName)[0])


def shared_where_paired(name: str, objective: str) -> dict[str, str]:
    """Returns the option without which a method of per-example directions refuses a loss over pairs."""
    paired = objective == "auc-pairwise" and name.startswith("bpt-fzg")
    return {"direction_sharing": "shared"} if paired else {}


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", TUNED)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_spends_whole_steps_within_the_budget(toy: Any, name: str, objective: str) -> None:
    method = toy.method(name, objective=objective, context={"budget": 101}, **shared_where_paired(name, objective))
    charged = 0
    while not method.finished:
        spent = method.queries_spent
        record = None
        while record is None:
            queries = method.ask()
            charged += queries.cost(method.context.batch_size)
            record = method.tell(*toy.score(queries))
        assert method.queries_spent - spent == method.step_cost
    assert charged == method.queries_spent == method.step_number * method.step_cost
    assert 101 - method.step_cost < charged <= 101
    with pytest.raises(RuntimeError, match="finished"):
        method.ask()


@pytest.mark.parametrize("name", TUNED)
def test_queries_have_the_promised_shapes_and_rows_of_the_draw(toy: Any, name: str) -> None:
    rows = np.arange(len(toy.labels), dtype=np.int32)[::2]
    method = toy.method(name, context={"rows": rows, "labels": toy.labels[::2]})
    queries = method.ask()
    assert method.ask() is queries
    assert queries.latents.dtype == np.float32
    assert queries.rows.dtype == np.int32
    assert queries.latents.shape == (len(queries.rows), 20)
    assert np.isin(queries.rows, rows).all()
    assert method.latent.dtype == np.float32
    assert method.latent.shape == (20,)


def check_resume(toy: Any, fresh: Callable[[], Method]) -> None:
    """Runs a method to its end, and again from each state that it had between steps: all runs must go alike."""
    whole = fresh()
    states, records, latents = [whole.state_dict()], [], [whole.latent.copy()]
    while not whole.finished:
        records.append(toy.run_step(whole))
        states.append(whole.state_dict())
        latents.append(whole.latent.copy())
    assert len(records) >= 6
    for done, state in enumerate(states):
        resumed = fresh()
        resumed.load_state_dict({name: np.asarray(value) for name, value in state.items()})  # as a file gives them
        assert same(resumed.state_dict(), state)
        for record, latent in zip(records[done:], latents[done + 1 :], strict=True):
            assert toy.run_step(resumed) == record
            assert np.array_equal(resumed.latent, latent)
        assert resumed.finished
        assert same(resumed.state_dict(), states[-1])


@pytest.mark.parametrize(
    ("name", "objective"),
    [*product(TUNED, ["cross-entropy", "auc"]), *(("spsa", name) for name in OBJECTIVES[1:] if name != "auc")],
)
def test_resumed_at_any_step_equals_never_stopped(toy: Any, name: str, objective: str) -> None:
    budget = 48 if get_method(name).needs == "scores" else 8
    options = {} if name == "white-box" else {"queries_per_step": 8}
    check_resume(toy, lambda: toy.method(name, objective=objective, context={"budget": budget}, **options))


class Careless(Spsa):
    """SPSA with a momentum that it forgets to declare."""

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        self.velocity: Any = np.zeros(options.subspace_dim)
        self.n_moves: float = 0

    def descend(self, gradient: Any) -> None:
        self.velocity = 0.9 * self.velocity + gradient
        self.n_moves += 1
        super().descend(self.velocity / self.n_moves)


class Declaring(Careless):
    state_attributes: ClassVar[tuple[str, ...]] = ("velocity", "n_moves")


class Inheriting(Declaring):
    """Adds to what its base class declares."""

    state_attributes = ("n_steps",)
    n_steps = 0


class Changing(Declaring):
    """Starts with an integer and with single precision; steps make floats of both."""

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        self.velocity = np.zeros(options.subspace_dim, dtype=np.float32)

    def descend(self, gradient: Any) -> None:
        super().descend(gradient)
        self.n_moves += 0.1


class Late(Declaring):
    """Has a number until the first step makes an array of it."""

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        self.velocity = 0.0


class Halfway(Careless):
    state_attributes = ("velocity",)


@pytest.mark.parametrize("kind", [Changing, Late])
def test_declared_state_is_kept_in_the_type_that_steps_gave_it(toy: Any, kind: type[Spsa]) -> None:
    check_resume(toy, lambda: kind(SpsaOptions(subspace_dim=20, queries_per_step=8), toy.context(budget=48)))


@pytest.mark.parametrize("value", [None, [1.0], np.float64(1)])
def test_state_that_would_not_come_back_as_it_was_is_refused(toy: Any, value: Any) -> None:
    method = Declaring(SpsaOptions(subspace_dim=20, queries_per_step=8), toy.context(budget=48))
    method.n_moves = value
    with pytest.raises(TypeError, match="state attribute 'n_moves' must be an array or a Python number, but is "):
        method.state_dict()


@pytest.mark.parametrize("kind", [Declaring, Inheriting])
def test_declared_state_is_kept(toy: Any, kind: type[Spsa]) -> None:
    def fresh() -> Method:
        return kind(SpsaOptions(subspace_dim=20, queries_per_step=8), toy.context(budget=48))

    check_resume(toy, fresh)
    method = fresh()
    toy.run_step(method)
    state = method.state_dict()
    assert {"velocity", "n_moves"} <= state.keys()
    resumed = fresh()
    resumed.load_state_dict({name: np.asarray(value) for name, value in state.items()})
    assert type(resumed.n_moves) is int  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"a saved velocity must have shape \(20,\), but has \(3,\)"):
        resumed.load_state_dict(state | {"velocity": np.zeros(3)})


@pytest.mark.parametrize("kind", [Careless, Halfway])
def test_the_contract_fails_a_method_that_loses_any_state(toy: Any, kind: type[Spsa]) -> None:
    options = SpsaOptions(subspace_dim=20, queries_per_step=8)
    with pytest.raises(AssertionError):
        check_resume(toy, lambda: kind(options, toy.context(budget=48)))


@pytest.mark.parametrize("name", ["bpt-fzg", "bpt-fzg-sam"])
def test_a_loss_over_pairs_is_refused_where_each_example_has_its_own_direction(toy: Any, name: str) -> None:
    with pytest.raises(SpecError, match="auc-pairwise compares the examples of a batch under one prompt") as refused:
        toy.method(name, objective="auc-pairwise")
    assert refused.value.about == f"objective of {name}"


@pytest.mark.parametrize("name", TUNED)
def test_is_a_pure_function_of_the_seed(toy: Any, name: str) -> None:
    first, again, other = (toy.method(name, context={"seed": seed, "budget": 60}) for seed in (1, 1, 2))
    assert toy.run(first) == toy.run(again)
    toy.run(other)
    assert np.array_equal(first.latent, again.latent)
    assert not np.array_equal(first.latent, other.latent)


@pytest.mark.parametrize("name", TUNED)
def test_state_is_small_numbers_and_only_between_steps(toy: Any, name: str) -> None:
    method = toy.method(name)
    toy.run_step(method)
    state = method.state_dict()
    assert all(isinstance(value, int | float | np.ndarray) for value in state.values())
    assert sum(np.asarray(value).nbytes for value in state.values()) < 2000
    method.ask()
    with pytest.raises(RuntimeError, match="between steps"):
        method.state_dict()


@pytest.mark.parametrize("name", TUNED)
def test_the_state_of_another_latent_is_refused(toy: Any, name: str) -> None:
    method = toy.method(name)
    with pytest.raises(RuntimeError, match="tell must follow ask"):
        method.tell(np.zeros((1, 1, 2), np.float32), np.zeros((1, 1), np.int32))
    state = method.state_dict()
    for latent in (method.latent[:-1], np.full_like(method.latent, np.inf)):
        with pytest.raises(ValueError, match=f"must hold {method.latent.size} finite numbers"):
            method.load_state_dict(state | {"latent": latent})


@pytest.mark.parametrize("name", TUNED)
def test_state_does_not_alias_the_method(toy: Any, name: str) -> None:
    method = toy.method(name, objective="auc")
    toy.run_step(method)
    state = method.state_dict()
    before = {key: np.array(value) for key, value in state.items()}
    toy.run_step(method)
    assert same(state, before)


@pytest.mark.parametrize("name", TUNED)
def test_scores_that_are_not_finite_are_refused(toy: Any, name: str) -> None:
    method = toy.method(name)
    toy.run_step(method)
    scores, labels = toy.score(method.ask())
    scores[0, 0, 0] = np.nan
    with pytest.raises(NotFiniteError, match=r"step 1: 1 of \d+ (scores|gradients) are not finite \(first: nan\)"):
        method.tell(scores, labels)


@pytest.mark.parametrize("name", ["spsa", "bpt-fzg", "fzoo", "zosa"])
def test_a_latent_that_leaves_the_floats_is_refused(toy: Any, name: str) -> None:
    method = toy.method(name, step_rule="plain", learning_rate=1e200)
    with np.errstate(over="ignore"), pytest.raises(NotFiniteError, match="step 0: latent norm is inf"):
        toy.run_step(method)


@pytest.mark.parametrize("name", TUNED)
def test_a_budget_below_one_step_is_refused(toy: Any, name: str) -> None:
    cost = toy.method(name).step_cost
    assert toy.method(name, context={"budget": cost}).step_cost == cost
    with pytest.raises(SpecError, match=f"{name}, {cost} queries, but is {cost - 1}; raise it"):
        toy.method(name, context={"budget": cost - 1})


@pytest.mark.parametrize("name", TUNED)
def test_scores_of_another_shape_are_refused(toy: Any, name: str) -> None:
    method = toy.method(name)
    scores, labels = toy.score(method.ask())
    with pytest.raises(ValueError, match="shape"):
        method.tell(scores[:, :, :1], labels)


@pytest.mark.parametrize("name", TUNED)
def test_more_than_two_classes(toy: Any, name: str) -> None:
    toy = type(toy).make(counts=(30, 20, 10), seed=2)
    method = toy.method(name, objective="auc", context={"imbalance": ImbalanceSettings(sampler="stratified")})
    record = toy.run(method)[-1]
    assert set(record.auxiliary) == {f"{scalar}_{k}" for scalar in ("a", "b", "alpha") for k in range(3)}
    assert all(0 <= record.auxiliary[f"a_{k}"] <= 1 for k in range(3))


@pytest.mark.parametrize("name", method_names())
def test_options_refuse_what_they_do_not_know_and_document_the_rest(name: str) -> None:
    kind = get_method(name).Options
    with pytest.raises(ValidationError, match="Unexpected keyword"):
        TypeAdapter(kind).validate_python({"subspace_dims": 3})
    with pytest.raises(ValidationError, match="greater than or equal to"):
        TypeAdapter(kind).validate_python({"subspace_dim": 0})
    described = describe_options(kind)
    assert [option.name for option in described] == [field.name for field in fields(kind)]
    assert all(option.doc and option.type for option in described)
    assert {option.name: option.default for option in described} == {
        name: getattr(kind(), name) for name in (field.name for field in fields(kind))
    }


@pytest.mark.parametrize("name", ["untuned", "no-prompt", "linear-probe"])
def test_methods_that_tune_nothing_spend_nothing_at_any_budget(toy: Any, name: str) -> None:
    for budget in (0, 300):
        method = toy.method(name, context={"budget": budget})
        assert method.finished
        assert method.queries_spent == 0
        assert not method.latent.any()
        assert method.latent.shape == ((20,) if name == "untuned" else (0,))
    loaded = toy.method(name)
    loaded.load_state_dict(method.state_dict())
    assert same(loaded.state_dict(), method.state_dict())


def test_methods_of_one_seed_see_the_same_batches(toy: Any) -> None:
    methods = [toy.method(name, context={"seed": 5}) for name in TUNED]
    seen = [np.unique(method.ask().rows) for method in methods]
    assert all(np.array_equal(rows, seen[0]) for rows in seen)
