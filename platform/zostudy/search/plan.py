"""The plan of a study: its cells, the trials of each, and the seeds and settings of a trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from zostudy.config.distributions import Choice, SearchSpace
from zostudy.config.field_types import AskedRatio
from zostudy.config.search import BudgetSpec
from zostudy.config.space import method_space
from zostudy.config.study import MethodSpec, StudySpec
from zostudy.errors import SpecError
from zostudy.randomness import derive_seed
from zostudy.ratios import NATURAL, ratio_label
from zostudy.study_keys import WORDING

Stage = Literal["search", "confirm"]


@dataclass(frozen=True)
class Cell:
    """One method at one imbalance ratio: the unit that is searched and compared.

    Attributes:
        name: unique in the study, safe in a file name.
        method: label, registered method, fixed options.
        imbalance_ratio: majority / minority; at the ratio ``natural`` that of the data.
        asked_ratio: as the study asks for it.
        space: the searched keys with their values; empty in a study without search. Of a method that tunes nothing
            only the wording is searched, so that it is compared in its own best words.
        n_search: configurations that the search tries.
        n_confirm: confirm trials.
        n_seeds: search trials of a configuration, one for each seed; a bad configuration may lose some.
    """

    name: str
    method: MethodSpec
    imbalance_ratio: float
    asked_ratio: AskedRatio
    space: SearchSpace
    n_search: int
    n_confirm: int
    n_seeds: int = 1

    @property
    def n_trials(self) -> int:
        """The most trials, search and confirm."""
        return self.n_search * self.n_seeds + self.n_confirm

    @property
    def ratio_label(self) -> str:
        """The ratio as tables show it."""
        return ratio_label(self.asked_ratio, self.imbalance_ratio)


@dataclass(frozen=True)
class Assignment:
    """One trial to run: all that distinguishes it from the other trials of the study.

    Attributes:
        cell: the cell's name.
        method: label, registered method, fixed options.
        imbalance_ratio: majority / minority; at the ratio ``natural`` that of the data.
        asked_ratio: as the study asks for it.
        stage: ``search`` or ``confirm``.
        number: counts within cell and stage, from 0; of a search trial that of its configuration.
        params: values of searched options by name; settings of the imbalance as ``imbalance.<setting>``, the wording
            as ``task.wording``.
        seed: of the data draw, subspace and start tokens; the same in every cell for one replicate.
        noise_seed: of batches and directions; the same in every cell for one stage and number, and from seed 1 of a
            search on for all numbers.
        thresholds: the dev AUC below which the trial is stopped, one for each evaluation but the last; empty without
            pruning.
        search_seed: which seed of its configuration a search trial runs on, from 0.
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
    search_seed: int = 0

    @property
    def name(self) -> str:
        """The trial's name: a pure function of the study."""
        return trial_name(self.cell, self.stage, self.number, self.search_seed)


def trial_name(cell: str, stage: Stage, number: int, search_seed: int = 0) -> str:
    """Returns the name of a trial, unique in its study."""
    return f"{cell}-{stage}-{number:03d}" + (f"-seed-{search_seed}" if search_seed else "")


@dataclass(frozen=True)
class Plan:
    """All cells of a study, and how its trials are seeded.

    Attributes:
        spec: the study.
        cells: methods inside ratios.
        start_costs: queries that choose a trial's start, by imbalance ratio, where they are known and not 0.
    """

    spec: StudySpec
    cells: tuple[Cell, ...]
    start_costs: Mapping[float, int] = field(default_factory=dict)

    @property
    def ratios(self) -> dict[float, AskedRatio]:
        """The imbalance ratios, each with the form in which the study asks for it."""
        return {cell.imbalance_ratio: cell.asked_ratio for cell in self.cells}

    @property
    def n_trials(self) -> int:
        """The most trials of all cells, search and confirm."""
        return sum(cell.n_trials for cell in self.cells)

    @property
    def n_queries(self) -> int:
        """The largest number of queries that all trials together may spend."""
        return sum(cell.n_trials * self.queries(cell) for cell in self.cells)

    def queries(self, cell: Cell) -> int:
        """Returns the most queries of a trial: the budget, or without tuning the queries that choose its start."""
        return self.spec.budget.queries if cell.method.tunes else self.start_cost(cell)

    def start_cost(self, cell: Cell) -> int:
        """Returns how many queries of the budget choose the start of each trial of a cell."""
        return self.start_costs.get(cell.imbalance_ratio, 0) if cell.method.method_class.uses_prompt else 0

    def seed(self, replicate: int) -> int:
        """Returns the seed of draw, subspace and start tokens.

        Replicate 0 belongs to seed 0 of the search, -s to its seed s, and k + 1 to confirm trial k.
        """
        kind = "replicate" if replicate >= 0 else "search replicate"
        return derive_seed(self.spec.seed, kind, abs(replicate))

    @property
    def replicates(self) -> tuple[int, ...]:
        """The replicates that trials use, those of the search first."""
        first = 1 - self.spec.search.seeds if any(cell.n_search for cell in self.cells) else 1
        return tuple(range(first, self.spec.confirm.seeds + 1))

    def assign(
        self,
        cell: Cell,
        stage: Stage,
        number: int,
        params: Mapping[str, Any],
        thresholds: tuple[float, ...] = (),
        search_seed: int = 0,
    ) -> Assignment:
        """Returns the trial with these searched values and thresholds."""
        replicate = -search_seed if stage == "search" else number + 1
        # Seed 0 runs as in a search of one seed, so that a search can be given more seeds.
        noise = ("search seed", search_seed) if search_seed else (stage, number)
        return Assignment(
            cell.name,
            cell.method,
            cell.imbalance_ratio,
            cell.asked_ratio,
            stage,
            number,
            dict(params),
            self.seed(replicate),
            derive_seed(self.spec.seed, *noise),
            thresholds,
            search_seed,
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
            space, n_search = _searched(spec, method)
            name = f"{method.label}-{_suffix(asked)}"
            cells.append(Cell(name, method, ratio, asked, space, n_search, spec.confirm.seeds, spec.search.seeds))
    return Plan(spec, tuple(cells))


def _searched(spec: StudySpec, method: MethodSpec) -> tuple[SearchSpace, int]:
    """Returns what is searched for a method, and how many configurations of it.

    A method that tunes nothing tries each wording once, as a second time would give the same.
    """
    space = method_space(spec, method) if spec.search.trials else {}
    if method.tunes:
        return space, spec.search.trials if space else 0
    wordings = space.get(WORDING)
    if not isinstance(wordings, Choice):
        return {}, 0
    return {WORDING: wordings}, min(spec.search.trials, len(wordings.choice))


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


def takes_differences(method: MethodSpec) -> bool:
    """Returns whether a method tunes by scores alone, so that rounding may drown its loss differences."""
    return method.tunes and method.method_class.needs == "scores"
