"""What a trial is made of: its draw, its options, its imbalance settings and its method."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from zostudy.config.settings import PREFIX, imbalance_settings
from zostudy.config.study import MethodSpec, StudySpec
from zostudy.errors import ResultsError
from zostudy.methods import Context, ImbalanceSettings, Method, MethodOptions, get_method
from zostudy.results.outdated import equal
from zostudy.results.trial_row import TrialRow
from zostudy.search.data import StudyData
from zostudy.search.plan import Assignment, Plan
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
        """Returns every option by name, and every imbalance setting as ``imbalance.<setting>``, as they are stored."""
        return _as_stored(self.options, self.imbalance)


def set_up(spec: StudySpec, assignment: Assignment, data: StudyData) -> TrialSetup:
    """Returns a trial's setup: the method's defaults, what the study fixes, then what the search proposed."""
    draw = data.draws[assignment.imbalance_ratio, assignment.seed]
    return TrialSetup(spec, assignment, data, draw, *_settings(spec, assignment.method, assignment.params))


def check_settings(plan: Plan, rows: Iterable[TrialRow]) -> None:
    """Checks that stored trials would run with the same settings now: a study must not mix two defaults of an option.

    Options that a method has gained or lost since are no matter.

    Raises:
        ResultsError: a trial would run with another value of an option.
    """
    cells = {cell.name: cell for cell in plan.cells}
    for row in rows:
        if (cell := cells.get(row.cell)) is None:
            continue
        searched = {key: row.params[key] for key in cell.space if key in row.params}
        now = _as_stored(*_settings(plan.spec, cell.method, searched))
        for key in now.keys() & row.params.keys():
            if not equal(now[key], row.params[key]):
                raise ResultsError(
                    f"all trials of a study must run with the same settings, but {row.trial} ran with {key} "
                    f"{row.params[key]} and would now run with {now[key]}, as a default has changed since; run the "
                    "study with the packages that it began with, or give it another name"
                )


def _settings(
    spec: StudySpec, method: MethodSpec, searched: Mapping[str, Any]
) -> tuple[MethodOptions, ImbalanceSettings]:
    chosen = {key: value for key, value in searched.items() if not key.startswith(PREFIX)}
    options = get_method(method.method).Options(**method.options, **chosen)
    return options, imbalance_settings(spec, searched, options)


def _as_stored(options: MethodOptions, imbalance: ImbalanceSettings) -> dict[str, Any]:
    """Returns the values as JSON gives them back, so that they equal the stored ones; what it lacks becomes text."""
    params = asdict(options) | {PREFIX + name: value for name, value in asdict(imbalance).items()}
    plain: dict[str, Any] = json.loads(json.dumps(params, default=str))
    return plain
