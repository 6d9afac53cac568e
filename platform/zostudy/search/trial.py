"""One trial: a method asks, the pool scores, the method is told, until the query budget is spent.

Runs wherever a pool is to be had. Imports neither torch nor transformers: a trial's process stays small.
"""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.cluster.pool import Pool
from zostudy.config.contents import lasting_name
from zostudy.config.study import StudySpec
from zostudy.errors import NoReplicaError, NotFiniteError
from zostudy.methods import Method, StepRecord
from zostudy.results.metrics import classification_metrics
from zostudy.results.outcome import Outcome, SplitScores
from zostudy.search.landscape import LandscapeProbe, balanced_rows, has_plane
from zostudy.search.plan import Assignment, evaluation_schedule
from zostudy.search.recording import Recording
from zostudy.search.score_cache import ScoreCache
from zostudy.search.setup import StudyData, TrialSetup, set_up

SECONDS_BETWEEN_REPORTS = 1.0
SECONDS_BETWEEN_SAVES = 15.0

_METHOD = "method."


@dataclass(frozen=True)
class TrialProgress:
    """How far a trial is: what the live view shows.

    Attributes:
        queries: spent so far.
        replica_seconds: seconds that replicas worked for it so far.
        dev_auc: the best so far, None before the first evaluation.
    """

    queries: int
    replica_seconds: float
    dev_auc: float | None


Report = Callable[[TrialProgress], None]
State = Mapping[str, Any]
Save = Callable[[State], None]


def run_trial(
    spec: StudySpec,
    assignment: Assignment,
    data: StudyData,
    pool: Pool,
    report: Report,
    save: Save | None = None,
    saved: State | None = None,
    refuse: Callable[[str], None] | None = None,
) -> Outcome:
    """Runs a trial to its end and returns what is to be stored; of a trial that fails, the reason.

    Args:
        spec: the study.
        assignment: which trial.
        data: labels and draws.
        pool: scores the queries.
        report: told of the progress after each evaluation, and about once a second in between.
        save: takes the trial's state about every 15 seconds, whenever a replica has answered.
        saved: such a state of this very trial, to go on from.
        refuse: told why the trial did not go on from ``saved``, but began anew: the state is of another configuration
            or another zostudy, or is damaged.

    Raises:
        NoReplicaError: there is nobody left to score; nothing is wrong with the trial.
    """
    setup = set_up(spec, assignment, data)

    def outcome(state: State | None) -> Outcome:
        recording = Recording(setup)
        try:
            trial = Trial(setup, pool, recording, report, save)
            if state is not None:
                trial.load_state_dict(state)
            trial.run()
            return recording.outcome()
        except NotFiniteError as error:
            return recording.outcome(error=str(error))
        except NoReplicaError:
            raise
        except Exception as error:  # whatever broke this trial is stored with it, and the study goes on
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
            if state is not None:  # it may have been the state; if it was not, the trial comes to the same end again
                raise _UnfitStateError(reason) from error
            return recording.outcome(error=reason)

    if saved is not None:
        try:
            return outcome(saved)
        except _UnfitStateError as error:
            if refuse is not None:
                refuse(str(error))
    return outcome(None)


class _UnfitStateError(Exception):
    """A trial cannot be gone on with from a saved state."""


