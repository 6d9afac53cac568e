"""One trial: a method asks, the pool scores, the method is told, until the query budget is spent."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import NotFiniteError
from zostudy.lm.start import draw_seed
from zostudy.methods import Evaluation, Queries, StepRecord
from zostudy.results.metrics import balanced_cross_entropy, classification_metrics
from zostudy.results.outcome import SplitScores
from zostudy.search.landscape import LandscapeProbe, balanced_rows, has_plane
from zostudy.search.plan import evaluation_schedule
from zostudy.search.recording import Recording
from zostudy.search.resume import ResumeState, Save
from zostudy.search.setup import TrialSetup
from zostudy.search.start_draws import best_draw, comparison_rows

if TYPE_CHECKING:  # which imports Ray; the public Callback does without
    from zostudy.cluster.pool import Pool

SECONDS_BETWEEN_REPORTS = 1.0


@dataclass(frozen=True)
class TrialProgress:
    """The progress of a running trial, for the live view.

    Attributes:
        queries: spent so far.
        replica_seconds: seconds that replicas worked for it so far.
        dev_auc: the best so far, None before the first evaluation.
        earlier_queries: those of the queries that were spent before the trial resumed.
        earlier_seconds: those of the replica seconds that were worked before the trial resumed.
    """

    queries: int
    replica_seconds: float
    dev_auc: float | None
    earlier_queries: int = 0
    earlier_seconds: float = 0.0


ReportProgress = Callable[[TrialProgress], None]


class Trial:
    """A running trial: the loop of steps and evaluations.

    Attributes:
        resume_state: the state that is saved now and then.
    """

    def __init__(
        self, setup: TrialSetup, pool: Pool, recording: Recording, report: ReportProgress, save: Save | None
    ) -> None:
        """Makes the method; see ``run_trial``."""
        self._setup, self._pool, self._recording, self._report = setup, pool, recording, report
        self._method = setup.make_method()
        self._schedule = evaluation_schedule(setup.spec.budget)
        self._reported_at = time.monotonic()
        self._earlier = 0, 0.0
        self.resume_state = ResumeState(setup, self._method, recording, save)

    def optimize(self) -> None:
        """Spends the budget and keeps the point with the best dev AUC. A confirm trial is then tested.

        A search trial that falls below its threshold is stopped there.
        """
        if self._recording.begun:
            self._earlier = self._method.queries_spent, self._recording.replica_seconds
            self._report_progress(now=True)
        else:
            if self._setup.queries_before:
                self._choose_start()
            self._recording.add_start(self._evaluate_dev(), self._method.queries_spent)
            self.resume_state.mark()
        while not self._method.finished:
            n_passed = self._n_points_passed
            record = self._step()
            due = self._method.finished or self._n_points_passed > n_passed
            dev = self._evaluate_dev() if due else None
            self._recording.add_step(record, self._method.step_number, self._method.queries_spent, dev)
            self._report_progress(now=due)
            if self._falls_below(n_passed):
                self._recording.pruned = True
                return
            self.resume_state.mark()
            self.resume_state.save_if_due()
        if self._setup.assignment.stage == "confirm":
            self._recording.add_test(*self._evaluate(self._recording.kept.latent, self._setup.draw.test_rows))
            if self._setup.spec.confirm.landscape and self._method.uses_prompt:
                self._evaluate_landscape()
            else:
                self._evaluate_train()

    @property
    def _n_points_passed(self) -> int:
        """The number of the schedule's evaluation points that the spent queries have reached."""
        return bisect_right(self._schedule, self._method.queries_spent)

    def _falls_below(self, n_passed: int) -> bool:
        """Returns whether the best dev AUC is below a threshold of an evaluation point that the last step reached."""
        thresholds = self._setup.assignment.thresholds[n_passed : self._n_points_passed]
        best = self._recording.kept.metrics["auc"]
        return not self._method.finished and any(best < threshold for threshold in thresholds)

    def _choose_start(self) -> None:
        """Chooses the start tokens on dev. The method counts these queries from its beginning."""
        setup = self._setup
        seed, labels = setup.assignment.seed, setup.data.labels
        rows = comparison_rows(setup.draw, labels, seed)

        def score(start: int, rows: NDArray[np.int32]) -> NDArray[np.float32]:
            self._recording.examples += rows.size
            scores: NDArray[np.float32] = self._answers(Queries(self._method.latent[None], rows[None]), start)[0]
            return scores

        n_draws = setup.spec.model.start_draws
        self._recording.start_draw = best_draw(n_draws, seed, rows, labels[rows], setup.data.minority, score)

    def _step(self) -> StepRecord:
        while True:
            queries = self._method.ask()
            answers = self._answers(queries)
            self._recording.examples += queries.rows.size
            record = self._method.tell(answers, self._setup.data.labels[queries.rows])
            if record is not None:
                return record

    def _evaluate_dev(self) -> Mapping[str, float]:
        """Returns the metrics of the method's point on dev, and keeps the point if it is the best so far."""
        metrics, split = self._evaluate(self._method.latent, self._setup.draw.dev_rows)
        self._recording.offer(self._method.latent, self._method.queries_spent, metrics, split)
        return metrics

    def _evaluate_landscape(self) -> None:
        """Evaluates the training loss around the kept point. Scores there may be infinite or NaN."""
        setup, labels = self._setup, self._setup.data.labels
        assignment = setup.assignment
        points = LandscapeProbe.of(self._recording.kept.latent, assignment.seed, has_plane(assignment.number))
        rows = balanced_rows(setup.draw, labels, assignment.seed)
        queries = np.tile(rows, (len(points.latents), 1))
        scores = self._answers(Queries(points.latents, queries, group=2))
        self._recording.evaluation_examples += queries.size
        landscape = points.landscape(scores, labels[rows])
        self._recording.landscape, self._recording.train_loss = landscape, landscape.centre_loss

    def _evaluate_train(self) -> None:
        """Evaluates the training loss of the kept point alone, on the rows of a landscape."""
        rows = balanced_rows(self._setup.draw, self._setup.data.labels, self._setup.assignment.seed)
        _, split = self._evaluate(self._recording.kept.latent, rows)
        self._recording.train_loss = balanced_cross_entropy(split.scores, split.labels)

    def _evaluate(
        self, latent: NDArray[np.float32], rows: NDArray[np.int32]
    ) -> tuple[Mapping[str, float], SplitScores]:
        """Returns the metrics and the scores of a latent on some rows."""
        data = self._setup.data
        scores = self._run_evaluation(self._method.evaluation(latent, rows))
        if not np.isfinite(scores).all():
            raise NotFiniteError(
                f"the scores at {self._method.queries_spent} queries are not finite; lower reach or learning_rate"
            )
        split = SplitScores(rows.astype(np.int64), data.labels[rows], scores)
        return classification_metrics(split.scores, split.labels, data.minority), split

    def _run_evaluation(self, evaluation: Evaluation) -> NDArray[np.float32]:
        """Returns the scores of an evaluation, float32 ``[n, C]``, once all that it asks for is answered."""
        try:
            queries = next(evaluation)
            while True:
                answers = self._answers(queries)
                self._recording.evaluation_examples += queries.rows.size
                queries = evaluation.send((answers, self._setup.data.labels[queries.rows]))
        except StopIteration as end:
            scores: NDArray[np.float32] = end.value
            return scores

    def _answers(self, queries: Queries, start: int | None = None) -> NDArray[np.float32]:
        """Returns the replicas' answers, float32 ``[q, b, ...]``, of a kind that the method declares in ``needs``.

        Latents are in the subspace that the seed of a start names, by default that of the trial's own start.
        """
        if queries.access not in ("scores", self._method.needs):
            raise RuntimeError(f"{self._method.name} asks for {queries.access}, but needs = {self._method.needs!r}")
        seed = draw_seed(self._setup.assignment.seed, self._recording.start_draw or 0) if start is None else start
        buffer = self.resume_state.scores.next(queries, seed)
        given = queries.latents, queries.rows, seed, queries.group, buffer, queries.access
        self._pool.score(*given, wording=self._setup.wording)
        self._recording.replica_seconds += buffer.seconds
        return buffer.scores

    def _report_progress(self, now: bool) -> None:
        if now or time.monotonic() - self._reported_at >= SECONDS_BETWEEN_REPORTS:
            self._reported_at = time.monotonic()
            best = self._recording.kept.metrics["auc"]
            spent = self._method.queries_spent, self._recording.replica_seconds
            self._report(TrialProgress(*spent, best, *self._earlier))
