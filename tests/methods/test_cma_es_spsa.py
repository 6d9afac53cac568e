"""CMA-ES, then SPSA: each part is the method of its name."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from zostudy.errors import SpecError


def test_the_warm_up_is_cma_es_and_the_rest_is_spsa_from_its_mean(toy: Any) -> None:
    warmed = toy.method("cma-es-spsa", context={"budget": 200}, queries_per_step=8)
    cma_es = toy.method("cma-es", context={"budget": 200}, queries_per_step=8)
    for _ in range(12):  # of 25 steps
        assert toy.run_step(warmed) == toy.run_step(cma_es)
        np.testing.assert_array_equal(warmed.latent, cma_es.latent)
    spsa = toy.method("spsa", context={"budget": 200}, queries_per_step=8, reach=1.0)
    spsa.latent, spsa.step_number, spsa.queries_spent = cma_es.latent.copy(), 12, 96
    while not warmed.finished:
        assert toy.run_step(warmed) == toy.run_step(spsa)
    np.testing.assert_array_equal(warmed.latent, spsa.latent)


def test_both_parts_of_the_warm_up_step_the_same_scalars(toy: Any) -> None:
    warmed = toy.method("cma-es-spsa", objective="auc", warm_up=0.3, queries_per_step=10)
    seen = [record.auxiliary for record in toy.run(warmed)]
    assert warmed.step_cost == 9
    assert warmed.cma_es.objective is warmed.objective
    assert all(new != old for old, new in pairwise(seen))


@pytest.mark.parametrize(
    ("objective", "estimator", "least"),
    [("cross-entropy", "central", 4), ("cross-entropy", "forward", 4), ("auc", "central", 5), ("auc", "forward", 5)],
)
def test_a_step_has_room_for_a_population(toy: Any, objective: str, estimator: str, least: int) -> None:
    given = {"objective": objective, "estimator": estimator}
    method = toy.method("cma-es-spsa", queries_per_step=least, **given)
    assert len(method.ask().latents) - method.objective.has_auxiliaries == 4
    if least == 5:
        rule = r"queries_per_step of cma-es-spsa: must be at least 5 .*, but got 4; raise it"
        with pytest.raises(SpecError, match=rule):
            toy.method("cma-es-spsa", queries_per_step=4, **given)
