"""A method that breaks its contract is stopped at once, with the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from zostudy.errors import NotFiniteError, SpecError
from zostudy.methods import Method, Queries, StepRecord
from zostudy.methods.options import ObjectiveOptions
from zostudy.methods.probing import TunedMethod

DIM, COST = 20, 2


def make(toy: Any, step: Callable[[Any], Any], **context: object) -> Method:
    """Returns a method whose step is the given function, and says that it costs two queries."""
    kind = type("Broken", (TunedMethod,), {"Options": ObjectiveOptions, "step_cost": COST, "step": step})
    return cast("Method", kind(ObjectiveOptions(subspace_dim=DIM), toy.context(**context)))


def queries(method: Any, n: int = COST, dim: int = DIM) -> Queries:
    return Queries(np.zeros((n, dim), dtype=np.float32), np.tile(method.batch(), (n, 1)))


def asking(make_queries: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns a step that asks once, and is otherwise in order."""

    def step(method: Any) -> Any:
        yield make_queries(method)
        return method.record(0.0, 0.0)

    return step


def returning(end: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns a step that asks as it should, and ends as given."""

    def step(method: Any) -> Any:
        yield queries(method)
        return end(method)

    return step


def moved(method: Any, latent: object) -> StepRecord:
    record: StepRecord = method.record(0.0, 0.0)
    method.latent = latent
    return record


@pytest.mark.parametrize("cost", [0, -1, 2.0, "2", None])
def test_a_step_must_cost_queries(toy: Any, cost: object) -> None:
    kind = type("Broken", (TunedMethod,), {"Options": ObjectiveOptions, "step_cost": cost, "step": asking(queries)})
    kind.name = "broken"  # type: ignore[attr-defined]
    with pytest.raises(
        SpecError, match=rf"step_cost must be a whole number of at least 1, but that of broken is {cost!r}"
    ):
        kind(ObjectiveOptions(subspace_dim=DIM), toy.context())


def test_a_step_in_order_passes(toy: Any) -> None:
    method = make(toy, asking(queries))
    toy.run_step(method)
    assert method.queries_spent == COST


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda method: method.record(0.0, 0.0), "step must be a generator"),
        (asking(lambda method: method.latent), "step must yield Queries, but yields ndarray"),
        (asking(lambda method: queries(method, dim=7)), r"float32 \[2, 20\], got float32 \[2, 7\]"),
        (
            asking(lambda method: Queries(np.zeros((2, DIM)), np.tile(method.batch(), (2, 1)))),  # type: ignore[arg-type]
            r"latents of Queries must be float32 \[2, 20\], got float64 \[2, 20\]",
        ),
        (
            asking(lambda method: Queries(queries(method).latents, queries(method, 1).rows)),
            r"latents of Queries must be float32 \[1, 20\], got float32 \[2, 20\]",
        ),
        (
            asking(lambda method: Queries(queries(method).latents, queries(method).rows.astype(np.int64))),
            r"rows of Queries must be int32 \[q, b\], got int64 \[2, 16\]",
        ),
        (asking(lambda method: queries(method, 1)), "must spend step_cost, 2 queries, but spends 1"),
        (asking(lambda method: queries(method, 3)), "must spend step_cost, 2 queries, but spends 3"),
        (
            returning(lambda method: None),
            r"must return a StepRecord, as self.record\(...\) makes, but returns None",
        ),
        (returning(lambda method: method.record(0.0, np.zeros(3))), "loss spread of a StepRecord must be a number"),
        (returning(lambda method: moved(method, [0.0])), r"self.latent must be float32 \[20\], got a list"),
        (returning(lambda method: moved(method, method.latent[:5])), r"float32 \[20\], got float32 \[5\]"),
    ],
)
def test_a_broken_rule_is_told(toy: Any, step: Callable[[Any], Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        toy.run_step(make(toy, step))


@pytest.mark.parametrize("row", [-1, 1, 10**6])
def test_a_row_outside_the_training_draw_is_refused_before_it_is_scored(toy: Any, row: int) -> None:
    rows = np.arange(len(toy.labels), dtype=np.int32)[::2]
    outside = np.full((COST, 16), row, dtype=np.int32)
    step = asking(lambda method: Queries(queries(method).latents, outside))
    method = make(toy, step, rows=rows, labels=toy.labels[::2])
    with pytest.raises(ValueError, match=f"of context.rows, the training draw, but {row} is not"):
        method.ask()


def test_a_loss_that_is_not_finite_is_told_with_its_step(toy: Any) -> None:
    with pytest.raises(NotFiniteError, match="step 0: loss is nan; lower reach"):
        toy.run_step(make(toy, returning(lambda method: method.record(float("nan"), 0.0))))
