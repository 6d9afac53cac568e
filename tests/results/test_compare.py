from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from zostudy.errors import ResultsError
from zostudy.results.compare import Comparison, compare
from zostudy.results.ledger import Ledger
from zostudy.results.reading import load_results

AUC = {
    ("zosa", 1.0): [0.80, 0.82, 0.87],
    ("zosa", 10.0): [0.70, 0.71, 0.75],
    ("bpt-fzg", 1.0): [0.81, 0.80, 0.82],
    ("bpt-fzg", 10.0): [0.78, 0.80, 0.79],
}

Record = Callable[..., pd.DataFrame]


@pytest.fixture
def record(make_outcome, tmp_path: Path) -> Record:
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
        mean, half_width = cell.intervals["test_auc"]
        low, high = scipy.stats.t.interval(0.95, 2, np.mean(values), scipy.stats.sem(values))
        assert mean == pytest.approx(np.mean(values))
        assert half_width == pytest.approx((high - low) / 2)
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
    assert len(records) == 8
    assert records[0] == {
        "method": "bpt-fzg",
        "imbalance_ratio": 1.0,
        "metric": "test_auc",
        "mean": pytest.approx(0.81),
        "half_width": pytest.approx(0.01 * 4.302652729911275 / math.sqrt(3)),
        "confidence": 0.95,
        "seeds": 3,
        "failed": 0,
        "budget": 300,
        "queries": 300.0,
        "examples": 9600.0,
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
    with_whole_cell = compare(record({"method": "cma-es", "test_auc": 0.4}))
    assert with_whole_cell.best("test_auc", 10.0) is _cell(with_whole_cell, "cma-es", 10.0)


def test_one_seed_has_no_interval(record: Record) -> None:
    assert _cell(compare(record({"test_auc": 0.5})), "zosa", 10.0).intervals["test_auc"] == (0.5, None)


@pytest.mark.parametrize("other", [{"budget": 600}, {"batch_size": 16}])
def test_unequal_budgets_are_refused(record: Record, other: dict[str, int]) -> None:
    trials = record({"method": "zosa"}, {"method": "spsa", **other})
    with pytest.raises(ResultsError, match=r"equal budgets, but .*; compare studies of one budget") as caught:
        compare(trials)
    for budget, batch_size in ((300, 32), (other.get("budget", 300), other.get("batch_size", 32))):
        assert f"{budget} queries of {batch_size} examples" in str(caught.value)


def test_budgets_are_what_was_allowed_and_not_what_whole_steps_left_over(record: Record) -> None:
    trials = record({"method": "zosa", "queries": 297}, {"method": "spsa", "queries": 288})
    assert [cell.queries for cell in compare(trials).cells] == [288, 297]


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
    with pytest.raises(ResultsError, match=r"zosa at imbalance ratio 10 .* again and made too; compare"):
        compare(trials)
    assert compare(trials, by="study").columns == ["again", "made"]


def test_unknown_names_are_refused(record: Record) -> None:
    trials = record({"number": 0})
    with pytest.raises(ResultsError, match=r"one of test_auc, .*, but got auc"):
        compare(trials, metrics=("auc",))
    with pytest.raises(ResultsError, match="imbalance_ratio, model, task, study, but got seed"):
        compare(trials, by="seed")


def _cell(comparison: Comparison, method: str, ratio: float):
    [cell] = [cell for cell in comparison.cells if (cell.row[-1], cell.column) == (method, ratio)]
    return cell
