from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits

from zostudy.cluster.micro_batches import Scorer, WhiteBoxScorer
from zostudy.cluster.pool import LocalPool
from zostudy.config.study import StudySpec
from zostudy.errors import NoReplicaError
from zostudy.methods import Queries, get_method, method_names
from zostudy.results.checkpoints import Checkpoints
from zostudy.results.decision import choose_decision
from zostudy.results.encoding import encode
from zostudy.results.metrics import balanced_cross_entropy, classification_metrics, decision_metrics
from zostudy.results.outcome import Outcome
from zostudy.results.schema import TIME_COLUMNS
from zostudy.search import resume as resume_module
from zostudy.search.landscape import n_examples
from zostudy.search.plan import Assignment, Plan, make_plan
from zostudy.search.pruning import best_so_far
from zostudy.search.recording import Recording
from zostudy.search.resume import ScoreCache
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData, code_digest, set_up
from zostudy.search.trial import Trial, TrialProgress

REPORTS: list[TrialProgress] = []


def run(
    plan: Plan, data: StudyData, scorer: Scorer, cell: int = 0, stage: str = "confirm", **params: object
) -> Outcome:
    assignment = plan.assign(plan.cells[cell], stage, 0, params)  # type: ignore[arg-type]
    REPORTS.clear()
    return run_trial(plan.spec, assignment, data, LocalPool(scorer), REPORTS.append)


@pytest.mark.slow
@pytest.mark.parametrize("method", method_names())
def test_every_method_runs_to_its_budget_and_its_outcome_can_be_stored(
    make_spec: Callable[..., StudySpec], data: StudyData, scorer: Scorer, method: str
) -> None:
    plan = make_plan(make_spec(methods=({"label": method, "algorithm": method},)))
    outcome = run(plan, data, scorer)
    trial, tables = outcome.trial, encode(outcome)
    assert trial.status == "complete", trial.error
    assert trial.queries <= 60
    assert trial.examples == trial.queries * 8
    assert (trial.queries == 0) == (method in ("untuned", "no-prompt", "linear-probe"))
    assert trial.needs == {"linear-probe": "states", "white-box": "gradients"}.get(method, "scores")
    assert (trial.subspace_dim, len(trial.latent or ())) == (
        (0, 0) if method in ("no-prompt", "linear-probe") else (100, 100)
    )
    assert tables["trials"].num_rows == 1
    assert tables["history"].column("queries").to_pylist()[-1] == trial.queries


def test_a_study_without_scores_stores_none_and_is_the_same_otherwise(
    make_spec: Callable[..., StudySpec], plan: Plan, data: StudyData, scorer: Scorer
) -> None:
    bare = make_plan(make_spec(confirm={"seeds": 2, "scores": False}))
    without, given = run(bare, data, scorer), run(plan, data, scorer)
    assert (len(without.scores), len(given.scores)) == (0, 2)
    assert encode(without)["scores"].num_rows == 0
    assert replace(without.trial, **{name: getattr(given.trial, name) for name in TIME_COLUMNS}) == given.trial


def test_a_confirm_trial_has_the_metrics_of_its_stored_scores(plan: Plan, data: StudyData, scorer: Scorer) -> None:
    outcome = run(plan, data, scorer, cell=3)
    for split in ("dev", "test"):
        stored = outcome.scores[split]
        metrics = classification_metrics(stored.scores, stored.labels, (1,))
        assert {name: getattr(outcome.trial, f"{split}_{name}") for name in metrics} == metrics
        np.testing.assert_array_equal(stored.labels, data.labels[stored.rows])
    assert len(outcome.scores["test"].rows) == 200
    scores = scorer.score(
        np.array([outcome.trial.latent], dtype=np.float32), outcome.scores["test"].rows[None].astype(np.int32)
    )[0]
    np.testing.assert_array_equal(outcome.scores["test"].scores, scores)
    assert outcome.trial.test_loss == balanced_cross_entropy(scores, outcome.scores["test"].labels)


