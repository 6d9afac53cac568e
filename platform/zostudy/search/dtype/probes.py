"""Probes of a study's cells: the points at which the noise of each cell's loss differences is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zostudy.cluster.pool import Pool
from zostudy.config.distributions import Choice
from zostudy.errors import SpecError
from zostudy.lm.noise_floor import LossFunction, NoiseFloor, Probes, ProbeScores, Score, noise_floor, score_probes
from zostudy.methods.directions import draw_directions
from zostudy.methods.probing import ProbingMethod, TunedMethod
from zostudy.search.plan import Assignment, Cell, Plan, takes_differences
from zostudy.search.setup import StudyData, set_up

if TYPE_CHECKING:
    from zostudy.lm.weights import DType

N_DIRECTIONS = 8


@dataclass(frozen=True)
class CellProbes:
    """The probes of one cell, at the smallest radius that its trials may use.

    Directions and differences are of the method's kind, on the batch of its first step. All examples of the batch
    share them: a direction for each example would average the same noise over the same examples.

    Attributes:
        cell: the cell.
        method: its method at the start of its first trial.
        seed: of that trial's subspace.
        labels: int32 ``[b]``, of the probes' rows.
        probes: the points that are scored.
        wording: the study's own, in which they are scored.
    """

    cell: Cell
    method: TunedMethod
    seed: int
    labels: NDArray[np.int32]
    probes: Probes
    wording: str

    @property
    def key(self) -> tuple[Any, ...]:
        """Identifies the scores that the cell needs. Cells that differ only in their loss share them."""
        probes = self.probes
        return self.seed, probes.radius, probes.central, probes.rows.tobytes(), probes.directions.tobytes()

    def floor(self, scores: ProbeScores, reference: ProbeScores | None = None) -> NoiseFloor:
        """Returns the noise floor of the method's own loss. See ``noise_floor`` for the arguments."""
        return noise_floor(self.probes, self._losses(reference or scores), scores, reference)

    def _losses(self, reference: ProbeScores) -> LossFunction:
        objective = self.method.objective
        objective.start(reference.at_centre, self.labels[None])

        def losses(scores: NDArray[np.float32]) -> NDArray[np.float64]:
            means: NDArray[np.float64] = objective.losses(scores, np.tile(self.labels, (len(scores), 1))).mean(axis=1)
            return means

        return losses


@dataclass(frozen=True)
class CellFloor:
    """The noise floor of a cell in a dtype."""

    cell: CellProbes
    dtype: DType
    floor: NoiseFloor


def make_probes(plan: Plan, data: StudyData) -> list[CellProbes]:
    """Returns the probes of each cell whose method perturbs a latent and minimises an objective."""
    probes = (_cell_probes(plan, cell, data) for cell in plan.cells if takes_differences(cell.method))
    return [each for each in probes if each is not None]


def score_cells(cells: Sequence[CellProbes], pool: Pool) -> dict[str, ProbeScores]:
    """Returns the scores of each cell by its name. Cells that differ in their loss alone are scored once."""
    by_key: dict[tuple[Any, ...], ProbeScores] = {}
    for cell in cells:
        if cell.key not in by_key:
            by_key[cell.key] = score_probes(cell.probes, _score_with(pool, cell.seed, cell.wording))
    return {cell.cell.name: by_key[cell.key] for cell in cells}


def noise_floors(cells: Iterable[CellProbes], scores: Mapping[DType, Mapping[str, ProbeScores]]) -> list[CellFloor]:
    """Returns the noise floor of each cell in each dtype.

    Args:
        cells: the cells.
        scores: by dtype, of which float32 is one, and by the cell's name.
    """
    exact = scores["float32"]
    return [
        CellFloor(
            cell,
            dtype,
            cell.floor(by_cell[cell.cell.name], None if dtype == "float32" else exact[cell.cell.name]),
        )
        for cell in cells
        for dtype, by_cell in scores.items()
    ]


def _score_with(pool: Pool, seed: int, wording: str) -> Score:
    return lambda latents, rows, group: pool.score(latents, rows, seed, group, wording=wording).scores


def _cell_probes(plan: Plan, cell: Cell, data: StudyData) -> CellProbes | None:
    """Returns the probes of a cell; None if it takes no differences, or cannot run with the smallest settings."""
    assignment = _first_trial(plan, cell)
    try:
        method = set_up(plan.spec, assignment, data).make_method()
    except SpecError:
        return None
    options = method.options
    radius = getattr(options, "perturbation_radius", getattr(options, "reach", None))
    if not isinstance(method, TunedMethod) or radius is None:
        return None
    rows = method.batch()
    directions = draw_directions(
        getattr(options, "direction", "gaussian"),
        assignment.noise_seed,
        0,
        "noise floor",
        N_DIRECTIONS,
        options.subspace_dim,
    )
    central = isinstance(method, ProbingMethod) and method.central
    probes = Probes(method.latent, directions, float(radius), rows, central)
    return CellProbes(cell, method, assignment.seed, data.labels[rows], probes, plan.spec.task.wording)


def _first_trial(plan: Plan, cell: Cell) -> Assignment:
    """Returns the first trial of a cell, with the smallest radius and the fewest dimensions that it may have."""
    smallest = {
        key: min(values.choice) if isinstance(values, Choice) else number(values.low)
        for key, number in (("perturbation_radius", float), ("reach", float), ("subspace_dim", int))
        if (values := cell.space.get(key)) is not None
    }
    return plan.assign(cell, "search" if cell.n_search else "confirm", 0, smallest)
