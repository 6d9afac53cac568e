"""The jobs of a plan: single trials, and searches of a method's default space."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Any, TypeAlias

from zostudy.bench.defaults.tasks import SEARCH_SEED, TASKS
from zostudy.config.options import imbalance_settings
from zostudy.config.search import BudgetSpec
from zostudy.config.study import MethodSpec
from zostudy.digests import short_digest
from zostudy.methods import get_method, unused_options
from zostudy.search.plan import Cell, Plan, make_plan
from zostudy.study_keys import PREFIX, imbalance_keys

EVALUATIONS = BudgetSpec().evaluations


@dataclass(frozen=True)
class TrialJob:
    """One trial.

    Attributes:
        task: name of a development task.
        ratio: imbalance ratio.
        method: registered method.
        seed: number of the confirm seed, from 0.
        changes: values of options, and of the imbalance as ``imbalance.SETTING``, that differ from the defaults.
        queries: budget.
        evaluations: looks at dev.
        search_number: of a search's trial, its number; None of a trial on its own.
        search_space: of a search's trial, what is searched.
    """

    task: str
    ratio: float
    method: str
    seed: int
    changes: Mapping[str, Any] = field(default_factory=dict)
    queries: int = 300
    evaluations: int = EVALUATIONS
    search_number: int | None = None
    search_space: str = ""

    @property
    def plan(self) -> Plan:
        """The plan of the task's study, which needs no data."""
        return _plan(self.task, self.queries, self.evaluations)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The values of all options that count and of the imbalance: what the trial runs with."""
        return _settings(self.method, tuple(sorted(self.changes.items())))

    @property
    def identity(self) -> tuple[Any, ...]:
        """All that tells the trial from others but its settings."""
        where = (self.task, self.ratio, self.method, self.seed, self.queries, self.evaluations)
        return (*where, self.search_number, self.search_space)

    @property
    def key(self) -> str:
        """Names the trial by its settings, so that a changed default makes another trial of the same job.

        A trial of a search is named by its number, as its values come from the trials before.
        """
        settings = self.settings if self.search_number is None else _settings(self.method)
        return short_digest([json.dumps([*self.identity, settings], sort_keys=True).encode()])

    def runs_as(self, changes: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
        """Returns whether a measured trial of this identity ran as the job would now.

        A trial that lacks an option ran before the method had it, and counts as having its default.

        Args:
            changes: that the measured trial was given.
            settings: that it ran with.
        """
        job = self if self.search_number is None else replace(self, changes=changes)
        default = _settings(self.method)
        return all(settings.get(name, default.get(name)) == value for name, value in job.settings.items())


@dataclass(frozen=True)
class SearchJob:
    """A search of a method's default space on one seed, whose best is then run again on the judged seeds.

    Attributes:
        task: name of a development task.
        ratio: imbalance ratio.
        method: registered method.
        trials: configurations, of which the first is the defaults.
        seeds: on which the defaults and the best are compared.
        queries: budget of each trial.
    """

    task: str
    ratio: float
    method: str
    trials: int
    seeds: tuple[int, ...]
    queries: int = 300

    @property
    def plan(self) -> Plan:
        """The plan of the task's study, which needs no data."""
        return _plan(self.task, self.queries, search_trials=self.trials)

    @property
    def cell(self) -> Cell:
        """The cell that is searched."""
        return find_cell(self.plan, self.method, self.ratio)

    def trial(self, number: int, changes: Mapping[str, Any]) -> TrialJob:
        """Returns a trial of the search."""
        space = str({key: values.model_dump() for key, values in self.cell.space.items()})
        return self._job(SEARCH_SEED, changes, search_number=number, search_space=space)

    def confirmed(self, seed: int, changes: Mapping[str, Any]) -> TrialJob:
        """Returns a trial of a configuration on a judged seed."""
        return self._job(seed, changes)

    def _job(self, seed: int, changes: Mapping[str, Any], **search: Any) -> TrialJob:
        return TrialJob(self.task, self.ratio, self.method, seed, changes, self.queries, **search)


AnyJob: TypeAlias = TrialJob | SearchJob


def find_cell(plan: Plan, method: str, ratio: float) -> Cell:
    """Returns the cell of a method at a ratio."""
    return next(cell for cell in plan.cells if (cell.method.label, cell.imbalance_ratio) == (method, ratio))


@cache
def _plan(task: str, queries: int, evaluations: int = EVALUATIONS, search_trials: int = 1) -> Plan:
    return make_plan(TASKS[task].study(queries, evaluations, search_trials))


@cache
def _settings(method: str, changes: tuple[tuple[str, Any], ...] = ()) -> Mapping[str, Any]:
    """Returns the settings of a trial; those of the imbalance are the same for all tasks."""
    options = get_method(method).Options(**{key: value for key, value in changes if not key.startswith(PREFIX)})
    unused = unused_options(type(options), vars(options))
    study = next(iter(TASKS.values())).study(queries=1)
    imbalance = imbalance_settings(study.imbalance, MethodSpec(label=method, algorithm=method), dict(changes))
    own = {name: value for name, value in asdict(options).items() if name not in unused}
    return own | imbalance_keys(asdict(imbalance))
