"""What Tune is kept from doing around a study's trials."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.air._internal import usage

from zostudy.results.ledger import Ledger
from zostudy.search.callback import Callback
from zostudy.search.plan import Assignment, Plan
from zostudy.search.progress import StudyProgress
from zostudy.search.setup import StudyData
from zostudy.search.tune import tuner
from zostudy.search.tune.tuner import _tune_folder, tune_trials

POOLS: Any = SimpleNamespace(dtype="float32")


class Ended:
    """A Tuner that ends at once, as Tune does when its process gets SIGUSR1."""

    def fit(self) -> None: ...


class CallbackList(list[object]):
    """Callbacks that tell whether Tune has looked at them."""

    looked_at = False

    def __bool__(self) -> bool:
        self.looked_at = True
        return False


def test_tune_does_not_count_callbacks_while_it_runs_trials() -> None:
    callbacks = CallbackList()
    with _tune_folder():
        usage.tag_callbacks(callbacks)  # type: ignore[arg-type]
    assert not callbacks.looked_at
    usage.tag_callbacks(callbacks)  # type: ignore[arg-type]
    assert callbacks.looked_at


def test_a_study_that_tune_leaves_unfinished_was_interrupted(
    monkeypatch: pytest.MonkeyPatch, plan: Plan, data: StudyData, tmp_path: Path
) -> None:
    monkeypatch.setattr("ray.tune.with_parameters", lambda *_, **__: None)
    monkeypatch.setattr(tuner, "_tuner", lambda *_: Ended())
    with pytest.raises(KeyboardInterrupt):
        tune_trials(data, StudyProgress(plan, []), Ledger(tmp_path), POOLS, lambda: 1, Callback())


def test_a_file_that_a_callback_lacks_is_not_told_as_a_full_disk(
    monkeypatch: pytest.MonkeyPatch, plan: Plan, data: StudyData, tmp_path: Path
) -> None:
    class Watch(Callback):
        def on_trial_start(self, assignment: Assignment) -> None:
            raise FileNotFoundError(2, "No such file or directory", "watch.txt")

    monkeypatch.setattr("ray.tune.with_parameters", lambda *_, **__: None)
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 2.0})
    monkeypatch.setattr(tuner, "_tuner", lambda _, searcher, *__: SimpleNamespace(fit=lambda: searcher.suggest("0")))
    with pytest.raises(FileNotFoundError, match=r"watch\.txt"):
        tune_trials(data, StudyProgress(plan, []), Ledger(tmp_path), POOLS, lambda: 1, Watch())
