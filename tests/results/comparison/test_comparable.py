"""Studies that cannot share a table are compared apart, and each table says of which studies it is and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zostudy.errors import ResultsError
from zostudy.results.comparison.cell_summary import CellSummary
from zostudy.results.comparison.comparable import compare_in_groups
from zostudy.results.comparison.compare import compare
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.contents import SCOPE, contents
from zostudy.results.comparison.statistics import t_interval
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome

RunStudy = Callable[..., Path]


@pytest.fixture
def run_study(
    make_outcome: Callable[..., Outcome], make_noise_floor: Callable[..., dict[str, Any]], tmp_path: Path
) -> RunStudy:
    """Stores a study of some methods, three seeds each, as its run would; keywords overrule columns of its trials."""

    def run(
        name: str, *methods: str, dtype: str = "float32", spec: dict[str, Any] | None = None, **columns: Any
    ) -> Path:
        ledger = Ledger(tmp_path / name)
        for method in methods:
            for number in range(3):
                auc = 0.6 + number / 50 + len(method) / 100
                row = {"study": name, "method": method, "number": number, "test_auc": auc, **columns}
                ledger.record(make_outcome(**row))
        ledger.record_noise_floor([make_noise_floor(dtype=dtype, chosen=True)])
        ledger.write_study({"methods": [*methods], "confirm": {"seeds": 3}} | (spec or {}), {})
        return tmp_path / name

    return run


def studies_of(comparisons: list[Comparison]) -> list[str]:
    """Returns the note of each comparison that says of which studies it is."""
    start = "Compared apart from other studies: "
    return [note.removeprefix(start) for of in comparisons for note in of.notes if note.startswith(start)]


def test_studies_of_other_tasks_models_and_budgets_share_a_table(run_study: RunStudy) -> None:
    folders = [
        run_study("a", "spsa", "zosa"),
        run_study("b", "spsa", "zosa", task="subj"),
        run_study("c", "spsa", "zosa", model="mini-gpt2"),
        run_study("d", "spsa", "zosa", budget=600),
        run_study("e", "fzoo"),
    ]
    [comparison] = compare_in_groups(folders, ["test_auc"])
    assert comparison.row_names == ("model", "task", "budget", "method")
    assert comparison.records() == compare(folders, ["test_auc"]).records()
    assert comparison.notes == compare(folders, ["test_auc"]).notes
    statistics = comparison.rank_statistics("test_auc")
    assert statistics is not None
    assert (len(statistics.blocks), statistics.sources, statistics.data_sets) == (4, 4, 3)


def test_studies_of_two_dtypes_are_compared_apart(run_study: RunStudy) -> None:
    folders = [
        run_study("a", "spsa"),
        run_study("b", "spsa", task="subj", dtype="bfloat16"),
        run_study("c", "spsa", task="mr"),
    ]
    first, second = compare_in_groups(folders, ["test_auc"])
    assert studies_of([first, second]) == ["a, c.", "b; b ran in bfloat16, a in float32."]
    assert {cell.row for cell in first.cells} == {("reviews", "spsa"), ("mr", "spsa")}
    assert {cell.row for cell in second.cells} == {("spsa",)}
    assert "b ran in bfloat16, a in float32" in repr(second)


def test_a_study_without_a_stored_dtype_stands_apart(run_study: RunStudy) -> None:
    folders = [run_study("a", "spsa"), run_study("b", "spsa", task="subj")]
    for file in (folders[1] / "noise_floor").iterdir():
        file.unlink()
    assert studies_of(compare_in_groups(folders))[1] == "b; b ran in a dtype that is not stored, a in float32."


@pytest.mark.parametrize("other", [{"n_minority": 50}, {"positive_class": 1}, {"versions": {"data": "other"}}])
def test_other_data_under_one_name_is_not_taken_for_the_same(run_study: RunStudy, other: dict[str, Any]) -> None:
    folders = [run_study("a", "spsa"), run_study("b", "zosa", **other)]
    [_, second] = compare_in_groups(folders)
    [_, told] = studies_of(compare_in_groups(folders))
    assert told == ("b; b and a ran reviews with mini-roberta at ratio 10 on other data, weights or training examples.")
    assert [cell.row for cell in second.cells] == [("zosa",)]
    assert len(compare_in_groups([folders[0], run_study("c", "zosa")])) == 1


def test_another_prompt_is_not_taken_for_the_same(run_study: RunStudy) -> None:
    one = run_study("a", "spsa", spec={"model": {"prompt_tokens": 10, "start": "vocabulary"}})
    other = run_study("b", "zosa", spec={"model": {"prompt_tokens": 20}})
    assert studies_of(compare_in_groups([one, other]))[1] == (
        "b; b and a ran reviews with mini-roberta at ratio 10 with another model.prompt_tokens."
    )
    assert len(compare_in_groups([one, run_study("c", "zosa", spec={"model": {"prompt_tokens": 10}})])) == 1
    (other / "study.yaml").unlink()
    assert len(compare_in_groups([one, other])) == 1


def test_one_cell_of_two_studies_is_compared_apart_or_by_study(run_study: RunStudy) -> None:
    folders = [run_study("a", "spsa"), run_study("b", "spsa", "zosa")]
    assert studies_of(compare_in_groups(folders)) == [
        "a.",
        "b; b and a ran the same cells, which `by` study sets side by side.",
    ]
    [comparison] = compare_in_groups(folders, by="study")
    assert comparison.columns == ["a", "b"]
    assert studies_of([comparison]) == []


def test_unequal_budgets_are_let_in_where_no_cell_is_there_twice(run_study: RunStudy) -> None:
    one, other = run_study("a", "spsa"), run_study("b", "zosa", budget=600)
    [comparison] = compare_in_groups([one, other], allow_unequal=True)
    assert comparison.unequal
    twice = [one, run_study("c", "spsa", budget=600)]
    assert len(compare_in_groups(twice)) == len(compare_in_groups(twice, by="budget", allow_unequal=True)) == 1
    assert len(compare_in_groups(twice, allow_unequal=True)) == 2


def test_a_baseline_that_waits_for_its_first_trial_is_known_to_its_own_study(run_study: RunStudy) -> None:
    begun = run_study("b", "fzoo", task="subj", dtype="bfloat16", spec={"methods": ["fzoo", "zosa"]})
    first, second = compare_in_groups([run_study("a", "spsa"), begun], baseline="zosa")
    assert (first.baseline, second.baseline) == (None, "zosa")
    assert "No tests: zosa has no confirm trial yet." in repr(second)


def test_a_wrong_baseline_is_held_against_the_methods_of_all_tables(run_study: RunStudy) -> None:
    folders = [run_study("a", "spsa"), run_study("b", "fzoo", task="subj", dtype="bfloat16")]
    with pytest.raises(ResultsError, match=r"must be one of fzoo, spsa, but got fzo; did you mean fzoo\?"):
        compare_in_groups(folders, baseline="fzo")


def test_a_baseline_tests_where_it_is(run_study: RunStudy) -> None:
    folders = [run_study("a", "spsa", "zosa"), run_study("b", "zosa", dtype="bfloat16", task="subj")]
    first, second = compare_in_groups(folders, baseline="spsa")
    assert (first.baseline, second.baseline) == ("spsa", None)


def test_a_study_of_search_trials_alone_parts_nothing(run_study: RunStudy) -> None:
    folders = [run_study("a", "spsa", stage="search", dtype="bfloat16"), run_study("b", "spsa"), run_study("c", "zosa")]
    [comparison] = compare_in_groups(folders)
    assert len(comparison.cells) == 2


@pytest.fixture
def two_sweeps(run_study: RunStudy) -> list[Path]:
    """A sweep over models and one over budgets, of other methods each, which meet in one cell."""
    of_methods = [run_study(f"methods-{model}", "spsa", "zosa", model=model) for model in ("a", "b", "c")]
    of_steps = [run_study(f"steps-{budget}", "spsa", "longer", model="b", budget=budget) for budget in (900, 300)]
    return [of_methods[0], *of_steps, *of_methods[1:]]


def test_studies_of_the_same_methods_stay_together(two_sweeps: list[Path]) -> None:
    comparisons = compare_in_groups(two_sweeps, ["test_auc"])
    assert studies_of(comparisons) == [
        "methods-a, methods-b, methods-c.",
        "steps-900, steps-300; steps-300 and methods-b ran the same cells, which `by` study sets side by side.",
    ]
    assert [len(of.cells) for of in comparisons] == [6, 4]
    assert len(compare_in_groups([two_sweeps[0], *two_sweeps[3:], two_sweeps[1]])) == 1  # nothing needs a second table


def test_where_tables_are_many_other_methods_join_only_what_they_are_compared_with(
    two_sweeps: list[Path], run_study: RunStudy
) -> None:
    folders = [*two_sweeps, run_study("rival", "fzoo", model="c"), run_study("other", "cma-es", model="e")]
    first, _, third = studies_of(compare_in_groups(folders))
    assert first == "methods-a, methods-b, methods-c, rival."
    assert third == "other; other and methods-a ran other methods, on other models, tasks, budgets or ratios."


def test_the_last_table_names_all_methods_that_are_the_best_of_as_many_columns() -> None:
    cells = tuple(
        CellSummary((method,), ratio, {"test_auc": t_interval([mean - 0.01, mean, mean + 0.01])}, 3, 0, 300, 300.0, 0.0)
        for ratio, means in ((1.0, (0.9, 0.8, 0.7)), (10.0, (0.7, 0.9, 0.8)))
        for method, mean in zip(("fzoo", "spsa", "zosa"), means, strict=True)
    )
    scope = {name: (name,) for name in SCOPE}
    both = Comparison("imbalance_ratio", ("method",), ("test_auc",), cells, scope=scope)
    table = contents([both, replace(both, cells=cells[:3])])
    assert [row[-1] for row in table.rows] == ["fzoo, spsa (1 of 2 each)", "fzoo (1 of 1)"]


def test_the_last_table_lists_what_each_is_of(two_sweeps: list[Path]) -> None:
    table = contents(compare_in_groups(two_sweeps, ["test_auc"]))
    assert table.columns == ("table", "study", "model", "task", "budget", "methods", "best in test_auc")
    assert table.rows == (
        ("1", "methods-a, methods-b, methods-c", "a, b, c", "reviews", "300", "2", "spsa (3 of 3)"),
        ("2", "steps-900, steps-300", "b", "reviews", "300, 900", "2", "longer (2 of 2)"),
    )
