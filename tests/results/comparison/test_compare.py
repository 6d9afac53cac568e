from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.special
import scipy.stats

from zostudy.errors import ResultsError
from zostudy.results.comparison.cell_summary import CellSummary
from zostudy.results.comparison.compare import compare
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.given import DEFAULT_METRICS
from zostudy.results.comparison.ranking import average_ranks, not_worse_than_best
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.results.results import load_results

AUC = {
    ("zosa", 1.0): [0.80, 0.82, 0.87],
    ("zosa", 10.0): [0.70, 0.71, 0.75],
    ("bpt-fzg", 1.0): [0.81, 0.80, 0.82],
    ("bpt-fzg", 10.0): [0.78, 0.80, 0.79],
}

Record = Callable[..., pd.DataFrame]


@pytest.fixture
def record(make_outcome: Callable[..., Outcome], tmp_path: Path) -> Record:
    """Records trials through the real writer and returns the whole ``trials`` table of all studies."""

    def recorded(*outcomes: dict[str, Any]) -> pd.DataFrame:
        for columns in outcomes:
            Ledger(tmp_path / columns.get("study", "made")).record(make_outcome(**columns))
        return load_results(tmp_path).trials

    return recorded


def confirmed(**columns: Any) -> list[dict[str, Any]]:
    return [
        {"method": method, "ratio": ratio, "number": number, "test_auc": auc, **columns}
        for (method, ratio), values in AUC.items()
        for number, auc in enumerate(values)
    ]


def test_means_and_intervals_over_seeds(record: Record) -> None:
    comparison = compare(record(*confirmed()))
    assert comparison.row_names == ("method",)
    assert comparison.rows == [("bpt-fzg",), ("zosa",)]
    assert comparison.columns == [1.0, 10.0]
    assert len(comparison.cells) == 4
    for cell in comparison.cells:
        values = AUC[cell.row[0], cell.column]
        mean = np.mean(values)
        scale = scipy.stats.sem(values) / (mean * (1 - mean))
        low, high = scipy.special.expit(scipy.stats.t.interval(0.95, 2, scipy.special.logit(mean), scale))
        assert cell.intervals["test_auc"] == pytest.approx((mean, low, high))
        assert (cell.seeds, cell.failed, cell.budget, cell.queries, cell.examples) == (3, 0, 300, 300, 9600)
    assert comparison.best("test_auc", 1.0) is _cell(comparison, "zosa", 1.0)
    assert comparison.best("test_auc", 10.0) is _cell(comparison, "bpt-fzg", 10.0)


def test_search_trials_are_left_out(record: Record) -> None:
    searched = {"method": "zosa", "ratio": 1.0, "number": 9, "stage": "search", "test_auc": None}
    assert _cell(compare(record(*confirmed(), searched)), "zosa", 1.0).seeds == 3
    with pytest.raises(ResultsError, match="only 1 search trials so far; let the study run"):
        compare(record(searched).query("stage == 'search'"))


def test_records_are_flat_and_unrounded(record: Record) -> None:
    records = compare(record(*confirmed()), metrics=("test_auc", "dev_accuracy")).records()
    logit, half_width = scipy.special.logit(0.81), 0.01 * 4.302652729911275 / math.sqrt(3) / (0.81 * 0.19)
    assert len(records) == 8
    assert records[0] == {
        "method": "bpt-fzg",
        "imbalance_ratio": 1.0,
        "metric": "test_auc",
        "mean": pytest.approx(0.81),
        "low": pytest.approx(scipy.special.expit(logit - half_width)),
        "high": pytest.approx(scipy.special.expit(logit + half_width)),
        "confidence": 0.95,
        "seeds": 3,
        "failed": 0,
        "missing": 0,
        "search_trials": 0,
        "budget": 300,
        "queries": 300.0,
        "examples": 9600.0,
        "best": False,
        "not_worse_than_best": True,
        "verdicts": "",
        "needs": "scores",
        "average_rank": 1.5,
        "ranked_columns": 2,
        "mean_rank": None,
        "mean_rank_low": None,
        "mean_rank_high": None,
        "rank_blocks": 0,
        "rank_p_value": None,
        "critical_difference": None,
    }


