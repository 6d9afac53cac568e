"""Ranks over blocks: against published figures, scipy, and comparisons made by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from tests.reading_findings import results

from zostudy.results.comparison.cell_summary import CellSummary
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.evidence import Evidence
from zostudy.results.comparison.metric_tables import comparison_tables
from zostudy.results.comparison.rank_statistics import RankStatistics, bootstrap_intervals, critical_difference
from zostudy.results.comparison.statistics import t_interval
from zostudy.results.comparison.table_notes import comparison_notes

AUC = "test_auc"

# Demsar 2006, table 6: AUC of C4.5 on 14 data sets, as it is, with m, with cf, and with both. On the data set voting
# the last two differ behind the third decimal, as their ranks there say.
PUBLISHED = {
    "C4.5": (0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.0, 0.940, 0.619, 0.972, 0.957),
    "C4.5+m": (0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.0, 0.962, 0.666, 0.981, 0.978),
    "C4.5+cf": (0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.0, 0.965, 0.614, 0.9751, 0.946),
    "C4.5+m+cf": (0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.0, 0.962, 0.669, 0.975, 0.970),
}


def cell(method: str, block: tuple[Any, Any], values: Sequence[float], **given: Any) -> CellSummary:
    """Returns a cell of a task and ratio, with one value a seed."""
    task, ratio = block
    metric, first = given.pop("metric", AUC), given.pop("first_seed", 0)
    return CellSummary(
        row=(task, method),
        column=ratio,
        intervals={metric: t_interval(values)},
        seeds=len(values),
        failed=given.pop("failed", 0),
        budget=300,
        queries=300.0,
        examples=9600.0,
        values={metric: {(seed,): value for seed, value in enumerate(values, first)}},
        evidence=Evidence(algorithm=given.pop("algorithm", method)),
        **given,
    )


def compared(*cells: CellSummary, metric: str = AUC) -> Comparison:
    return Comparison("imbalance_ratio", ("task", "method"), (metric,), cells)


def of_tasks(values: Mapping[str, Sequence[float]]) -> list[CellSummary]:
    """Returns cells of one seed and ratio, a task a value."""
    return [
        cell(method, (f"task {index:02}", 1.0), [value])
        for method, of in values.items()
        for index, value in enumerate(of)
    ]


def statistics_of(*cells: CellSummary) -> RankStatistics:
    found = compared(*cells).rank_statistics(AUC)
    assert found is not None
    return found


def test_ranks_test_and_critical_difference_are_those_that_demsar_published() -> None:
    found = statistics_of(*of_tasks(PUBLISHED))
    assert {rank.method: round(rank.mean, 3) for rank in found.ranks} == {
        **{"C4.5+m+cf": 1.964, "C4.5+m": 2.0, "C4.5+cf": 2.893, "C4.5": 3.143}
    }
    assert [rank.method for rank in found.ranks] == ["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]
    # 9.28 is published without the correction for ties: three pairs and four equal values among 14 x (4^3 - 4).
    assert found.statistic * (1 - (3 * 6 + 60) / (14 * 60)) == pytest.approx(9.28, abs=0.005)
    assert found.p_value == scipy.stats.friedmanchisquare(*PUBLISHED.values()).pvalue
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert (found.test, len(found.blocks), found.sources, found.left_out) == ("Friedman", 14, 14, ())
    # C4.5 differs from C4.5+m+cf by 1.18 alone: at 5% Nemenyi's test finds nothing, as is published.
    assert found.groups == (("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"),)


@pytest.mark.parametrize(
    ("n_methods", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (10, 3.164)]
)
def test_the_critical_values_are_those_of_demsars_table(n_methods: int, q: float) -> None:
    scale = math.sqrt(n_methods * (n_methods + 1) / (6 * 9))
    assert critical_difference(n_methods, 9) / scale == pytest.approx(q, abs=0.001)


def test_groups_are_the_largest_runs_that_differ_by_less_than_the_critical_difference() -> None:
    orders = ["abcd", "abcd", "abcd", "abdc", "bacd", "abcd", "abcd", "abdc"] * 2
    values = {method: [-float(order.index(method)) for order in orders] for method in "abcd"}
    found = statistics_of(*of_tasks(values))
    assert found.p_value < 0.001
    assert found.critical_difference == pytest.approx(1.173, abs=0.001)
    assert [rank.mean for rank in found.ranks] == [1.125, 1.875, 3.25, 3.75]
    assert found.groups == (("a", "b"), ("c", "d"))


def test_methods_that_no_test_tells_apart_are_one_group() -> None:
    rotated = {"a": [3.0, 2.0, 1.0], "b": [1.0, 3.0, 2.0], "c": [2.0, 1.0, 3.0]}
    assert statistics_of(*of_tasks(rotated)).p_value == 1
    same = statistics_of(*of_tasks({method: [0.5, 0.6, 0.7] for method in "abc"}))
    assert (same.statistic, same.p_value, same.groups) == (0, 1, (("a", "b", "c"),))
    assert [(rank.mean, rank.low, rank.high) for rank in same.ranks] == [(2, 2, 2)] * 3
    assert "Where p is not below .05, the order of the methods may be chance." in results("How to read a rank table")


def test_two_methods_are_tested_by_their_signed_ranks() -> None:
    one, other = [0.9, 0.8, 0.85, 0.7, 0.95, 0.6], [0.8, 0.72, 0.82, 0.71, 0.6, 0.5]
    found = statistics_of(*of_tasks({"a": one, "b": other}))
    assert found.test == "Wilcoxon"
    assert found.p_value == scipy.stats.wilcoxon(one, other).pvalue == 2 * 2 / 2**6  # by hand: W is 1
    assert [(rank.method, rank.mean) for rank in found.ranks] == [("a", 7 / 6), ("b", 11 / 6)]
    assert (found.critical_difference, found.groups) == (None, (("a", "b"),))


def large_wins_and_small_losses(wins: int, losses: int) -> dict[str, list[float]]:
    """Returns values of a, which beats b by much, and is beaten by it by little."""
    by = [0.4 + n / 99 for n in range(wins)] + [-n / 999 for n in range(1, losses + 1)]
    return {"a": [0.5 + gain for gain in by], "b": [0.5] * len(by)}


@pytest.mark.parametrize("values", [large_wins_and_small_losses(8, 3), large_wins_and_small_losses(12, 12)])
def test_two_methods_are_told_apart_exactly_where_their_test_is(values: Mapping[str, Sequence[float]]) -> None:
    """Their mean ranks differ by less than Nemenyi's difference, or not at all: the gains alone differ in size."""
    found = statistics_of(*of_tasks(values))
    assert found.p_value == scipy.stats.wilcoxon(values["a"], values["b"]).pvalue <= 0.05
    assert found.ranks[1].mean - found.ranks[0].mean < critical_difference(2, len(found.blocks))
    assert found.groups == (("a",), ("b",))
    comparison = compared(*of_tasks(values))
    table = comparison_tables(comparison)[-1]
    assert [text[-1] for _, text in table.rows] == ["a", "b"]
    assert table.notes[0].endswith(f"blocks, p = {found.p_value:.3f}.")
    assert table.notes[-1].endswith("share a letter are not told apart: the test finds no difference at all.")
    assert {record["critical_difference"] for record in comparison.records()} == {None}


