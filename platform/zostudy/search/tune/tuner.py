"""Runs a study's trials by Ray Tune: one Tuner for all cells, every outcome into the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zostudy.cluster.driver_process import environment
from zostudy.cluster.nodes import TRIAL_BYTES, trials_at_once
from zostudy.errors import ZostudyError
from zostudy.methods import registered_here
from zostudy.results.checkpoints import Checkpoints
from zostudy.results.ledger import Ledger
from zostudy.scratch import ScratchFolder
from zostudy.search.callback import Callback, CallbackList
from zostudy.search.driver import StudyDriver
from zostudy.search.journal import Journal
from zostudy.search.progress import StudyProgress
from zostudy.search.setup import StudyData
from zostudy.search.tune.trainable import METRIC, PoolFactory, tune_trial

if TYPE_CHECKING:
    from ray.tune import Tuner

    from zostudy.search.tune.pace import Pace
    from zostudy.search.tune.searcher import StudySearcher

# Tune's own limit is fixed for the whole run; that of the pace follows the replicas.
MOST_TRIALS_AT_ONCE = 10_000

TUNE_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "inf",  # no snapshots of all trials, which nobody reads
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}


def tune_trials(
    data: StudyData,
    progress: StudyProgress,
    ledger: Ledger,
    pools: PoolFactory,
    n_replicas: Callable[[], int],
    callbacks: Callback,
) -> None:
    """Runs the trials of a study that have not finished.

    Args:
        data: labels and draws.
        progress: which trials have finished; updated as others do.
        ledger: stores the outcomes.
        pools: makes the pools of trials on the shared replicas.
        n_replicas: returns how many replicas are ready; the number of running trials follows it.
        callbacks: called as the study goes on.

    Raises:
        ResultsError: results cannot be written.
        NoReplicaError: no replica can make its scorer.
        ZostudyError: the folder for temporary files cannot be written.
        KeyboardInterrupt: the process was asked to stop.
    """
    import ray
    from ray import tune
    from ray.tune.error import TuneError

    from zostudy.search.tune.pace import Pace
    from zostudy.search.tune.searcher import StudySearcher

    spec = progress.plan.spec
    condition = f"{pools.dtype}, {spec.resources.cpus} CPUs, {spec.resources.gpus} GPUs"
    checkpoints = Checkpoints(ledger.storage, condition, callbacks.on_note)
    checkpoints.sweep([row.trial for cell in progress.cells.values() for row in cell.rows])

    def limit() -> int:
        """Returns how many trials may run now, as replicas and nodes come and go."""
        return trials_at_once(max(1, n_replicas()), spec.resources, ray.cluster_resources().get("CPU", 0.0))

    pace = Pace(limit, callbacks.on_note)
    trainable = tune.with_parameters(tune_trial, spec=spec, data=data, pools=pools, methods=registered_here())
    with Journal(ledger.storage, progress, callbacks.on_note) as journal, _tune_folder() as folder:
        driver = StudyDriver(data, progress, ledger, checkpoints, CallbackList([journal, callbacks]), n_replicas)
        try:
            _tuner(trainable, StudySearcher(driver, pace), pace, folder).fit()
            if not progress.done:  # Tune ends in order, and without an error, when the process gets SIGUSR1
                raise KeyboardInterrupt
        except TuneError as error:
            raise (driver.error or error) from None
        except OSError as error:
            raise (driver.error or _unwritable(folder, error)) from None


def _tuner(trainable: Any, searcher: StudySearcher, pace: Pace, folder: str) -> Tuner:
    """Returns the Tuner. Trials ask for memory alone, so that they never wait for a CPU that a replica holds."""
    from ray import tune

    from zostudy.search.tune.searcher import Deaths

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


@contextmanager
def _tune_folder() -> Iterator[str]:
    """Gives Tune a temporary folder for its own files, which are never read: the ledger is the truth."""
    try:
        temporary = ScratchFolder()
    except OSError as error:
        raise _unwritable("the folder for temporary files", error) from error
    with temporary as folder, environment(TUNE_SETTINGS, keep=True), _uncounted_callbacks(), _deaths_by_full_memory():
        yield str(Path(folder).resolve())


@contextmanager
def _uncounted_callbacks() -> Iterator[None]:
    """Keeps Tune from counting callbacks by their kind for Ray's usage report, which is off.

    To tell their kinds apart it would import MLflow, W&B and Comet wherever they are installed.
    """
    from ray.air._internal import usage

    count, usage.tag_callbacks = usage.tag_callbacks, lambda callbacks: False
    try:
        yield
    finally:
        usage.tag_callbacks = count


@contextmanager
def _deaths_by_full_memory() -> Iterator[None]:
    """Has Tune take a trial whose process Ray ended because memory was full as one whose process died.

    Tune knows no such error of Ray: it would end the whole study with a traceback.
    """
    from ray.air.execution._internal.actor_manager import RayActorManager
    from ray.exceptions import OutOfMemoryError, RayActorError

    failed = RayActorManager._actor_task_failed

    def died(manager: RayActorManager, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, OutOfMemoryError):
            exception = RayActorError(error_msg="Ray ended it, as the memory of its node was full")
        failed(manager, tracked_actor_task, exception)

    RayActorManager._actor_task_failed = died  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        RayActorManager._actor_task_failed = failed  # type: ignore[method-assign]


def _unwritable(folder: str, error: OSError) -> Exception:
    """Returns the error to raise if Tune cannot write. An error without a number is of a connection, not of a file."""
    if error.errno is None:
        return error
    return ZostudyError(
        "Ray Tune must be able to write its notes",
        got=f"{error.filename or folder} takes none ({error.strerror})",
        remedy="make room there, or set TMPDIR to a folder with room, and run again: all that has finished is kept",
    )
