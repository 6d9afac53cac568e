"""A run and the readers agree on which confirm trials count, whatever a method and its study went through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.config.study import StudySpec
from zostudy.errors import ResultsError
from zostudy.methods import MethodOptions, get_method, register_method, registry
from zostudy.methods.random_search import RandomSearch
from zostudy.results.completeness import JUDGED_BY, outdated
from zostudy.results.trial_row import TrialRow
from zostudy.search.cell_progress import CellProgress
from zostudy.search.plan import Assignment, Plan, make_plan
from zostudy.search.progress import StudyProgress
from zostudy.search.setup import check_settings


@dataclass(frozen=True, kw_only=True)
class Early(MethodOptions):
    rate: float = 1.0
    lost: float = 3.0


@dataclass(frozen=True, kw_only=True)
class Late(MethodOptions):
    rate: float = 1.0
    gained: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Changed(MethodOptions):
    rate: float = 1.5


SPACES: dict[str, dict[str, Any]] = {
    "in reach of all defaults": {
        "rate": {"choice": [1, 2.0, 3.5]},
        "lost": {"choice": [3, 4]},
        "gained": {"choice": [2, 5.0]},
    },
    "out of reach of a default": {"rate": {"low": 2.0, "high": 4.0}, "gained": {"low": 3, "high": 4}},
    "one that nothing gained or lost is in": {"rate": {"choice": [0.5, 2]}},
}


OPTIONS: list[Any] = [Early, Late]


@pytest.fixture(scope="module")
def method() -> Iterator[Any]:
    @register_method("changing")
    class Changing(RandomSearch):
        Options: ClassVar[Any] = Early

    yield Changing
    del registry._METHODS["changing"]


def plan_of(make_spec: Callable[..., StudySpec], space: dict[str, Any], trials: int) -> Plan:
    search = {"trials": trials, "sampler": "random", "startup_trials": 1, "space": space}
    methods = ({"label": "changing", "algorithm": "changing"},)
    return make_plan(make_spec(search=search, methods=methods, imbalance={"ratios": (1,)}, confirm={"seeds": 2}))


def row_of(make_row: Callable[..., TrialRow], assignment: Assignment, dev_auc: float | None) -> TrialRow:
    """The row of a trial as a later run reads it."""
    row = make_row(
        trial=assignment.name,
        cell=assignment.cell,
        stage=assignment.stage,
        number=assignment.number,
        algorithm="changing",
        params=asdict(get_method("changing").Options(**assignment.params)),
        dev_auc=dev_auc,
        status="failed" if dev_auc is None else "complete",
        error="diverged" if dev_auc is None else None,
    )
    return TrialRow.of_stored(row.as_stored())


def run(cell: CellProgress, make_row: Callable[..., TrialRow], draws: st.DataObject, most: int) -> None:
    """Runs trials that end at once, some of them; each dev AUC is one of a few, so that there are equals."""
    for _ in range(most):
        if (assignment := cell.next()) is None:
            return
        cell.record(row_of(make_row, assignment, draws.draw(st.sampled_from([None, 0.5, 0.6, 0.7]))), {})


def counting(rows: list[TrialRow]) -> set[str]:
    """The confirm trials that count for a reader, who has nothing but the rows."""
    stored = [row.as_stored() for row in rows]
    marks = outdated({name: [row[name] for row in stored] for name in JUDGED_BY})
    return {row.trial for row, mark in zip(rows, marks, strict=True) if row.stage == "confirm" and not mark}


@pytest.mark.slow
@settings(max_examples=25)
@given(draws=st.data())
@pytest.mark.parametrize("space", SPACES)
def test_a_run_and_a_reader_count_the_same_confirm_trials(
    method: Any, make_spec: Any, make_row: Any, draws: st.DataObject, space: str
) -> None:
    stored: dict[str, TrialRow] = {}
    trials = 0
    for options in draws.draw(st.lists(st.sampled_from(OPTIONS), min_size=1, max_size=3)):
        method.Options = options
        trials += draws.draw(st.integers(0, 3))
        plan = plan_of(make_spec, SPACES[space], trials)
        check_settings(plan, stored.values())
        [cell] = StudyProgress(plan, stored.values()).cells.values()
        run(cell, make_row, draws, draws.draw(st.integers(0, 12)))
        stored |= cell._finished["search"] | cell._finished["confirm"]
        if len([row for row in stored.values() if row.stage == "search"]) == cell.cell.n_search:
            assert {row.trial for row in cell.rows if row.stage == "confirm"} == counting(list(stored.values()))
    run(cell, make_row, draws, 99)
    assert cell.n_finished == cell.n_trials, "it would run again and again"


def test_a_default_that_has_changed_is_refused_and_not_mixed(method: Any, make_spec: Any, make_row: Any) -> None:
    method.Options = Early
    plan = plan_of(make_spec, {"subspace_dim": {"choice": [3, 4]}}, 1)
    assignment = StudyProgress(plan, []).cells["changing-r1"].next()
    assert assignment is not None
    row = row_of(make_row, assignment, 0.5)
    check_settings(plan, [row, replace(row, cell="of another study")])
    method.Options = Changed
    with pytest.raises(ResultsError, match=r"changing-r1-search-000 would now run with rate 1\.5, and ran with 1\.0"):
        check_settings(plan, [row])


def test_a_trial_of_before_there_were_step_rules_is_not_mixed_with_newer_ones(make_spec: Any, make_row: Any) -> None:
    plan = make_plan(make_spec(methods=({"label": "spsa", "algorithm": "spsa"},), search={"trials": 0}))
    assignment = plan.assign(plan.cells[0], "confirm", 0, {})
    params = asdict(get_method("spsa").Options())
    row = make_row(trial=assignment.name, cell=assignment.cell, algorithm="spsa", params=params)
    check_settings(plan, [row])
    older = replace(row, params={name: params[name] for name in params if name not in ("step_rule", "reach")})
    with pytest.raises(ResultsError, match=r"would now run with reach 3\.0, and ran without it"):
        check_settings(plan, [older])


@pytest.mark.parametrize(
    ("budget", "rule", "mixed"), [(305, "spread", False), (306, "spread", True), (306, "adagrad-norm", False)]
)
def test_a_trial_of_before_long_budgets_had_shorter_steps_is_not_mixed_with_newer_ones(
    make_spec: Any, make_row: Any, budget: int, rule: Any, mixed: bool
) -> None:
    method: Any = {"label": "zosa", "algorithm": "zosa", "options": {"step_rule": rule}}
    plan = make_plan(make_spec(methods=(method,), search={"trials": 0}))
    assignment = plan.assign(plan.cells[0], "confirm", 0, {})
    params = asdict(get_method("zosa").Options(**method["options"]))
    del params["reach_steps"]
    row = make_row(trial=assignment.name, cell=assignment.cell, algorithm="zosa", params=params, budget=budget)
    refused = pytest.raises(ResultsError, match="would now run with reach_steps 16, and ran without it")
    with refused if mixed else nullcontext():
        check_settings(plan, [row])
