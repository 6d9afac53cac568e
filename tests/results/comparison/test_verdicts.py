from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.config.distributions import Range
from zostudy.results.comparison.cell_summary import CellSummary
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.evidence import Evidence, Move, Prediction
from zostudy.results.comparison.metric_tables import comparison_tables
from zostudy.results.comparison.statistics import bounded_interval
from zostudy.results.comparison.table_notes import comparison_notes, verdict_notes
from zostudy.results.comparison.verdicts import (
    against_yardstick,
    constant_classifier,
    did_not_move,
    edges,
    is_yardstick,
    search_disagrees,
    too_few_seeds,
    verdicts,
    yardsticks,
)
from zostudy.results.completeness import BestConfiguration

STRATIFY = "set imbalance.sampler to stratified"
AUC = "test_auc"
MOVED = Move(3.0, 6.0)


def made(method: str = "zosa", values: Sequence[float] = (0.8, 0.85, 0.9), **evidence: Any) -> CellSummary:
    queries = 0.0 if method in ("untuned", "no-prompt") else 300.0
    by_seed: dict[tuple[int, ...], float] = {(seed,): value for seed, value in enumerate(values)}
    return CellSummary(
        *((method,), 10.0, {AUC: bounded_interval(values)}, len(values), 0, 300, queries, 9600.0, {AUC: by_seed}),
        evidence=Evidence(**{"algorithm": method, **evidence}),
    )


def compared(*cells: CellSummary) -> Comparison:
    return Comparison("imbalance_ratio", ("method",), (AUC,), cells)


@pytest.mark.parametrize(
    ("moves", "still"),
    [
        ([Move(0.0, 6.0)] * 3, True),
        ([Move(0.59, 6.0)] * 3, True),
        ([Move(0.61, 6.0)] * 3, False),
        ([Move(1.0, 10.0)] * 3, False),  # a tenth itself
        ([Move(0.0, 6.0), Move(0.0, 6.0), MOVED], True),
        ([Move(0.0, 6.0), MOVED], False),  # half of them did
        ([Move(0.0, None)], True),
        ([Move(1e-9, None)], False),  # a method without a reach has no tenth of it
        ([], False),  # older results
    ],
)
def test_a_cell_did_not_move_where_most_seeds_kept_a_point_within_a_tenth_of_reach(
    moves: list[Move], still: bool
) -> None:
    verdict = did_not_move(made(moves=tuple(moves), step_setting="reach"))
    assert (verdict is not None) == still
    if verdict:
        assert "reach" in verdict.setting


def test_the_verdict_says_how_many_seeds_stayed_and_how_far_all_went() -> None:
    moves = (Move(0.0, 6.0), Move(0.3, 6.0), Move(3.0, 6.0))
    verdict = did_not_move(made(moves=moves, step_setting="learning_rate"))
    assert verdict is not None
    assert verdict.fact == "2 of 3 seeds kept the start or a point beside it, 0.18 of the reach in the mean"
    assert verdict.setting == (
        "search learning_rate above and below its value, or raise budget.evaluations for more looks at dev"
    )


def test_steps_that_were_searched_already_need_more_trials() -> None:
    within = Range(low=0.3, high=10.0, log=True)
    for key in ("reach", "zosa.reach"):
        verdict = did_not_move(made(moves=(Move(0.0, 6.0),), step_setting="reach", chosen=((key, 3.0, within),)))
        assert verdict is not None
        assert verdict.setting == "raise search.trials or budget.evaluations for more looks at dev"
    verdict = did_not_move(made(moves=(Move(0.0, 6.0),), step_setting="reach", chosen=(("margin", 1.0, within),)))
    assert verdict is not None
    assert verdict.setting.startswith("search reach above and below its value, or")


@pytest.mark.parametrize(
    ("predictions", "constant"),
    [
        ([Prediction(1.0, 0.0)] * 3, True),
        ([Prediction(0.991, 0.1)] * 3, True),
        ([Prediction(0.99, 0.0)] * 3, False),
        ([Prediction(1.0, 0.0), Prediction(1.0, 0.0), Prediction(0.6, 0.4)], True),
        ([Prediction(1.0, 0.0), Prediction(0.6, 0.4)], False),
        ([Prediction(0.995, 0.5)] * 3, False),
        ([Prediction(0.995, 0.9)] * 3, False),  # the test rows are of one class, and the others are found
        ([], False),
    ],
)
def test_a_constant_classifier_predicts_one_class_for_over_99_percent_of_test(
    predictions: list[Prediction], constant: bool
) -> None:
    verdict = constant_classifier(made(predictions=tuple(predictions), sampler="natural"))
    assert (verdict is not None) == constant
    if verdict:
        assert "imbalance.sampler to stratified" in verdict.setting


