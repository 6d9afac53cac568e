"""The labels and draws that all trials share, and the setup of one trial: rows, options and method."""

from __future__ import annotations

import json
import linecache
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from inspect import isfunction
from platform import python_version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.config.options import imbalance_settings
from zostudy.config.study import MethodSpec, StudySpec
from zostudy.digests import short_digest
from zostudy.errors import ResultsError
from zostudy.methods import Context, ImbalanceSettings, Method, MethodOptions, unused_options
from zostudy.results.completeness import same_value
from zostudy.results.trial_row import TrialRow
from zostudy.search.plan import Assignment, Plan
from zostudy.search.start_draws import queries_before
from zostudy.study_keys import PREFIX, WORDING, imbalance_keys
from zostudy.tasks.imbalance import Draw, draw
from zostudy.tasks.loading import Task

_OF_STEP_RULES = {"step_rule", "reach", "reach_steps"}
"""Options of step rules. An older zostudy had none, or fewer: trials without these options took other steps."""

RECORDED_PACKAGES = ("zostudy", "ray", "optuna", "torch", "transformers", "numpy", "scikit-learn", "cmaes")


@dataclass(frozen=True)
class StudyData:
    """The labels and draws that all trials of a study share. It holds neither texts nor a model.

    Attributes:
        labels: int32 ``[n]``, the class of each row of the task's table.
        n_classes: C.
        minority: the rare classes.
        draws: the rows of each (imbalance ratio, seed).
        versions: of Python and the packages that numbers depend on; ``data``, the digest of the task's table; and
            the model's digests (``zostudy.lm.model_digests``).
        prompt_entries: n * D, the length of a latent without a subspace; None before the model is read.
        code: a digest of the code of each method, by its name.
    """

    labels: NDArray[np.int32]
    n_classes: int
    minority: tuple[int, ...]
    draws: Mapping[tuple[float, int], Draw]
    versions: Mapping[str, str]
    prompt_entries: int | None = None
    code: Mapping[str, str] = field(default_factory=dict)

    @property
    def positive_class(self) -> int | None:
        """The class that AUC takes as positive: of two classes the rare one; None with more."""
        return self.minority[0] if self.n_classes == 2 else None

    @property
    def used_rows(self) -> NDArray[np.int64]:
        """The rows that any draw uses, ascending, int64."""
        parts = [rows for d in self.draws.values() for rows in (d.train_rows, d.dev_rows, d.test_rows)]
        return np.unique(np.concatenate(parts)).astype(np.int64)


def make_data(plan: Plan, task: Task) -> StudyData:
    """Returns the draws of all ratios and replicates; the versions lack the model's digests.

    Raises:
        DataError: the data has too few texts for a ratio.
    """
    imbalance = plan.spec.imbalance
    draws = {
        (ratio, plan.seed(k)): draw(task.table, task.minority, imbalance, asked, plan.seed(k))
        for ratio, asked in plan.ratios.items()
        for k in plan.replicates
    }
    packages = {name: version(name) for name in RECORDED_PACKAGES}
    versions = {"python": python_version(), **packages, "data": task.table.digest}
    code = {method.algorithm: code_digest(method.method_class) for method in plan.spec.methods}
    return StudyData(task.table.labels, task.table.n_classes, task.minority, draws, versions, code=code)


