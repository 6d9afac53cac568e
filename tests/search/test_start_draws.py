"""``model.start: best-of-k``: the draw that is chosen, what it costs, and that a resume changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from zostudy.cluster.pool import LocalPool
from zostudy.config.study import StudySpec
from zostudy.errors import SpecError
from zostudy.lm.start import draw_seed
from zostudy.results.encoding import encode
from zostudy.results.outcome import Outcome
from zostudy.results.schema import TIME_COLUMNS
from zostudy.search import resume as resume_module
from zostudy.search.plan import Plan, make_plan
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData, set_up
from zostudy.search.start_draws import best_draw, comparison_rows, queries_before, with_start_costs

MODEL = {"name": "mini-roberta", "start": "best-of-k", "start_draws": 4}
# Ten dev rows of a class: 4 draws x 20 rows in batches of 8.
COST = 10


class Lucky:
    """A start is as good as its seed says: the scores are right to a degree that only the seed decides."""

    def __init__(self, scorer: Any, labels: NDArray[np.int32]) -> None:
        self._scorer, self._truth = scorer, (2.0 * labels - 1.0).astype(np.float32)
        self.seeds: list[int] = []

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        self.seeds.append(seed)
        scores: NDArray[np.float32] = self._scorer.score(latents, rows, seed, group)
        luck = np.float32(np.random.default_rng(seed).uniform(-1, 1)) * self._truth[rows]
        return scores + np.stack([-luck, luck], axis=-1)


@pytest.fixture
def choosing(make_spec: Callable[..., StudySpec]) -> Plan:
    return make_plan(make_spec(model=MODEL))


@pytest.fixture
def lucky(scorer: Any, data: StudyData) -> Lucky:
    return Lucky(scorer, data.labels)


def run(plan: Plan, data: StudyData, scorer: Any, cell: int, **options: Any) -> Outcome:
    assignment = plan.assign(plan.cells[cell], "confirm", 0, {})
    return run_trial(plan.spec, assignment, data, LocalPool(scorer, 40), lambda _: None, **options)


def expected_draw(plan: Plan, data: StudyData, scorer: Any, cell: int) -> int:
    """The draw of the highest AUC on the rows, by scikit-learn and one call a draw."""
    assignment = plan.assign(plan.cells[cell], "confirm", 0, {})
    rows = comparison_rows(data.draws[assignment.imbalance_ratio, assignment.seed], data.labels, assignment.seed)
    aucs = []
    for draw in range(4):
        scores = scorer.score(np.zeros((1, 100), np.float32), rows[None], draw_seed(assignment.seed, draw))[0]
        aucs.append(roc_auc_score(data.labels[rows], scores[:, 1] - scores[:, 0]))
    assert len(set(aucs)) > 1
    return int(np.argmax(aucs))


@pytest.mark.parametrize("cell", range(6))
def test_a_trial_starts_at_its_best_draw_and_never_leaves_its_subspace(
    choosing: Plan, data: StudyData, lucky: Lucky, cell: int
) -> None:
    outcome = run(choosing, data, lucky, cell)
    assert outcome.trial.error is None
    best = expected_draw(choosing, data, lucky, cell)
    seed = choosing.seed(1)
    assert (outcome.trial.seed, outcome.trial.start_draw) == (seed, best)
    calls = lucky.seeds[:-4]  # without those of the brute force
    drawn = [draw_seed(seed, draw) for draw in range(4)]
    assert calls[:4] == drawn
    assert set(calls[4:]) == {draw_seed(seed, best)}
    assert len({*drawn}) == 4
    assert drawn[0] == seed, "the first draw is that of start: vocabulary"


def test_the_draws_are_part_of_the_budget(choosing: Plan, data: StudyData, lucky: Lucky) -> None:
    for cell, method in enumerate(("spsa", "zosa", "untuned")):
        outcome = run(choosing, data, lucky, cell)
        trial, queries = outcome.trial, outcome.history["queries"]
        assert trial.start_queries == queries[0] == COST
        assert outcome.history["examples"][0] == 4 * 20
        assert trial.queries == queries[-1] <= 60
        assert (trial.queries == COST) == (method == "untuned")
        assert trial.examples == (trial.queries - COST) * 8 + 4 * 20
        assert encode(outcome)["trials"].column("start_draw").to_pylist() == [trial.start_draw]


def test_all_methods_of_a_ratio_and_seed_start_alike(choosing: Plan, data: StudyData, lucky: Lucky) -> None:
    starts = [run(choosing, data, lucky, cell) for cell in range(3)]
    assert len({outcome.trial.start_draw for outcome in starts}) == 1
    assert len({outcome.history["dev_auc"][0] for outcome in starts}) == 1


def test_other_starts_have_no_draw_and_cost_nothing(
    make_spec: Callable[..., StudySpec], data: StudyData, scorer: Any
) -> None:
    outcome = run(make_plan(make_spec()), data, scorer, 0)
    assert (outcome.trial.start_draw, outcome.trial.start_queries) == (None, None)
    assert outcome.history["queries"][0] == outcome.history["examples"][0] == 0


@pytest.mark.slow
def test_a_trial_resumed_wherever_it_was_saved_ends_the_same(
    choosing: Plan, data: StudyData, lucky: Lucky, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume_module, "SECONDS_BETWEEN_SAVES", 0.0)
    states: list[tuple[int, Mapping[str, Any]]] = []

    def save(state: Mapping[str, Any]) -> None:
        states.append((len(lucky.seeds), state))

    whole = encode(run(choosing, data, lucky, 3, save=save))
    n_calls = len(lucky.seeds)
    assert {*range(1, n_calls + 1)} == {done for done, _ in states}
    for done, state in states:
        lucky.seeds.clear()
        resumed = encode(run(choosing, data, lucky, 3, saved=state))
        assert len(lucky.seeds) == n_calls - done, "nothing that was scored is scored again"
        for table in whole:
            dropped = [column for column in TIME_COLUMNS if column in whole[table].column_names]
            assert resumed[table].drop_columns(dropped).equals(whole[table].drop_columns(dropped)), (table, done)


def test_rows_to_compare_on_are_dev_rows_the_same_number_of_each_class(choosing: Plan, data: StudyData) -> None:
    draw = data.draws[5.0, choosing.seed(1)]
    rows = comparison_rows(draw, data.labels, choosing.seed(1))
    assert np.bincount(data.labels[rows]).tolist() == [min(draw.dev_counts)] * 2
    assert set(rows.tolist()) <= set(draw.dev_rows.tolist())
    assert len(set(rows.tolist())) == len(rows)
    assert queries_before(choosing.spec, draw) == COST


def test_a_draw_whose_scores_are_not_finite_is_not_the_best() -> None:
    labels = np.array([0, 1], dtype=np.int32)
    right = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    scores = {0: right[::-1], 1: right, 2: right, 3: right * np.float32(np.nan)}
    seeds = {draw_seed(7, draw): draw for draw in scores}
    found = best_draw(4, 7, np.array([0, 1], np.int32), labels, (1,), lambda seed, rows: scores[seeds[seed]])
    assert found == 1, "the first of equals"


def test_a_choice_that_eats_the_budget_is_refused(make_spec: Callable[..., StudySpec], data: StudyData) -> None:
    def priced(**sections: Any) -> Plan:
        return with_start_costs(make_plan(make_spec(**sections)), data.draws)

    dear = MODEL | {"start_draws": 24}
    with pytest.raises(SpecError, match=r"model.start_draws: must leave queries .*, but 24 draws take 60 of the 60; "):
        priced(model=dear)
    assert priced(model=MODEL | {"start_draws": 23}).start_costs == {1.0: 58, 5.0: 58}
    assert priced(model=dear, methods=({"label": "no-prompt", "algorithm": "no-prompt"},)).n_queries == 0
    assert priced(model=MODEL | {"start_draws": 1}).start_costs == {}, "one draw leaves nothing to choose"
    assert priced().start_costs == {}


def test_a_plan_counts_the_queries_of_the_untuned_prompts_starts(choosing: Plan, data: StudyData, lucky: Lucky) -> None:
    priced = with_start_costs(choosing, data.draws)
    per_cell = {cell.name: priced.queries(cell) for cell in priced.cells}
    assert per_cell == {"spsa-r1": 60, "zosa-r1": 60, "untuned-r1": 10, "spsa-r5": 60, "zosa-r5": 60, "untuned-r5": 10}
    assert priced.n_queries == choosing.n_queries + 2 * 2 * COST
    for number, cell in enumerate(priced.cells):
        assert run(priced, data, lucky, number).trial.queries <= priced.queries(cell)


def test_a_method_without_a_prompt_chooses_no_start(
    make_spec: Callable[..., StudySpec], data: StudyData, lucky: Lucky
) -> None:
    methods = ({"label": "no-prompt", "algorithm": "no-prompt"},)
    plan = make_plan(make_spec(model=MODEL, methods=methods, search={"trials": 0}))
    setup = set_up(plan.spec, plan.assign(plan.cells[0], "confirm", 0, {}), data)
    assert (setup.queries_before, setup.make_method().queries_spent) == (0, 0)
    outcome = run(plan, data, lucky, 0)
    assert (outcome.trial.error, outcome.trial.start_draw, outcome.trial.start_queries) == (None, None, None)
    assert set(lucky.seeds) == {plan.seed(1)}