def test_the_setting_of_a_constant_classifier_is_not_the_one_that_it_has() -> None:
    verdict = constant_classifier(made(predictions=(Prediction(1.0, 0.0),), sampler="stratified"))
    assert verdict is not None
    assert verdict.setting == "choose other task.label_words"
    assert verdict.fact == "argmax gives one class 100.0% of the test rows, 1 of 1 seeds"


def test_a_useful_classifier_can_only_predict_such_a_share_where_test_is_of_one_class() -> None:
    # The best case: a hundredth of the rows is predicted to be of the rare class, and all of these are.
    for n_rare, spared in ((40, False), (60, False), (500, False), (30, True), (10, True)):
        truth, predicted = (np.arange(1000) < n for n in (n_rare, min(n_rare, 9)))
        share, mcc = 1 - predicted.mean(), float(np.corrcoef(truth, predicted)[0, 1])
        assert (constant_classifier(made(predictions=(Prediction(share, mcc),))) is None) == spared, n_rare


DIFFERENT = [
    ([0.80, 0.85, 0.92], [0.70, 0.70, 0.70], "better"),  # p is .046
    ([0.80, 0.85, 0.93], [0.70, 0.70, 0.70], "too few"),  # and .052: the gain is larger, and spreads more
    ([0.80, 0.81, 0.79], [0.60, 0.62, 0.61], "better"),
    ([0.80, 0.70, 0.90], [0.78, 0.72, 0.85], "not better"),  # some gain, but 10 such seeds would tell nothing
    ([0.60, 0.62, 0.61], [0.80, 0.81, 0.79], "not better"),
    ([0.60, 0.70, 0.65, 0.80], [0.55, 0.66, 0.63, 0.70], "too few"),
    ([0.95, 0.75, 0.90], [0.70, 0.72, 0.71], "too few"),
]


def needed(ours: list[float], theirs: list[float]) -> int | None:
    """Returns the fewest seeds, up to 10, at which the mean and spread of the differences have p < 5%."""
    differences = np.subtract(ours, theirs)
    for n in range(len(ours) + 1, 11):
        t = differences.mean() / differences.std(ddof=1) * math.sqrt(n)
        if 2 * scipy.stats.t.sf(abs(t), n - 1) < 0.05:
            return n
    return None


@pytest.mark.parametrize("yardstick", ["untuned", "random-search"])
@pytest.mark.parametrize(("ours", "theirs", "expected"), DIFFERENT)
def test_better_is_what_the_paired_test_of_scipy_finds_above(
    ours: list[float], theirs: list[float], expected: str, yardstick: str
) -> None:
    verdict = against_yardstick(made(values=ours), made(yardstick, theirs), AUC)
    p_value, difference = scipy.stats.ttest_rel(ours, theirs).pvalue, np.mean(ours) - np.mean(theirs)
    assert (verdict is None) == (expected == "better") == (difference > 0 and p_value <= 0.05)
    if verdict:
        has_too_few = difference > 0 and needed(ours, theirs) is not None
        rule = "Too few seeds to tell from" if has_too_few else "Not better than"
        assert rule.lower().startswith(expected)
        assert verdict.title == f"{rule} {yardstick} in test_auc"
        low, high = scipy.stats.ttest_rel(ours, theirs).confidence_interval()
        rest = f"; takes {needed(ours, theirs)} seeds or more" if has_too_few else ""
        assert verdict.fact == f"{difference:+.3f}, {low:+.3f} to {high:+.3f}{rest}"
        assert verdict.setting == ("raise confirm.seeds" if has_too_few else "raise budget.queries")
        assert verdict.figure == (f"takes {needed(ours, theirs)} seeds" if has_too_few else f"{difference:+.3f}")
        assert verdict.bars == (not has_too_few)


