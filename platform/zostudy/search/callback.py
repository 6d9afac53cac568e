"""Callbacks, which a study calls as it goes on, such as the live view and the log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial

from zostudy.errors import ZostudyError
from zostudy.results.outcome import Outcome
from zostudy.search.plan import Assignment
from zostudy.search.progress import StudyProgress
from zostudy.search.trial import TrialProgress


class Callback:
    """Follows a study. Every hook does nothing; a subclass overrides those that it needs.

    Hooks run in the driver's process, one at a time, so a slow hook slows the study. An exception in a hook ends the
    study. All finished trials are kept.
    """

    def on_phase(self, what: str) -> None:
        """A preparation of some seconds begins, such as ``starting Ray``."""

    def on_note(self, line: str) -> None:
        """A line for the user, to be shown and kept in view.

        It may come from another thread than the study's. An error then ends the study at its next hook.
        """

    def on_study_start(self, progress: StudyProgress, n_replicas: int) -> None:
        """The replicas are ready; ``progress`` follows the study from here on."""

    def on_replicas_changed(self, n_replicas: int) -> None:
        """Replicas have joined or left."""

    def on_trial_start(self, assignment: Assignment) -> None:
        """A trial begins."""

    def on_trial_progress(self, assignment: Assignment, progress: TrialProgress) -> None:
        """A running trial reports how many queries it has spent."""

    def on_trial_end(self, assignment: Assignment, outcome: Outcome) -> None:
        """A trial's outcome is stored."""

    def on_study_end(self, progress: StudyProgress) -> None:
        """All trials have ended; Ray still runs."""


def check_callbacks(callbacks: object) -> None:
    """Checks callbacks before anything takes its time.

    Raises:
        ZostudyError: they are no list of instances of ``Callback``.
    """
    if not isinstance(callbacks, list | tuple) or not all(isinstance(each, Callback) for each in callbacks):
        rule, remedy = "must be a list of instances of zostudy.Callback", "write callbacks=[Watch()], for example"
        raise ZostudyError(rule, got=f"got {callbacks!r}", remedy=remedy, about="`callbacks`")


class CallbackList(Callback):
    """Passes each call to several callbacks, in their order; calls of other threads wait for their turn.

    The first error of a callback is raised again by each later call of the thread that made the list, and by no other.
    """

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        """Takes the callbacks."""
        self._thread, self._turn = threading.get_ident(), threading.RLock()
        self._error: Exception | None = None
        for hook in (name for name in vars(Callback) if name.startswith("on_")):
            setattr(self, hook, partial(self._call_each, [getattr(callback, hook) for callback in callbacks]))

    def _call_each(self, hooks: Sequence[Callable[..., None]], *arguments: object) -> None:
        with self._turn:
            try:
                if self._error is None:
                    for hook in hooks:
                        hook(*arguments)
            except Exception as error:
                self._error = error
            if self._error is not None and threading.get_ident() == self._thread:
                raise self._error