def test_a_trial_stores_what_its_export_would_decide(plan: Plan, data: StudyData, scorer: Scorer) -> None:
    outcome = run(plan, data, scorer, cell=3)
    decision, test = choose_decision(outcome.scores["dev"]), outcome.scores["test"]
    assert outcome.trial.dev_threshold == decision.threshold is not None
    metrics = decision_metrics(decision.classes(test.scores), test.labels, (1,))
    assert {name: getattr(outcome.trial, f"test_{name}_at_dev_threshold") for name in metrics} == metrics
    assert metrics != {name: getattr(outcome.trial, f"test_{name}") for name in metrics}
    searched = run(plan, data, scorer, cell=3, stage="search").trial
    assert searched.dev_threshold is not None
    assert searched.test_mcc_at_dev_threshold is None


def test_a_trial_stores_how_far_it_went_and_how_often_argmax_predicts_one_class(
    plan: Plan, data: StudyData, scorer: Scorer
) -> None:
    outcome = run(plan, data, scorer, cell=3)
    assert outcome.trial.latent is not None
    assert outcome.trial.latent_norm is not None
    assert outcome.trial.latent_norm == pytest.approx(math.hypot(*outcome.trial.latent))
    assert outcome.trial.latent_norm > 0
    predicted = outcome.scores["test"].scores.argmax(axis=1).tolist()
    assert outcome.trial.test_largest_share == max(map(predicted.count, predicted)) / len(predicted)
    searched = run(plan, data, scorer, cell=3, stage="search").trial
    assert searched.test_largest_share is None
    assert searched.latent_norm is not None


def test_a_search_trial_never_sees_test(plan: Plan, data: StudyData, scorer: Scorer) -> None:
    test_rows = set(next(iter(data.draws.values())).test_rows.tolist())

    class Guard:
        def score(
            self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
        ) -> NDArray[np.float32]:
            assert not test_rows & set(rows.reshape(-1).tolist())
            return scorer.score(latents, rows, seed, group)

    outcome = run(plan, data, Guard(), stage="search", perturbation_radius=0.2)
    assert outcome.trial.status == "complete", outcome.trial.error
    assert not any(value for name, value in asdict(outcome.trial).items() if name.startswith("test_"))
    assert not outcome.scores


def test_the_kept_point_is_the_best_on_dev_and_the_start_counts(plan: Plan, data: StudyData, scorer: Scorer) -> None:
    outcome = run(plan, data, scorer, cell=3)
    aucs = outcome.history["dev_auc"]
    evaluated = outcome.history["queries"][~np.isnan(aucs)]
    assert evaluated[0] == 0
    assert len(evaluated) == 1 + plan.spec.budget.evaluations
    assert outcome.trial.dev_auc == np.nanmax(aucs)
    assert outcome.trial.best_queries == evaluated[np.nanargmax(aucs[~np.isnan(aucs)])]
    sizes = data.draws[5.0, plan.seed(1)]
    around = n_examples(sizes.train_counts, plane=True)
    assert outcome.trial.evaluation_examples == 4 * len(sizes.dev_rows) + len(sizes.test_rows) + around
    assert (outcome.trial.n_minority, outcome.trial.n_majority) == (10, 50)


def test_dev_metrics_stand_beside_the_auc_wherever_dev_was_evaluated(
    plan: Plan, data: StudyData, scorer: Scorer
) -> None:
    outcome = run(plan, data, scorer, cell=3)
    history = outcome.history
    for name in ("balanced_accuracy", "minority_recall"):
        values = history[f"dev_{name}"]
        np.testing.assert_array_equal(np.isnan(values), np.isnan(history["dev_auc"]))
        kept = (history["queries"] == outcome.trial.best_queries) & ~np.isnan(values)
        assert values[kept].tolist() == [getattr(outcome.trial, f"dev_{name}")]


