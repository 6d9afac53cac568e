from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from zostudy.results.comparison.cell_summary import CellSummary
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.evidence import Evidence
from zostudy.results.comparison.metric_tables import comparison_tables
from zostudy.results.comparison.ranking import average_ranks
from zostudy.results.comparison.statistics import Interval, bounded_interval, t_interval
from zostudy.results.comparison.table_notes import comparison_notes
from zostudy.results.table_formats import html, latex, markdown, plain


def cell(method: str, ratio: float, interval: Interval, **changes: Any) -> CellSummary:
    values: dict[str, Any] = {"seeds": 3, "failed": 0, "budget": 300, "queries": 300.0, "examples": 9600.0, **changes}
    return CellSummary((method,), ratio, {"test_auc": interval, "dev_auc": Interval(0.5, 0.4, 0.6)}, **values)


def test_methods_stand_against_ratios() -> None:
    cells = (
        cell("untuned", 1.0, Interval(0.7, 0.69, 0.71), queries=0, examples=0),
        cell("untuned", 2.5, Interval(0.65, 0.63, 0.67), queries=0, examples=0),
        cell("zosa", 1.0, Interval(0.8126, 0.7981, 0.826), queries=288.0, examples=9216.0),
        cell("zosa", 2.5, Interval(0.9, None, None), seeds=1, failed=2),
        cell("spsa", 2.5, Interval(None, None, None), seeds=0, failed=3, queries=16.0),
    )
    first, last = comparison_tables(Comparison("imbalance_ratio", ("method",), ("dev_auc", "test_auc"), cells))
    assert first.title == "dev_auc by imbalance_ratio: mean (95% interval) over 3 confirm seeds"
    assert first.notes == ()
    assert r"0.700 (0.690, 0.710)$^\ddagger$" in latex(last)
    assert plain(last).splitlines()[:5] == [
        "test_auc by imbalance_ratio: mean (95% interval) over 3 confirm seeds",
        "method                       1                    2.5  rank  queries     examples",
        "untuned  0.700 (0.690, 0.710)‡  *0.650 (0.630, 0.670)     -        0            0",
        "zosa     *0.813 (0.798, 0.826)           0.900 (1/3)‡     -  288-300  9,216-9,600",
        "spsa                         -                 failed     -       16        9,600",
    ]
    assert last.notes[0] == (
        "‡ not tested against the best of its column: a test needs every confirm seed of both cells, at least 3 seeds "
        "that they share, and differences that vary from seed to seed."
    )
    assert last.notes[1] == "(1/3): 1 of 3 seeds ended."
    assert last.notes[2] == "No interval where fewer than 2 seeds ended."
    assert last.notes[3].startswith("Confirm trials that failed: 5.")
    assert len(last.notes) == 4


def test_cells_of_the_untuned_prompt_are_no_range_of_none() -> None:
    [table] = comparison_tables(
        Comparison(
            "model",
            ("task", "method"),
            ("test_auc",),
            (
                CellSummary(
                    ("reviews", "untuned"), "minilm", {"test_auc": Interval(0.5, None, None)}, 1, 0, 300, 0.0, 0.0
                ),
            ),
        )
    )
    assert table.columns == ("task", "method", "minilm", "queries", "examples")
    assert table.rows == (("reviews", "untuned", "0.500", "0", "0"),)
    assert table.text_columns == 2


def with_values(method: str, values: list[float]) -> CellSummary:
    interval = t_interval(values)
    by_seed: dict[tuple[int, ...], float] = {(seed,): value for seed, value in enumerate(values)}
    return CellSummary(
        (method,), 10.0, {"test_auc": interval}, len(values), 0, 300, 300.0, 9600.0, {"test_auc": by_seed}
    )


def test_whole_cells_need_no_notes() -> None:
    cells = (with_values("zosa", [0.8, 0.9, 0.85]), with_values("spsa", [0.1, 0.2, 0.16]))
    [table] = comparison_tables(Comparison("imbalance_ratio", ("method",), ("test_auc",), cells))
    assert table.notes == ()
    assert table.best == {(0, 1)}


def test_a_cell_that_waits_for_seeds_says_how_many_are_there() -> None:
    cells = (with_values("spsa", [0.1, 0.2, 0.16]), replace(with_values("zosa", [0.8, 0.9]), missing=1))
    [table] = comparison_tables(
        Comparison("imbalance_ratio", ("method",), ("test_auc",), cells, notes=("Unfinished.",))
    )
    assert table.title.endswith("over 3 confirm seeds")
    assert table.rows[1][1] == "0.850 (0.215, 1.485) (2/3)‡"
    assert table.best == {(0, 1)}
    assert [note.split(":")[0] for note in table.notes[1:]] == ["(2/3)", "Confirm trials still to come", "Unfinished."]