@pytest.mark.parametrize(("spread", "seeds"), [(0.0415, 10), (0.0435, None)])
def test_a_gain_that_takes_more_than_ten_seeds_to_tell_is_none(spread: float, seeds: int | None) -> None:
    theirs = [0.7, 0.7, 0.7]
    verdict = against_yardstick(made(values=[0.73 - spread, 0.73, 0.73 + spread]), made("untuned", theirs), AUC)
    assert verdict is not None
    p_values = [2 * scipy.stats.t.sf(0.03 / spread * math.sqrt(n), n - 1) for n in (9, 10, 11)]
    assert [p <= 0.05 for p in p_values] == [False, seeds == 10, True]
    assert verdict.rule == ("Too few seeds to tell from untuned" if seeds else "Not better than untuned")
    assert (f"takes {seeds} seeds or more" in verdict.fact) == bool(seeds)


@pytest.mark.parametrize(
    ("metric", "sampler", "has_threshold", "setting"),
    [
        ("test_minority_recall", "natural", True, f"{STRATIFY}, or decide at the threshold of dev"),
        ("test_minority_recall", "natural", False, STRATIFY),  # of three classes
        ("test_minority_recall", "stratified", True, "raise budget.queries"),
        ("test_minority_recall_at_dev_threshold", "natural", True, "raise budget.queries"),
        (AUC, "natural", True, "raise budget.queries"),
    ],
)
def test_argmax_after_natural_batches_is_told_of_the_sampler(
    metric: str, sampler: str, has_threshold: bool, setting: str
) -> None:
    poor = made(values=[0.4, 0.41, 0.4], sampler=sampler, has_threshold=has_threshold)
    cell, untuned = (
        replace(found, values={metric: found.values[AUC]}) for found in (poor, made("untuned", [0.6, 0.62, 0.61]))
    )
    verdict = against_yardstick(cell, untuned, metric)
    assert verdict is not None
    assert verdict.setting == setting


def test_a_constant_classifier_is_told_of_the_threshold_where_dev_chose_one() -> None:
    constant = (Prediction(1.0, 0.0),)
    for has_threshold in (False, True):
        verdict = constant_classifier(made(predictions=constant, has_threshold=has_threshold))
        assert verdict is not None
        assert ("or decide at the threshold of dev" in verdict.setting) == has_threshold


def test_of_an_error_the_lower_one_is_the_better() -> None:
    metric = "test_expected_calibration_error"
    low, high = (
        replace(cell, values={metric: cell.values[AUC]})
        for cell in (made(values=[0.1, 0.11, 0.12]), made("untuned", [0.3, 0.32, 0.31]))
    )
    assert against_yardstick(low, high, metric) is None
    worse = against_yardstick(replace(high, queries=300.0), replace(low, queries=0.0), metric)
    assert worse is not None
    assert worse.fact.startswith("+0.200")


@pytest.mark.parametrize(("by", "better"), [(0.125, True), (0.0, False), (-0.125, False)])
def test_the_same_difference_in_every_seed_needs_no_test(by: float, better: bool) -> None:
    theirs = [0.5, 0.625, 0.75]
    verdict = against_yardstick(made(values=[value + by for value in theirs]), made("untuned", theirs), AUC)
    assert (verdict is None) == better


def test_too_few_seeds_in_common_bar_nobody_and_are_told() -> None:
    cell, untuned = made(values=[0.4, 0.5]), made("untuned", [0.6, 0.7, 0.8])
    assert against_yardstick(cell, untuned, AUC) is None
    verdict = too_few_seeds(cell, [untuned])
    assert verdict is not None
    assert verdict.fact == "2 in common with untuned, of 3 that a test needs"
    assert verdict.setting == "raise confirm.seeds"
    assert not any(verdict.bars for verdict in compared(cell, untuned).verdicts)
    assert too_few_seeds(replace(cell, missing=1), [untuned]) is None  # more are to come, of which a note tells
    assert too_few_seeds(cell, [replace(untuned, missing=1)]) is None
    assert too_few_seeds(replace(cell, seeds=0, values={AUC: {}}), [untuned]) is None  # all failed
    assert too_few_seeds(made(), [untuned]) is None
    assert too_few_seeds(cell, []) is None
    of_both = too_few_seeds(cell, [untuned, made("random-search")])
    assert of_both is not None
    assert of_both.fact == "2 in common with untuned and random-search, of 3 that a test needs"


def test_a_line_says_once_how_many_seeds_all_cells_lack() -> None:
    few = [0.4, 0.5]
    comparison = compared(made("untuned", few), made("random-search", few), made("a", few), made("b", few))
    assert verdict_notes(comparison, [None]) == [
        "Too few seeds to tell: random-search at ratio 10; a at ratio 10; b at ratio 10 "
        "(each 2 of the 3 seeds that a test needs). To change: raise confirm.seeds."
    ]