def code_digest(method: type[Method]) -> str:
    """Returns a digest of the files that a method and its bases are written in, or of the cells of a notebook."""
    modules = [getattr(sys.modules.get(base.__module__), "__file__", None) or "" for base in method.__mro__]
    functions = [each for base in method.__mro__ for each in vars(base).values() if isfunction(each)]
    files = dict.fromkeys([*modules, *(each.__code__.co_filename for each in functions)])
    linecache.checkcache()  # a file may have been edited since an earlier study of this process
    return short_digest(line.encode() for file in files for line in linecache.getlines(file))


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
        wording: names the template and label words.
    """

    spec: StudySpec
    assignment: Assignment
    data: StudyData
    draw: Draw
    options: MethodOptions
    imbalance: ImbalanceSettings
    wording: str

    @property
    def queries_before(self) -> int:
        """Queries that the choice of the start costs; 0 for a method without a prompt."""
        return queries_before(self.spec, self.draw) if self.method_class.uses_prompt else 0

    @property
    def method_class(self) -> type[Method]:
        """The registered method."""
        return self.assignment.method.method_class

    @property
    def latent_size(self) -> int:
        """The length d of the latent, 0 for a method without a prompt."""
        return self.options.subspace_dim if self.method_class.uses_prompt else 0

    @property
    def context(self) -> Context:
        """The trial, as its method sees it."""
        rows = self.draw.train_rows
        return Context(
            seed=self.assignment.noise_seed,
            labels=self.data.labels[rows],
            rows=rows,
            n_classes=self.data.n_classes,
            minority_classes=self.data.minority,
            batch_size=self.spec.budget.batch_size,
            budget=self.spec.budget.queries,
            imbalance=self.imbalance,
            queries_before=self.queries_before,
        )

    def make_method(self) -> Method:
        """Returns the method at its start.

        Raises:
            SpecError: the options do not fit the budget or the batch.
        """
        return self.method_class(self.options, self.context)

    def params(self) -> dict[str, Any]:
        """Returns the stored settings: each option by its name, each imbalance setting as ``imbalance.<setting>``.

        A study with several wordings also stores the trial's, as ``task.wording``.
        """
        return _as_stored(self.spec, self.options, self.imbalance, self.wording)

    def unused(self) -> Collection[str]:
        """Returns the options that do not count beside the others, such as ``learning_rate`` without the rule plain."""
        return unused_options(type(self.options), vars(self.options)).keys()


def set_up(spec: StudySpec, assignment: Assignment, data: StudyData) -> TrialSetup:
    """Returns a trial's setup: the method's defaults, what the study fixes, then what the search proposed."""
    draw = data.draws[assignment.imbalance_ratio, assignment.seed]
    options, imbalance, wording = _settings(spec, assignment.method, assignment.params)
    if spec.model.subspace == "none" and data.prompt_entries is not None:
        options = replace(options, subspace_dim=data.prompt_entries)
    return TrialSetup(spec, assignment, data, draw, options, imbalance, wording)


def check_settings(plan: Plan, rows: Iterable[TrialRow]) -> None:
    """Checks that stored trials would run with the same settings now: a study must not mix two defaults of an option.

    Options that a method has gained or lost since are not compared, but for those of the step rule.

    Raises:
        ResultsError: a trial would run with another value of an option, or with another step rule.
    """
    cells = {cell.name: cell for cell in plan.cells}
    for row in rows:
        if (cell := cells.get(row.cell)) is None:
            continue
        searched = {key: row.params[key] for key in cell.space if key in row.params}
        now = _as_stored(plan.spec, *_settings(plan.spec, cell.method, searched))
        if plan.spec.model.subspace == "none":  # then it is the prompt's own, which the model decides
            del now["subspace_dim"]
        gained = _OF_STEP_RULES & now.keys() - row.params.keys()
        few = row.budget // now.get("queries_per_step", 1) <= now.get("reach_steps", 0)
        if few or now.get("step_rule") != "spread":
            gained -= {"reach_steps"}  # these steps are as they were without it
        for key in [*sorted(gained), *sorted(now.keys() & row.params.keys())]:
            if key in gained or not same_value(now[key], row.params[key]):
                before = "without it" if key in gained else f"with {row.params[key]}"
                raise ResultsError(
                    "all trials of a study must run with the same settings",
                    got=f"{row.trial} would now run with {key} {now[key]}, and ran {before}: zostudy or the method's "
                    "package has changed since",
                    remedy="run the study with the packages that it began with, or give it another name",
                )


def _settings(
    spec: StudySpec, method: MethodSpec, searched: Mapping[str, Any]
) -> tuple[MethodOptions, ImbalanceSettings, str]:
    chosen = {key: value for key, value in searched.items() if not key.startswith(PREFIX) and key != WORDING}
    options = method.method_class.Options(**method.options, **chosen)
    return options, imbalance_settings(spec.imbalance, method, searched), searched.get(WORDING, spec.task.wording)


def _as_stored(spec: StudySpec, options: MethodOptions, imbalance: ImbalanceSettings, wording: str) -> dict[str, Any]:
    """Returns the values as JSON gives them back, so that they equal the stored ones. JSON-less values become text."""
    params = asdict(options) | imbalance_keys(asdict(imbalance))
    if spec.task.wordings:
        params[WORDING] = wording
    plain: dict[str, Any] = json.loads(json.dumps(params, default=str))
    return plain