def test_cells_of_different_search_budgets_have_a_note_and_the_untuned_prompt_none() -> None:
    untuned = replace(with_values("untuned", [0.1, 0.2, 0.16]), queries=0.0)
    cells = [replace(with_values(f"m{n}", [0.8, 0.9, 0.85 + n / 99]), search_trials=n) for n in (6, 20)]
    [table] = comparison_tables(Comparison("imbalance_ratio", ("method",), ("test_auc",), (untuned, *cells)))
    assert sum(note.startswith("Search trials of a cell differ (6-20)") for note in table.notes) == 1
    priced = replace(untuned, queries=40.0, evidence=Evidence(algorithm="untuned"))  # by the choice of its start
    for start in (untuned, priced):
        [table] = comparison_tables(Comparison("imbalance_ratio", ("method",), ("test_auc",), (start, cells[0])))
        assert not any("Search trials" in note for note in table.notes)


def test_ranks_over_a_part_of_the_columns_say_so() -> None:
    cells = [replace(with_values(method, [0.8, 0.9]), column=r) for method in "ab" for r in (1.0, 10.0, 50.0)]
    metrics = ("test_auc", "test_auc")
    for table in comparison_tables(Comparison("imbalance_ratio", ("method",), metrics, tuple(cells))):
        assert not any(note.startswith("rank") for note in table.notes)
    for table in comparison_tables(Comparison("imbalance_ratio", ("method",), metrics, tuple(cells[1:]))):
        assert table.notes[0].startswith("rank: over 2 of 3 columns")


def test_a_cell_that_holds_against_the_best_has_a_mark_that_a_note_explains() -> None:
    cells = (
        with_values("best", [0.90, 0.91, 0.95]),
        with_values("close", [0.95, 0.85, 0.90]),
        with_values("worse", [0.10, 0.12, 0.15]),
    )
    [table] = comparison_tables(Comparison("imbalance_ratio", ("method",), ("test_auc",), cells))
    assert [row[1].endswith("†") for row in table.rows] == [False, True, False]
    assert [note.startswith("† not significantly worse") for note in table.notes] == [True]


def test_differences_to_a_baseline_stand_under_the_means() -> None:
    cells = (
        with_values("spsa", [0.5, 0.6, 0.7]),
        with_values("zosa", [0.7, 0.9, 1.1]),
        with_values("mezo", [0.7, 0.9]),
    )
    means, differences = comparison_tables(
        Comparison("imbalance_ratio", ("method",), ("test_auc",), cells, baseline="spsa", unequal=True)
    )
    assert any(note.startswith("Budgets differ") for note in means.notes)
    assert plain(differences).splitlines()[1:4] == [
        "method  imbalance_ratio       difference to spsa              p      g  seeds",
        "zosa                 10  +0.300 (+0.052, +0.548)          0.035  +1.69      3",
        "mezo                 10  +0.250 (-0.385, +0.885)  too few seeds      -      2",
    ]
    assert "for the tests of this table (1)" in differences.notes[0]
    assert differences.notes[1].startswith("Too few seeds: a test needs 3")
    assert len(differences.notes) == 2


def test_a_difference_that_is_the_same_in_every_seed_has_no_p_and_is_not_called_worse() -> None:
    cells = (with_values("spsa", [0.7, 0.6, 0.8]), with_values("zosa", [0.8, 0.7, 0.9]))
    means, differences = comparison_tables(
        Comparison("imbalance_ratio", ("method",), ("test_auc",), cells, baseline="spsa")
    )
    assert differences.rows == (("zosa", "10", "+0.100 (+0.100, +0.100)", "-", "-", "3"),)
    assert differences.notes[1:] == (
        "No p and g where the difference is the same in every seed: there is no spread to test it against.",
    )
    assert means.rows[0][1].endswith("‡")


def test_one_method_alone_is_neither_the_best_nor_marked() -> None:
    comparison = Comparison("imbalance_ratio", ("method",), ("test_auc",), (with_values("zosa", [0.8, 0.9, 0.7]),))
    [table] = comparison_tables(comparison)
    assert (table.best, table.notes, table.rows[0][1]) == (frozenset(), (), "0.800 (0.552, 1.048)")
    assert [record["best"] for record in comparison.records()] == [False]


def test_a_baseline_without_confirm_trials_has_a_note_instead_of_a_table() -> None:
    cells = tuple(with_values(method, [0.5, 0.6, 0.7]) for method in ("spsa", "zosa"))
    waiting = Comparison("imbalance_ratio", ("method",), ("test_auc",), cells, baseline="fzoo")
    [table] = comparison_tables(waiting)
    assert table.notes[-1] == "No tests: fzoo has no confirm trial yet."
    assert [record["p_value"] for record in waiting.records()] == [None, None]
    alone = replace(waiting, cells=(cells[0], replace(cells[1], column=1.0)), baseline="spsa")
    [table] = comparison_tables(alone)
    assert table.notes[-1] == "No tests: no other method has a confirm trial beside spsa."


