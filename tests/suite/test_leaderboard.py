"""The leaderboard: committed and new rows in one comparison, told apart where they disagree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.reading_findings import findings

from zostudy.cli.app import app
from zostudy.cli.messages import flagged, set_verb
from zostudy.config.loading import parse_study
from zostudy.errors import ResultsError
from zostudy.results.comparison.comparable import compare_in_groups
from zostudy.results.comparison.compare import compare
from zostudy.results.comparison.metric_tables import comparison_tables
from zostudy.results.table_formats import markdown
from zostudy.suite.definition import BUDGETS, OFFLINE, SEEDS, VERSION, Slice
from zostudy.suite.leaderboard import COMMITTED, TOLERANCE, committed_trials, leaderboard

ROOT = Path(__file__).resolve().parents[2]
LLAMA = Slice(OFFLINE[:1], BUDGETS[:1])
METHODS = ["no-prompt", "untuned", "random-search", "cma-es", "spsa", "fzoo", "zosa", "bpt-fzg"]


@pytest.fixture(scope="module")
def committed() -> pd.DataFrame:
    return committed_trials(LLAMA)


def of_method(trials: pd.DataFrame, method: str) -> pd.DataFrame:
    return trials[trials["method"] == method].reset_index(drop=True)


def moved(trials: pd.DataFrame, by: float) -> pd.DataFrame:
    """Returns the trials with another test AUC in the first seed of each cell."""
    return trials.assign(test_auc=trials["test_auc"] + np.where(trials["number"] == 0, by, 0))


def test_each_committed_study_has_all_methods_ratios_and_seeds() -> None:
    trials = committed_trials(Slice())
    assert {*trials["model"][trials["budget"] == 300]} == {part.name for part in OFFLINE}
    assert len(trials) == len(trials["study"].unique()) * len(METHODS) * 3 * SEEDS
    cells = trials.groupby(["study", "imbalance_ratio", "method"])["number"].agg(set)
    assert {*cells.index.get_level_values("method")} == {*METHODS}
    assert all(numbers == {*range(SEEDS)} for numbers in cells)
    assert set(trials["status"]) == {"complete"}
    text, spec = findings("suite"), parse_study(OFFLINE[0].study_file.read_text(encoding="utf-8"), "suite")
    assert f"(../platform/zostudy/guides/suite.md), version {VERSION}." in text
    assert (len(METHODS), len(OFFLINE), len(spec.imbalance.ratios), SEEDS) == (8, 3, 3, 5)
    rows = f"eight methods with their defaults, on the offline half (three models, three ratios, {BUDGETS[0]} and"
    assert f"Rows so far: {rows} {BUDGETS[1]:,} queries, five seeds)" in text
    assert {trials["budget"].min(), trials["budget"].max()} == {*BUDGETS}
    assert "On real text none are committed yet." in text
    assert "The embedded reviews are one easy task, on which the defaults were chosen too." in text


def test_the_leaderboard_shown_is_that_of_the_rows() -> None:
    committed = committed_trials(Slice())
    (table,) = leaderboard(committed, committed.head(0)).tables
    assert markdown(table) in (ROOT / "results" / "README.md").read_text(encoding="utf-8")


def test_who_is_told_from_the_leader() -> None:
    """It is what results/README.md says below the table."""
    text = findings("suite")
    compared = compare(committed_trials(Slice()))
    tied: dict[str, set[str]] = {}
    for metric in compared.metrics:
        ranks = compared.rank_statistics(metric)
        assert ranks is not None
        assert ranks.ranks[0].method == "bpt-fzg"
        tied[metric] = {method for group in ranks.groups if "bpt-fzg" in group for method in group} - {"bpt-fzg"}
    assert "`bpt-fzg` leads in every column" in text
    assert tied["test_auc"] == tied["test_balanced_accuracy"] == {"fzoo", "spsa", "cma-es"}
    untold = (
        "In AUC and in balanced accuracy by argmax Nemenyi's test does not tell it from `fzoo`, `spsa` or `cma-es`,"
    )
    assert f"{untold} but from `zosa`." in text


def test_committed_rows_are_compared_as_compare_does(committed: pd.DataFrame) -> None:
    board = leaderboard(committed, committed.head(0))
    (alone,) = compare_in_groups([COMMITTED / "suite-1-mini-llama-300"])
    assert board.tables == comparison_tables(alone)
    assert board.reruns == ()


def test_a_new_method_stands_among_the_committed_ones(committed: pd.DataFrame) -> None:
    mine = of_method(committed, "zosa").assign(method="mine", study="suite-1-mini-llama-300")
    board = leaderboard(committed, mine)
    assert {cell.row[-1] for cell in board.comparison.cells} == {*METHODS, "mine"}
    assert board.reruns == ()
    means = {cell.row[-1]: cell.intervals["test_auc"].mean for cell in board.comparison.cells if cell.column == 10}
    assert means["mine"] == means["zosa"]


def test_a_method_that_ran_again_replaces_its_rows_and_agrees(committed: pd.DataFrame) -> None:
    board = leaderboard(committed, of_method(committed, "zosa"))
    assert board.reruns == ("as committed, to the last bit: zosa (15 trials)",)
    assert board.comparison.records() == compare(committed).records()


@pytest.mark.parametrize(("by", "bound"), [(-4 * TOLERANCE, "within"), (-6 * TOLERANCE, "beyond")])
def test_a_difference_is_told_with_the_mean_of_its_cell(committed: pd.DataFrame, by: float, bound: str) -> None:
    board = leaderboard(committed, moved(of_method(committed, "bpt-fzg"), by))
    assert board.reruns == (
        "differs from the committed rows: bpt-fzg in 3 of 15 trials; the mean test AUC of a cell moves by up to "
        f"{-by / 5:.2g}, {bound} the tolerance of 0.005",
    )
    means = {(cell.row[-1], cell.column): cell.intervals["test_auc"].mean for cell in board.comparison.cells}
    before = of_method(committed, "bpt-fzg").groupby("imbalance_ratio")["test_auc"].mean()
    assert means["bpt-fzg", 10] == pytest.approx(before[10] + by / 5), "the new rows are shown"


def test_another_latent_is_a_difference(committed: pd.DataFrame) -> None:
    trials = of_method(committed, "zosa")
    trials["latent"] = [latent + np.float32(1e-3) for latent in trials["latent"]]
    (line,) = leaderboard(committed, trials).reruns
    assert line.startswith("differs from the committed rows: zosa in 15 of 15 trials; ")


@pytest.mark.parametrize("content", ["data", "weights"])
def test_rows_on_other_texts_or_weights_are_refused(committed: pd.DataFrame, content: str) -> None:
    def changed(versions: Any) -> str:
        return json.dumps(json.loads(versions) | {content: "other"})

    mine = of_method(committed, "zosa").assign(method="mine")
    mine["versions"] = mine["versions"].map(changed)
    with pytest.raises(
        ResultsError, match="must be of the same texts and weights, but those of reviews with mini-llama"
    ):
        leaderboard(committed, mine)


def test_a_slice_has_the_first_seeds_of_one_ratio() -> None:
    trials = committed_trials(Slice(OFFLINE[:1], (300,), 10.0, 2))
    assert {*trials["imbalance_ratio"]} == {10.0}
    assert {*trials["number"]} == {0, 1}
    assert {*trials["study"]} == {"suite-1-mini-llama-300-ratio-10-seeds-2"}
    assert committed_trials(Slice(OFFLINE[:1], (300,), "natural")).empty


def test_the_file_of_all_tables_is_that_of_the_rows() -> None:
    (comparison,) = compare_in_groups([COMMITTED])
    shown = (ROOT / "results" / "reference" / "suite.md").read_text(encoding="utf-8")
    remedy = "zostudy compare results/reference/suite --format markdown > results/reference/suite.md"
    set_verb(app, "compare")
    assert shown == flagged("\n\n".join(map(markdown, comparison_tables(comparison)))) + "\n", remedy
