"""Runs a prepared study on Ray: model, replicas, precision, then the trials."""

from __future__ import annotations

from zostudy.cluster.fleet import Fleet
from zostudy.cluster.head_watch import watched_head
from zostudy.cluster.local_ray import connected
from zostudy.cluster.preconditions import check_ray_can_start
from zostudy.cluster.ray_log import ray_log
from zostudy.cluster.visibility import check_visible
from zostudy.results.ledger import Ledger
from zostudy.search.callback import Callback
from zostudy.search.evaluator import hosting_note, make_scorer_factory, read_model, record_agreement
from zostudy.search.journal import Journal
from zostudy.search.precision import Precision
from zostudy.search.prepare import PreparedStudy
from zostudy.search.progress import StudyProgress
from zostudy.search.tune.trainable import PoolFactory
from zostudy.search.tune.tuner import run_trials


def run_prepared(study: PreparedStudy, ledger: Ledger, address: str | None, callbacks: Callback) -> StudyProgress:
    """Runs the trials that the ledger does not hold, and returns where the study then stands.

    Args:
        study: from ``prepare``.
        ledger: opened and checked; holds what earlier runs finished.
        address: a Ray cluster, or None for a Ray of this machine that ends with the run.
        callbacks: told how it goes.

    Raises:
        LostRayError: a process of a Ray of this machine died.
        ZostudyError: the model cannot be loaded, the cluster not be reached, or results not be written, or not be
            seen by every node.
        KeyboardInterrupt: all that finished is in the ledger.
    """
    spec = study.plan.spec
    evaluations = ledger.evaluations() if spec.search.pruning != "none" else {}
    progress = StudyProgress(study.plan, ledger.trials(), evaluations)
    if progress.done:
        with Journal(ledger.storage, progress, callbacks.on_note):  # a killed run may have left it behind or torn
            return progress
    if address is None:
        check_ray_can_start()
    precision = Precision(study, ledger)
    callbacks.on_phase(f"reading {spec.model.name}")
    model = read_model(study, precision.first_dtype)
    record_agreement(study, model, ledger, callbacks)
    callbacks.on_phase("starting Ray")
    room = round(model.n_bytes * precision.copies)
    with ray_log(ledger.storage), connected(address, spec, room), watched_head(address, callbacks.on_note):
        if address is not None:
            check_visible(ledger.storage)
        if note := hosting_note(model):
            callbacks.on_note(note)
        factory = make_scorer_factory(study, model)
        with Fleet(
            spec.replicas, spec.resources, factory, attached=address is not None, tell=callbacks.on_note
        ) as fleet:
            callbacks.on_phase(f"starting {fleet.n_made} replica{'s' if fleet.n_made > 1 else ''}")
            fleet.await_first()
            pool_factory = precision.settle(
                PoolFactory(fleet.list_replicas, factory, model.unit_examples, precision.first_dtype), callbacks
            )
            fleet.keep(pool_factory.factory)
            callbacks.on_study_start(progress, fleet.n_replicas)
            run_trials(study.data, progress, ledger, pool_factory, lambda: fleet.n_replicas, callbacks)
    return progress
