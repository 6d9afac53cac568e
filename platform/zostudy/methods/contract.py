"""Checks what a method promises of its queries and steps, and replicas of their answers.

A broken promise would not stop a trial by itself: a latent of another length names another subspace, a row outside the
draw may be of test, and a step that spends more than it says has a larger budget than the other methods.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import NotFiniteError
from zostudy.methods.queries import Queries, Scores, StepRecord


def check_queries(queries: Any, latent_size: int, is_drawn: NDArray[np.bool_]) -> None:
    """Checks the queries that a step yields.

    Args:
        queries: what the step has yielded.
        latent_size: d.
        is_drawn: bool, whether a row of the task's table is in the training draw; later rows are not.

    Raises:
        TypeError: they are no ``Queries``.
        ValueError: latents or rows have another shape or dtype, or a row is not in the training draw.
    """
    if not isinstance(queries, Queries):
        raise TypeError(f"step must yield Queries, but yields {type(queries).__name__}")
    rows = np.asarray(queries.rows)
    _check_array("latents of Queries", queries.latents, np.float32, (len(rows) if rows.ndim else 0, latent_size))
    if rows.ndim != 2 or rows.dtype != np.int32:
        raise ValueError(f"rows of Queries must be int32 [q, b], got {_described(rows)}")
    outside = (rows < 0) | (rows >= len(is_drawn))
    outside |= ~is_drawn[np.where(outside, 0, rows)]
    if outside.any():
        raise ValueError(f"rows of Queries must be of context.rows, the training draw, but {rows[outside][0]} is not")


def check_spent(spent: int, step_cost: int, ended: bool) -> None:
    """Checks the queries that a step has spent, or would with those that it asks now.

    Raises:
        ValueError: there are more than ``step_cost``, or fewer at its end.
    """
    if spent > step_cost or (ended and spent < step_cost):
        raise ValueError(f"a step must spend step_cost, {step_cost} queries, but spends {spent}")


def check_answers(answers: Scores, queries: Queries, n_classes: int, step_number: int) -> None:
    """Checks the answers to a step's queries.

    Raises:
        ValueError: they have another shape.
        NotFiniteError: one is not finite.
    """
    expected = (*queries.rows.shape, _width(queries, answers, n_classes))
    if answers.shape != expected:
        raise ValueError(f"{queries.access} must have shape {expected}, got {answers.shape}")
    bad = ~np.isfinite(answers)
    if bad.any():
        raise NotFiniteError(
            f"step {step_number}: {np.count_nonzero(bad)} of {answers.size} {queries.access} are not finite "
            f"(first: {answers[bad][0]}); lower perturbation_radius, reach or learning_rate"
        )


def check_end(record: Any, latent: Any, latent_size: int, step_number: int) -> None:
    """Checks the record that a step returns, and the latent that it leaves.

    Raises:
        TypeError: there is no record, or one of its fields is no number.
        ValueError: the latent has another shape or dtype.
        NotFiniteError: the loss, a norm or a scalar of the objective is not finite.
    """
    if not isinstance(record, StepRecord):
        raise TypeError(f"step must return a StepRecord, as self.record(...) makes, but returns {record!r}")
    seen: dict[str, Any] = {
        "loss": record.loss,
        "gradient norm": record.gradient_norm,
        "latent norm": record.latent_norm,
    }
    for what, value in {**seen, **record.auxiliary, "loss spread": record.loss_spread}.items():
        if not isinstance(value, Real):
            raise TypeError(f"{what} of a StepRecord must be a number, but is of type {type(value).__name__}")
    for what, value in (seen | record.auxiliary).items():
        if not np.isfinite(value):
            raise NotFiniteError(f"step {step_number}: {what} is {value}; lower reach or the learning rates")
    _check_array("self.latent", latent, np.float32, (latent_size,))


def _check_array(what: str, value: Any, dtype: type[np.generic], shape: tuple[int, ...]) -> None:
    if not isinstance(value, np.ndarray) or value.dtype != dtype or value.shape != shape:
        raise ValueError(f"{what} must be {dtype.__name__} {[*shape]}, got {_described(value)}")


def _described(value: Any) -> str:
    return f"{value.dtype} {[*value.shape]}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


def _width(queries: Queries, answers: Scores, n_classes: int) -> int:
    """Returns how many numbers an answer must have for each example; states have as many as the model is wide."""
    if queries.access == "states":
        return int(answers.shape[-1])
    return n_classes * (1 + queries.latents.shape[1] if queries.access == "gradients" else 1)