def test_failed_trials_are_counted_and_in_no_mean(record: Record) -> None:
    failed = {"status": "failed", "error": "the loss is not finite", "test_auc": None, "queries": 40}
    trials = record(
        {"number": 0, "test_auc": 0.5},
        {"number": 1, "test_auc": 0.7},
        {"number": 2, **failed},
        *({"method": "spsa", "number": number, **failed} for number in range(3)),
    )
    comparison = compare(trials)
    zosa, spsa = _cell(comparison, "zosa", 10.0), _cell(comparison, "spsa", 10.0)
    assert (zosa.seeds, zosa.failed, zosa.queries) == (2, 1, 300)
    assert zosa.intervals["test_auc"].mean == pytest.approx(0.6)
    assert (spsa.seeds, spsa.failed, spsa.intervals["test_auc"].mean) == (0, 3, None)
    assert comparison.best("test_auc", 10.0) is None
    with_whole_cell = compare(record(*({"method": "cma-es", "number": n, "test_auc": 0.4} for n in range(3))))
    assert with_whole_cell.best("test_auc", 10.0) is _cell(with_whole_cell, "cma-es", 10.0)


def test_a_cell_without_a_value_is_never_the_best(record: Record) -> None:
    comparison = compare(record({"method": "a", "test_auc": None}, {"method": "b", "test_auc": 0.0}))
    assert comparison.best("test_auc", 10.0) is _cell(comparison, "b", 10.0)
    nothing = compare(record({"method": "b", "test_auc": None}))
    assert nothing.best("test_auc", 10.0) is None


def test_a_cell_that_waits_for_seeds_is_neither_the_best_nor_ranked(record: Record) -> None:
    trials = record(
        {"method": "zosa", "number": 0, "test_auc": 0.99},
        *({"method": "spsa", "number": number, "test_auc": 0.7} for number in range(3)),
        *({"method": "fzoo", "number": number, "test_auc": 0.6 + number / 9} for number in range(3)),
        # Another study may confirm with fewer seeds, and one at another ratio may not have come as far.
        {"study": "other", "method": "cma-es", "test_auc": 0.9},
        {"method": "zosa", "ratio": 1.0, "test_auc": 0.99},
        {"method": "spsa", "ratio": 1.0, "test_auc": 0.7},
    )
    comparison = compare(trials, ("test_auc",))
    assert {cell.row[0]: cell.missing for cell in comparison.cells if cell.column == 10} == {
        **{"zosa": 2, "spsa": 0, "fzoo": 0, "cma-es": 0}
    }
    assert comparison.best("test_auc", 10.0) is _cell(comparison, "cma-es", 10.0)
    assert comparison.best("test_auc", 1.0) is _cell(comparison, "zosa", 1.0)
    assert not_worse_than_best(comparison, "test_auc")[("zosa",), 10.0] is None
    own = compare(trials[trials["study"] == "made"], ("test_auc",))
    assert average_ranks(own, "test_auc") == {}  # fzoo is not at ratio 1, and zosa waits at 10
    both = compare(trials[trials["method"].isin(["zosa", "spsa"])], ("test_auc",))
    assert average_ranks(both, "test_auc") == {("zosa",): (1, 1), ("spsa",): (2, 1)}


def test_search_trials_of_a_cell_are_counted_of_its_own_study(record: Record) -> None:
    trials = record(
        {"method": "zosa"},
        *({"method": "zosa", "number": 9 + number, "stage": "search"} for number in range(4)),
        {"study": "other", "method": "spsa"},
        *({"study": "other", "method": "spsa", "number": 9 + number, "stage": "search"} for number in range(2)),
        {"study": "other", "method": "zosa", "ratio": 1.0, "number": 9, "stage": "search"},
    )
    comparison = compare(trials)
    assert {cell.row[0]: cell.search_trials for cell in comparison.cells} == {"spsa": 2, "zosa": 4}


def test_an_unfinished_study_is_noted_wherever_its_place_is_known(record: Record, tmp_path: Path) -> None:
    record({"number": 0})
    asked = {"methods": ["zosa"], "imbalance": {"ratios": [10.0]}, "confirm": {"seeds": 3}}
    Ledger(tmp_path / "made").write_study(asked, {})
    for results in (tmp_path, load_results(tmp_path)):
        [note] = compare(results).notes
        assert note.startswith("made is unfinished: 1 of its 3 confirm trials are there")
        assert note in repr(compare(results))
    assert compare(load_results(tmp_path).trials).notes == ()