def test_who_is_measured_by_whom() -> None:
    cells = [made(method) for method in ("untuned", "no-prompt", "random-search", "zosa", "white-box")]
    cells[-1] = replace(cells[-1], needs="gradients")
    elsewhere = replace(made("untuned"), column=50.0)
    measured = {cell.row[-1]: [rival.row[-1] for rival in yardsticks(cell, cells)] for cell in cells}
    assert measured == {
        "untuned": [],
        "no-prompt": [],
        "random-search": ["untuned"],
        "zosa": ["untuned", "random-search"],
        "white-box": [],
    }
    assert [cell.row[-1] for cell in cells if is_yardstick(cell)] == ["untuned", "no-prompt", "random-search"]
    assert {verdict.cell.row[-1] for verdict in verdicts([elsewhere, *cells], [AUC])} == {"random-search", "zosa"}
    assert verdicts([elsewhere, made()], [AUC]) == []


@pytest.mark.parametrize(
    ("value", "within", "end"),
    [
        (1.0, Range(low=1.0, high=11.0, log=False), "low"),
        (1.5, Range(low=1.0, high=11.0, log=False), "low"),
        (1.6, Range(low=1.0, high=11.0, log=False), None),
        (10.4, Range(low=1.0, high=11.0, log=False), None),
        (10.5, Range(low=1.0, high=11.0, log=False), "high"),
        (0.012, Range(low=0.01, high=1.0, log=True), "low"),  # 4% of the range's logarithm
        (0.013, Range(low=0.01, high=1.0, log=True), None),
        (0.05, Range(low=0.01, high=1.0, log=False), "low"),
        (0.05, Range(low=0.01, high=1.0, log=True), None),  # 4% of the range, but a third of its logarithm
        (0.78, Range(low=0.01, high=1.0, log=True), None),
        (0.8, Range(low=0.01, high=1.0, log=True), "high"),
        (0.0, Range(low=0.0, high=1.0, log=False), None),  # nothing is below
        (1.0, Range(low=0.0, high=1.0, log=False), "high"),
    ],
)
def test_an_edge_is_within_5_percent_of_an_end_in_the_scale_of_the_range(
    value: float, within: Range, end: str | None
) -> None:
    found = list(edges(made(chosen=(("reach", value, within),))))
    assert [verdict.setting.rpartition(".")[2] for verdict in found] == ([end] if end else [])
    if end:
        assert found[0].setting.startswith("lower search.space.reach" if end == "low" else "raise search.space.reach")
        assert found[0].fact.startswith(f"reach {value:g} of {within.low:g} to {within.high:g}")


def test_a_position_in_a_range_goes_from_0_to_1() -> None:
    for log in (False, True):
        assert [Range(low=0.1, high=10.0, log=log).position(end) for end in (0.1, 10.0)] == pytest.approx([0, 1])
    assert Range(low=0.1, high=10.0, log=True).position(1.0) == pytest.approx(0.5)


@pytest.mark.parametrize("seeds", [1, 4])
def test_search_and_confirm_disagree_above_students_prediction_bound(seeds: int) -> None:
    dev = (0.70, 0.72, 0.74, 0.71)
    mean, spread = np.mean(dev), np.std(dev, ddof=1)
    above = scipy.stats.t.ppf(0.95, 3) * spread * math.sqrt(1 / 4 + 1 / seeds) / (mean * (1 - mean))
    most = 1 / (1 + math.exp(-(math.log(mean / (1 - mean)) + above)))
    for found, agrees in ((0.5, True), (most - 0.001, True), (most + 0.001, False), (0.99, False)):
        verdict = search_disagrees(made(dev_auc=dev, best_configuration=BestConfiguration(seeds, (found, 0), "{}")))
        assert (verdict is None) == agrees, found
        if verdict:
            assert verdict.setting.startswith("raise search.seeds")
            assert f"dev AUC {found:.3f} in search, at most {most:.3f} expected from 4 confirm seeds of mean 0.718" in (
                verdict.fact
            )


def test_a_search_trial_of_975_that_confirms_at_830_disagrees() -> None:
    dev = (0.793, 0.908, 0.789)
    assert search_disagrees(made(dev_auc=dev, best_configuration=BestConfiguration(1, (0.975, 2), "{}"))) is not None
    assert search_disagrees(made(dev_auc=dev, best_configuration=BestConfiguration(1, (0.9, 2), "{}"))) is None


