"""The record of a running trial: its history, the point that it keeps, and its metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.methods import StepRecord
from zostudy.ratios import ratio_text
from zostudy.results.decision import choose_decision
from zostudy.results.metrics import balanced_cross_entropy, largest_share, metrics_at_dev_threshold
from zostudy.results.outcome import Landscape, Outcome, SplitScores
from zostudy.results.trial_row import TrialRow
from zostudy.search.kept_point import KeptPoint
from zostudy.search.setup import TrialSetup
from zostudy.search.trial_history import TrialHistory

_OPTION_COLUMNS = (
    "objective",
    "perturbation_radius",
    "sharpness_radius",
    "step_rule",
    "reach",
    "learning_rate",
    "auxiliary_learning_rate",
    "queries_per_step",
)


class Recording:
    """Collects a trial's rows.

    Attributes:
        examples: scored in tuning.
        evaluation_examples: scored on dev, test, training examples and around the kept point.
        replica_seconds: that replicas worked.
        pruned: whether the trial was stopped early.
        landscape: the loss around the kept point, once that is evaluated.
        train_loss: at the kept point, once that is evaluated.
        start_draw: which draw of the start tokens the prompt starts at, once one is chosen.
    """

    def __init__(self, setup: TrialSetup) -> None:
        """Starts the clock."""
        self._setup = setup
        self._started_at, self._started = datetime.now(UTC), time.perf_counter()
        self._seconds_before = 0.0
        self._history = TrialHistory()
        self._kept: KeptPoint | None = None
        self._test: tuple[Mapping[str, float], SplitScores] | None = None
        self.examples = 0
        self.evaluation_examples = 0
        self.replica_seconds = 0.0
        self.pruned = False
        self.landscape: Landscape | None = None
        self.train_loss: float | None = None
        self.start_draw: int | None = None

    @property
    def begun(self) -> bool:
        """True once the start has been evaluated."""
        return self._history.queries is not None

    @property
    def kept(self) -> KeptPoint:
        """The kept point, from the first evaluation on."""
        assert self._kept is not None
        return self._kept

    def add_start(self, dev: Mapping[str, float], queries: int) -> None:
        """Adds row 0: the start, before any step, with its metrics on dev and the queries that chose it."""
        nothing = StepRecord(loss=np.nan, loss_spread=np.nan, gradient_norm=np.nan, latent_norm=0.0)
        self.add_step(nothing, 0, queries, dev)

    def add_step(self, record: StepRecord, step: int, queries: int, dev: Mapping[str, float] | None) -> None:
        """Adds a step's row; ``dev`` is None where dev was not evaluated."""
        self._history.add(record, step, queries, self.examples, dev)

    def offer(
        self, latent: NDArray[np.float32], queries: int, metrics: Mapping[str, float], scores: SplitScores
    ) -> None:
        """Keeps the point if its dev AUC is above that of the kept one."""
        if self._kept is None or metrics["auc"] > self._kept.metrics["auc"]:
            self._kept = KeptPoint(latent.copy(), queries, metrics, scores)

    def add_test(self, metrics: Mapping[str, float], scores: SplitScores) -> None:
        """Adds the metrics and scores of the kept point on test."""
        self._test = metrics, scores

    def state_dict(self) -> dict[str, Any]:
        """Returns all that a resumed trial needs to end with the same outcome, as arrays and numbers."""
        return {
            **self.counted(),
            "seconds": self._seconds,
            "started_at": self._started_at.isoformat(),
            **({} if self.start_draw is None else {"start_draw": self.start_draw}),
            **({} if self._kept is None else self._kept.state_dict()),
            **self._history.state_dict(),
        }

    def counted(self) -> dict[str, float]:
        """Returns the figures that grow with every score, not only with a row."""
        return {
            "examples": self.examples,
            "evaluation_examples": self.evaluation_examples,
            "replica_seconds": self.replica_seconds,
        }

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Takes over a ``state_dict``.

        Raises:
            KeyError: something is missing.
            ValueError: something is of another shape or type than was saved.
        """
        self.examples = int(state["examples"])
        self.evaluation_examples = int(state["evaluation_examples"])
        self.replica_seconds = float(state["replica_seconds"])
        self._seconds_before = float(state["seconds"])
        self._started_at = datetime.fromisoformat(str(state["started_at"]))
        self.start_draw = int(state["start_draw"]) if "start_draw" in state else None
        if "kept.latent" in state:
            self._kept = KeptPoint.of_state(state, self._setup)
        self._history.load_state_dict(state)

    @property
    def _seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._started

    def outcome(self, error: str | None = None) -> Outcome:
        """Returns all that is stored. A failed trial has a reason and a history, but no figures."""
        status = "failed" if error else "pruned" if self.pruned else "complete"
        row = self._row(status, error, {} if error else self._found())
        if error:
            return Outcome(row, self._history.columns(), self._history.auxiliary_columns())
        stored = self._test if self._setup.spec.confirm.scores else None
        scores = {} if stored is None else {"dev": self.kept.scores, "test": stored[1]}
        return Outcome(row, self._history.columns(), self._history.auxiliary_columns(), scores, self.landscape)

    def _row(self, status: str, error: str | None, found: Mapping[str, Any]) -> TrialRow:
        """Returns the trial's row.

        Columns of options that the step rule leaves unused are None, and so are missing figures. Those of options
        that the objective does not use hold their values.
        """
        setup, assignment, params = self._setup, self._setup.assignment, self._setup.params()
        used = {name: params.get(name) for name in _OPTION_COLUMNS if name not in setup.unused()}
        return TrialRow(
            study=setup.spec.name,
            cell=assignment.cell,
            trial=assignment.name,
            stage=assignment.stage,
            number=assignment.number,
            search_seed=assignment.search_seed if assignment.stage == "search" else None,
            method=assignment.method.label,
            algorithm=assignment.method.algorithm,
            model=setup.spec.model.name,
            task=setup.spec.task.name,
            imbalance_ratio=assignment.imbalance_ratio,
            imbalance=ratio_text(assignment.asked_ratio),
            n_minority=setup.draw.n_minority,
            n_majority=setup.draw.n_majority,
            positive_class=setup.data.positive_class,
            seed=assignment.seed,
            budget=setup.spec.budget.queries,
            batch_size=setup.spec.budget.batch_size,
            needs=setup.method_class.needs,
            **used,
            subspace_dim=setup.latent_size,
            sampler=setup.imbalance.sampler,
            prior=setup.imbalance.prior,
            margin=setup.imbalance.margin,
            class_weights=setup.imbalance.class_weights,
            wording=setup.wording if setup.spec.task.wordings else None,
            start_draw=self.start_draw,
            start_queries=setup.queries_before or None,
            params=params,
            queries=self._history.queries or 0,
            examples=self.examples,
            evaluation_examples=self.evaluation_examples,
            wall_seconds=self._seconds,
            replica_seconds=self.replica_seconds,
            status=status,
            error=error,
            versions=dict(setup.data.versions),
            started_at=self._started_at,
            finished_at=datetime.now(UTC),
            **found,
        )

    def _found(self) -> dict[str, Any]:
        """Returns the columns that only a trial with a kept point has."""
        kept = self.kept
        test: dict[str, float] = {}
        if self._test is not None:
            metrics, scores = self._test
            at_threshold = metrics_at_dev_threshold(kept.scores, scores, self._setup.data.minority)
            test = {**metrics, **at_threshold, "largest_share": largest_share(scores.scores)}
            test["loss"] = balanced_cross_entropy(scores.scores, scores.labels)
        sharpness = np.nan if self.landscape is None else self.landscape.sharpness
        return {
            "best_queries": kept.queries,
            "latent": tuple(kept.latent.tolist()),
            "latent_norm": float(np.linalg.norm(kept.latent.astype(np.float64))),
            "train_loss": self.train_loss,
            "sharpness": sharpness if np.isfinite(sharpness) else None,
            **{f"dev_{name}": value for name, value in kept.metrics.items()},
            "dev_threshold": choose_decision(kept.scores).threshold,
            **{f"test_{name}": value for name, value in test.items()},
        }