def test_who_reads_records_is_told_what_the_tables_note_but_for_their_marks() -> None:
    cells = (
        with_values("spsa", [0.5, 0.6]),
        replace(with_values("zosa", [0.7, 0.9]), failed=1),
        replace(with_values("fzoo", [0.7]), missing=1),
    )
    comparison = Comparison(
        "imbalance_ratio", ("method",), ("test_auc",), cells, "spsa", unequal=True, notes=("Unfinished.",)
    )
    notes = comparison_notes(comparison)
    assert [note.split(":")[0].split(" (")[0] for note in notes] == [
        "Budgets differ",
        "No interval where fewer than 2 seeds ended.",
        "Confirm trials that failed",
        "Confirm trials still to come",
        "Unfinished.",
        "Too few seeds",
    ]
    means, differences = comparison_tables(comparison)
    assert set(notes) < {*means.notes, *differences.notes}


def of_both_decisions(method: str, argmax: list[float], threshold: list[float]) -> CellSummary:
    values = {"test_mcc": argmax, "test_mcc_at_dev_threshold": threshold}
    intervals = {metric: bounded_interval(of, (-1.0, 1.0)) for metric, of in values.items()}
    by_seed: dict[str, dict[tuple[int, ...], float]] = {
        metric: {(i,): value for i, value in enumerate(of)} for metric, of in values.items()
    }
    return CellSummary((method,), 10.0, intervals, 3, 0, 300, 300.0, 9600.0, by_seed)


def test_argmax_and_the_threshold_stand_side_by_side_and_each_has_its_best() -> None:
    cells = (
        of_both_decisions("spsa", [0.5, 0.5, 0.5], [0.9, 0.9, 0.9]),
        of_both_decisions("zosa", [0.7, 0.7, 0.7], [0.8, 0.8, 0.8]),
    )
    metrics = ("test_mcc", "test_mcc_at_dev_threshold")
    [table] = comparison_tables(Comparison("imbalance_ratio", ("method",), metrics, cells))
    assert table.title == "test_mcc by imbalance_ratio: mean (95% interval) over 3 confirm seeds"
    assert [row[:3] for row in table.rows] == [
        ("spsa", "argmax", "0.500 (0.500, 0.500)‡"),
        ("spsa", "threshold", "0.900 (0.900, 0.900)"),
        ("zosa", "argmax", "0.700 (0.700, 0.700)"),
        ("zosa", "threshold", "0.800 (0.800, 0.800)‡"),
    ]
    assert (table.columns[:3], table.text_columns) == (("method", "decision", "10"), 2)
    assert table.best == {(1, 2), (2, 2)}
    assert table.notes[0].startswith("argmax: the class with the highest score. threshold: ")
    assert "20 dev rows or more" in table.notes[0]
    [alone] = comparison_tables(Comparison("imbalance_ratio", ("method",), metrics[1:], cells))
    assert alone.title.startswith("test_mcc_at_dev_threshold by imbalance_ratio: ")
    assert alone.columns[:2] == ("method", "10")


def test_differences_of_both_decisions_follow_their_table_and_stay_where_they_can_be() -> None:
    cells = (
        of_both_decisions("spsa", [-0.9, -0.1, -0.2], [0.1, 0.2, 0.3]),
        of_both_decisions("zosa", [0.9, 0.0, 0.1], [0.3, 0.4, 0.6]),
    )
    metrics = ("test_mcc", "test_mcc_at_dev_threshold")
    comparison = Comparison("imbalance_ratio", ("method",), metrics, cells, baseline="spsa")
    titles = [table.title.split(":")[0] for table in comparison_tables(comparison)]
    assert titles == ["test_mcc by imbalance_ratio", *(f"{metric} against spsa" for metric in metrics)]
    [record] = [record for record in comparison.records() if record["p_value"] and record["metric"] == "test_mcc"]
    student = t_interval([1.8, 0.1, 0.3])
    assert student.high is not None
    assert student.high > 2
    assert (record["difference_low"], record["difference_high"]) == (student.low, 2.0)


@pytest.mark.parametrize("metric", ["test_expected_calibration_error", "train_loss", "test_loss", "sharpness"])
def test_an_error_a_loss_or_a_sharpness_is_best_where_it_is_lowest(metric: str) -> None:
    cells = tuple(
        CellSummary((method,), ratio, {metric: Interval(mean, mean, mean)}, 3, 0, 300, 300.0, 9600.0)
        for method, mean in (("spsa", 0.3), ("zosa", 0.1), ("fzoo", 0.2))
        for ratio in (1.0, 10.0)
    )
    comparison = Comparison("imbalance_ratio", ("method",), (metric,), cells)
    assert [record["method"] for record in comparison.records() if record["best"]] == ["zosa", "zosa"]
    assert {row[0]: rank.mean for row, rank in average_ranks(comparison, metric).items()} == {
        **{"zosa": 1, "fzoo": 2, "spsa": 3}
    }
    (table,) = comparison_tables(comparison)
    assert ("equal train_loss" in " ".join(table.notes)) == (metric == "sharpness")


