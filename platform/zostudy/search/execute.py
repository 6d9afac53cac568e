"""Runs a prepared study on Ray: model, replicas, precision, then the trials."""

from __future__ import annotations

from zostudy.cluster.local_ray import connected
from zostudy.cluster.replica import start_replicas
from zostudy.cluster.visibility import check_visible
from zostudy.results.ledger import Ledger
from zostudy.search.evaluator import LoadedModel, hosting_note, make_recipe, read_model
from zostudy.search.precision import Precision
from zostudy.search.prepare import PreparedStudy
from zostudy.search.progress import StudyProgress
from zostudy.search.tuning import Evaluators, run_trials
from zostudy.search.watcher import Watcher


def run_prepared(study: PreparedStudy, ledger: Ledger, address: str | None, watcher: Watcher) -> StudyProgress:
    """Runs the trials that the ledger does not hold, and returns where the study then stands.

    Args:
        study: from ``prepare``.
        ledger: opened and checked; holds what earlier runs finished.
        address: a Ray cluster, or None for a Ray of this machine that ends with the run.
        watcher: told how it goes.

    Raises:
        ZostudyError: the model cannot be loaded, the cluster not be reached, or results not be written, or not be
            seen by every node.
        KeyboardInterrupt: all that finished is in the ledger.
    """
    spec = study.plan.spec
    evaluations = ledger.evaluations() if spec.search.pruning != "none" else {}
    progress = StudyProgress(study.plan, ledger.trials(), evaluations)
    if progress.done:
        return progress
    precision = Precision(study, ledger)
    watcher.phase(f"reading {spec.model.name}")
    model = read_model(study, precision.first_dtype)
    watcher.phase("starting Ray")
    with connected(address, spec, round(model.n_bytes * precision.copies)) as n_replicas:
        if address is not None:
            check_visible(ledger.place)
        watcher.phase(f"starting {n_replicas} replica{'s' if n_replicas > 1 else ''}")
        if note := hosting_note(model):
            watcher.note(note)
        evaluators = precision.settle(_host(study, model, n_replicas), watcher)
        watcher.begin(progress, n_replicas)
        run_trials(study.data, progress, ledger, evaluators, watcher)
    return progress


def _host(study: PreparedStudy, model: LoadedModel, n_replicas: int) -> Evaluators:
    recipe = make_recipe(study, model)
    return Evaluators(start_replicas(n_replicas, study.plan.spec.resources, recipe), recipe, model.unit_examples)
