from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from scipy.stats import ttest_rel

from zostudy.errors import ResultsError
from zostudy.results.comparison import study_difference as study_difference_module
from zostudy.results.comparison.cell_summary import CellSummary
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.statistics import bounded_interval
from zostudy.results.comparison.study_difference import study_difference
from zostudy.results.schema import bounds
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import read_table

ROOT = Path(__file__).parents[3]
FIRST, SECOND = ROOT / "results" / "reference" / "quickstart", ROOT / "tests" / "data" / "quickstart"


def test_settings_that_differ_are_named_by_their_whole_keys() -> None:
    found = study_difference(FIRST, SECOND).settings
    assert found["model.name"] == ("mini-llama", "mini-roberta")
    assert found["search.trials"] == (4, 6)
    assert found["methods.spsa"] == (None, "defaults")
    assert found["methods.ce-natural.imbalance.sampler"] == ("natural", None)
    assert "budget.queries" not in found
    assert "methods.zosa" not in found


def test_a_study_does_not_differ_from_its_copy(tmp_path: Path) -> None:
    found = study_difference(FIRST, shutil.copytree(FIRST, tmp_path / "quickstart"))
    assert not found.settings
    assert "No setting differs." in found.tables()[0].notes
    assert [(cell.test.difference.mean, cell.test.p_value) for cell in found.cells] == [(0.0, 1.0)] * 18


def test_methods_are_compared_over_the_seeds_that_both_have() -> None:
    found = study_difference(FIRST, SECOND, "test_auprc")
    assert [(cell.method, cell.ratio) for cell in found.cells] == [
        (method, ratio) for method in ("bpt-fzg", "zosa") for ratio in ("1", "10", "50")
    ]
    [record] = [each for each in found.records() if (each["method"], each["imbalance_ratio"]) == ("zosa", "10")]
    values = []
    for folder in (FIRST, SECOND):
        trials = read_table(folder, "trials").to_pandas()
        mine = trials[(trials["stage"] == "confirm") & (trials["method"] == "zosa") & (trials["imbalance_ratio"] == 10)]
        values.append(mine.set_index("seed")["test_auprc"].sort_index())
    assert (len(values[0]), len(values[1])) == (5, 3)
    first, second = values[0].loc[values[1].index], values[1]
    assert record["difference"] == pytest.approx((second - first).mean())
    assert record["p_value"] == pytest.approx(ttest_rel(second, first).pvalue)
    assert record["p_value_holm"] >= record["p_value"]


@pytest.mark.parametrize("other", ["real-text-mpqa", "sst2-minilm"])
def test_trials_of_other_data_are_no_pairs_though_their_seeds_are_equal(other: str) -> None:
    """Another task of the same sizes, and a study of an older zostudy that does not say what its data were."""
    found = study_difference(FIRST.parent / "real-text-sst2", FIRST.parent / other)
    assert found.cells
    assert {(cell.test.pairs, cell.test.p_value, cell.p_value_holm) for cell in found.cells} == {(0, None, None)}
    assert {row[-2:] for row in found.tables()[1].rows} == {("-", "-")}
    assert "; - where fewer than 3 seeds are paired, or all differ by the same amount." in found.tables()[1].notes[0]


def test_trials_of_two_models_on_the_same_data_are_pairs() -> None:
    found = study_difference(FIRST.parent / "what-search-buys-llama", FIRST.parent / "what-search-buys-gpt2")
    assert found.cells
    assert all(cell.test.pairs for cell in found.cells)


@pytest.mark.parametrize(
    ("metric", "first", "second", "most"),
    [
        ("test_auc", (0.0, 0.1, 0.4), (0.9, 1.0, 0.2), 1.0),
        ("test_mcc", (-0.9, -0.9, 0.5), (0.9, 0.9, 0.3), 2.0),
    ],
)
def test_no_difference_is_shown_beyond_the_largest_that_there_is(
    metric: str, first: Sequence[float], second: Sequence[float], most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compared(storage: Storage, metric: str) -> Comparison:
        values = first if storage == Storage.at(FIRST) else second
        by_seed: dict[tuple[int, ...], float] = {(seed,): value for seed, value in enumerate(values)}
        interval = {metric: bounded_interval(values, bounds(metric))}
        cell = CellSummary(("zosa",), 10.0, interval, 3, 0, 300, 300.0, 9600.0, {metric: by_seed})
        return Comparison("imbalance_ratio", ("method",), (metric,), (cell,))

    monkeypatch.setattr(study_difference_module, "compare", compared)
    found = study_difference(FIRST, SECOND, metric)
    [record] = found.records()
    low, high = ttest_rel(second, first).confidence_interval()
    assert high > most
    assert (record["difference_low"], record["difference_high"]) == (pytest.approx(max(low, -most)), most)
    assert f", +{most:.3f})" in found.tables()[1].rows[0][4]


def test_a_study_that_is_not_there_is_one_line_with_a_near_name() -> None:
    with pytest.raises(ResultsError, match=r"study\.yaml is missing; did you mean .*/quickstart\?"):
        study_difference(FIRST, FIRST.parent / "quikstart")


def test_a_p_value_is_never_shown_as_nothing() -> None:
    found = study_difference(FIRST.parent / "budget-100", FIRST.parent / "budget-300")
    shown = {row[0]: row[-1] for row in found.tables()[1].rows}
    exact = {cell.method: cell.p_value_holm for cell in found.cells}
    assert exact["cma-es"] is not None
    assert 0 < exact["cma-es"] < 0.0005
    assert shown["cma-es"] == "<0.001"
    assert shown["bpt-fzg"] == f"{exact['bpt-fzg']:.3f}"


def test_two_studies_of_one_name_are_told_apart_by_their_folders() -> None:
    assert study_difference(FIRST, SECOND).names == (str(FIRST), str(SECOND))
    assert study_difference(FIRST, FIRST.parent / "sst2-minilm").names == ("quickstart", "sst2-minilm")