class Trial:
    """A trial under way: the loop of steps and evaluations."""

    def __init__(self, setup: TrialSetup, pool: Pool, recording: Recording, report: Report, save: Save | None) -> None:
        """Builds the method; see ``run_trial``."""
        self._setup, self._pool, self._recording, self._report, self._save = setup, pool, recording, report, save
        self._method: Method = setup.make_method()
        self._schedule = evaluation_schedule(setup.spec.budget)
        self._reported = self._saved = time.monotonic()
        self._score_cache = ScoreCache(heard=self._save_state)
        self._resume_state = self._snapshot()

    def run(self) -> None:
        """Spends the budget, keeps the point with the best dev AUC; a confirm trial then opens the test split.

        Then it evaluates the loss around that point, unless the study says not to. A search trial that falls below its
        thresholds is stopped there.
        """
        if not self._recording.begun:
            self._recording.add_start(self._evaluate_dev())
            self._mark_resumable()
        while not self._method.finished:
            passed = self._places_passed
            record = self._step()
            due = self._method.finished or self._places_passed > passed
            dev = self._evaluate_dev() if due else None
            self._recording.add_step(record, self._method.step_number, self._method.queries_spent, dev)
            self._report_progress(now=due)
            if self._falls_below(passed):
                self._recording.pruned = True
                return
            self._mark_resumable()
            self._save_state()
        if self._setup.assignment.stage == "confirm":
            self._open_test()
            if self._setup.spec.confirm.landscape:
                self._look_around()

    def fits(self, state: State) -> bool:
        """Returns whether a state was saved by this trial in this configuration."""
        return str(state.get("identity")) == self._identity

    def state_dict(self) -> State:
        """Returns what a trial needs to go on: the last state it can resume from, and the scores since then."""
        return self._recording.state_dict() | self._resume_state | self._score_cache.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Takes over a ``state_dict``; what follows equals a trial never stopped, bit for bit.

        Raises:
            Exception: the state is none of this trial in this configuration, or not as it was saved.
        """
        if not self.fits(state):
            raise ValueError("it was saved under other settings")
        own = {name.removeprefix(_METHOD): state[name] for name in state if name.startswith(_METHOD)}
        self._method.load_state_dict(own)
        self._recording.load_state_dict(state)
        self._resume_state = self._snapshot()
        self._score_cache.load_state_dict(state)

    def _mark_resumable(self) -> None:
        """Marks the current state as the one to resume from. Called between steps only."""
        self._resume_state = self._snapshot()
        self._score_cache.begin()

    def _snapshot(self) -> dict[str, Any]:
        method = {_METHOD + name: value for name, value in self._method.state_dict().items()}
        return {"identity": self._identity} | method | self._recording.counted()

    @cached_property
    def _identity(self) -> str:
        """All that a saved state depends on; a study may change as long as none of its trials has ended."""
        setup, spec = self._setup, self._setup.spec
        asked = [
            spec.model.model_dump(mode="json") | {"name": lasting_name(spec.model.name)},
            spec.task.model_dump(mode="json") | {"file": spec.task.file and lasting_name(spec.task.file)},
            spec.imbalance.model_dump(mode="json", exclude={"ratios"}),
            spec.budget.model_dump(mode="json"),
        ]
        assignment = setup.assignment
        trial = [assignment.name, assignment.method.method, assignment.seed, assignment.noise_seed, setup.params()]
        contents = [setup.data.versions.get(content) for content in ("data", "model", "weights", "settings")]
        return json.dumps([*trial, *asked, *contents])

    @property
    def _places_passed(self) -> int:
        """How many places of the evaluation schedule the queries spent have come to."""
        return bisect_right(self._schedule, self._method.queries_spent)

    def _falls_below(self, passed: int) -> bool:
        """Returns whether the best dev AUC is below a threshold of a place that the last step has come to."""
        thresholds = self._setup.assignment.thresholds[passed : self._places_passed]
        best = self._recording.kept.metrics["auc"]
        return not self._method.finished and any(best < threshold for threshold in thresholds)

    def _save_state(self) -> None:
        if self._save is not None and time.monotonic() - self._saved >= SECONDS_BETWEEN_SAVES:
            self._saved = time.monotonic()
            self._save(self.state_dict())

    def _step(self) -> StepRecord:
        while True:
            queries = self._method.ask()
            scores = self._score(queries.latents, queries.rows, queries.group)
            self._recording.examples += queries.rows.size
            record = self._method.tell(scores, self._setup.data.labels[queries.rows])
            if record is not None:
                return record

    def _evaluate_dev(self) -> Mapping[str, float]:
        """Returns the metrics of the method's point on dev, and keeps the point if it is the best so far."""
        split = self._evaluate(self._method.latent, self._setup.draw.dev_rows)
        metrics = classification_metrics(split.scores, split.labels, self._setup.data.minority)
        self._recording.offer(self._method.latent, self._method.queries_spent, metrics, split)
        return metrics

    def _open_test(self) -> None:
        latent = self._recording.kept.latent
        split = self._evaluate(latent, self._setup.draw.test_rows)
        metrics = classification_metrics(split.scores, split.labels, self._setup.data.minority)
        self._recording.add_test(metrics, split)

    def _look_around(self) -> None:
        """Evaluates the training loss around the kept point; scores there that are not finite fail nothing."""
        setup, labels = self._setup, self._setup.data.labels
        assignment = setup.assignment
        points = LandscapeProbe.of(self._recording.kept.latent, assignment.seed, has_plane(assignment.number))
        rows = balanced_rows(setup.draw, labels, assignment.seed)
        queries = np.tile(rows, (len(points.latents), 1))
        scores = self._score(points.latents, queries, group=2)
        self._recording.evaluation_examples += queries.size
        self._recording.landscape = points.landscape(scores, labels[rows])

    def _evaluate(self, latent: NDArray[np.float32], rows: NDArray[np.int32]) -> SplitScores:
        scores = self._score(latent[None], rows[None])[0]
        self._recording.evaluation_examples += rows.size
        if not np.isfinite(scores).all():
            raise NotFiniteError(
                f"the scores at {self._method.queries_spent} queries are not finite; lower learning_rate"
            )
        return SplitScores(rows.astype(np.int64), self._setup.data.labels[rows], scores)

    def _score(self, latents: NDArray[np.float32], rows: NDArray[np.int32], group: int = 1) -> NDArray[np.float32]:
        scored = self._score_cache.next(rows.shape)
        self._pool.score(latents, rows, self._setup.assignment.seed, group, scored)
        self._recording.replica_seconds += scored.seconds
        return scored.scores

    def _report_progress(self, now: bool) -> None:
        if now or time.monotonic() - self._reported >= SECONDS_BETWEEN_REPORTS:
            self._reported = time.monotonic()
            best = self._recording.kept.metrics["auc"]
            self._report(TrialProgress(self._method.queries_spent, self._recording.replica_seconds, best))
