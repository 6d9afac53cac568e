"""Ray Tune runs the trials: one Tuner over all cells, every outcome into the ledger.

A trial's process imports this module, so it imports neither torch nor transformers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from zostudy.cluster.environment import environment
from zostudy.cluster.nodes import TRIAL_BYTES, TRIALS_PER_REPLICA
from zostudy.cluster.pool import RayPool
from zostudy.cluster.replica import ScorerFactory
from zostudy.cluster.replica_set import ReplicaLister
from zostudy.config.study import StudySpec
from zostudy.errors import ClusterError, NoReplicaError, ZostudyError
from zostudy.methods import Method, register_method, registered_here
from zostudy.results.checkpoints import Checkpoints
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.search.callback import Callback
from zostudy.search.data import StudyData
from zostudy.search.journal import Journal
from zostudy.search.plan import Assignment
from zostudy.search.progress import StudyProgress
from zostudy.search.recording import Recording
from zostudy.search.setup import set_up
from zostudy.search.trial import State, TrialProgress, run_trial

if TYPE_CHECKING:
    from ray.tune import Tuner

    from zostudy.search.pace import Pace
    from zostudy.search.searcher import StudySearcher

# Tune's own limit is fixed for the whole run; that of the pace follows the replicas.
MOST_TRIALS_AT_ONCE = 10_000

TUNE_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}


Result = TypeVar("Result")


@dataclass(frozen=True)
class PoolFactory:
    """Makes the pools of trials from the replicas, the factory and dtype of their scorers, and the size of a unit."""

    list_replicas: ReplicaLister
    factory: ScorerFactory
    unit_examples: int
    dtype: str

    def pool(self, first: int = 0) -> RayPool:
        """Returns a pool whose first unit goes to that replica."""
        return RayPool(self.list_replicas, self.factory, self.unit_examples, first)


def run_trials(
    data: StudyData,
    progress: StudyProgress,
    ledger: Ledger,
    pool_factory: PoolFactory,
    n_replicas: Callable[[], int],
    callbacks: Callback,
) -> None:
    """Runs what is left of a study.

    Args:
        data: labels and draws.
        progress: where the study stands; follows what finishes.
        ledger: takes the outcomes.
        pool_factory: the replicas that trials share.
        n_replicas: gives how many are ready, on which the number of running trials depends.
        callbacks: told how it goes.

    Raises:
        ResultsError: results cannot be written.
        NoReplicaError: there is no replica any more that could make its scorer.
        ZostudyError: the folder for temporary files cannot be written.
    """
    from ray import tune
    from ray.tune.error import TuneError

    from zostudy.search.pace import Pace
    from zostudy.search.searcher import MOST_TRIES, StudySearcher

    spec = progress.plan.spec
    condition = f"{pool_factory.dtype}, {spec.resources.cpus} CPUs, {spec.resources.gpus} GPUs"
    checkpoints = Checkpoints(ledger.place, condition, callbacks.on_note)
    checkpoints.sweep([row.trial for cell in progress.cells.values() for row in cell.rows])
    faults: list[ZostudyError] = []

    def finish(assignment: Assignment, outcome: Outcome) -> None:
        ledger.record(outcome)
        checkpoints.remove(assignment.name)
        progress.record(outcome.trial, outcome.history)
        journal.update(progress.cells[assignment.cell])
        callbacks.on_trial_end(assignment, outcome)

    n_known = n_replicas()

    def follow(assignment: Assignment, latest: TrialProgress) -> None:
        nonlocal n_known
        if (n_now := n_replicas()) != n_known:
            n_known = n_now
            callbacks.on_replicas_changed(n_now)
        callbacks.on_trial_progress(assignment, latest)

    def crashed(assignment: Assignment, reason: str) -> Outcome:
        error = f"the trial's process died {MOST_TRIES} times without getting further, last of: {reason}"
        return Recording(set_up(spec, assignment, data)).outcome(error=error)

    def stop(fault: str) -> None:
        raise NoReplicaError(f"{fault}; all that has finished is kept, so mend that and run again")

    def ending(do: Callable[..., Result]) -> Callable[..., Result]:
        """Keeps the error that ends the study, as Tune wraps what its searcher raises in a traceback."""

        def call(*what: object) -> Result:
            try:
                return do(*what)
            except ZostudyError as error:
                faults.append(error)
                raise

        return call

    pace = Pace(limit=lambda: TRIALS_PER_REPLICA * max(1, n_replicas()), tell=callbacks.on_note)
    searcher = StudySearcher(
        progress,
        pace=pace,
        on_start=callbacks.on_trial_start,
        on_progress=follow,
        on_outcome=ending(finish),
        on_crash=crashed,
        on_fault=ending(stop),
        save=ending(checkpoints.save),
        load=ending(checkpoints.load),
        refuse=ending(checkpoints.refuse),
    )
    trainable = tune.with_parameters(
        tune_trial, spec=spec, data=data, pool_factory=pool_factory, methods=registered_here()
    )
    with Journal(ledger.place, progress, callbacks.on_note) as journal, _tune_folder() as folder:
        try:
            _tuner(trainable, searcher, pace, folder).fit()
        except TuneError as error:
            raise (faults[0] if faults else error) from None
        except OSError as error:
            raise _unwritable(folder, error) from error


def _tuner(trainable: Any, searcher: StudySearcher, pace: Pace, folder: str) -> Tuner:
    """Returns the Tuner; trials ask for memory alone, so that they never wait for a CPU that a replica holds."""
    from ray import tune

    from zostudy.search.searcher import METRIC, Deaths

    return tune.Tuner(
        tune.with_resources(trainable, tune.PlacementGroupFactory([{"memory": TRIAL_BYTES}])),
        tune_config=tune.TuneConfig(
            metric=METRIC,
            mode="max",
            search_alg=searcher,
            num_samples=-1,
            max_concurrent_trials=MOST_TRIALS_AT_ONCE,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: str(trial.trial_id),
        ),
        run_config=tune.RunConfig(name="trials", storage_path=folder, verbose=0, callbacks=[pace, Deaths(searcher)]),
    )


def tune_trial(
    config: dict[str, Any],
    spec: StudySpec,
    data: StudyData,
    pool_factory: PoolFactory,
    methods: dict[str, type[Method]],
) -> None:
    """Runs one trial in a process of Tune's, which knows by name only methods that are installed."""
    from ray import tune

    from zostudy.search.searcher import FAULT, METRIC, OUTCOME, PROGRESS, REFUSED, SAVED

    for name, method in methods.items():
        register_method(name)(method)
    assignment: Assignment = config["assignment"]
    latest = TrialProgress(0, 0.0, None)

    def send(
        saved: Sequence[State] = (),
        outcome: Sequence[Outcome] = (),
        fault: str | None = None,
        refused: str | None = None,
    ) -> None:
        lists = {SAVED: [*saved], OUTCOME: [*outcome]}
        tune.report({METRIC: latest.dev_auc, PROGRESS: latest, **lists, FAULT: fault, REFUSED: refused})

    def report(progress: TrialProgress) -> None:
        nonlocal latest
        latest = progress
        send()

    def save(state: State) -> None:
        send(saved=[state])

    def refuse(reason: str) -> None:
        send(refused=reason)

    pool = pool_factory.pool(first=assignment.number)
    try:
        send(outcome=[run_trial(spec, assignment, data, pool, report, save, config["saved"], refuse)])
    except ClusterError:
        raise  # this process ends, and the trial is tried again
    except NoReplicaError as error:
        send(fault=str(error))


@contextmanager
def _tune_folder() -> Iterator[str]:
    """Gives Tune a folder for its own notes, which nobody reads: the ledger is the truth."""
    try:
        temporary = tempfile.TemporaryDirectory(prefix="zostudy-tune-", ignore_cleanup_errors=True)
    except OSError as error:
        raise _unwritable("the folder for temporary files", error) from error
    with temporary as folder, environment(TUNE_SETTINGS, keep=True):
        yield str(Path(folder).resolve())


def _unwritable(folder: str, error: OSError) -> Exception:
    """Returns what to raise where Tune cannot write; an error without a number is of a connection, not of a file."""
    if error.errno is None:
        return error
    return ZostudyError(
        f"Ray Tune must be able to write its notes, but {error.filename or folder} takes none ({error.strerror}); "
        "make room there, or set TMPDIR to a folder with room, and run again: all that has finished is kept"
    )
