"""TensorBoard: event files in the study's folder, a run a trial, with hyperparameters."""

from __future__ import annotations

import shutil
from pathlib import Path

from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams

from zostudy.results.storage import Storage
from zostudy.tracking.trial import TrackedTrial

FOLDER = "tensorboard"


class TensorboardTracker:
    """Writes event files. Steps are queries."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder of the runs, which is made with the first one."""
        self.name = f"tensorboard --logdir {folder}"
        self._folder = folder

    def add(self, trial: TrackedTrial) -> None:
        """Writes a trial's run, in place of one of that name."""
        folder = self._folder / trial.name
        shutil.rmtree(folder, ignore_errors=True)
        with SummaryWriter(str(folder)) as writer:
            for queries, values in (*trial.curve, (trial.queries, trial.metrics)):
                for name, value in values.items():
                    writer.add_scalar(name, value, queries, trial.finished)
            for summary in hparams(trial.tags | trial.params, trial.metrics):
                writer.file_writer.add_summary(summary)


def open_tracker(study: Storage) -> TensorboardTracker:
    """Returns a tracker that writes beside the study's results, or, if they are in an object store, where it runs."""
    return TensorboardTracker(Path(FOLDER) / study.name if study.folder is None else study.folder / FOLDER)
