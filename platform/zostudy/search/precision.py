"""Which dtype a study runs in: measured before its first trial, recorded, and kept for ever after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from zostudy.cluster.pool import RayPool
from zostudy.cluster.replica import have_bfloat16
from zostudy.cluster.replica_set import in_one_line
from zostudy.errors import DisagreementError, ReplicaError, ZostudyError
from zostudy.lm.precision import ProbeScores
from zostudy.results.ledger import Ledger
from zostudy.search.callback import Callback
from zostudy.search.evaluator import make_scorer_factory, read_model, record_agreement
from zostudy.search.noise import CellFloor, all_probes, measure, noise_floors
from zostudy.search.plan import tunes
from zostudy.search.precision_text import precision_line, warning_lines
from zostudy.search.prepare import PreparedStudy
from zostudy.search.tune.trainable import PoolFactory

if TYPE_CHECKING:
    from zostudy.lm.weights import DType

Row = Mapping[str, Any]


class Precision:
    """A study's dtype: what is settled already, and what has to be measured.

    ``model.dtype: auto`` becomes bfloat16 where every replica has a unit for it and no cell's loss differences drown
    in its noise. It is settled before the first trial and never again: trials of one study share one dtype.

    Attributes:
        first_dtype: what the replicas begin with: float32, the reference, wherever there is something to measure.
    """

    def __init__(self, study: PreparedStudy, ledger: Ledger) -> None:
        """Reads what earlier runs recorded.

        Args:
            study: from ``prepare``.
            ledger: takes the measurements.
        """
        self._study, self._ledger = study, ledger
        # A study may be changed until a trial has finished: what was measured before that may be of another one.
        recorded = ledger.precision()
        begun = bool(ledger.trials()) and (bool(recorded) or not ledger.has_lost_precision)
        self._recorded: list[Row] = [*recorded] if begun else []
        self._asked = _asked(study, self._recorded, begun)
        cells = all_probes(study.plan, study.data)
        known = {row["cell"] for row in self._recorded}
        self._unmeasured = [cell for cell in cells if cell.cell.name not in known]
        self._measures_all = len(cells) == sum(tunes(cell.method) for cell in study.plan.cells)
        self.first_dtype: DType = "bfloat16" if self._asked == "bfloat16" and not self._unmeasured else "float32"

    @property
    def copies(self) -> float:
        """How much the weights take while the dtype is being settled, in units of the first dtype's."""
        return 1.5 if self._unmeasured and self._asked != "float32" else 1.0

    def settle(self, pool_factory: PoolFactory, callbacks: Callback) -> PoolFactory:
        """Returns the pool factory of the study's dtype, which is measured where it is not known.

        Args:
            pool_factory: replicas that host the model in ``first_dtype``.
            callbacks: told the dtype and why; and of each cell whose differences drown in it.

        Raises:
            ResultsError: the measurement cannot be stored.
            ReplicaError: a replica cannot score the probes.
        """
        chosen, rows = self.first_dtype, self._recorded
        if self._unmeasured:
            callbacks.on_phase("measuring the noise of a loss difference")
            pool = pool_factory.pool()
            by_dtype: dict[DType, PoolFactory] = {"float32": pool_factory}
            scores: dict[DType, dict[str, ProbeScores]] = {"float32": self._measure(pool)}
            if self._may_be_bfloat16(pool) and (in_bfloat16 := self._in_bfloat16(pool_factory, callbacks)):
                by_dtype["bfloat16"] = in_bfloat16
                scores["bfloat16"] = self._measure(by_dtype["bfloat16"].pool())
            floors = list(noise_floors(self._unmeasured, scores))
            chosen = self._choose(floors)
            pool_factory = by_dtype[chosen]
            rows = [*rows, *(self._row(floor, chosen) for floor in floors)]
        if rows != self._ledger.precision():
            self._ledger.record_precision(rows)
        for line in (precision_line(chosen, rows), *warning_lines(rows)):
            callbacks.on_note(line)
        return pool_factory

    def _measure(self, pool: RayPool) -> dict[str, ProbeScores]:
        try:
            return measure(self._unmeasured, pool)
        except ZostudyError:
            raise
        except Exception as error:
            raise ReplicaError(
                f"a replica must score the task's texts, but raises {in_one_line(error)}; "
                "lower budget.batch_size, or give replicas more memory"
            ) from error

    def _may_be_bfloat16(self, pool: RayPool) -> bool:
        if self._asked == "auto":
            return self._measures_all and have_bfloat16(pool.replicas)
        return self._asked == "bfloat16"

    def _in_bfloat16(self, pool_factory: PoolFactory, callbacks: Callback) -> PoolFactory | None:
        """Returns the pool factory of bfloat16; None where the choice is free and its scores are too far off."""
        try:
            model = read_model(self._study, "bfloat16")
        except DisagreementError as error:
            if self._asked == "bfloat16":
                raise
            callbacks.on_note(f"bfloat16 is left out: {error}")
            return None
        record_agreement(self._study, model, self._ledger, callbacks)
        return replace(pool_factory, factory=make_scorer_factory(self._study, model), dtype="bfloat16")

    def _choose(self, floors: Sequence[CellFloor]) -> DType:
        if self._asked != "auto":
            return self._asked
        in_bfloat16 = [floor.floor for floor in floors if floor.dtype == "bfloat16"]
        return "bfloat16" if in_bfloat16 and all(floor.enough for floor in in_bfloat16) else "float32"

    def _row(self, measured: CellFloor, chosen: DType) -> Row:
        spec, cell, probes = self._study.plan.spec, measured.cell.cell, measured.cell.probes
        floor = measured.floor
        return {
            "study": spec.name,
            "cell": cell.name,
            "dtype": measured.dtype,
            "chosen": measured.dtype == chosen,
            "method": cell.method.label,
            "model": spec.model.name,
            "task": spec.task.name,
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
            "least_radius": floor.least_radius(),
        }


def _asked(study: PreparedStudy, recorded: Sequence[Row], begun: bool) -> Literal["auto"] | DType:
    """Returns the dtype that the study has begun with; before that, what its file says."""
    for row in recorded:
        if row["chosen"]:
            return "bfloat16" if row["dtype"] == "bfloat16" else "float32"
    asked = study.plan.spec.model.dtype
    return "float32" if begun and asked == "auto" else asked
