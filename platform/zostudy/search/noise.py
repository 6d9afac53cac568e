"""What a study's cells are probed with, to know how much noise their loss differences have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zostudy.cluster.pool import Pool
from zostudy.config.distributions import Choice
from zostudy.errors import SpecError
from zostudy.lm.precision import Losses, NoiseFloor, Probes, ProbeScores, Score, noise_floor, score_probes
from zostudy.methods.directions import draw_directions
from zostudy.methods.probing import TunedMethod
from zostudy.search.data import StudyData
from zostudy.search.plan import Assignment, Cell, Plan, Stage, tunes
from zostudy.search.setup import set_up

if TYPE_CHECKING:
    from zostudy.lm.weights import DType

N_DIRECTIONS = 8


@dataclass(frozen=True)
class CellProbes:
    """A cell that perturbs, at the smallest radius it may use.

    Directions and differences are of the method's kind, on the batch of its first step. They are shared by the batch:
    a direction for each example averages the same noise over the same examples.

    Attributes:
        cell: which.
        method: its method at the start of its first trial.
        seed: of that trial's subspace.
        labels: int32 ``[b]``, of the probes' rows.
        probes: what is scored.
    """

    cell: Cell
    method: TunedMethod
    seed: int
    labels: NDArray[np.int32]
    probes: Probes

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for cells that have the same scores; the loss takes no part in them."""
        probes = self.probes
        return self.seed, probes.radius, probes.central, probes.rows.tobytes(), probes.directions.tobytes()

    def floor(self, scores: ProbeScores, reference: ProbeScores | None = None) -> NoiseFloor:
        """Returns the noise floor of the method's own loss; arguments as of ``noise_floor``."""
        return noise_floor(self.probes, self._losses(reference or scores), scores, reference)

    def _losses(self, reference: ProbeScores) -> Losses:
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


def all_probes(plan: Plan, data: StudyData) -> list[CellProbes]:
    """Returns the probes of every cell that perturbs a latent and minimises a loss of ours."""
    return [probes for cell in plan.cells if tunes(cell.method) for probes in _cell_probes(plan, cell, data)]


def measure(cells: Iterable[CellProbes], pool: Pool) -> dict[str, ProbeScores]:
    """Returns the scores of each cell by its name; where cells differ in their loss alone, measured once."""
    measured: dict[tuple[Any, ...], ProbeScores] = {}
    by_cell: dict[str, ProbeScores] = {}
    for cell in cells:
        if cell.key not in measured:
            measured[cell.key] = score_probes(cell.probes, _scorer(pool, cell.seed))
        by_cell[cell.cell.name] = measured[cell.key]
    return by_cell


def noise_floors(cells: Iterable[CellProbes], scores: Mapping[DType, Mapping[str, ProbeScores]]) -> Iterator[CellFloor]:
    """Yields the noise floor of each cell in each dtype.

    Args:
        cells: the cells.
        scores: by dtype, float32 among them, and by the cell's name.
    """
    for cell in cells:
        reference = scores["float32"][cell.cell.name]
        for dtype, by_cell in scores.items():
            floor = cell.floor(by_cell[cell.cell.name], None if dtype == "float32" else reference)
            yield CellFloor(cell, dtype, floor)


def _scorer(pool: Pool, seed: int) -> Score:
    return lambda latents, rows, group: pool.score(latents, rows, seed, group).scores


def _cell_probes(plan: Plan, cell: Cell, data: StudyData) -> Iterator[CellProbes]:
    assignment = _first_trial(plan, cell)
    try:
        method = set_up(plan.spec, assignment, data).make_method()
    except SpecError:  # no default fits, so what the search will propose cannot be known
        return
    if not isinstance(method, TunedMethod) or not hasattr(method.options, "perturbation_radius"):
        return
    options = method.options
    rows = method.batch()
    directions = draw_directions(
        getattr(options, "direction", "gaussian"),
        assignment.noise_seed,
        0,
        "noise floor",
        N_DIRECTIONS,
        options.subspace_dim,
    )
    central = getattr(options, "estimator", "forward") == "central"
    probes = Probes(method.latent, directions, float(options.perturbation_radius), rows, central)
    yield CellProbes(cell, method, assignment.seed, data.labels[rows], probes)


def _first_trial(plan: Plan, cell: Cell) -> Assignment:
    """Returns the first trial of a cell, with the smallest radius and the fewest dimensions that it may have."""
    stage: Stage = "search" if cell.n_search else "confirm"
    smallest = {
        key: min(values.choice) if isinstance(values, Choice) else number(values.low)
        for key, number in (("perturbation_radius", float), ("subspace_dim", int))
        if (values := cell.space.get(key)) is not None
    }
    return plan.assign(cell, stage, 0, smallest)