def test_a_cell_that_is_confirmed_again_averages_no_two_configurations(record: Record) -> None:
    old, new = {"perturbation_radius": 0.1}, {"perturbation_radius": 0.2}
    trials = record(
        *({"method": "spsa", "number": number, "test_auc": 0.6} for number in range(3)),
        {"number": 0, "trial": "searched-0", "stage": "search", "params": old, "dev_auc": 0.7},
        {"number": 1, "trial": "searched-1", "stage": "search", "params": new, "dev_auc": 0.8},
        {"number": 0, "params": new, "test_auc": 0.9},
        *({"number": number, "params": old, "test_auc": 0.7} for number in (1, 2)),
    )
    comparison = compare(trials, ("test_auc",))
    zosa = _cell(comparison, "zosa", 10.0)
    assert (zosa.seeds, zosa.failed, zosa.missing, zosa.intervals["test_auc"]) == (1, 0, 2, (0.9, None, None))
    assert comparison.best("test_auc", 10.0) is _cell(comparison, "spsa", 10.0)
    assert comparison.notes[0].startswith("Confirm trials left out: 2. A later search has found better settings")
    assert "zosa-ratio10" in comparison.notes[0]
    assert "(1/3)" in repr(comparison)

    only_old = compare(record({"number": 0, "params": old, "test_auc": 0.7}), ("test_auc",))
    assert _cell(only_old, "zosa", 10.0).missing == 3
    assert "- (0/3)" in repr(only_old)
    assert only_old.notes[0].startswith("Confirm trials left out: 3.")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame(), "the columns of the table trials, but model, task, .* imbalance_ratio, .* are missing"),
        (pd.DataFrame({"method": ["zosa"], "test_auc": [0.5]}), "but model, task, .* are missing; give load_results"),
    ],
)
def test_a_frame_of_something_else_is_one_line(frame: pd.DataFrame, words: str) -> None:
    with pytest.raises(ResultsError, match=words) as caught:
        compare(frame)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"test_auc": "high"}, 'column test_auc of trials must hold numbers, but holds "high"; give load_results'),
        ({"queries": [["many"]]}, r'column queries of trials must hold numbers, but holds \["many"\]'),
        ({"study": 1}, "column study of trials must hold text, but holds 1"),
    ],
)
def test_a_frame_with_other_values_is_one_line(record: Record, columns: dict[str, Any], words: str) -> None:
    with pytest.raises(ResultsError, match=words):
        compare(record({"number": 0}).assign(**columns))


def test_rows_that_lack_what_every_trial_has_are_one_line(record: Record) -> None:
    own = pd.DataFrame({"method": ["mine"], "stage": ["confirm"], "test_auc": [0.5]})
    with pytest.raises(ResultsError, match="column model of trials must hold text, but holds nothing"):
        compare(pd.concat([record({"number": 0}), own]))


def test_a_frame_that_has_a_column_twice_is_one_line(record: Record) -> None:
    trials = record({"number": 0})
    with pytest.raises(ResultsError, match="must have different names, but test_auc stands twice; drop one"):
        compare(pd.concat([trials, trials[["test_auc"]]], axis=1))


def test_a_frame_without_rows_is_one_line(record: Record) -> None:
    with pytest.raises(ResultsError, match="needs confirm trials, but there are only 0 search trials"):
        compare(record({"number": 0}).iloc[:0])


def test_one_seed_has_no_interval(record: Record) -> None:
    assert _cell(compare(record({"test_auc": 0.5})), "zosa", 10.0).intervals["test_auc"] == (0.5, None, None)


@pytest.mark.parametrize("other", [{"budget": 600}, {"batch_size": 16}])
def test_only_cells_of_one_budget_are_compared(record: Record, other: dict[str, int]) -> None:
    trials = record(
        *({"study": "one", "method": method} for method in ("zosa", "spsa")),
        *({"study": "two", "method": method, **other} for method in ("zosa", "spsa")),
    )
    comparison = compare(trials)
    [name] = other
    assert comparison.row_names == (name, "method")
    assert {cell.group for cell in comparison.cells} == {({"budget": 300, "batch_size": 32}[name],), (other[name],)}
    assert not comparison.unequal
    assert "Budgets differ: only cells of one budget are compared." in repr(comparison)


