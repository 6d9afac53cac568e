"""The share of the way from the untuned prompt to true gradients, of cells made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from zostudy.results.comparison.cell_summary import CellSummary
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.evidence import Evidence
from zostudy.results.comparison.metric_tables import comparison_tables
from zostudy.results.comparison.statistics import t_interval
from zostudy.results.comparison.table_notes import comparison_notes
from zostudy.results.comparison.way_to_gradients import way_notes

AUC = "test_auc"


def cell(method: str, values: Sequence[float], metric: str = AUC, **given: Any) -> CellSummary:
    return CellSummary(
        row=(*given.pop("group", ()), method),
        column=given.pop("column", 10.0),
        intervals={metric: t_interval(values)},
        seeds=len(values),
        failed=0,
        budget=300,
        queries=given.pop("queries", 0.0 if method == "untuned" else 300.0),
        examples=0.0,
        values={metric: {(seed,): value for seed, value in enumerate(values)}},
        evidence=Evidence(algorithm=method),
        needs={"white-box": "gradients", "linear-probe": "states"}.get(method, "scores"),
        **given,
    )


def compared(*cells: CellSummary, metric: str = AUC, names: tuple[str, ...] = ("method",)) -> Comparison:
    return Comparison("imbalance_ratio", names, (metric,), cells)


UNTUNED, WHITE_BOX = cell("untuned", [0.5, 0.6, 0.7]), cell("white-box", [0.99, 1.0, 1.01])


def test_the_furthest_come_first_and_other_references_are_none_of_them() -> None:
    others = [cell("spsa", [0.8] * 3), cell("zosa", [0.9, 0.85, 0.95]), cell("random-search", [0.58] * 3)]
    comparison = compared(UNTUNED, *others, cell("linear-probe", [0.7] * 3), WHITE_BOX)
    line = "Of the way from untuned to white-box in test_auc at ratio 10: zosa 75%, spsa 50%, random-search -5%."
    assert [*way_notes(comparison, AUC)] == [line]
    assert line in comparison_notes(comparison)
    assert line in comparison_tables(comparison)[0].notes


def test_each_column_and_group_has_a_way_of_its_own() -> None:
    cells = [
        cell(method, [value + noise for noise in (-0.01, 0, 0.02)], group=(budget,), column=ratio)
        for budget in (300, 100)
        for ratio in (10.0, 1.0)
        for method, value in (("untuned", 0.5), ("spsa", 0.5 + budget / 1000 + ratio / 100))
    ]
    ends = [cell("white-box", [0.99, 1, 1.0], group=(b,), column=r) for b in (300, 100) for r in (10.0, 1.0)]
    found = [*way_notes(compared(*cells, *ends, names=("budget", "method")), AUC)]
    start = "Of the way from untuned to white-box in test_auc at budget"
    assert [line.removeprefix(start) for line in found] == [
        " 100, ratio 1: spsa 22%.",
        " 100, ratio 10: spsa 41%.",
        " 300, ratio 1: spsa 63%.",
        " 300, ratio 10: spsa 81%.",
    ]


@pytest.mark.parametrize(
    "end",
    [
        cell("white-box", [0.2, 0.3, 0.41]),  # worse than the untuned prompt
        cell("white-box", [0.9, 0.55, 0.71]),  # not told from it
        cell("white-box", [0.99, 1.0, 1.01], missing=1),
        cell("linear-probe", [0.99, 1.0, 1.01]),
    ],
)
def test_without_a_known_way_nothing_is_said(end: CellSummary) -> None:
    assert [*way_notes(compared(UNTUNED, cell("spsa", [0.8] * 3), end), AUC)] == []
    assert [*way_notes(compared(UNTUNED, cell("spsa", [0.8] * 3), WHITE_BOX), AUC)] != []


def test_the_way_of_a_loss_goes_down() -> None:
    losses = {"untuned": [0.9, 1.0, 1.1], "spsa": [0.4] * 3, "white-box": [0.19, 0.2, 0.21]}
    cells = [cell(method, of, "train_loss") for method, of in losses.items()]
    (line,) = way_notes(compared(*cells, metric="train_loss"), "train_loss")
    assert line.endswith("in train_loss at ratio 10: spsa 75%.")


def test_no_line_stands_while_no_method_has_all_its_seeds() -> None:
    assert [*way_notes(compared(UNTUNED, cell("spsa", [0.8] * 3, missing=1), WHITE_BOX), AUC)] == []


def test_the_untuned_prompt_has_no_share_where_its_start_took_queries() -> None:
    start = cell("untuned", [0.5, 0.6, 0.7], queries=40.0)
    (line,) = way_notes(compared(start, cell("spsa", [0.8] * 3), WHITE_BOX), AUC)
    assert line.endswith("at ratio 10: spsa 50%.")
