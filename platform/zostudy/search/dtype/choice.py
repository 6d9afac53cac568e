"""The choice of a study's dtype: measured before the first trial, stored, and never changed afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from zostudy.cluster.pool import RayPool
from zostudy.errors import DisagreementError, ReplicaError, ZostudyError, one_line_of
from zostudy.lm.noise_floor import ProbeScores
from zostudy.results.ledger import Ledger
from zostudy.results.repair import has_lost_noise_floor
from zostudy.results.stored_tables import read_table
from zostudy.search.callback import Callback
from zostudy.search.dtype.messages import Row, dtype_line, warning_lines
from zostudy.search.dtype.probes import CellFloor, make_probes, noise_floors, score_cells
from zostudy.search.loaded_model import LoadedModel
from zostudy.search.plan import Plan, takes_differences
from zostudy.search.setup import StudyData
from zostudy.search.tune.trainable import PoolFactory

if TYPE_CHECKING:
    from zostudy.lm.weights import DType

Load: TypeAlias = "Callable[[DType], LoadedModel]"
"""Returns the study's model in a dtype."""


class DtypeChoice:
    """Chooses a study's dtype, and measures all that the choice depends on.

    ``model.dtype: auto`` becomes bfloat16 if every replica multiplies it in hardware and no cell's loss differences
    drown in its noise. The choice is made before the first trial, and all trials of a study share it.

    Attributes:
        first: the dtype that replicas start with: float32, the reference, if anything is to be measured.
        memory_factor: the memory for weights while cells are measured, in units of the first dtype's.
    """

    def __init__(self, plan: Plan, data: StudyData, ledger: Ledger) -> None:
        """Reads the stored measurements.

        Args:
            plan: the study's plan.
            data: its labels and draws.
            ledger: stores measurements.
        """
        self._plan, self._ledger = plan, ledger
        # Until a trial has finished the study may be changed, so earlier measurements may be of another one.
        stored = ledger.noise_floor()
        has_trials = read_table(ledger.storage, "trials", ("trial",)).num_rows > 0
        begun = has_trials and (bool(stored) or not has_lost_noise_floor(ledger.storage))
        self._stored: list[Row] = [*stored] if begun else []
        self._wanted = _wanted(plan, self._stored, begun)
        known = {row["cell"] for row in self._stored}
        cells = make_probes(plan, data)
        self._unmeasured = [cell for cell in cells if cell.cell.name not in known]
        self._can_measure_all = len(cells) == sum(takes_differences(cell.method) for cell in plan.cells)
        self.first: DType = "bfloat16" if self._wanted == "bfloat16" and not self._unmeasured else "float32"
        self.memory_factor = 1.5 if self._unmeasured and self._wanted != "float32" else 1.0

    def settle(self, pools: PoolFactory, load: Load, callbacks: Callback) -> PoolFactory:
        """Returns the pool factory of the study's dtype. Cells whose noise is not known are measured first.

        Args:
            pools: of replicas that host the model in the first dtype.
            load: gives the model in another dtype.
            callbacks: get the dtype and the reason, and a warning for each cell that drowns in it.

        Raises:
            ResultsError: the measurements cannot be stored.
            ReplicaError: a replica cannot score the probes.
        """
        rows = self._stored
        if self._unmeasured:
            callbacks.on_phase("measuring the noise of a loss difference")
            pool = pools.pool()
            by_dtype: dict[DType, PoolFactory] = {"float32": pools}
            scores: dict[DType, dict[str, ProbeScores]] = {"float32": self._measure(pool)}
            if self._may_be_bfloat16(pool) and (in_bfloat16 := self._in_bfloat16(pools, load, callbacks)):
                by_dtype["bfloat16"], scores["bfloat16"] = in_bfloat16, self._measure(in_bfloat16.pool())
            floors = noise_floors(self._unmeasured, scores)
            pools = by_dtype[self._choose(floors)]
            rows = [*rows, *(_row(self._plan, floor, floor.dtype == pools.dtype) for floor in floors)]
        if rows != self._ledger.noise_floor():
            self._ledger.record_noise_floor(rows)
        for line in (dtype_line(pools.dtype, rows), *warning_lines(rows)):
            callbacks.on_note(line)
        return pools

    def _measure(self, pool: RayPool) -> dict[str, ProbeScores]:
        try:
            return score_cells(self._unmeasured, pool)
        except ZostudyError:
            raise
        except Exception as error:
            raise ReplicaError(
                "a replica must score the task's texts",
                got=f"raises {one_line_of(error)}",
                remedy="lower budget.batch_size, or give replicas more memory",
            ) from error

    def _may_be_bfloat16(self, pool: RayPool) -> bool:
        if self._wanted == "auto":
            return self._can_measure_all and pool.have_bfloat16()
        return self._wanted == "bfloat16"

    def _in_bfloat16(self, pools: PoolFactory, load: Load, callbacks: Callback) -> PoolFactory | None:
        """Returns the pool factory of bfloat16; None if the choice is free and its scores differ too much."""
        try:
            model = load("bfloat16")
        except DisagreementError as error:
            if self._wanted == "bfloat16":
                raise
            callbacks.on_note(f"bfloat16 is left out: {error}")
            return None
        return replace(pools, factory=model.scorer_factory(), dtype="bfloat16")

    def _choose(self, floors: Sequence[CellFloor]) -> DType:
        if self._wanted != "auto":
            return self._wanted
        in_bfloat16 = [floor.floor for floor in floors if floor.dtype == "bfloat16"]
        return "bfloat16" if in_bfloat16 and all(floor.enough for floor in in_bfloat16) else "float32"


def _wanted(plan: Plan, stored: Sequence[Row], begun: bool) -> Literal["auto"] | DType:
    """Returns the dtype that the study began with; before the first trial, the one that the study file asks for."""
    for row in stored:
        if row["chosen"]:
            return "bfloat16" if row["dtype"] == "bfloat16" else "float32"
    wanted = plan.spec.model.dtype
    return "float32" if begun and wanted == "auto" else wanted


def _row(plan: Plan, measured: CellFloor, chosen: bool) -> Mapping[str, Any]:
    cell, probes, floor = measured.cell.cell, measured.cell.probes, measured.floor
    return {
        "study": plan.spec.name,
        "cell": cell.name,
        "dtype": measured.dtype,
        "chosen": chosen,
        "method": cell.method.label,
        "model": plan.spec.model.name,
        "task": plan.spec.task.name,
        "imbalance_ratio": cell.imbalance_ratio,
        "objective": measured.cell.method.options.objective,
        "difference": "central" if probes.central else "forward",
        "perturbation_radius": probes.radius,
        "subspace_dim": probes.directions.shape[1],
        "batch_size": len(probes.rows),
        "directions": len(probes.directions),
        "queries": probes.n_queries,
        "loss_signal": floor.signal,
        "loss_noise": floor.noise,
        "signal_over_noise": floor.signal_over_noise,
        "least_radius": floor.least_radius,
    }