def test_budgets_can_be_the_columns(record: Record) -> None:
    trials = record(
        *(
            {"study": f"of {budget}", "method": "zosa", "budget": budget, "test_auc": budget / 1000}
            for budget in (300, 600)
        ),
        {"study": "of 600", "method": "untuned", "budget": 600, "queries": 0},
    )
    comparison = compare(trials, "test_auc", by="budget")
    assert (comparison.row_names, comparison.columns) == (("method",), [300, 600])
    assert [(cell.row[0], cell.column) for cell in comparison.cells] == [("untuned", 600), ("zosa", 300), ("zosa", 600)]
    assert not comparison.unequal
    assert "Budgets differ" not in repr(comparison)
    assert [comparison.heading(column) for column in comparison.columns] == ["300", "600"]


def test_budgets_are_what_was_allowed_and_not_what_whole_steps_left_over(record: Record) -> None:
    trials = record({"method": "zosa", "queries": 297}, {"method": "spsa", "queries": 288})
    assert [cell.queries for cell in compare(trials).cells] == [288, 297]


def test_unequal_budgets_may_be_let_in(record: Record) -> None:
    trials = record({"method": "zosa"}, {"method": "spsa", "budget": 600})
    comparison = compare(trials, allow_unequal=True)
    assert comparison.unequal
    assert [cell.budget for cell in comparison.cells] == [600, 300]
    assert not compare(trials[trials["method"] == "zosa"], allow_unequal=True).unequal


def test_methods_are_tested_against_a_baseline_seed_by_seed(record: Record) -> None:
    from statsmodels.stats.multitest import multipletests

    comparison = compare(record(*confirmed()), ("test_auc",), baseline="bpt-fzg")
    p_values = {ratio: scipy.stats.ttest_rel(AUC["zosa", ratio], AUC["bpt-fzg", ratio]).pvalue for ratio in (1.0, 10.0)}
    corrected = dict(zip(p_values, multipletests(list(p_values.values()), method="holm")[1], strict=True))
    records = {(record["method"], record["imbalance_ratio"]): record for record in comparison.records()}
    for ratio in (1.0, 10.0):
        zosa = records["zosa", ratio]
        assert (zosa["baseline"], zosa["pairs"]) == ("bpt-fzg", 3)
        assert zosa["p_value"] == pytest.approx(p_values[ratio])
        assert zosa["p_value_holm"] == pytest.approx(corrected[ratio])
        assert zosa["difference"] == pytest.approx(np.mean(AUC["zosa", ratio]) - np.mean(AUC["bpt-fzg", ratio]))
        assert records["bpt-fzg", ratio]["difference"] is None
        assert records["bpt-fzg", ratio].keys() == zosa.keys()


def test_pairs_have_the_same_seed_and_the_same_data(record: Record) -> None:
    trials = record(
        *({"method": "zosa", "number": number, "seed": 10 + number} for number in range(4)),
        *({"method": "spsa", "number": number, "seed": 11 + number} for number in range(3)),
        *({"method": "fzoo", "number": number, "seed": 10 + number, "n_majority": 9} for number in range(4)),
    )
    pairs = {record["method"]: record["pairs"] for record in compare(trials, baseline="zosa").records()}
    assert pairs == {"zosa": None, "spsa": 3, "fzoo": 0}


def test_a_baseline_has_to_be_one_of_the_methods(record: Record) -> None:
    with pytest.raises(ResultsError, match="one of bpt-fzg, zosa, but got mezo"):
        compare(record(*confirmed()), baseline="mezo")
    several: Any = ["zosa"]
    with pytest.raises(ResultsError, match=r"one of bpt-fzg, zosa, but got .*did you mean zosa"):
        compare(record(), baseline=several)


def test_a_baseline_may_have_no_trial_yet(record: Record, tmp_path: Path) -> None:
    record(*confirmed())
    Ledger(tmp_path / "made").write_study({"methods": ["bpt-fzg", "zosa", {"fzoo": {}}]}, {})
    for results in (tmp_path, load_results(tmp_path)):
        assert "No tests: fzoo has no confirm trial yet." in repr(compare(results, baseline="fzoo"))
        with pytest.raises(ResultsError, match="one of bpt-fzg, fzoo, zosa, but got mezo"):
            compare(results, baseline="mezo")
    (tmp_path / "made" / "study.yaml").unlink()
    with pytest.raises(ResultsError, match="one of bpt-fzg, zosa, but got fzoo"):
        compare(tmp_path, baseline="fzoo")