@given(st.lists(st.permutations([1.0, 2.0, 3.0]), min_size=3, max_size=8))
def test_the_intervals_are_scipys_bootstrap(rows: list[list[float]]) -> None:
    ranks = np.array(rows).T
    found = bootstrap_intervals(ranks)
    expected = scipy.stats.bootstrap(
        (ranks,), np.mean, axis=1, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    np.testing.assert_allclose(found, np.stack(expected, axis=1), atol=2 / len(rows) - 1e-9)
    assert np.mean(np.abs(found - np.stack(expected, axis=1))) < 0.1
    np.testing.assert_array_equal(found, bootstrap_intervals(ranks))


def test_the_text_tells_that_the_blocks_are_drawn_anew() -> None:
    assert len(np.unique(bootstrap_intervals(np.array([[1.0, 2.0, 1.0, 2.0]])))) == 2
    said = "and its interval says how far it moves when the blocks are drawn anew."
    assert said in results("How to read a rank table")


@pytest.mark.parametrize(("n_blocks", "share"), [(5, 0.84), (10, 0.91)])
def test_few_blocks_make_the_intervals_too_narrow(n_blocks: int, share: float) -> None:
    draws = np.random.default_rng(0).normal(size=(1000, n_blocks))
    low, high = bootstrap_intervals(draws).T
    assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(share, abs=0.025)


def test_a_block_is_a_task_and_ratio_with_the_means_over_the_seeds_that_all_have() -> None:
    cells = [cell("a", (task, ratio), [0.5, 0.6, 0.9]) for task in ("x", "y") for ratio in (1.0, 10.0)]
    # Over its own seeds b would be worse everywhere: its fourth one has no pair.
    cells += [cell("b", (task, ratio), [0.6, 0.7, 0.8, 0.1]) for task in ("x", "y") for ratio in (1.0, 10.0)]
    found = statistics_of(*cells)
    assert found.blocks == (("x", 1.0), ("x", 10.0), ("y", 1.0), ("y", 10.0))
    assert (found.named_by, found.sources) == (("task", "imbalance_ratio"), 2)
    assert [(rank.method, rank.mean) for rank in found.ranks] == [("b", 1), ("a", 2)]


def test_what_lacks_most_is_left_out_until_all_that_stays_is_full() -> None:
    blocks = [(f"task {number}", 1.0) for number in range(5)]
    cells = [cell(method, block, [0.5 + index / 9]) for index, method in enumerate("abc") for block in blocks]
    cells += [cell("seldom", blocks[0], [0.9]), cell("white-box", blocks[1], [0.99], needs="gradients")]
    cells[4] = cell("a", blocks[4], [0.5], failed=1)
    found = statistics_of(*cells)
    assert [rank.method for rank in found.ranks] == ["c", "b", "a"]
    assert found.blocks == tuple(blocks[:4])
    assert (found.left_out, found.lost_blocks) == (("seldom",), 1)


def test_without_two_methods_in_three_blocks_there_are_no_ranks() -> None:
    values = {"a": [0.9, 0.8, 0.7], "b": [0.6, 0.5, 0.4]}
    assert compared(*of_tasks(values)).rank_statistics(AUC) is not None
    assert compared(*of_tasks(values)[:5]).rank_statistics(AUC) is None
    assert compared(*of_tasks({"a": values["a"]})).rank_statistics(AUC) is None
    assert compared().rank_statistics(AUC) is None
    references = [cell(method, ("x", ratio), [0.5], needs="states") for method in "ab" for ratio in (1.0, 2.0, 3.0)]
    assert compared(*references).rank_statistics(AUC) is None
    apart = [cell("a", (f"task {n}", 1.0), [0.5]) for n in range(3)]
    apart += [cell("b", (f"task {n}", 1.0), [0.5], first_seed=9) for n in range(3)]
    assert compared(*apart).rank_statistics(AUC) is None


def test_one_label_for_two_methods_is_two_methods() -> None:
    cells = of_tasks({"a": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], "b": [0.5] * 6})
    cells += [cell("ours", (f"task {n:02}", 1.0), [0.4], algorithm="spsa" if n < 3 else "zosa") for n in range(6)]
    found = statistics_of(*cells)
    assert [rank.method for rank in found.ranks] == ["a", "b"]
    assert found.left_out == ("ours (spsa)", "ours (zosa)")


