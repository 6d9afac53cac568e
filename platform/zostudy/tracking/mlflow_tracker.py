"""MLflow: an experiment a study, a run a trial, where ``MLFLOW_TRACKING_URI`` points."""

from __future__ import annotations

import logging

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from zostudy.results.storage import Storage
from zostudy.tracking.trial import TrackedTrial

MOST_METRICS = 1000
"""The most metrics that one call of MLflow's REST API takes."""


class MlflowTracker:
    """Adds runs to an experiment. Steps are queries."""

    def __init__(self, client: MlflowClient, experiment: str) -> None:
        """Takes the client and the id of the experiment."""
        self.name = f"mlflow at {client.tracking_uri}"
        self._client, self._experiment = client, experiment

    def add(self, trial: TrackedTrial) -> None:
        """Adds a trial as a run."""
        begun, ended = round(trial.started * 1000), round(trial.finished * 1000)
        run = self._client.create_run(self._experiment, begun, trial.tags, trial.name).info.run_id
        params = [Param(name, str(value)) for name, value in trial.params.items()]
        points = [*trial.curve, (trial.queries, trial.metrics)]
        metrics = [Metric(name, value, ended, queries) for queries, values in points for name, value in values.items()]
        self._client.log_batch(run, params=params)
        for start in range(0, len(metrics), MOST_METRICS):
            self._client.log_batch(run, metrics[start : start + MOST_METRICS])
        self._client.set_terminated(run, "FAILED" if trial.tags["status"] == "failed" else "FINISHED", ended)


def open_tracker(study: Storage) -> MlflowTracker:
    """Returns a tracker of the study's experiment, which is made if it is missing."""
    for chatty in ("mlflow", "alembic"):  # they log all that they do
        logging.getLogger(chatty).setLevel(logging.WARNING)
    client = MlflowClient()
    found = client.get_experiment_by_name(study.name)
    return MlflowTracker(client, found.experiment_id if found else client.create_experiment(study.name))
