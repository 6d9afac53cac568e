"""What every trial of a study shares: labels, draws and versions, but no text and no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from platform import python_version

import numpy as np
from numpy.typing import NDArray

from zostudy.search.plan import Plan
from zostudy.tasks.imbalance import Draw, draw
from zostudy.tasks.loading import Task

RECORDED_PACKAGES = ("zostudy", "ray", "optuna", "torch", "transformers", "numpy", "scikit-learn", "cmaes")


@dataclass(frozen=True)
class StudyData:
    """What trials need beside their assignment.

    Attributes:
        labels: int32 ``[n]``, the class of each row of the task's table.
        n_classes: C.
        minority: the rare classes.
        draws: the rows of each (imbalance ratio, seed).
        versions: of Python and the packages that numbers depend on; ``data``, the digest of the task's table; and
            those of the model (``zostudy.lm.digest``).
    """

    labels: NDArray[np.int32]
    n_classes: int
    minority: tuple[int, ...]
    draws: Mapping[tuple[float, int], Draw]
    versions: Mapping[str, str]

    @property
    def used_rows(self) -> NDArray[np.int64]:
        """The rows that any draw uses, ascending, int64."""
        parts = [rows for d in self.draws.values() for rows in (d.train_rows, d.dev_rows, d.test_rows)]
        return np.unique(np.concatenate(parts)).astype(np.int64)


def make_data(plan: Plan, task: Task, model: Mapping[str, str] | None = None) -> StudyData:
    """Returns the draws of all ratios and replicates.

    Args:
        plan: the study's plan.
        task: its texts and labels.
        model: the model's digests.

    Raises:
        DataError: the data cannot supply a ratio.
    """
    spec = plan.spec
    draws = {
        (ratio, plan.seed(k)): draw(task.table, task.minority, spec.imbalance, ratio, plan.seed(k))
        for ratio in spec.imbalance.ratios
        for k in plan.replicates
    }
    versions = {"python": python_version()} | {name: version(name) for name in RECORDED_PACKAGES}
    versions |= {"data": task.table.digest} | dict(model or {})
    return StudyData(task.table.labels, task.table.n_classes, task.minority, draws, versions)
