"""The trial, as its method sees it."""

from __future__ import annotations

from dataclasses import dataclass, field

from zostudy.methods.options import ImbalanceSettings
from zostudy.methods.queries import Labels, Rows


@dataclass(frozen=True)
class Context:
    """Everything that a method knows about its trial.

    Attributes:
        seed: the trial's seed; all noise is a function of it and the step.
        labels: int32 ``[n_train]``, the classes of the training draw.
        rows: int32 ``[n_train]``, its row numbers in the task's table.
        n_classes: number of classes, C.
        minority_classes: the rare classes; with two classes the first is the AUC objective's positive one.
        batch_size: examples in one query.
        budget: queries of the trial, of which the method may spend what is left.
        imbalance: sampler, prior, margin and class weights.
        queries_before: queries of the budget that were spent before the first step, on the choice of the start.
    """

    seed: int
    labels: Labels
    rows: Rows
    n_classes: int
    minority_classes: tuple[int, ...]
    batch_size: int
    budget: int
    imbalance: ImbalanceSettings = field(default_factory=ImbalanceSettings)
    queries_before: int = 0

    @property
    def step_budget(self) -> int:
        """Queries that are left for steps."""
        return self.budget - self.queries_before
