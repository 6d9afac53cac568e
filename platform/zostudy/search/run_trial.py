"""Runs one trial to its outcome: from its beginning, or from a saved state if that fits; a failure is an outcome too.

A trial runs wherever a pool is at hand. It imports neither torch nor transformers, so that its process stays small.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath
from traceback import extract_tb
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from zostudy.config.study import StudySpec
from zostudy.errors import NoReplicaError, NotFiniteError
from zostudy.methods import Method
from zostudy.results.checkpoints import SavedState
from zostudy.results.outcome import Outcome
from zostudy.search.plan import Assignment
from zostudy.search.recording import Recording
from zostudy.search.resume import Save
from zostudy.search.setup import StudyData, set_up
from zostudy.search.trial import ReportProgress, Trial
from zostudy.wording import one_line

if TYPE_CHECKING:  # which imports Ray; the public Callback does without
    from zostudy.cluster.pool import Pool


def run_trial(
    spec: StudySpec,
    assignment: Assignment,
    data: StudyData,
    pool: Pool,
    report: ReportProgress,
    save: Save | None = None,
    saved: SavedState | None = None,
    refuse: Callable[[str], None] | None = None,
) -> Outcome:
    """Runs a trial to its end and returns its outcome. The outcome of a failed trial holds the reason.

    Args:
        spec: the study.
        assignment: which trial.
        data: labels and draws.
        pool: scores the queries.
        report: called with the progress after each evaluation, and about once a second in between.
        save: called with the trial's state about every 15 seconds, when a replica has answered.
        saved: such a state of this very trial, to resume from.
        refuse: called with the reason if the trial could not resume from ``saved`` and started anew: the state is of
            another configuration, of other packages or code, or is damaged.

    Raises:
        NoReplicaError: no replica is left. The trial itself has not failed.
    """
    setup = set_up(spec, assignment, data)

    def attempt(state: SavedState | None) -> Outcome:
        recording = Recording(setup)
        try:
            trial = Trial(setup, pool, recording, report, save)
            if state is not None:
                trial.resume_state.load_state_dict(state)
            trial.optimize()
            return recording.outcome()
        except NotFiniteError as error:
            return recording.outcome(error=str(error))
        except NoReplicaError:
            raise
        except Exception as error:  # anything else fails this trial, and the study goes on
            reason = f"{type(error).__name__}: {one_line(error, 500)}{_line_of(setup.method_class, error)}"
            if state is not None:  # perhaps the state is at fault; if not, the trial fails again without it
                raise _UnfitStateError(reason) from error
            return recording.outcome(error=reason)

    with threadpool_limits(1, user_api="blas"):  # so that no sum depends on the number of threads
        if saved is not None:
            try:
                return attempt(saved)
            except _UnfitStateError as error:
                if refuse is not None:
                    refuse(str(error))
        return attempt(None)


def _line_of(method: type[Method], error: BaseException) -> str:
    """Returns where an error left the method's own file, such as `` (mine.py:12)``; no text if it arose elsewhere."""
    file = getattr(getattr(method.step, "__code__", None), "co_filename", "")
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
    return f" ({PurePath(file).name}:{lines[-1]})" if lines else ""


class _UnfitStateError(Exception):
    """A trial cannot resume from a saved state."""
