"""The trackers by name, the package that each needs, and how one is opened."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from zostudy.errors import ZostudyError, one_line_of
from zostudy.results.storage import Storage
from zostudy.tracking.trial import Tracker
from zostudy.wording import comma_list, quoted, suggestion

PACKAGES = {"mlflow": "mlflow", "tensorboard": "tensorboardX", "wandb": "wandb"}
"""The package that each tracker imports."""

_log = logging.getLogger(__name__)


class TrackerError(ZostudyError):
    """Runs cannot be tracked there."""


def check_trackers(names: Sequence[str]) -> None:
    """Checks that trackers are known and installed, before anything takes its time.

    Raises:
        TrackerError: one is not, or they are no list.
    """
    if not isinstance(names, list | tuple):
        rule = "must be a list of trackers"
        remedy = f"write [{names!r}]" if isinstance(names, str) else "write ['mlflow'], for example"
        raise TrackerError(rule, got=f"got {names!r}", remedy=remedy, about="`track`")
    for name in names:
        if name not in PACKAGES:
            remedy = suggestion(name, PACKAGES, f"name one of {comma_list(PACKAGES)}")
            raise TrackerError("must be a known tracker", got=f"got {quoted(name)}", remedy=remedy, about="`track`")
        if find_spec(PACKAGES[name]) is None:
            rule, remedy = f"{name} needs its package, which is not installed", f"run: pip install 'zostudy[{name}]'"
            raise TrackerError(rule, remedy=remedy, about="`track`")


def open_tracker(name: str, study: Storage) -> Tracker:
    """Returns a tracker that is ready for the trials of a study, and says where they will be.

    Raises:
        TrackerError: it is unknown, not installed, or cannot be reached.
    """
    check_trackers([name])
    try:
        tracker: Tracker = import_module(f"zostudy.tracking.{name}_tracker").open_tracker(study)
    except Exception as error:  # of any of these libraries
        got, remedy = one_line_of(error), f"mend its settings, or leave {name} out of `track`"
        raise TrackerError(f"{name} must be ready to take runs", got=got, remedy=remedy, about="`track`") from error
    _log.info("tracking: %s", tracker.name)
    return tracker