def test_tuning_helps_on_a_task_that_can_be_tuned(
    make_spec: Callable[..., StudySpec], data: StudyData, scorer: Scorer
) -> None:
    plan = make_plan(make_spec(budget={"queries": 400, "batch_size": 8}))
    untuned = run(plan, data, scorer, cell=2).trial.test_auc
    tuned = run(plan, data, scorer, cell=0, subspace_dim=5).trial.test_auc
    assert tuned is not None
    assert untuned is not None
    assert tuned > untuned + 0.05


def test_a_loss_that_is_not_finite_fails_the_trial_with_its_reason(plan: Plan, data: StudyData, scorer: Scorer) -> None:
    class Diverging:
        def score(
            self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
        ) -> NDArray[np.float32]:
            scores = scorer.score(latents, rows, seed, group)
            return np.where(np.abs(latents).max() > 0.3, np.float32(np.nan), scores)

    outcome = run(plan, data, Diverging(), perturbation_radius=0.25, reach=5.0)
    assert outcome.trial.status == "failed"
    assert "not finite" in (outcome.trial.error or "")
    assert outcome.trial.dev_auc is None
    assert encode(outcome)["trials"].num_rows == 1


def test_whatever_breaks_a_trial_is_stored_with_it(plan: Plan, data: StudyData) -> None:
    class Broken:
        def score(
            self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
        ) -> NDArray[np.float32]:
            raise ValueError("no such\nlayer")

    outcome = run(plan, data, Broken())
    assert (outcome.trial.status, outcome.trial.error) == ("failed", "ValueError: no such layer")


