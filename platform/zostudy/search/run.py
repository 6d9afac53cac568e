"""A study from start to end: checked against what is stored, run on Ray, and its files merged."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, nullcontext

from zostudy.cluster.fleet import Fleet
from zostudy.cluster.preconditions import check_ray_can_start
from zostudy.lm.weights import DType
from zostudy.results.classes import write_classes
from zostudy.results.ledger import Ledger
from zostudy.results.repair import lacks_measurements, set_damage_aside
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import merge
from zostudy.search.callback import Callback, CallbackList
from zostudy.search.dtype.choice import DtypeChoice
from zostudy.search.journal import Journal
from zostudy.search.loaded_model import LoadedModel, read_model, record_agreement
from zostudy.search.prepare import PreparedStudy
from zostudy.search.progress import StudyProgress
from zostudy.search.running_fleet import running_fleet
from zostudy.search.setup import check_settings
from zostudy.search.study_log import StudyLog
from zostudy.search.tune.trainable import PoolFactory
from zostudy.search.tune.tuner import tune_trials
from zostudy.wording import counted


def start_study(
    study: PreparedStudy,
    storage: Storage,
    address: str | None,
    callbacks: Sequence[Callback],
    started: Fleet | None = None,
) -> StudyProgress:
    """Starts, resumes or extends a study, and returns its progress at the end. The caller holds the folder's lease.

    Args:
        study: from ``prepare``.
        storage: of its results.
        address: of a Ray cluster; None for this machine.
        callbacks: called after the log.
        started: the study's replicas, if they have started already.

    Raises:
        ZostudyError: the folder holds another study, or cannot be read or written; or as ``complete_study``.
        KeyboardInterrupt: all finished trials are stored.
    """
    resolved = study.plan.spec.resolved()
    ledger = Ledger(storage)
    additions = ledger.check_extends(resolved)
    with closing(StudyLog(storage)) as log:
        all_callbacks = CallbackList([log, *callbacks])
        for line in set_damage_aside(ledger.storage):
            all_callbacks.on_note(line)
        ledger.check_contents(study.data.versions)
        trials = ledger.trials()
        check_settings(study.plan, trials)
        ledger.write_study(resolved, study.data.versions)
        if not trials:
            ledger.forget_agreement()
        write_classes(storage, study.classes)
        for line in (*(f"extends what is stored: {addition}" for addition in additions), *study.opening_lines):
            all_callbacks.on_note(line)
        progress = complete_study(study, ledger, address, all_callbacks, started)
    merge(storage)
    return progress


def complete_study(
    study: PreparedStudy, ledger: Ledger, address: str | None, callbacks: Callback, started: Fleet | None = None
) -> StudyProgress:
    """Runs the trials that the ledger lacks, and returns the study's progress at the end.

    Raises:
        LostRayError: a process of a Ray of this machine died.
        ZostudyError: the model cannot be loaded, the cluster cannot be reached, or results cannot be written or are
            not visible to every node.
        KeyboardInterrupt: all finished trials are stored.
    """
    spec = study.plan.spec
    evaluations = ledger.evaluations() if spec.search.pruning != "none" else {}
    progress = StudyProgress(study.plan, ledger.trials(), evaluations)
    if progress.done and not lacks_measurements(ledger.storage):
        with Journal(ledger.storage, progress, callbacks.on_note):  # catches up, as a killed run may not have
            return progress

    def load(dtype: DType) -> LoadedModel:
        model = read_model(study, dtype)
        record_agreement(model, ledger, callbacks)
        return model

    if address is None and started is None:
        check_ray_can_start()
    choice = DtypeChoice(study.plan, study.data, ledger)
    callbacks.on_phase(f"reading {spec.model.name}")
    model = load(choice.first)
    if started is None:
        callbacks.on_phase("starting Ray" if address is None else "joining the Ray cluster")
    n_bytes = round(model.n_bytes * choice.memory_factor)
    with (
        nullcontext(started)
        if started
        else running_fleet(address, spec, ledger.storage, n_bytes, callbacks.on_note) as fleet
    ):
        fleet.notify = callbacks.on_note
        if note := model.hosting_note():
            callbacks.on_note(note)
        factory = model.scorer_factory()
        fleet.host(factory)
        callbacks.on_phase(f"starting {counted(fleet.n_made, 'replica')}")
        fleet.await_first()
        pools = PoolFactory(fleet.list_replicas, factory, model.micro_batch_size, choice.first)
        pools = choice.settle(pools, load, callbacks)
        fleet.keep(pools.factory)
        callbacks.on_study_start(progress, fleet.n_replicas)
        if not progress.done:
            tune_trials(study.data, progress, ledger, pools, lambda: fleet.n_replicas, callbacks)
        callbacks.on_study_end(progress)
    return progress