def test_a_perfect_search_agrees_with_seeds_of_which_one_more_could_be_perfect() -> None:
    perfect = BestConfiguration(1, (1.0, 0), "{}")
    assert search_disagrees(made(dev_auc=(0.995, 1.0, 0.938), best_configuration=perfect)) is None
    assert search_disagrees(made(dev_auc=(1.0, 1.0, 1.0), best_configuration=perfect)) is None
    assert search_disagrees(made(dev_auc=(0.93, 0.94, 0.938), best_configuration=perfect)) is not None


def test_without_a_search_or_a_bound_nothing_disagrees() -> None:
    found = BestConfiguration(1, (0.99, 0), "{}")
    assert search_disagrees(made(dev_auc=(0.5, 0.51, 0.52))) is None
    assert search_disagrees(made(dev_auc=(0.5,), best_configuration=found)) is None
    assert search_disagrees(made(dev_auc=(0.5, 0.51, 0.52), best_configuration=found)) is not None


BARRED = {
    "Did not move": made("a", [0.97, 0.98, 0.99], moves=(Move(0.0, 6.0),) * 3),
    "Constant classifier": made("a", [0.97, 0.98, 0.99], predictions=(Prediction(1.0, 0.0),) * 3),
    "Not better than untuned": made("a", [1.0, 0.45, 1.0]),
}


@pytest.mark.parametrize("rule", BARRED)
def test_nobody_under_one_of_the_first_three_verdicts_is_starred(rule: str) -> None:
    best, untuned = made("b", [0.72, 0.74, 0.73]), made("untuned", [0.60, 0.62, 0.61])
    barred = BARRED[rule]
    comparison = compared(untuned, barred, best)
    assert comparison.cells[1].intervals[AUC].mean > best.intervals[AUC].mean  # type: ignore[operator]
    assert comparison.best(AUC, 10.0) is best
    [table] = comparison_tables(comparison)
    assert table.best == {(2, 1)}
    line = f"{rule}{' in test_auc' if 'than' in rule else ''}: a at ratio 10 ("
    [note] = [note for note in table.notes if note.startswith(line)]
    assert "). To change: " in note
    assert note in comparison_notes(comparison)
    [record] = [record for record in comparison.records() if record["method"] == "a"]
    assert record["not_worse_than_best"] is True  # it is above, so it is not called worse
    assert rule in record["verdicts"].split("; ")
    # The same cell without its verdict is the best.
    free = made("a", [0.97, 0.98, 0.99], moves=(MOVED,) * 3, predictions=(Prediction(0.6, 0.4),) * 3)
    assert compared(untuned, free, best).best(AUC, 10.0) is free


def test_the_untuned_prompt_is_the_best_only_where_no_cell_is_above_it() -> None:
    untuned = made("untuned", [0.60, 0.62, 0.61])
    above, below = made("a", [0.55, 0.80, 0.55]), made("b", [0.50, 0.51, 0.52])
    assert compared(untuned, below).best(AUC, 10.0) is untuned
    assert compared(untuned, above, below).best(AUC, 10.0) is None


def test_who_has_too_few_seeds_to_tell_may_be_the_best() -> None:
    untuned, cell = made("untuned", [0.70, 0.72, 0.71]), made("a", [0.95, 0.75, 0.90])
    comparison = compared(untuned, cell)
    assert [verdict.rule for verdict in verdicts(comparison.cells, [AUC])] == ["Too few seeds to tell from untuned"]
    assert comparison.best(AUC, 10.0) is cell


def test_a_line_names_six_rows_and_records_name_all() -> None:
    cells = [made("untuned"), *(made(f"a{number}") for number in range(14))]
    comparison = compared(*cells)
    [note] = [note for note in comparison_notes(comparison) if note.startswith("Not better than untuned")]
    assert note.count("at ratio 10") == 6
    assert "; and 8 more rows (each +0.000). To change: " in note
    one_more = compared(*cells[:8])
    assert "; and 1 more row (each +0.000). To change: " in "\n".join(comparison_notes(one_more))
    assert [record["verdicts"] for record in comparison.records()] == ["", *["Not better than untuned"] * 14]


