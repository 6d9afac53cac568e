"""The plan of a study: its cells, the trials of each, and the seeds and settings of a trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from zostudy.config import method_space
from zostudy.config.ratios import NATURAL, AskedRatio, ratio_label
from zostudy.config.study import BudgetSpec, MethodSpec, StudySpec
from zostudy.errors import SpecError
from zostudy.methods import Method, get_method
from zostudy.randomness import derive_seed
from zostudy.search.space import Space

Stage = Literal["search", "confirm"]
SEARCH_REPLICATE = 0


@dataclass(frozen=True)
class Cell:
    """One method at one imbalance ratio: the unit that is searched and compared.

    Attributes:
        name: unique in the study, safe in a file name.
        method: label, registered method, fixed options.
        imbalance_ratio: majority / minority; at the ratio ``natural`` that of the data.
        asked_ratio: as the study asks for it.
        space: the searched keys with their values; empty for a method that tunes nothing, or a study without search.
        n_search: search trials.
        n_confirm: confirm trials.
    """

    name: str
    method: MethodSpec
    imbalance_ratio: float
    asked_ratio: AskedRatio
    space: Space
    n_search: int
    n_confirm: int

    @property
    def ratio_label(self) -> str:
        """The ratio as tables show it."""
        return ratio_label(self.asked_ratio, self.imbalance_ratio)

    @property
    def method_class(self) -> type[Method]:
        """The registered method."""
        return get_method(self.method.algorithm)


@dataclass(frozen=True)
class Assignment:
    """One trial to run: all that distinguishes it from the other trials of the study.

    Attributes:
        cell: the cell's name.
        method: label, registered method, fixed options.
        imbalance_ratio: majority / minority; at the ratio ``natural`` that of the data.
        asked_ratio: as the study asks for it.
        stage: ``search`` or ``confirm``.
        number: counts within cell and stage, from 0.
        params: values of searched options by name; settings of the imbalance as ``imbalance.<setting>``.
        seed: of the data draw, subspace and start tokens; the same in every cell for one replicate.
        noise_seed: of batches and directions; the same in every cell for one stage and number.
        thresholds: the dev AUC below which the trial is stopped, one for each evaluation but the last; empty without
            pruning.
    """

    cell: str
    method: MethodSpec
    imbalance_ratio: float
    asked_ratio: AskedRatio
    stage: Stage
    number: int
    params: Mapping[str, Any]
    seed: int
    noise_seed: int
    thresholds: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """The trial's name: a pure function of the study."""
        return trial_name(self.cell, self.stage, self.number)


def trial_name(cell: str, stage: Stage, number: int) -> str:
    """Returns the name of a trial, unique in its study."""
    return f"{cell}-{stage}-{number:03d}"


@dataclass(frozen=True)
class Plan:
    """All cells of a study, and how its trials are seeded."""

    spec: StudySpec
    cells: tuple[Cell, ...]

    @property
    def ratios(self) -> dict[float, AskedRatio]:
        """The imbalance ratios, each with the form in which the study asks for it."""
        return {cell.imbalance_ratio: cell.asked_ratio for cell in self.cells}

    @property
    def n_trials(self) -> int:
        """Trials of all cells, search and confirm."""
        return sum(cell.n_search + cell.n_confirm for cell in self.cells)

    @property
    def n_queries(self) -> int:
        """The largest number of queries that all trials together may spend."""
        per_trial = self.spec.budget.queries
        return sum((cell.n_search + cell.n_confirm) * per_trial for cell in self.cells if tunes(cell.method))

    def seed(self, replicate: int) -> int:
        """Returns the seed of draw, subspace and start tokens: replicate 0 is the search's, k + 1 is confirm k's."""
        return derive_seed(self.spec.seed, "replicate", replicate)

    @property
    def replicates(self) -> tuple[int, ...]:
        """The replicates that trials use."""
        first = SEARCH_REPLICATE if any(cell.n_search for cell in self.cells) else SEARCH_REPLICATE + 1
        return tuple(range(first, self.spec.confirm.seeds + 1))

    def assign(
        self, cell: Cell, stage: Stage, number: int, params: Mapping[str, Any], thresholds: tuple[float, ...] = ()
    ) -> Assignment:
        """Returns the trial with these searched values and thresholds."""
        replicate = SEARCH_REPLICATE if stage == "search" else number + 1
        noise_seed = derive_seed(self.spec.seed, stage, number)
        return Assignment(
            cell.name,
            cell.method,
            cell.imbalance_ratio,
            cell.asked_ratio,
            stage,
            number,
            dict(params),
            self.seed(replicate),
            noise_seed,
            thresholds,
        )


def make_plan(spec: StudySpec, natural_ratio: float = math.nan) -> Plan:
    """Returns the plan: one cell for each method and ratio, methods inside ratios.

    Args:
        spec: the study.
        natural_ratio: of the data; only the ratio ``natural`` needs it.

    Raises:
        SpecError: the natural ratio is also given as a number.
    """
    _check_differs(spec.imbalance.ratios, natural_ratio)
    cells = []
    for asked in spec.imbalance.ratios:
        ratio = natural_ratio if isinstance(asked, str) else asked
        for method in spec.methods:
            space = method_space(spec, method) if spec.search.trials and tunes(method) else {}
            n_search = spec.search.trials if space else 0
            name = f"{method.label}-{_suffix(asked)}"
            cells.append(Cell(name, method, ratio, asked, space, n_search, spec.confirm.seeds))
    return Plan(spec, tuple(cells))


def _check_differs(ratios: Sequence[AskedRatio], natural_ratio: float) -> None:
    if NATURAL in ratios and natural_ratio in ratios:
        raise SpecError(
            "must hold each ratio once",
            got=f"natural is {natural_ratio:g} in this data, which is given too",
            remedy="keep one of them",
            about="imbalance.ratios",
        )


def _suffix(ratio: AskedRatio) -> str:
    return ratio if isinstance(ratio, str) else f"r{ratio:g}"


def evaluation_schedule(budget: BudgetSpec) -> tuple[float, ...]:
    """Returns the evaluation points, in queries spent: evenly over the budget, the last at its end."""
    return tuple(budget.queries * k / budget.evaluations for k in range(1, budget.evaluations + 1))


def tunes(method: MethodSpec) -> bool:
    """Returns whether a method spends queries. The untuned prompt does not."""
    return get_method(method.algorithm).spends_queries
