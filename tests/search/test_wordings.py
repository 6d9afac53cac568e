"""Searched wordings: every method may have them, a trial is scored in its own, and confirm repeats the best."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zostudy.cluster.pool import LocalPool
from zostudy.config.study import StudySpec
from zostudy.errors import ResultsError
from zostudy.results.outcome import Outcome
from zostudy.search.dtype.probes import make_probes, score_cells
from zostudy.search.plan import Plan, make_plan
from zostudy.search.progress import StudyProgress
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData, check_settings, set_up

WORDINGS = {"clear": {"label_words": ("bad", "good")}, "odd": {"template": "{text} So {mask}."}}
QUALITY = {"default": -1.5, "clear": 3.0, "odd": -3.0}


class Worded:
    """Scores that are right to a degree which the wording decides."""

    def __init__(self, scorer: Any, labels: NDArray[np.int32], quality: float) -> None:
        self._scorer, self._quality = scorer, np.float32(quality)
        self._truth = (2.0 * labels - 1.0).astype(np.float32)
        self.n_calls = 0

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        self.n_calls += 1
        scores: NDArray[np.float32] = self._scorer.score(latents, rows, seed, group)
        right = self._quality * self._truth[rows]
        return scores + np.stack([-right, right], axis=-1)


@pytest.fixture
def worded_plan(make_spec: Callable[..., StudySpec]) -> Plan:
    """Six trials, for the six combinations of a radius and a wording."""
    space = {"perturbation_radius": {"choice": (0.1, 0.2)}, "task.wording": {"choice": ("default", "odd", "clear")}}
    search = {"trials": 6, "sampler": "random", "space": space}
    return make_plan(make_spec(task={"name": "reviews", "wordings": WORDINGS}, search=search))


@pytest.fixture
def worded(scorer: Any, data: StudyData) -> dict[str, Worded]:
    return {name: Worded(scorer, data.labels, quality) for name, quality in QUALITY.items()}


@pytest.fixture
def outcomes(worded_plan: Plan, data: StudyData, worded: dict[str, Worded]) -> list[Outcome]:
    progress, found = StudyProgress(worded_plan, []), []
    while (assignment := progress.next()) is not None:
        outcome = run_trial(worded_plan.spec, assignment, data, LocalPool(worded), lambda _: None)
        progress.record(outcome.trial, outcome.history)
        found.append(outcome)
    return found


def test_a_method_that_tunes_nothing_is_searched_over_the_wordings_alone(worded_plan: Plan) -> None:
    untuned = [cell for cell in worded_plan.cells if cell.method.label == "untuned"]
    assert [list(cell.space) for cell in untuned] == [["task.wording"]] * 2
    assert [cell.n_search for cell in untuned] == [3] * 2, "each wording once"
    assert all(cell.n_search == 6 for cell in worded_plan.cells if cell not in untuned)


@pytest.mark.slow
def test_the_best_wording_is_confirmed_and_stored(outcomes: list[Outcome]) -> None:
    assert all(outcome.trial.error is None for outcome in outcomes)
    for outcome in outcomes:
        trial = outcome.trial
        assert trial.wording == trial.params["task.wording"]
    confirmed = [outcome.trial for outcome in outcomes if outcome.trial.stage == "confirm"]
    assert {trial.wording for trial in confirmed} == {"clear"}
    assert {trial.method for trial in confirmed} == {"spsa", "zosa", "untuned"}
    searched = {outcome.trial.wording for outcome in outcomes if outcome.trial.stage == "search"}
    assert searched == {"default", "odd", "clear"}


@pytest.mark.slow
def test_the_first_trial_of_a_cell_has_the_studys_own_wording(outcomes: list[Outcome]) -> None:
    first = {outcome.trial.wording for outcome in outcomes if outcome.trial.trial.endswith("search-000")}
    assert first == {"default"}


def test_a_trial_is_scored_in_its_own_wording_alone(
    worded_plan: Plan, data: StudyData, worded: dict[str, Worded]
) -> None:
    assignment = worded_plan.assign(worded_plan.cells[0], "confirm", 0, {"task.wording": "odd"})
    outcome = run_trial(worded_plan.spec, assignment, data, LocalPool(worded), lambda _: None)
    assert outcome.trial.wording == "odd"
    assert worded["odd"].n_calls > 5
    assert worded["clear"].n_calls == worded["default"].n_calls == 0


def test_rows_and_batches_are_the_same_in_every_wording(worded_plan: Plan, data: StudyData) -> None:
    setups = [
        set_up(worded_plan.spec, worded_plan.assign(worded_plan.cells[0], "confirm", 0, {"task.wording": name}), data)
        for name in QUALITY
    ]
    first, *others = [setup.make_method().ask() for setup in setups]
    for other, setup in zip(others, setups[1:], strict=True):
        np.testing.assert_array_equal(first.rows, other.rows)
        np.testing.assert_array_equal(first.latents, other.latents)
        assert setup.draw is setups[0].draw


def test_a_studys_own_wording_may_be_a_named_one(make_spec: Callable[..., StudySpec], data: StudyData) -> None:
    task = {"name": "reviews", "wordings": WORDINGS, "wording": "odd"}
    plan = make_plan(make_spec(task=task, search={"trials": 0}))
    setup = set_up(plan.spec, plan.assign(plan.cells[0], "confirm", 0, {}), data)
    assert (setup.wording, setup.params()["task.wording"]) == ("odd", "odd")


def test_a_study_without_wordings_stores_none(
    make_spec: Callable[..., StudySpec], data: StudyData, scorer: Any
) -> None:
    plan = make_plan(make_spec())
    assignment = plan.assign(plan.cells[0], "confirm", 0, {})
    outcome = run_trial(plan.spec, assignment, data, LocalPool(scorer), lambda _: None)
    assert outcome.trial.wording is None
    assert "task.wording" not in outcome.trial.params


@pytest.mark.slow
def test_a_wording_that_a_stored_trial_did_not_have_is_refused(worded_plan: Plan, outcomes: list[Outcome]) -> None:
    rows = [outcome.trial for outcome in outcomes if outcome.trial.method == "untuned"]
    check_settings(worded_plan, rows)
    task = worded_plan.spec.task.model_copy(update={"wording": "odd"})
    search = worded_plan.spec.search.model_copy(update={"trials": 0})
    with pytest.raises(ResultsError, match=r"would now run with task.wording odd, and ran with \w+"):
        check_settings(make_plan(worded_plan.spec.model_copy(update={"task": task, "search": search})), rows)


def test_noise_is_measured_in_the_studys_own_wording(
    make_spec: Callable[..., StudySpec], data: StudyData, worded: dict[str, Worded]
) -> None:
    task = {"name": "reviews", "wordings": WORDINGS, "wording": "odd"}
    score_cells(make_probes(make_plan(make_spec(task=task)), data), LocalPool(worded))
    assert worded["odd"].n_calls
    assert worded["default"].n_calls == 0