def test_an_error_in_the_code_of_a_method_is_stored_with_its_line(
    plan: Plan, data: StudyData, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(method: Any) -> Any:
        yield Queries(np.stack([method.latent] * 2), np.tile(method.batch(), (2, 1)))
        raise KeyError("momentum")

    monkeypatch.setattr(get_method("spsa"), "step", step)
    monkeypatch.setattr(get_method("spsa"), "step_cost", 2)
    line = step.__code__.co_firstlineno + 2
    assert run(plan, data, scorer).trial.error == f"KeyError: 'momentum' (test_trial.py:{line})"


def test_reports_tell_what_was_spent(plan: Plan, data: StudyData, scorer: Scorer) -> None:
    outcome = run(plan, data, scorer)
    assert [report.queries for report in REPORTS] == [20, 40, 60]
    assert REPORTS[-1].dev_auc == outcome.trial.dev_auc


def test_a_resumed_trial_tells_at_once_what_was_spent_before(
    plan: Plan, data: StudyData, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume_module, "SECONDS_BETWEEN_SAVES", 0.0)
    states: list[Mapping[str, Any]] = []
    assignment, pool = plan.assign(plan.cells[0], "confirm", 0, {}), LocalPool(scorer)
    run_trial(plan.spec, assignment, data, pool, REPORTS.append, states.append)
    state = next(state for state in states if "history.queries" in state and state["history.queries"][-1] == 40)
    REPORTS.clear()
    run_trial(plan.spec, assignment, data, pool, REPORTS.append, saved=state)
    assert [report.queries for report in REPORTS] == [40, 60]
    assert {report.earlier_queries for report in REPORTS} == {40}
    assert {report.earlier_seconds for report in REPORTS} == {REPORTS[0].replica_seconds}


def test_the_same_trial_has_the_same_numbers(plan: Plan, data: StudyData, scorer: Scorer) -> None:
    first, again = run(plan, data, scorer, cell=1), run(plan, data, scorer, cell=1)
    np.testing.assert_array_equal(first.trial.latent, again.trial.latent)
    np.testing.assert_array_equal(first.history["loss"], again.history["loss"])


MOST_RESUMED = 12
"""Of the states of a trial, evenly spread: some methods save forty, each a step after the one before."""


class CountingScorer:
    """Counts the units of work."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer, self.n_units = scorer, 0

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        self.n_units += 1
        return self._scorer.score(latents, rows, seed, group)

    def states(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        self.n_units += 1
        return cast(WhiteBoxScorer, self._scorer).states(latents, rows, seed, group)

    def gradients(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        self.n_units += 1
        return cast(WhiteBoxScorer, self._scorer).gradients(latents, rows, seed, group)


@pytest.mark.slow
@pytest.mark.parametrize("method", method_names())
def test_a_trial_resumed_wherever_it_was_saved_does_only_what_was_not_done_and_leaves_what_one_never_stopped_leaves(
    make_spec: Callable[..., StudySpec],
    data: StudyData,
    scorer: Scorer,
    method: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resume_module, "SECONDS_BETWEEN_SAVES", 0.0)
    budget = {"queries": 40, "batch_size": 8, "evaluations": 3}  # two steps of the method with the largest ones
    plan = make_plan(make_spec(methods=({"label": method, "algorithm": method},), budget=budget))
    counting, files = CountingScorer(scorer), Checkpoints(tmp_path)
    assignment, pool = plan.assign(plan.cells[0], "confirm", 0, {}), LocalPool(counting, micro_batch_size=80)
    n_done: dict[str, int] = {}

    def save(state: Mapping[str, object]) -> None:
        name = f"state-{len(n_done)}"
        n_done[name] = counting.n_units
        files.save(name, state)

    whole = encode(run_trial(plan.spec, assignment, data, pool, REPORTS.append, save))
    n_units = counting.n_units
    assert {*range(1, n_units + 1)} == {*n_done.values()}
    for name, done in [*n_done.items()][:: -(-len(n_done) // MOST_RESUMED)]:
        counting.n_units = 0
        resumed = encode(run_trial(plan.spec, assignment, data, pool, REPORTS.append, saved=files.load(name)))
        assert counting.n_units == n_units - done
        for table in whole:
            dropped = [column for column in TIME_COLUMNS if column in whole[table].column_names]
            assert resumed[table].drop_columns(dropped).equals(whole[table].drop_columns(dropped)), (table, name)


def test_a_trial_that_dies_again_and_again_in_one_evaluation_gets_through_it(
    plan: Plan, data: StudyData, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process lives for two units of work; the state that one leaves is what the next begins with."""
    monkeypatch.setattr(resume_module, "SECONDS_BETWEEN_SAVES", 0.0)

    class Dying(CountingScorer):
        def score(
            self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
        ) -> NDArray[np.float32]:
            if self.n_units == 2:
                raise NoReplicaError("the process must live, but died; start another one")
            return super().score(latents, rows, seed, group)

    assignment = plan.assign(plan.cells[3], "confirm", 0, {})
    whole = run_trial(plan.spec, assignment, data, LocalPool(scorer, micro_batch_size=40), REPORTS.append)
    states: list[Mapping[str, object]] = []
    outcome, lives = None, 0
    while outcome is None:
        pool, lives = LocalPool(Dying(scorer), micro_batch_size=40), lives + 1
        with suppress(NoReplicaError):
            saved = states[-1] if states else None
            outcome = run_trial(plan.spec, assignment, data, pool, REPORTS.append, states.append, saved)
    assert lives > 10
    for table, expected in encode(whole).items():
        dropped = [column for column in TIME_COLUMNS if column in expected.column_names]
        assert encode(outcome)[table].drop_columns(dropped).equals(expected.drop_columns(dropped)), table


def test_a_state_of_another_configuration_is_not_gone_on_from(
    plan: Plan, data: StudyData, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume_module, "SECONDS_BETWEEN_SAVES", 0.0)
    states: list[Mapping[str, object]] = []
    pool, cell = LocalPool(scorer), plan.cells[0]
    here, there = (plan.assign(cell, "search", 0, {"perturbation_radius": r}) for r in (0.1, 0.2))
    run_trial(plan.spec, here, data, pool, REPORTS.append, states.append)
    first, anew = (run_trial(plan.spec, trial, data, pool, REPORTS.append) for trial in (here, there))
    resumed = run_trial(plan.spec, there, data, pool, REPORTS.append, saved=states[-1])
    np.testing.assert_array_equal(resumed.history["loss"], anew.history["loss"])
    assert not np.array_equal(first.history["loss"], anew.history["loss"])


def without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda state: {key: value for key, value in state.items() if key != name}


UNFIT: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    **{
        f"without {name}": without(name)
        for name in (
            "identity",
            "method.latent",
            "started_at",
            "kept.rows",
            "since.0.scores",
            "since.0.asked",
            "history.loss",
        )
    },
    "other settings": lambda state: state | {"identity": "another"},
    "a short latent": lambda state: state | {"method.latent": np.zeros(3, dtype=np.float32)},
    "a latent of no number": lambda state: state | {"method.latent": state["method.latent"] * np.float32(np.nan)},
    "a latent of text": lambda state: state | {"method.latent": np.array("z")},
    "steps of text": lambda state: state | {"method.step_number": np.array("many")},
    "two step numbers": lambda state: state | {"method.step_number": np.arange(2)},
    "a short kept point": lambda state: state | {"kept.latent": np.zeros(3, dtype=np.float32)},
    "a kept point in float64": lambda state: state | {"kept.latent": state["kept.latent"].astype(np.float64)},
    "scores of three classes": lambda state: state | {"kept.scores": np.zeros((1, 3), dtype=np.float32)},
    "scores that are not finite": lambda state: state | {"kept.scores": state["kept.scores"] * np.float32(np.nan)},
    "other labels": lambda state: state | {"kept.labels": 1 - state["kept.labels"]},
    "a history of text": lambda state: state | {"history.loss": state["history.loss"].astype(str)},
    "a history of one number": lambda state: state | {"history.loss": np.array(0.5)},
    "a longer column": lambda state: state | {"history.loss": np.append(state["history.loss"], 0.5)},
    "another column": lambda state: state | {"history.f2": state["history.loss"]},
    "known scores of another shape": lambda state: state | {"since.0.known": np.ones((1, 1), dtype=np.bool_)},
    "known as numbers": lambda state: state | {"since.0.known": state["since.0.known"].astype(np.int64)},
    "a start of no time": lambda state: state | {"started_at": np.array("noon")},
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", UNFIT)
def test_from_a_state_that_does_not_fit_a_trial_begins_anew_and_says_why(
    plan: Plan, data: StudyData, scorer: Scorer, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(resume_module, "SECONDS_BETWEEN_SAVES", 0.0)
    states: list[Mapping[str, object]] = []
    pool, assignment = LocalPool(scorer), plan.assign(plan.cells[0], "search", 0, {})
    whole = encode(run_trial(plan.spec, assignment, data, pool, REPORTS.append, states.append))
    good = dict(next(state for state in states if "since.0.scores" in state and "kept.rows" in state))
    reasons: list[str] = []
    unfit = UNFIT[fault](good)
    outcome = run_trial(plan.spec, assignment, data, pool, REPORTS.append, None, unfit, reasons.append)
    [reason] = reasons
    assert "\n" not in reason
    begun_anew = encode(outcome)
    for table in whole:
        dropped = [column for column in TIME_COLUMNS if column in whole[table].column_names]
        assert begun_anew[table].drop_columns(dropped).equals(whole[table].drop_columns(dropped)), table
    run_trial(plan.spec, assignment, data, pool, REPORTS.append, None, good, reasons.append)
    assert reasons == [reason]


def test_a_state_of_a_study_that_was_changed_since_is_not_gone_on_from(
    make_spec: Callable[..., StudySpec],
    plan: Plan,
    data: StudyData,
    scorer: Scorer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fits(data: StudyData = data, **sections: object) -> bool:
        setup = set_up(make_spec(**sections), trial, data)
        return Trial(setup, LocalPool(scorer), Recording(setup), REPORTS.append, None).resume_state.fits(states[0])

    monkeypatch.setattr(resume_module, "SECONDS_BETWEEN_SAVES", 0.0)
    states: list[Mapping[str, object]] = []
    trial = plan.assign(plan.cells[0], "search", 0, {})
    run_trial(plan.spec, trial, data, LocalPool(scorer), REPORTS.append, states.append)
    assert fits()
    assert fits(confirm={"seeds": 4}, imbalance={"ratios": (1, 5, 9), "minority_size": 10})
    assert not fits(model={"name": "mini-gpt2"})
    assert not fits(task={"name": "reviews", "template": "{text} {mask}"})
    assert not fits(imbalance={"ratios": (1, 5), "minority_size": 9})
    assert not fits(budget={"queries": 60, "batch_size": 4, "evaluations": 3})
    assert not fits(replace(data, versions={"data": "other texts"}))
    assert not fits(replace(data, versions={**data.versions, "numpy": "another"}))


def test_a_trial_whose_method_was_edited_since_begins_anew_with_one_note(
    plan: Plan, data: StudyData, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume_module, "SECONDS_BETWEEN_SAVES", 0.0)
    spsa, pool, assignment = get_method("spsa"), LocalPool(scorer), plan.assign(plan.cells[0], "search", 0, {})
    states: list[Mapping[str, object]] = []
    before = replace(data, code={"spsa": code_digest(spsa)})
    run_trial(plan.spec, assignment, before, pool, REPORTS.append, states.append)

    def step(method: Any) -> Any:
        method.latent = method.latent + np.float32(0.01)
        return (yield from original(method))

    original = spsa.step
    monkeypatch.setattr(spsa, "step", step)
    after, reasons = replace(data, code={"spsa": code_digest(spsa)}), list[str]()
    anew = run_trial(plan.spec, assignment, after, pool, REPORTS.append)
    resumed = run_trial(plan.spec, assignment, after, pool, REPORTS.append, None, states[-1], reasons.append)
    np.testing.assert_array_equal(resumed.history["loss"], anew.history["loss"])
    assert len(reasons) == 1


def test_saved_scores_are_given_to_the_points_that_they_are_of_and_to_no_others() -> None:
    points = Queries(np.ones((2, 3), np.float32), np.zeros((2, 4), np.int32))
    cache, resumed = ScoreCache(lambda: None), ScoreCache(lambda: None)
    cache.next(points, 1).known[:] = True
    state = cache.state_dict()
    for queries, seed, known in (
        (points, 1, True),
        (points, 2, False),
        (replace(points, latents=points.latents * 2), 1, False),
        (replace(points, rows=points.rows + 1), 1, False),
    ):
        resumed.load_state_dict(state)
        assert resumed.next(queries, seed).known.all() == known


def pruned_at(plan: Plan, thresholds: tuple[float, ...]) -> Assignment:
    return plan.assign(plan.cells[0], "search", 0, {"perturbation_radius": 0.2}, thresholds)


def test_a_trial_below_its_threshold_stops_there_with_the_figures_of_its_kept_point(
    plan: Plan, data: StudyData, scorer: Scorer
) -> None:
    pool = LocalPool(scorer)
    whole = run_trial(plan.spec, pruned_at(plan, ()), data, pool, REPORTS.append)
    best = list(best_so_far(plan.spec.budget, whole.history, whole=True).values())
    level = run_trial(plan.spec, pruned_at(plan, (best[0], best[1])), data, pool, REPORTS.append)
    assert level.trial.status == whole.trial.status == "complete"

    limits = (best[0], np.nextafter(best[1], 2))
    pruned = run_trial(plan.spec, pruned_at(plan, limits), data, pool, REPORTS.append)
    n_steps = int((whole.history["queries"] < 40).sum()) + 1
    assert (pruned.trial.status, pruned.trial.error) == ("pruned", None)
    assert pruned.trial.queries == whole.history["queries"][n_steps - 1] >= 40
    assert pruned.trial.dev_auc == best[1]
    assert not pruned.scores
    for name, column in pruned.history.items():
        np.testing.assert_array_equal(column, whole.history[name][:n_steps])
    assert encode(pruned)["trials"]["status"].to_pylist() == ["pruned"]


def test_a_step_over_several_evaluations_answers_for_each(
    make_spec: Callable[..., StudySpec], data: StudyData, scorer: Scorer
) -> None:
    """With 4 queries a step and an evaluation each 1.2 queries, the second place is never stood on."""
    budget = {"queries": 12, "batch_size": 8, "evaluations": 10}
    method = {"label": "spsa", "algorithm": "spsa", "options": {"queries_per_step": 4}}
    plan = make_plan(make_spec(budget=budget, methods=(method,)))
    limits = (0.0, 2.0, *[0.0] * 7)
    outcome = run_trial(plan.spec, pruned_at(plan, limits), data, LocalPool(scorer), REPORTS.append)
    assert (outcome.trial.status, outcome.trial.queries) == ("pruned", 4)


def test_the_end_of_a_trial_is_never_too_early(
    make_spec: Callable[..., StudySpec], data: StudyData, scorer: Scorer
) -> None:
    """The last step ends at 20 of 22 queries, before the last place but after the one before."""
    budget = {"queries": 22, "batch_size": 8, "evaluations": 2}
    method = {"label": "spsa", "algorithm": "spsa", "options": {"queries_per_step": 20}}
    plan = make_plan(make_spec(budget=budget, methods=(method,)))
    outcome = run_trial(plan.spec, pruned_at(plan, (2.0,)), data, LocalPool(scorer), REPORTS.append)
    assert (outcome.trial.status, outcome.trial.queries) == ("complete", 20)


def test_a_pruned_trial_resumed_at_any_saved_step_ends_alike(
    plan: Plan, data: StudyData, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume_module, "SECONDS_BETWEEN_SAVES", 0.0)
    states: list[Mapping[str, object]] = []
    pool, assignment = LocalPool(scorer), pruned_at(plan, (0.0, 2.0))
    whole = encode(run_trial(plan.spec, assignment, data, pool, REPORTS.append, states.append))
    assert whole["trials"]["status"].to_pylist() == ["pruned"]
    assert states
    for state in states:
        resumed = encode(run_trial(plan.spec, assignment, data, pool, REPORTS.append, saved=state))
        for table in whole:
            dropped = [column for column in TIME_COLUMNS if column in whole[table].column_names]
            assert resumed[table].drop_columns(dropped).equals(whole[table].drop_columns(dropped)), table


def test_an_entrys_own_sampler_is_the_one_that_draws_its_batches(
    make_spec: Callable[..., StudySpec], data: StudyData, scorer: Scorer
) -> None:
    shared = {"algorithm": "spsa"}
    entries = ({"label": "spsa"} | shared, {"label": "natural", "imbalance": {"sampler": "natural"}} | shared)
    plan = make_plan(make_spec(methods=entries))
    stratified, natural = (run(plan, data, scorer, cell).trial for cell in (0, 1))
    assert (stratified.sampler, natural.sampler) == ("stratified", "natural")
    assert stratified.latent != natural.latent


def test_a_trials_linear_algebra_runs_on_one_thread(plan: Plan, data: StudyData, scorer: Scorer) -> None:
    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    seen: list[set[int]] = []
    assignment = plan.assign(plan.cells[0], "confirm", 0, {})
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        run_trial(plan.spec, assignment, data, LocalPool(scorer), lambda _: seen.append(threads()))
        assert threads() == before
    assert seen
    assert all(each == {1} for each in seen)