def test_a_baseline_may_have_search_trials_alone(record: Record) -> None:
    searched = {"method": "spsa", "ratio": 1.0, "number": 9, "stage": "search"}
    shown = repr(compare(record(*confirmed(), searched), baseline="spsa"))
    assert "No tests: spsa has no confirm trial yet." in shown
    assert "difference to" not in shown


def test_what_is_not_significantly_worse_holds_against_the_best(record: Record) -> None:
    better = [0.9, 0.91, 0.95, 0.93]
    columns = {"best": better, "close": [0.95, 0.85, 0.96, 0.9], "worse": [value - 0.1 for value in better]}
    columns["worse"][0] -= 0.01
    columns["p .07"] = [value - less for value, less in zip(better, (0.02, 0.03, 0.05, 0.10), strict=True)]
    columns["p .04"] = [value - less for value, less in zip(better, (0.02, 0.03, 0.05, 0.08), strict=True)]
    p_values = [scipy.stats.ttest_rel(better, columns[name]).pvalue for name in ("p .07", "p .04")]
    assert p_values == pytest.approx([0.067, 0.042], abs=1e-3)
    comparison = compare(
        record(
            *(
                {"method": method, "number": number, "test_auc": value}
                for method, values in columns.items()
                for number, value in enumerate(values)
            ),
            {"method": "few", "number": 0, "test_auc": 0.2},
        )
    )
    holds = {row[0]: held for (row, _), held in not_worse_than_best(comparison, "test_auc").items()}
    assert holds == {"best": True, "close": True, "worse": False, "p .07": True, "p .04": False, "few": None}


def test_ranks_are_averaged_over_columns_with_all_rows(record: Record) -> None:
    means: dict[str, list[float | None]] = {"a": [0.9, 0.8, 0.5], "b": [0.7, 0.8, 0.6], "c": [0.8, 0.1, None]}
    trials = record(
        *(
            {"method": method, "ratio": float(ratio), "test_auc": mean}
            for method, values in means.items()
            for ratio, mean in enumerate(values, 1)
            if mean is not None
        )
    )
    ranks = average_ranks(compare(trials, ("test_auc",)), "test_auc")
    whole = np.array([values[:2] for values in means.values()], dtype=np.float64)
    expected = scipy.stats.rankdata(-whole, axis=0).mean(axis=1)
    assert [rank.mean for rank in ranks.values()] == pytest.approx(expected)
    assert {rank.columns for rank in ranks.values()} == {2}
    assert average_ranks(compare(trials[trials["method"] == "a"], ("test_auc",)), "test_auc") == {}


def test_models_are_ranked_apart(record: Record) -> None:
    trials = record(
        *(
            {"study": model, "model": model, "method": method, "test_auc": auc}
            for model, values in {"weak": (0.5, 0.6), "strong": (0.8, 0.7)}.items()
            for method, auc in zip(("spsa", "zosa"), values, strict=True)
        )
    )
    comparison = compare(trials, ("test_auc",))
    best = [comparison.best("test_auc", 10.0, (model,)) for model in ("weak", "strong")]
    assert [cell.row for cell in best if cell] == [("weak", "zosa"), ("strong", "spsa")]
    assert average_ranks(comparison, "test_auc")["strong", "zosa"] == (2, 1)


def test_a_place_can_be_compared_without_loading_it_first(record: Record, tmp_path: Path) -> None:
    expected = compare(record(*confirmed())).records()
    assert compare(tmp_path).records() == compare([tmp_path / "made"]).records() == expected
    assert compare(load_results(tmp_path)).records() == expected


def test_the_untuned_prompt_stands_beside_any_budget_and_first(record: Record) -> None:
    untuned = {"method": "untuned", "queries": 0, "examples": 0, "budget": 100}
    comparison = compare(record({"method": "bpt-fzg"}, untuned))
    spent = [(cell.row, cell.queries) for cell in comparison.cells]
    assert spent == [(("untuned",), 0), (("bpt-fzg",), 300)]


def test_studies_stand_apart_where_they_differ(record: Record) -> None:
    trials = record({"number": 0}, {"study": "llama", "model": "mini-llama", "number": 0})
    by_ratio = compare(trials)
    assert by_ratio.row_names == ("model", "method")
    assert by_ratio.rows == [("mini-llama", "zosa"), ("mini-roberta", "zosa")]
    by_model = compare(trials, by="model")
    assert by_model.row_names == ("method",)
    assert by_model.columns == ["mini-llama", "mini-roberta"]


