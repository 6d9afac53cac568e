"""CMA-ES and its separable form against the library that runs them, driven by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cmaes import CMA, SepCMA  # type: ignore[import-untyped]

from zostudy.errors import SpecError
from zostudy.methods import get_method
from zostudy.methods.cma_es import CmaEs, CmaEsOptions
from zostudy.randomness import generator


@pytest.mark.parametrize(("covariance", "kind"), [("full", CMA), ("separable", SepCMA)])
def test_a_generation_is_the_librarys_own(toy: Any, covariance: Any, kind: Any) -> None:
    method = CmaEs(CmaEsOptions(subspace_dim=20, reach=0.7, covariance=covariance), toy.context(budget=60))
    search = kind(mean=np.zeros(20), sigma=0.7, population_size=20, seed=0)
    for number in range(3):
        search.reseed_rng(int(generator(0, "population", number).integers(2**32)))
        population = np.stack([search.ask() for _ in range(20)])
        queries = method.ask()
        np.testing.assert_array_equal(queries.latents, population.astype(np.float32))
        scores, labels = toy.score(queries)
        losses = method.objective.losses(scores, labels).mean(axis=1)
        search.tell(list(zip(population, losses.tolist(), strict=True)))
        method.tell(scores, labels)
        np.testing.assert_array_equal(method.latent, search.mean.astype(np.float32))
    assert np.linalg.norm(method.latent) > 0


def test_the_separable_form_takes_thousands_of_dimensions_and_resumes_bit_for_bit(toy: Any) -> None:
    def fresh() -> CmaEs:
        return CmaEs(CmaEsOptions(subspace_dim=20, covariance="separable"), toy.context(budget=120))

    whole = fresh()
    for _ in range(3):
        toy.run_step(whole)
    resumed = fresh()
    resumed.load_state_dict(whole.state_dict())
    assert toy.run(resumed) == toy.run(whole)
    np.testing.assert_array_equal(resumed.latent, whole.latent)
    elsewhere = whole.state_dict()
    elsewhere["mean"] = np.nextafter(elsewhere["mean"], 1.0)
    with pytest.raises(ValueError, match="comes out otherwise on this kind of processor"):
        fresh().load_state_dict(elsewhere)
    large = CmaEs(CmaEsOptions(subspace_dim=50_000, covariance="separable"), toy.context())
    assert large.ask().latents.shape == (20, 50_000)


def test_the_library_divides_by_zero_for_a_population_of_three() -> None:
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        CMA(mean=np.zeros(20), sigma=1.0, population_size=3, seed=0)


@pytest.mark.parametrize("covariance", ["full", "separable"])
def test_a_step_has_room_for_a_population(toy: Any, covariance: Any) -> None:
    given: Any = {"objective": "auc", "covariance": covariance}
    rule = r"must be at least 5 with auc, which takes one at the mean, but got 4; raise it"
    with pytest.raises(SpecError, match=f"^queries_per_step of cma-es: {rule}$"):
        toy.method("cma-es", queries_per_step=4, **given)
    toy.run(toy.method("cma-es", queries_per_step=5, **given))
    toy.run(toy.method("cma-es", queries_per_step=4, objective="cross-entropy", covariance=covariance))


@pytest.mark.parametrize("name", ["spsa", "zosa", "fzoo", "bpt-fzg", "random-search", "untuned", "white-box"])
def test_only_the_full_covariance_grows_with_the_square(name: str) -> None:
    kind = get_method(name)
    assert kind.remedy_for_square_cost(kind.Options()) is None
    assert CmaEs.remedy_for_square_cost(CmaEsOptions()) == "write {cma-es: {covariance: separable}}"
    both = get_method("cma-es-spsa")
    assert both.remedy_for_square_cost(both.Options()) == "write {cma-es-spsa: {covariance: separable}}"
    assert CmaEs.remedy_for_square_cost(CmaEsOptions(covariance="separable")) is None


def test_queries_before_the_first_step_are_part_of_the_budget(toy: Any) -> None:
    method = CmaEs(CmaEsOptions(subspace_dim=20), toy.context(budget=75, queries_before=16))
    assert method.queries_spent == 16
    toy.run(method)
    assert (method.step_number, method.queries_spent) == (2, 56)
    with pytest.raises(SpecError, match="20 queries after the 16 that choose the start, but is 35; raise it"):
        CmaEs(CmaEsOptions(subspace_dim=20), toy.context(budget=35, queries_before=16))


def test_a_schedule_falls_over_the_queries_that_are_left(toy: Any) -> None:
    spsa = get_method("spsa")
    options: Any = {"queries_per_step": 10, "learning_rate_schedule": "linear"}
    method: Any = spsa(spsa.Options(**options), toy.context(budget=100, queries_before=50))
    factors = []
    while not method.finished:
        factors.append(method.schedule())
        method.step_number, method.queries_spent = method.step_number + 1, method.queries_spent + 10
    np.testing.assert_allclose(factors, [1.0, 0.8, 0.6, 0.4, 0.2])
