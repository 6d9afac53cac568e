"""Weights & Biases: a group a study, a run a trial, in the project that ``WANDB_PROJECT`` names."""

from __future__ import annotations

import os

import wandb

from zostudy.results.storage import Storage
from zostudy.tracking.trial import TrackedTrial

_SETTINGS = wandb.Settings(silent=True, console="off")


class WandbTracker:
    """Adds runs to a project. Steps are queries."""

    def __init__(self, project: str) -> None:
        """Takes the project."""
        self.name = f"wandb, project {project}"
        self._project = project

    def add(self, trial: TrackedTrial) -> None:
        """Adds a trial as a run."""
        run = wandb.init(
            project=self._project,
            group=trial.tags["study"],
            job_type=trial.tags["stage"],
            name=trial.name,
            config=trial.tags | trial.params,
            reinit="create_new",
            settings=_SETTINGS,
        )
        for queries, values in trial.curve:
            run.log(values, step=queries)
        run.summary.update(trial.metrics)
        run.finish(exit_code=int(trial.tags["status"] == "failed"))


def open_tracker(study: Storage) -> WandbTracker:
    """Returns a tracker; without a key nobody is asked for one, as nobody may be there.

    Raises:
        RuntimeError: there is no key, and runs are to be sent.
    """
    if os.environ.get("WANDB_MODE", "online") == "online" and not wandb.api.api_key:
        raise RuntimeError("no key is stored here: run wandb login, or set WANDB_MODE=offline")
    return WandbTracker(os.environ.get("WANDB_PROJECT", "zostudy"))