def test_sharpness_stands_beside_the_losses_and_has_no_verdict() -> None:
    metrics = ("sharpness", "test_auc", "train_loss")
    values = {"untuned": (0.0, 0.7, 0.5), "zosa": (0.02, 0.9, 0.6)}
    cells = tuple(
        CellSummary(
            row=(method,),
            column=1.0,
            intervals={name: Interval(mean, mean, mean) for name, mean in zip(metrics, of, strict=True)},
            seeds=3,
            failed=0,
            budget=300,
            queries=300.0 if method == "zosa" else 0.0,
            examples=9600.0,
            values={
                name: {(seed,): mean + seed / (1e3 if method == "zosa" else 2e3) for seed in range(3)}
                for name, mean in zip(metrics, of, strict=True)
            },
            evidence=Evidence(algorithm=method),
        )
        for method, of in values.items()
    )
    comparison = Comparison("imbalance_ratio", ("method",), metrics, cells)
    of_loss, of_auc = comparison_tables(comparison)
    assert of_loss.title.startswith("sharpness, train_loss by imbalance_ratio: ")
    assert of_loss.columns[:2] == ("method", "metric")
    assert [row[:2] for row in of_loss.rows] == [
        (method, metric) for method in ("untuned", "zosa") for metric in ("sharpness", "train_loss")
    ]
    assert of_auc.title.startswith("test_auc by")
    assert [verdict.metric for verdict in comparison.verdicts] == ["train_loss"]


def reference(method: str, values: list[float], needs: str) -> CellSummary:
    return replace(with_values(method, values), needs=needs)


def with_references(baseline: str | None = None) -> Comparison:
    """The references are far better than all, and stand where ``compare`` puts them."""
    cells = (
        with_values("spsa", [0.5, 0.6, 0.56]),
        with_values("zosa", [0.7, 0.8, 0.75]),
        reference("linear-probe", [0.98, 0.99, 0.97], "states"),
        reference("white-box", [0.99, 0.98, 0.995], "gradients"),
    )
    both = (*cells, *(replace(each, column=50.0) for each in cells))
    return Comparison("imbalance_ratio", ("method",), ("test_auc",), both, baseline)


def test_references_stand_below_a_line_unstarred_unranked_and_unmarked() -> None:
    [table] = comparison_tables(with_references())
    assert table.below == 2
    assert table.best == {(1, 1), (1, 2)}
    lines = plain(table).splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["method", "spsa", "zosa", "-" * len(max(lines[1:7], key=len))]
    by_method = {row[0]: row for row in table.rows}
    assert by_method["zosa"][3] == "1.0"
    for method in ("linear-probe", "white-box"):
        assert by_method[method][3] == "-"
        assert not set("*†‡") & set("".join(by_method[method]))
    assert table.notes[-1] == (
        "Below the line: linear-probe (states), white-box (gradients). They need more of the model than a black box "
        "gives, so they are neither ranked nor tested with the others."
    )
    assert latex(table).count(r"\midrule") == 2
    lines = markdown(table).splitlines()
    assert [number for number, line in enumerate(lines) if line.startswith("| ---")] == [3, 6]
    assert html(table).count("border-top") == 1


def test_references_are_in_no_test_but_as_the_baseline() -> None:
    against_spsa, against_white_box = (with_references(baseline) for baseline in ("spsa", "white-box"))
    assert [row[0] for row in comparison_tables(against_spsa)[1].rows] == ["zosa", "zosa"]
    rows = comparison_tables(against_white_box)[1].rows
    assert [row[0] for row in rows] == ["spsa", "zosa", "spsa", "zosa"]
    assert all(row[2].startswith("-0.") for row in rows)
    records = {(record["method"], record["imbalance_ratio"]): record for record in against_spsa.records()}
    assert records["white-box", 10.0]["not_worse_than_best"] is None
    assert not records["white-box", 10.0]["best"]
    assert records["white-box", 10.0]["average_rank"] is None
    assert records["white-box", 10.0]["needs"] == "gradients"
    assert records["zosa", 10.0]["best"]


def test_one_method_beside_references_is_the_best_of_nothing() -> None:
    cells = (with_values("zosa", [0.7, 0.8, 0.75]), reference("white-box", [0.9, 0.95, 0.99], "gradients"))
    [table] = comparison_tables(Comparison("imbalance_ratio", ("method",), ("test_auc",), cells))
    assert not table.best
