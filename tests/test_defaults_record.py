"""What results/README.md says of the defaults beside random search and the untuned prompt is what the Parquet holds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from scipy import stats
from tests.reading_findings import REFERENCE, committed, findings, short

from zostudy import load_results
from zostudy.bench.defaults.store import TrialStore
from zostudy.config.known import EMBEDDED_MODELS

TUNED = ("bpt-fzg", "zosa", "fzoo", "spsa", "cma-es")
FOLDERS = [*REFERENCE.glob("budget-*/"), *(REFERENCE / "suite").glob("*/"), *REFERENCE.glob("real-text-*/")]


def confirmed(folder: Path) -> pd.DataFrame:
    """Test AUC of one study: a row each imbalance ratio and seed, a column each method with its defaults."""
    trials = load_results(folder).trials
    of_confirm = trials[trials["stage"] == "confirm"]
    return of_confirm.pivot_table("test_auc", ["imbalance_ratio", "number"], "method")


@pytest.fixture(scope="module")
def studies() -> list[pd.DataFrame]:
    return [confirmed(folder) for folder in FOLDERS]


def differences(studies: list[pd.DataFrame], other: str) -> list[pd.Series]:
    """The differences of each method from another row, seed by seed, of each study and imbalance ratio."""
    return [
        (cell[method] - cell[other]).dropna()
        for study in studies
        for _, cell in study.groupby(level="imbalance_ratio")
        for method in TUNED
    ]


def test_none_is_below_random_search(studies: list[pd.DataFrame]) -> None:
    found = differences(studies, "random-search")
    assert {len(each) for each in found} == {5, 10}
    assert "at five or ten seeds each" in findings("defaults")
    highest = [stats.ttest_1samp(each, 0).confidence_interval(0.95).high for each in found]
    assert min(highest) > 0
    assert (
        f"- **None is measurably below random search**: in none of {len(found)} comparisons, one a study, ratio and "
        "method, lies the whole paired interval of test AUC below 0."
    ) in findings("defaults")


def test_the_worst_seed_is_not_far_below_the_untuned_prompt(studies: list[pd.DataFrame]) -> None:
    lowest = min(each.min() for each in differences(studies, "untuned"))
    said = f"the worst of all ends at most {short(-lowest)} below the untuned prompt of the same seed."
    assert f"- **No seed falls far**: {said}" in findings("defaults")
    assert -lowest < 0.02


def test_the_models_that_the_defaults_were_chosen_on_are_among_them() -> None:
    said = "Budget and suite are of the embedded models and reviews, on which the defaults were chosen too."
    assert said in findings("defaults")
    for study in (*committed("budget-*"), *committed("suite/*")):
        assert study.model.name in EMBEDDED_MODELS
        assert study.task.name == "reviews"
    assert {*EMBEDDED_MODELS} <= {row.task for row in TrialStore(REFERENCE / "defaults").rows}
