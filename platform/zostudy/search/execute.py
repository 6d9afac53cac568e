"""Runs a prepared study on Ray: replicas once, one Tuner over all cells, every outcome into the ledger."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from zostudy.cluster.local_ray import connected
from zostudy.cluster.pool import RayPool
from zostudy.cluster.replica import Recipe, start_replicas
from zostudy.errors import ResultsError
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.search.data import StudyData
from zostudy.search.evaluator import make_recipe, read_model
from zostudy.search.journal import Journal
from zostudy.search.plan import Assignment
from zostudy.search.prepare import PreparedStudy
from zostudy.search.progress import StudyProgress
from zostudy.search.recording import Recording
from zostudy.search.setup import set_up
from zostudy.search.trial import TrialProgress, run_trial
from zostudy.spec.study import StudySpec

if TYPE_CHECKING:
    from ray.tune import Tuner

    from zostudy.search.searcher import StudySearcher

TRIALS_PER_REPLICA = 2
TRIAL_MEMORY = 2**28


class Watcher(Protocol):
    """Told how a study goes; the live view is one."""

    def phase(self, what: str) -> None:
        """Something that takes seconds begins."""
        ...

    def begin(self, progress: StudyProgress, n_replicas: int) -> None:
        """The replicas are ready."""
        ...

    def trial_started(self, assignment: Assignment) -> None:
        """A trial begins."""
        ...

    def trial_progressed(self, assignment: Assignment, progress: TrialProgress) -> None:
        """A trial is further on."""
        ...

    def trial_finished(self, assignment: Assignment, outcome: Outcome) -> None:
        """A trial's outcome is in the ledger."""
        ...


@dataclass(frozen=True)
class Evaluators:
    """What trials make their pools of: replicas, the recipe of what they host, and the size of a unit."""

    replicas: list[Any]
    recipe: Recipe
    unit_examples: int


def run_prepared(study: PreparedStudy, ledger: Ledger, address: str | None, watcher: Watcher) -> StudyProgress:
    """Runs the trials that the ledger does not hold, and returns where the study then stands.

    Args:
        study: from ``prepare``.
        ledger: opened and checked; holds what earlier runs finished.
        address: a Ray cluster, or None for a Ray of this machine that ends with the run.
        watcher: told how it goes.

    Raises:
        ZostudyError: the model cannot be loaded, the cluster not be reached, or results not be written.
        KeyboardInterrupt: all that finished is in the ledger.
    """
    spec = study.plan.spec
    progress = StudyProgress(study.plan, ledger.trials())
    if progress.done:
        return progress
    watcher.phase(f"reading {spec.model.name}")
    model = read_model(study, "bfloat16" if spec.model.dtype == "bfloat16" else "float32")
    watcher.phase("starting Ray")
    with connected(address, spec, model.n_bytes) as n_replicas:
        watcher.phase(f"starting {n_replicas} replica{'s' if n_replicas > 1 else ''}")
        recipe = make_recipe(study, model)
        replicas = start_replicas(n_replicas, spec.resources, recipe)
        watcher.begin(progress, n_replicas)
        _fit(study, progress, ledger, Evaluators(replicas, recipe, model.unit_examples), watcher)
    return progress


def _fit(
    study: PreparedStudy,
    progress: StudyProgress,
    ledger: Ledger,
    evaluators: Evaluators,
    watcher: Watcher,
) -> None:
    from ray import tune
    from ray.tune.error import TuneError

    from zostudy.search.searcher import StudySearcher

    spec = study.plan.spec
    journal = Journal(ledger.folder, progress)
    unstorable: list[ResultsError] = []

    def finish(assignment: Assignment, outcome: Outcome) -> None:
        try:
            ledger.record(outcome)
        except ResultsError as error:
            unstorable.append(error)
            raise
        progress.record(outcome.trial)
        journal.update(progress.cells[assignment.cell])
        watcher.trial_finished(assignment, outcome)

    def crashed(assignment: Assignment) -> Outcome:
        return Recording(set_up(spec, assignment, study.data)).outcome(error="the trial's process died")

    searcher = StudySearcher(progress, watcher.trial_started, watcher.trial_progressed, finish, crashed)
    trainable = tune.with_parameters(tune_trial, spec=spec, data=study.data, evaluators=evaluators)
    with _tune_folder() as folder:
        try:
            _tuner(trainable, searcher, TRIALS_PER_REPLICA * len(evaluators.replicas), folder).fit()
        except TuneError:
            if unstorable:  # Tune wraps what its searcher raises in a traceback
                raise unstorable[0] from None
            raise


def _tuner(trainable: Any, searcher: StudySearcher, max_concurrent_trials: int, folder: str) -> Tuner:
    """Returns the Tuner; trials ask for memory alone, so that they never wait for a CPU that a replica holds."""
    from ray import tune

    from zostudy.search.searcher import METRIC

    return tune.Tuner(
        tune.with_resources(trainable, tune.PlacementGroupFactory([{"memory": TRIAL_MEMORY}])),
        tune_config=tune.TuneConfig(
            metric=METRIC,
            mode="max",
            search_alg=searcher,
            num_samples=-1,
            max_concurrent_trials=max_concurrent_trials,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: str(trial.trial_id),
        ),
        run_config=tune.RunConfig(name="trials", storage_path=folder, verbose=0),
    )


def tune_trial(config: dict[str, Any], spec: StudySpec, data: StudyData, evaluators: Evaluators) -> None:
    """Runs one trial in a process of Tune's."""
    from ray import tune

    from zostudy.search.searcher import METRIC, OUTCOME, PROGRESS

    assignment: Assignment = config["assignment"]
    latest = TrialProgress(0, 0.0, None)

    def report(progress: TrialProgress, *outcome: Outcome) -> None:
        nonlocal latest
        latest = progress
        tune.report({METRIC: progress.dev_auc, PROGRESS: progress, OUTCOME: list(outcome)})

    pool = RayPool(evaluators.replicas, evaluators.recipe, evaluators.unit_examples, first=assignment.number)
    outcome = run_trial(spec, assignment, data, pool, report)
    report(latest, outcome)


@contextmanager
def _tune_folder() -> Iterator[str]:
    """Gives Tune a folder for its own notes, which nobody reads: the ledger is the truth."""
    with tempfile.TemporaryDirectory(prefix="zostudy-tune-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
        os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
        os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
        os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
        yield str(Path(folder).resolve())