def test_one_cell_of_two_studies_is_not_pooled(record: Record) -> None:
    trials = record({"number": 0}, {"study": "again", "number": 1})
    with pytest.raises(ResultsError, match=r"zosa at imbalance ratio 10 .* again and made") as refused:
        compare(trials)
    assert refused.value.remedy == "set `by` to study"
    assert compare(trials, by="study").columns == ["again", "made"]


def test_without_metrics_ranking_and_both_decisions_are_compared(record: Record) -> None:
    trials = record({"number": 0})
    assert compare(trials).metrics == compare(trials, []).metrics == DEFAULT_METRICS
    assert [metric for metric in DEFAULT_METRICS if "threshold" in metric] == [
        *("test_balanced_accuracy_at_dev_threshold", "test_minority_recall_at_dev_threshold"),
    ]


def test_without_values_at_the_threshold_nothing_is_shown_of_it_unless_asked_for(record: Record) -> None:
    older = {column: None for column in DEFAULT_METRICS if column.endswith("_at_dev_threshold")}
    trials = record({"number": 0, **older})
    expected = ("test_auc", "test_balanced_accuracy", "test_minority_recall")
    assert compare(trials).metrics == compare(trials.drop(columns=[*older])).metrics == expected
    assert "threshold" not in repr(compare(trials))
    assert "no value" in repr(compare(trials, "test_balanced_accuracy_at_dev_threshold"))
    mixed = compare(record({"number": 1}))
    assert [_cell(mixed, "zosa", 10.0).intervals[metric].mean is None for metric in mixed.metrics] == [
        metric in older for metric in mixed.metrics
    ]
    both = compare(record({"study": "later", "method": "spsa", "number": 0}))
    assert both.metrics == DEFAULT_METRICS
    assert "no value" in repr(both)


def test_one_metric_needs_no_list(record: Record) -> None:
    trials = record({"number": 0})
    assert compare(trials, "test_auc").metrics == compare(trials, ["test_auc"]).metrics == ("test_auc",)


def test_a_metric_that_is_asked_for_twice_is_compared_once(record: Record) -> None:
    comparison = compare(record(*confirmed()), ["test_auc", "dev_auc", "test_auc"])
    assert comparison.metrics == ("test_auc", "dev_auc")
    assert len(comparison.records()) == 2 * len(comparison.cells)


def test_sharpness_never_stands_without_the_train_loss(record: Record) -> None:
    trials = record({"number": 0, "sharpness": 0.01, "train_loss": 0.5})
    assert compare(trials, "sharpness").metrics == ("sharpness", "train_loss")
    assert compare(trials, ["sharpness", "test_auc"]).metrics == ("sharpness", "test_auc", "train_loss")
    assert compare(trials, ["train_loss", "sharpness"]).metrics == ("train_loss", "sharpness")


def test_unknown_names_are_refused(record: Record) -> None:
    trials = record({"number": 0})
    with pytest.raises(ResultsError, match=r"one of test_auc, .*, but got auc"):
        compare(trials, metrics=("auc",))
    with pytest.raises(ResultsError, match="imbalance_ratio, model, task, budget, study, but got seed"):
        compare(trials, by="seed")


def _cell(comparison: Comparison, method: str, ratio: float) -> CellSummary:
    [cell] = [cell for cell in comparison.cells if (cell.row[-1], cell.column) == (method, ratio)]
    return cell


def test_the_natural_ratio_is_named_in_tables_and_a_number_in_records(record: Record) -> None:
    trials = record(
        *confirmed(imbalance="natural", study="a", task="sms"),
        *(trial | {"ratio": 3.0} for trial in confirmed(study="b", task="reviews")),
    )
    comparison = compare(trials)
    assert comparison.natural_ratios == {1.0, 10.0}
    assert [comparison.heading(column) for column in comparison.columns] == ["natural (1)", "3", "natural (10)"]
    assert "natural (10)" in repr(comparison)
    assert {record["imbalance_ratio"] for record in comparison.records()} == {1.0, 3.0, 10.0}


@pytest.mark.slow
def test_a_ratio_that_one_study_gave_as_a_number_is_not_called_natural(record: Record) -> None:
    named = confirmed(imbalance="natural", study="a", task="sms")
    assert compare(record(*named, *confirmed(imbalance="10", study="b", task="reviews"))).natural_ratios == set()
    older = record(*named).drop(columns="imbalance")
    assert compare(older[older["study"] == "a"]).natural_ratios == set()
