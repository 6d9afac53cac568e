"""The outline of a study: its trials and the rows that they draw, all that is known before its model is read."""

from __future__ import annotations

from dataclasses import dataclass

from zostudy.config.study import StudySpec
from zostudy.search.plan import Plan, make_plan
from zostudy.search.setup import StudyData, make_data, set_up
from zostudy.search.start_draws import with_start_costs
from zostudy.tasks.loading import Task, load_task


@dataclass(frozen=True)
class Outline:
    """A study without its model.

    Attributes:
        plan: its trials.
        task: texts and labels.
        data: labels and draws; its versions lack the model's digests.
    """

    plan: Plan
    task: Task
    data: StudyData


def outline(spec: StudySpec, task: Task | None = None) -> Outline:
    """Returns the outline, in about a second, as neither torch nor transformers is needed.

    Args:
        spec: the study.
        task: stands in place of the task that the study names.

    Raises:
        ZostudyError: the data, imbalance or budget cannot be used.
    """
    task = task or load_task(spec.task)
    plan = make_plan(spec, task.table.candidates.available.natural_ratio)
    data = make_data(plan, task)
    plan = with_start_costs(plan, data.draws)
    for cell in plan.cells:
        if cell.n_confirm and not cell.n_search:
            set_up(spec, plan.assign(cell, "confirm", 0, {}), data).make_method()
    return Outline(plan, task, data)
