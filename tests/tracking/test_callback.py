from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from zostudy.results.outcome import Outcome
from zostudy.results.storage import Storage
from zostudy.tracking.callback import TrackerCallback, tracker_callbacks
from zostudy.tracking.trackers import PACKAGES, TrackerError, check_trackers, open_tracker
from zostudy.tracking.trial import TrackedTrial, tracked_trial

MakeOutcome = Callable[..., Outcome]
ASSIGNMENT: Any = None  # which no tracker is told


class Remembering:
    """A tracker that raises at the trials whose names it is given."""

    name = "memory"

    def __init__(self, *failing: str) -> None:
        self.added: list[TrackedTrial] = []
        self._failing = failing

    def add(self, trial: TrackedTrial) -> None:
        if trial.name in self._failing:
            raise ConnectionError("the server\nis gone")
        self.added.append(trial)


def test_a_trial_is_told_with_its_settings_its_curve_and_its_figures(make_outcome: MakeOutcome) -> None:
    trial = tracked_trial(make_outcome())
    assert (trial.name, trial.queries) == ("spsa-r10-confirm-000", 40)
    told = {key: trial.tags[key] for key in ("study", "cell", "method", "imbalance_ratio", "stage", "status")}
    assert [*told.values()] == ["followed", "spsa-r10", "spsa", "10.0", "confirm", "complete"]
    assert trial.params == {
        "seed": 0, "budget": 0, "batch_size": 0, "reach": 0.5, "perturbation_radius": 0.1, "nested": "[1, 2]"
    }  # fmt: skip
    assert trial.curve == ((0, {"dev_auc": 0.5}), (20, {"loss": 0.9}), (40, {"dev_auc": 0.75, "loss": 0.8}))
    assert (trial.metrics["final/dev_auc"], trial.metrics["final/test_auc"]) == (0.75, 0.7)
    assert trial.finished - trial.started == 60


def test_a_search_trial_has_no_figures_of_test_and_a_failed_one_no_curve(make_outcome: MakeOutcome) -> None:
    searched = tracked_trial(make_outcome(stage="search", test_auc=None))
    assert not [name for name in searched.metrics if "test" in name]
    failed = tracked_trial(Outcome(make_outcome(status="failed", dev_auc=None, test_auc=None).trial))
    assert (failed.tags["status"], failed.curve) == ("failed", ())


def test_trials_come_to_a_tracker_in_their_order(make_outcome: MakeOutcome) -> None:
    tracker = Remembering()
    follower = TrackerCallback(tracker)
    for name in "abc":
        follower.on_trial_end(ASSIGNMENT, make_outcome(name))
    follower.close()
    assert [trial.name for trial in tracker.added] == ["a", "b", "c"]


def test_a_tracker_that_fails_is_told_once_and_ends_nothing(
    make_outcome: MakeOutcome, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = Remembering("b", "c")
    follower = TrackerCallback(tracker)
    for name in "abcd":
        follower.on_trial_end(ASSIGNMENT, make_outcome(name))
    follower.close()
    assert [trial.name for trial in tracker.added] == ["a", "d"]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "memory fails, and the study goes on: ConnectionError: the server is gone",
        "memory lacks 2 of 4 trials; the results have all of them",
    ]


def test_a_tracker_that_hangs_stops_neither_the_study_nor_its_end(
    make_outcome: MakeOutcome, caplog: pytest.LogCaptureFixture
) -> None:
    released = threading.Event()

    class Hanging(Remembering):
        def add(self, trial: TrackedTrial) -> None:
            released.wait()

    follower = TrackerCallback(Hanging())
    follower.on_trial_end(ASSIGNMENT, make_outcome("a"))
    follower.close(seconds=0.01)
    assert caplog.messages == ["memory lacks 1 of 1 trials; the results have all of them"]
    released.set()


def test_an_unknown_tracker_is_refused_with_a_near_name() -> None:
    with pytest.raises(TrackerError, match=r"^`track`: must be a known tracker, but got mlfow; did you mean mlflow\?$"):
        check_trackers(["tensorboard", "mlfow"])
    with pytest.raises(TrackerError, match="name one of mlflow, tensorboard, wandb"):
        check_trackers(["x"])


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_package_ends_in_the_command_that_installs_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zostudy.tracking.trackers.find_spec", lambda package: None)
    with pytest.raises(TrackerError) as caught:
        check_trackers([name])
    assert str(caught.value) == (
        f"`track`: {name} needs its package, which is not installed; run: pip install 'zostudy[{name}]'"
    )


def test_a_tracker_that_cannot_be_opened_is_an_error_before_the_study(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(study: Storage) -> None:
        raise ConnectionError("nobody answers")

    monkeypatch.setattr("zostudy.tracking.tensorboard_tracker.open_tracker", refuse)
    with pytest.raises(TrackerError) as caught, tracker_callbacks(["tensorboard"], Storage.at(tmp_path)):
        pytest.fail("the study began")
    assert str(caught.value) == (
        "`track`: tensorboard must be ready to take runs, but ConnectionError: nobody answers; "
        "mend its settings, or leave tensorboard out of `track`"
    )


def test_a_tracker_named_twice_gets_each_trial_once(tmp_path: Any) -> None:
    with tracker_callbacks(["tensorboard", "tensorboard"], Storage.at(tmp_path)) as followers:
        assert len(followers) == 1
    assert open_tracker("tensorboard", Storage.at(tmp_path)).name == f"tensorboard --logdir {tmp_path}/tensorboard"