def test_a_lower_loss_ranks_first() -> None:
    losses = {"a": 0.3, "b": 0.2}
    cells = [
        cell(method, (f"task {n}", 1.0), [loss], metric="train_loss")
        for method, loss in losses.items()
        for n in range(3)
    ]
    found = compared(*cells, metric="train_loss").rank_statistics("train_loss")
    assert found is not None
    assert [rank.method for rank in found.ranks] == ["b", "a"]


def test_the_table_shows_ranks_and_letters_of_several_tasks_alone() -> None:
    comparison = compared(*of_tasks(PUBLISHED))
    *_, table = comparison_tables(comparison)
    assert table.columns == ("method", AUC)
    assert table.title == "mean rank (95% bootstrap interval) and group, over blocks of task, ratio"
    assert [row[0] for row in table.rows] == ["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]
    assert all(text.endswith(") a") for _, text in table.rows)
    assert table.rows[0][1].startswith("2.0 (1.")
    assert table.notes[0] == (
        "test_auc: Friedman's test over 14 blocks, p = 0.017; Nemenyi's critical difference at 5% is 1.25."
    )
    assert table.notes[0] in comparison_notes(comparison)
    record = comparison.records()[0]
    assert (record["rank_blocks"], round(record["mean_rank"], 3)) == (14, 3.143)
    assert record["mean_rank_low"] < record["mean_rank"] < record["mean_rank_high"]
    assert (record["rank_p_value"], record["critical_difference"]) == pytest.approx((0.0167, 1.2536), abs=1e-4)

    of_one = [
        cell(method, ("x", ratio), [value]) for method, value in (("a", 0.9), ("b", 0.5)) for ratio in (1.0, 2.0, 3.0)
    ]
    alone = Comparison("imbalance_ratio", ("task", "method"), (AUC,), tuple(of_one))
    assert alone.rank_statistics(AUC) is not None
    assert len(comparison_tables(alone)) == 1
    assert alone.records()[0]["rank_blocks"] == 0


def test_what_limits_ranks_is_said_under_them() -> None:
    blocks = [(task, ratio) for task in ("x", "y") for ratio in (1.0, 10.0)]
    cells = [cell(method, block, [value]) for method, value in (("a", 0.9), ("b", 0.5)) for block in blocks]
    cells += [cell("seldom", blocks[0], [0.9])]
    notes = comparison_tables(compared(*cells))[-1].notes
    assert notes[0] == "test_auc: Wilcoxon's signed-rank test over 4 blocks, p = 0.125, no difference."
    assert notes[1].startswith("Not ranked over blocks: seldom,")
    assert notes[2].startswith("The bootstrap intervals are too narrow with 4 blocks;")
    assert notes[3] == ("The blocks are of 2 models and tasks: ratios and budgets of one share rows and seeds.")
    shown = compared(*of_tasks({"a": [0.9, 0.8, 0.7], "b": [0.6, 0.5, 0.4]}))
    of_budgets = replace(shown, row_names=("budget", "method"))
    assert comparison_tables(of_budgets)[-1].notes[-2].startswith("The blocks are of one model and task, so that p is")
    of_studies = replace(shown, row_names=("study", "method"))
    assert comparison_tables(of_studies)[-1].notes[-2] == (
        "The blocks are of one model and task, so that p is too small: ratios, budgets and studies of one share rows "
        "and seeds."
    )
