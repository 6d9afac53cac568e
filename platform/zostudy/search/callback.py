"""Callbacks: what a study calls as it goes on, such as the live view and the log."""

from __future__ import annotations

from collections.abc import Sequence

from zostudy.results.outcome import Outcome
from zostudy.search.plan import Assignment
from zostudy.search.progress import StudyProgress
from zostudy.search.trial import TrialProgress


class Callback:
    """Follows a study. Every hook does nothing; a subclass overrides those it needs.

    Hooks run in the driver's process, one at a time, so a slow one slows the study. What a hook raises ends
    the study; all finished trials are kept.
    """

    def on_phase(self, what: str) -> None:
        """A preparation that takes seconds begins, such as ``starting Ray``."""

    def on_note(self, line: str) -> None:
        """A line for the user, which should stay visible."""

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


class CallbackList(Callback):
    """Passes each call to several callbacks, in their order."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        """Takes the callbacks."""
        self._callbacks = tuple(callbacks)

    def on_phase(self, what: str) -> None:
        """See ``Callback``."""
        for callback in self._callbacks:
            callback.on_phase(what)

    def on_note(self, line: str) -> None:
        """See ``Callback``."""
        for callback in self._callbacks:
            callback.on_note(line)

    def on_study_start(self, progress: StudyProgress, n_replicas: int) -> None:
        """See ``Callback``."""
        for callback in self._callbacks:
            callback.on_study_start(progress, n_replicas)

    def on_replicas_changed(self, n_replicas: int) -> None:
        """See ``Callback``."""
        for callback in self._callbacks:
            callback.on_replicas_changed(n_replicas)

    def on_trial_start(self, assignment: Assignment) -> None:
        """See ``Callback``."""
        for callback in self._callbacks:
            callback.on_trial_start(assignment)

    def on_trial_progress(self, assignment: Assignment, progress: TrialProgress) -> None:
        """See ``Callback``."""
        for callback in self._callbacks:
            callback.on_trial_progress(assignment, progress)

    def on_trial_end(self, assignment: Assignment, outcome: Outcome) -> None:
        """See ``Callback``."""
        for callback in self._callbacks:
            callback.on_trial_end(assignment, outcome)