def test_a_later_metric_adds_only_the_verdicts_that_differ() -> None:
    other = "test_balanced_accuracy"

    def cell(method: str, auc: Sequence[float], accuracy: Sequence[float]) -> CellSummary:
        values: dict[str, dict[tuple[int, ...], float]] = {
            metric: {(seed,): value for seed, value in enumerate(of)} for metric, of in ((AUC, auc), (other, accuracy))
        }
        intervals = {AUC: bounded_interval(auc), other: bounded_interval(accuracy)}
        return replace(made(method), values=values, intervals=intervals)

    flat = (0.60, 0.62, 0.61)
    better = (0.80, 0.82, 0.82)
    cells = [cell("untuned", flat, flat), cell("a", flat, flat), cell("b", better, flat), cell("c", flat, better)]
    both = replace(compared(*cells), metrics=(AUC, other))
    lines = [note for table in comparison_tables(both) for note in table.notes if note.startswith("Not better than")]
    assert lines == [note for note in comparison_notes(both) if note.startswith("Not better than")]
    assert [line.partition(":")[0] for line in lines] == [
        "Not better than untuned in test_auc",
        "Not better than untuned in test_balanced_accuracy",
    ]
    named = [[name for name in "abc" if f"{name} at ratio" in line] for line in lines]
    assert named == [["a", "c"], ["b"]]
    assert [record["verdicts"] for record in both.records() if record["method"] == "a"] == [
        "Not better than untuned"
    ] * 2


def test_the_cells_of_a_row_stand_together() -> None:
    rows = [(name, column) for name in ("untuned", "a", "b") for column in (10.0, 50.0)]
    cells = [replace(made(name, (0.5, 0.51, 0.52)), column=column) for name, column in rows]
    [note] = [note for note in comparison_notes(compared(*cells)) if note.startswith("Not better than untuned")]
    assert "test_auc: a at ratio 10, 50; b at ratio 10, 50 (each +0.000). To change: " in note
    cells[-1] = replace(made("b", (0.5, 0.51, 0.49)), column=50.0)
    [note] = [note for note in comparison_notes(compared(*cells)) if note.startswith("Not better than untuned")]
    assert "test_auc: a at ratio 10 (+0.000), 50 (+0.000); b at ratio 10 (+0.000), 50 (-0.010). To change: " in note


def test_a_table_without_evidence_has_no_verdict() -> None:
    older = [replace(made(method), evidence=Evidence()) for method in ("untuned", "zosa", "spsa")]
    assert verdicts(older, [AUC]) == []


def test_a_comparison_has_the_verdicts_on_cells_and_in_metrics() -> None:
    cells = [made("untuned"), made("a", moves=(Move(0.0, 6.0),)), made("b")]
    found = compared(*cells).verdicts
    assert [verdict.title for verdict in found if verdict.cell is cells[1]] == [
        "Did not move",
        "Not better than untuned in test_auc",
    ]


SHARES = st.integers(0, 20).map(lambda twentieths: twentieths / 20)
PREDICTIONS = st.tuples(st.sampled_from([0.6, 0.995, 1.0]), st.sampled_from([0.0, 0.9]))
CELLS = st.tuples(
    st.lists(SHARES, min_size=1, max_size=4),
    st.lists(st.sampled_from([0.0, 0.5, 3.0]), max_size=4),
    st.lists(PREDICTIONS, max_size=4),
    st.sampled_from(["zosa", "untuned", "random-search", "white-box"]),
)


@settings(deadline=None)
@given(st.lists(CELLS, min_size=2, max_size=5))
def test_a_method_under_one_of_the_first_three_verdicts_is_never_the_best(
    drawn: list[tuple[list[float], list[float], list[tuple[float, float]], str]],
) -> None:
    cells = []
    for number, (values, distances, predictions, algorithm) in enumerate(drawn):
        evidence = {
            "moves": tuple(Move(distance, 6.0) for distance in distances),
            "predictions": tuple(Prediction(*prediction) for prediction in predictions),
        }
        cell = made(algorithm, values, **evidence)
        needs = "gradients" if algorithm == "white-box" else "scores"
        cells.append(replace(cell, row=(f"{algorithm}-{number}",), needs=needs))
    comparison = compared(*cells)
    barring = ("Did not move", "Constant classifier", "Not better than")
    found = verdicts(cells, [AUC])
    assert all(verdict.bars == verdict.rule.startswith(barring) for verdict in found)
    barred = {verdict.cell.key for verdict in found if verdict.bars}
    best = comparison.best(AUC, 10.0)
    assert best is None or best.key not in barred
    assert found == comparison.verdicts
    assert not any(record["best"] for record in comparison.records() if (((record["method"],), 10.0)) in barred)
