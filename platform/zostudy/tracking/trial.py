"""The protocol of a tracker, and a trial as the plain data that trackers take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from zostudy.results.outcome import Outcome

_TAGS = ("study", "cell", "method", "imbalance_ratio", "stage", "status", "algorithm", "model", "task")
_SETTINGS = (
    "seed",
    "budget",
    "batch_size",
    "objective",
    "subspace_dim",
    "perturbation_radius",
    "sharpness_radius",
    "step_rule",
    "reach",
    "learning_rate",
    "sampler",
    "wording",
)
_FIGURES = ("queries", "examples", "best_queries", "wall_seconds", "replica_seconds", "train_loss", "sharpness")
_CURVES = ("dev_auc", "loss")


@dataclass(frozen=True)
class TrackedTrial:
    """An ended trial as plain names and values. A name without a value is left out.

    Attributes:
        name: of the trial, unique in its study.
        tags: what it is: study, cell, method, imbalance ratio, stage, status and so on.
        params: its settings, searched or not.
        curve: queries spent, and the dev AUC and the loss there.
        queries: spent in all.
        metrics: its final metrics, ``final/`` and their columns in ``trials``; those of test only of a confirm trial.
        started, finished: seconds since 1970.
    """

    name: str
    tags: dict[str, str]
    params: dict[str, bool | int | float | str]
    curve: tuple[tuple[int, dict[str, float]], ...]
    queries: int
    metrics: dict[str, float]
    started: float
    finished: float


class Tracker(Protocol):
    """A tool in which runs are tracked."""

    name: str

    def add(self, trial: TrackedTrial) -> None:
        """Adds an ended trial as a run of its own. Whatever it raises is told once."""


def tracked_trial(outcome: Outcome) -> TrackedTrial:
    """Returns a trial's outcome as trackers take it."""
    row = outcome.trial
    stored = row.as_stored()
    settings = {name: stored[name] for name in _SETTINGS} | dict(row.params)
    metrics = {name: value for name, value in stored.items() if name in _FIGURES or name.startswith(("dev_", "test_"))}
    return TrackedTrial(
        name=row.trial,
        tags={name: str(stored[name]) for name in _TAGS},
        params={
            name: value if isinstance(value, bool | int | float | str) else str(value)
            for name, value in settings.items()
            if value is not None
        },
        curve=tuple(_curve(outcome)),
        queries=row.queries,
        metrics={f"final/{name}": float(value) for name, value in metrics.items() if value is not None},
        started=row.started_at.timestamp(),
        finished=row.finished_at.timestamp(),
    )


def _curve(outcome: Outcome) -> Iterator[tuple[int, dict[str, float]]]:
    if not outcome.history:
        return
    for step, queries in enumerate(outcome.history["queries"].tolist()):
        here = {name: float(outcome.history[name][step]) for name in _CURVES}
        if values := {name: value for name, value in here.items() if np.isfinite(value)}:
            yield queries, values
