"""Running a study from Python."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from zostudy.config.loading import load_study, study_of
from zostudy.config.space import with_default_space
from zostudy.config.study import StudySpec
from zostudy.errors import SpecError, ZostudyError
from zostudy.results.results import Results, load_results
from zostudy.results.storage import Storage, Where

if TYPE_CHECKING:
    from zostudy.cluster.fleet import Fleet
    from zostudy.console.dry_run import DryRun
    from zostudy.search.callback import Callback
    from zostudy.search.prepare import PreparedStudy
    from zostudy.search.progress import StudyProgress

_log = logging.getLogger(__name__)

_RUNNING = threading.Lock()


def run(
    study: str | os.PathLike[str] | Mapping[str, Any] | StudySpec,
    results: Where = "results",
    overrides: Sequence[str] = (),
    address: str | None = None,
    callbacks: Sequence[Callback] = (),
    track: Sequence[str] = (),
    profile: bool = False,
) -> Results:
    """Runs a study as ``zostudy run`` does, or resumes it, and returns all its stored results.

    Args:
        study: a study file or the name of a shipped study, its content as plain data, or a loaded study.
        results: the folder in which the study's folder is made; also ``s3://`` or ``gs://``.
        overrides: settings ``key=value``, such as ``search.trials=2``, for a study that is not loaded yet.
        address: of a Ray cluster; without it, or with ``local``, Ray starts on this machine and ends with the study.
        callbacks: called as the study goes on, after the log and the live view.
        track: trackers that get each trial as it ends: ``mlflow``, ``tensorboard``, ``wandb``.
        profile: whether to log where the time went, and to write Ray's timeline beside the results.

    Raises:
        ZostudyError: the study, its data, its model, the results or a tracker cannot be used. A failed trial raises
            nothing: a warning is logged, and it is a row of ``trials`` with the status ``failed``.
        KeyboardInterrupt: the study was interrupted; every finished trial is kept.
    """
    from zostudy.console.log import show_log_by_default
    from zostudy.console.process_setup import check_docstrings, leave_deleted_folder
    from zostudy.search.callback import check_callbacks
    from zostudy.tracking.trackers import check_trackers

    show_log_by_default()
    check_docstrings()
    leave_deleted_folder()
    spec = _spec(study, overrides)
    storage = Storage.at(results) / spec.name
    check_trackers(track)
    check_callbacks(callbacks)
    progress = run_spec(spec, storage, address, callbacks, track, profile)
    for row in progress.failed:
        _log.warning("%s failed: %s", row.trial, row.error)
    return load_results(storage)


def dry_run(study: str | os.PathLike[str] | Mapping[str, Any] | StudySpec, overrides: Sequence[str] = ()) -> DryRun:
    """Returns what a study will take, as ``zostudy run --dry-run`` prints it; starts no Ray and writes nothing.

    Args:
        study: as of ``run``.
        overrides: as of ``run``.

    Raises:
        ZostudyError: the study, its data or its model cannot be used.
    """
    from zostudy.console.dry_run import DryRun
    from zostudy.console.preparing import prepare_with_notes
    from zostudy.search.estimate import estimate

    prepared = prepare_with_notes(_spec(study, overrides))
    return DryRun(prepared, estimate(prepared))


def run_spec(
    spec: StudySpec,
    storage: Storage,
    address: str | None,
    callbacks: Sequence[Callback] = (),
    track: Sequence[str] = (),
    profile: bool = False,
) -> StudyProgress:
    """Prepares a study and executes it; returns its progress. On this machine, Ray starts while the model is read.

    Raises:
        ZostudyError: as ``run``.
        KeyboardInterrupt: as ``run``.
    """
    from zostudy.console.preparing import outline_with_notes, with_model_and_notes
    from zostudy.console.profile import profiled
    from zostudy.search.running_fleet import prepared_beside_fleet

    address = None if address == "local" else address
    if address is not None:
        from zostudy.cluster.connecting import check_address  # imports Ray, which a finished study does without

        check_address(address)
    with _alone(), profiled(storage, profile) as profiles:
        outlined = outline_with_notes(spec)
        prepare = partial(with_model_and_notes, outlined)
        for each in profiles:
            each.on_phase("starting Ray beside reading the model")
        with prepared_beside_fleet(outlined.plan, storage, address, prepare, _log.info) as (study, fleet):
            return execute_study(study, storage, address, [*profiles, *callbacks], track, fleet)


@contextmanager
def _alone() -> Iterator[None]:
    """Refuses a second study in this process: Ray's connection, the output and the signals are the process's own."""
    if not _RUNNING.acquire(blocking=False):
        raise ZostudyError(
            "a process must run one study at a time",
            got="another thread of it runs one",
            remedy="run them one after another, or each in a process of its own",
        )
    try:
        yield
    finally:
        _RUNNING.release()


def execute_study(
    study: PreparedStudy,
    storage: Storage,
    address: str | None,
    callbacks: Sequence[Callback] = (),
    track: Sequence[str] = (),
    fleet: Fleet | None = None,
) -> StudyProgress:
    """Executes a prepared study under the lease of its results folder, with the live view; returns its progress.

    Raises:
        ZostudyError: as ``run``.
        KeyboardInterrupt: as ``run``; a line says how many trials are kept.
    """
    from zostudy.console.live import live_view
    from zostudy.console.process_setup import end_interrupted_line
    from zostudy.results.lease import lease
    from zostudy.search.progress import stored_progress
    from zostudy.search.run import start_study
    from zostudy.tracking.callback import tracker_callbacks

    with lease(storage):
        try:
            with tracker_callbacks(track, storage) as followers, live_view() as view:
                return start_study(study, storage, address, [view, *followers, *callbacks], fleet)
        except KeyboardInterrupt:
            kept = stored_progress(study.plan, storage)
            end_interrupted_line()
            trials = f"{kept.n_finished} of {kept.n_trials} trials"
            _log.info("interrupted: %s are kept in %s; run again to go on", trials, storage)
            raise


def _spec(study: str | os.PathLike[str] | Mapping[str, Any] | StudySpec, overrides: Sequence[str]) -> StudySpec:
    if isinstance(study, StudySpec):
        if overrides:
            rule, remedy = "must be left out for a study that is loaded", "give them to load_study"
            raise SpecError(rule, got=f"got {overrides!r}", remedy=remedy, about="`overrides`")
        return with_default_space(study)
    return study_of(study, overrides) if isinstance(study, Mapping) else load_study(study, overrides)
