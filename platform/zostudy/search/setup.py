"""What a trial is made of: its draw, its options, its imbalance settings and its method."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from zostudy.methods import Context, ImbalanceSettings, Method, MethodOptions, get_method
from zostudy.search.data import StudyData
from zostudy.search.plan import Assignment
from zostudy.spec.settings import PREFIX, imbalance_settings
from zostudy.spec.study import StudySpec
from zostudy.tasks.imbalance import Draw


@dataclass(frozen=True)
class TrialSetup:
    """A trial before it runs.

    Attributes:
        spec: the study.
        assignment: which trial.
        data: labels and draws of the study.
        draw: the rows of this trial's ratio and seed.
        options: all options of the method, defaults included.
        imbalance: sampler, prior, margin and class weights.
    """

    spec: StudySpec
    assignment: Assignment
    data: StudyData
    draw: Draw
    options: MethodOptions
    imbalance: ImbalanceSettings

    def make_method(self) -> Method:
        """Returns the method at its start.

        Raises:
            SpecError: the options do not fit the budget or the batch.
        """
        rows = self.draw.train_rows
        context = Context(
            seed=self.assignment.noise_seed,
            labels=self.data.labels[rows],
            rows=rows,
            n_classes=self.data.n_classes,
            minority_classes=self.data.minority,
            batch_size=self.spec.budget.batch_size,
            budget=self.spec.budget.queries,
            imbalance=self.imbalance,
        )
        return get_method(self.assignment.method.method)(self.options, context)

    def params(self) -> dict[str, Any]:
        """Returns every option by name, and every imbalance setting as ``imbalance.<setting>``."""
        return asdict(self.options) | {PREFIX + name: value for name, value in asdict(self.imbalance).items()}


def set_up(spec: StudySpec, assignment: Assignment, data: StudyData) -> TrialSetup:
    """Returns a trial's setup: the method's defaults, what the study fixes, then what the search proposed."""
    chosen = {key: value for key, value in assignment.params.items() if not key.startswith(PREFIX)}
    options = get_method(assignment.method.method).Options(**assignment.method.options, **chosen)
    imbalance = imbalance_settings(spec, assignment.params, options)
    draw = data.draws[assignment.imbalance_ratio, assignment.seed]
    return TrialSetup(spec, assignment, data, draw, options, imbalance)
