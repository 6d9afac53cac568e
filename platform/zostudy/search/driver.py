"""The study's driver: hands out trials and takes their outcomes, whatever runs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from zostudy.errors import NoReplicaError
from zostudy.results.checkpoints import Checkpoints, SavedState
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.search.callback import Callback
from zostudy.search.plan import Assignment
from zostudy.search.progress import StudyProgress
from zostudy.search.recording import Recording
from zostudy.search.setup import StudyData, set_up
from zostudy.search.trial import TrialProgress

MOST_TRIES = 4
MOST_CLUSTER_FAULTS = 4 * MOST_TRIES


class StudyDriver:
    """Drives a study: hands out the next trial, and stores results, saves states and calls callbacks as trials go on.

    A trial whose process dies is handed out again, and resumes from its last saved state. It fails when it has died
    ``MOST_TRIES`` times without a new saved state. A long trial may lose its node more often than that.

    A process that cannot start, and what Ray fails at, are faults of the cluster and fail no trial. They end the study
    when one trial has met ``MOST_CLUSTER_FAULTS`` of them in a row.

    Attributes:
        error: the error that ended the study, if any.
    """

    def __init__(
        self,
        data: StudyData,
        progress: StudyProgress,
        ledger: Ledger,
        checkpoints: Checkpoints,
        callbacks: Callback,
        n_replicas: Callable[[], int],
    ) -> None:
        """Connects the parts of a study.

        Args:
            data: labels and draws.
            progress: which trials have finished; updated as others do.
            ledger: stores outcomes.
            checkpoints: stores the states of running trials.
            callbacks: called as the study goes on.
            n_replicas: returns how many replicas are ready.
        """
        self._data, self._progress = data, progress
        self._ledger, self._checkpoints = ledger, checkpoints
        self._callbacks, self._count_replicas = callbacks, n_replicas
        self._n_replicas = n_replicas()
        self._deaths: Counter[str] = Counter()
        self._begun: set[str] = set()
        self._false_starts: Counter[str] = Counter()  # since any trial's process has begun
        self._cluster_faults: Counter[str] = Counter()
        self.error: Exception | None = None

    @property
    def done(self) -> bool:
        """True once every trial has finished."""
        return self._progress.done

    def next(self) -> Assignment | None:
        """Returns the next trial; None while it depends on trials that still run."""
        return self._progress.next()

    def started(self, assignment: Assignment) -> SavedState | None:
        """Returns the state that a started trial resumes from, or None.

        Raises:
            ResultsError: a damaged state cannot be set aside.
        """
        with self._keeping_error():
            self._callbacks.on_trial_start(assignment)
            return self._checkpoints.load(assignment.name)

    def begun(self, assignment: Assignment) -> None:
        """Takes note that a started trial's process runs, so that the cluster can start some."""
        self._begun.add(assignment.name)
        self._false_starts.clear()

    def progressed(self, assignment: Assignment, latest: TrialProgress) -> None:
        """Passes on the progress of a running trial, and whether replicas have joined or left."""
        with self._keeping_error():
            if (n_now := self._count_replicas()) != self._n_replicas:
                self._n_replicas = n_now
                self._callbacks.on_replicas_changed(n_now)
            self._callbacks.on_trial_progress(assignment, latest)

    def saved(self, assignment: Assignment, state: SavedState) -> None:
        """Stores the state of a running trial. The counts of its deaths and faults start again from 0.

        Raises:
            ResultsError: it cannot be written.
        """
        with self._keeping_error():
            self._checkpoints.save(assignment.name, state)
        del self._deaths[assignment.name], self._cluster_faults[assignment.name]

    def could_not_resume(self, assignment: Assignment, reason: str) -> None:
        """Sets aside a state that its trial could not resume from.

        Raises:
            ResultsError: it cannot be moved.
        """
        with self._keeping_error():
            self._checkpoints.refuse(assignment.name, reason)

    def finished(self, assignment: Assignment, outcome: Outcome) -> None:
        """Stores a trial's outcome.

        Raises:
            ResultsError: it cannot be written.
        """
        with self._keeping_error():
            self._begun.discard(assignment.name)
            self._ledger.record(outcome)
            self._checkpoints.remove(assignment.name)
            self._progress.record(outcome.trial, outcome.history)
            self._callbacks.on_trial_end(assignment, outcome)

    def stopped(self, assignment: Assignment) -> None:
        """Takes back a trial that was stopped from outside, such as by Ctrl-C, or after a fault of the cluster."""
        self._begun.discard(assignment.name)
        self._progress.release(assignment)

    def met_cluster_fault(self, assignment: Assignment, fault: str) -> None:
        """Counts a fault of the cluster that a running trial has met. It is about to stop, to be tried again.

        Raises:
            NoReplicaError: it was the last of ``MOST_CLUSTER_FAULTS`` without a new saved state.
        """
        self._cluster_faults[assignment.name] += 1
        if self._cluster_faults[assignment.name] == MOST_CLUSTER_FAULTS:
            self.end(fault)

    def died(self, assignment: Assignment, reason: str) -> None:
        """Takes back a trial whose process died, to try it again. After ``MOST_TRIES`` it is stored as failed.

        A process that died before it had begun does not count, but ends the study if none can begin.

        Raises:
            ResultsError: the failure cannot be written.
            NoReplicaError: no trial's process can start.
        """
        if assignment.name not in self._begun:
            self._false_starts[assignment.name] += 1
            if self._false_starts[assignment.name] == MOST_CLUSTER_FAULTS:
                self.end(f"no trial's process can start ({reason}); see that every node has zostudy and room")
            self._progress.release(assignment)
            return
        self._begun.discard(assignment.name)
        self._deaths[assignment.name] += 1
        if self._deaths[assignment.name] < MOST_TRIES:
            self._progress.release(assignment)
            return
        error = f"the trial's process died {MOST_TRIES} times without getting further, last of: {reason}"
        setup = set_up(self._progress.plan.spec, assignment, self._data)
        self.finished(assignment, Recording(setup).outcome(error=error))

    def end(self, fault: str) -> None:
        """Ends the study, as no trial can go on.

        Raises:
            NoReplicaError: always.
        """
        with self._keeping_error():
            raise NoReplicaError(fault, remedy="all that has finished is kept, so mend that and run again")

    @contextmanager
    def _keeping_error(self) -> Iterator[None]:
        """Keeps the error that ends the study, as Tune may wrap it."""
        try:
            yield
        except Exception as error:  # also what a user's callback raises
            self.error = self.error or error
            raise
