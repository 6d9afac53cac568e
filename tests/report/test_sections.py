"""What a report says of studies that are not all well."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from zostudy.errors import ResultsError
from zostudy.report.charts import Charts
from zostudy.report.comparing import comparison_sections
from zostudy.report.findings import counts_line
from zostudy.report.page import write_report
from zostudy.report.parts import ReportSection, StudyReport
from zostudy.report.sections import describe, read_study_file
from zostudy.report.table_sections import agreement_section, trials_section
from zostudy.results.classes import StudyClass, StudyClasses, class_table, write_classes
from zostudy.results.comparison.compare import compare
from zostudy.results.comparison.metric_tables import comparison_tables
from zostudy.results.ledger import Ledger
from zostudy.results.lost_rows import study_notes
from zostudy.results.results import load_results, read_results
from zostudy.results.storage import Storage

REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"
HOSTILE = "<script>alert(1)</script> & so on"
LONG = "a-study-of-sixty-letters-that-has-nothing-to-break-it-at-all"


@cache
def told(folder: Path, baseline: str | None = None) -> StudyReport:
    results, file = read_results(folder), read_study_file(Storage.at(folder))
    return describe(file, results, baseline, Charts(file.methods))


def section(study: StudyReport, title: str) -> ReportSection:
    [found] = [section for section in study.sections if section.title == title]
    return found


def replaced(rows: pa.Table, **columns: Any) -> pa.Table:
    for name, values in columns.items():
        index = rows.schema.get_field_index(name)
        field = rows.schema.field(name)
        rows = rows.set_column(index, field, pa.array(values, field.type))
    return rows


def failed(rows: pa.Table) -> pa.Table:
    n = len(rows)
    gone = {name: [None] * n for name in rows.column_names if name.startswith(("dev_", "test_"))}
    return replaced(rows, status=["failed"] * n, error=[HOSTILE] * n, **gone)


def of_search(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.equal(rows["stage"], "search"))


def pruned(rows: pa.Table) -> pa.Table:
    keys = zip(rows["stage"].to_pylist(), rows["number"].to_pylist(), strict=True)
    hit = [key == ("search", 3) for key in keys]
    return replaced(rows, status=["pruned" if one else "complete" for one in hit])


def of_three_classes(rows: pa.Table) -> pa.Table:
    return replaced(rows, scores=[[*scores, 0.5] for scores in rows["scores"].to_pylist()])


def of_one_class_for_zosa(rows: pa.Table) -> pa.Table:
    keys = zip(rows["label"].to_pylist(), rows["cell"].to_pylist(), rows["split"].to_pylist(), strict=True)
    return replaced(rows, label=[0 if key[1:] == ("zosa-r10", "test") else key[0] for key in keys])


def bare(folder: Path) -> Path:
    for table in ("history", "scores", "landscape", "precision"):
        shutil.rmtree(folder / table)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, altered: Callable[..., Path]) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("results")
    return {
        LONG: altered(root / LONG),
        "failed": altered(root / "failed", trials=failed),
        "searching": altered(root / "searching", trials=of_search),
        "pruned": altered(root / "pruned", trials=pruned),
        "three": altered(root / "three", scores=of_three_classes),
        "one class": altered(root / "one class", scores=of_one_class_for_zosa),
        "bare": bare(altered(root / "bare")),
    }


@pytest.mark.slow
def test_the_classes_are_shown_where_they_are_stored(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["bare"], tmp_path / "named")
    classes = StudyClasses("label word", (1.0,), (StudyClass("spam", "junk", True, (10,), (10,), 5),))
    write_classes(Storage.at(tmp_path / "named"), classes)
    assert section(told(tmp_path / "named"), "To repeat it").tables[0] == class_table(classes)


@pytest.mark.slow
def test_the_first_screen_asks_and_answers(folders: dict[str, Path]) -> None:
    study = told(folders[LONG])
    assert study.question.startswith("Which of 3 methods tunes the prompt of mini-")
    first, *_ = study.sections
    assert [figure.name for figure in first.figures] == ["test_auc-by-ratio"]
    comparison = compare(load_results(folders[LONG]))
    assert len(first.findings) == len(comparison.metrics)
    for finding, metric in zip(first.findings, comparison.metrics, strict=True):
        best = comparison.best(metric, 10.0)
        assert best is not None
        assert f": best is {best.row[-1]} (ratio 10)" in finding
    older, *_ = told(REFERENCE / "sst2-minilm").sections
    assert older.findings[-1] == "test minority recall: no method is called best; the notes below say why."


def test_the_classes_are_counted_in_a_line() -> None:
    classes = (StudyClass("ham", "mail", False, (8,), (8,), 30), StudyClass("spam", "junk", True, (2,), (2,), 10))
    assert counts_line(StudyClasses("label word", (4.0,), classes, ("4",), "{text} Is {mask}.")) == (
        "ham (mail) train 8, test 30 (75%); spam (junk, minority) train 2, test 10 (25%). Template: {text} Is {mask}."
    )
    assert not counts_line(None)


@pytest.mark.slow
def test_the_comparison_is_that_of_zostudy_compare(folders: dict[str, Path]) -> None:
    for baseline in (None, "spsa"):
        study = told(folders[LONG], baseline)
        tables = [table for title in ("Result", "Decisions") for table in section(study, title).tables]
        comparison = compare(load_results(folders[LONG]), baseline=baseline)
        told_in_the_summary = study_notes([Storage.at(folders[LONG])])
        notes = tuple(note for note in comparison.notes if note not in told_in_the_summary)
        printed = comparison_tables(replace(comparison, notes=notes))
        assert [replace(table, notes=()) for table in tables] == [replace(table, notes=()) for table in printed]
        assert {note for table in tables for note in table.notes} == {note for table in printed for note in table.notes}
        for mark in "†‡":
            marked = any(mark in cell for row in tables[0].rows for cell in row)
            assert marked == any(note.startswith(mark) for note in tables[0].notes)
    with pytest.raises(ResultsError, match="the baseline must be one of bpt-fzg, spsa, zosa, but got cma-es"):
        told(folders[LONG], "cma-es")


def test_figures_say_which_methods_are_references(folders: dict[str, Path]) -> None:
    results = load_results(folders[LONG])
    charts = Charts(sorted(results.trials["method"].unique()))

    def captions() -> list[str]:
        return [figure.caption for part in comparison_sections(results, None, "", charts) for figure in part.figures]

    assert not any("References" in caption for caption in captions())
    results.trials["needs"] = np.where(results.trials["method"] == "zosa", "gradients", "scores")
    assert captions()
    assert all(" References: zosa (gradients). They need more of the model" in caption for caption in captions())


def test_a_study_whose_trials_all_failed_says_why(folders: dict[str, Path]) -> None:
    study = told(folders["failed"])
    assert {row[-1] for table in section(study, "Failures").tables for row in table.rows} >= {"300"}
    assert section(study, "Failures").tables[0].rows[0][1] == HOSTILE
    assert {cell for row in section(study, "Result").tables[0].rows for cell in row[1:2]} == {"failed"}
    assert not study.figures


def test_a_running_study_is_told_as_far_as_it_has_come(folders: dict[str, Path]) -> None:
    study = told(folders["searching"])
    assert "searching is unfinished: 0 of its 27 confirm trials are there" in study.summary
    assert section(study, "Result").note.startswith("No confirm trial has ended yet")
    assert [figure.name for figure in study.figures if not figure.name.startswith("search-")] == []
    assert study.figures


def test_every_trial_has_a_row_and_the_best_of_a_cell_leads(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    results, file = read_results(folders["failed"]), read_study_file(Storage.at(folders["failed"]))
    [table] = trials_section(results.trials, file.space).tables
    assert {row[0] for row in table.rows} == set(results.trials["trial"])
    assert {row[1] for row in table.rows} == {"failed"}
    assert {cell for row in table.rows for cell in row[5:9]} == {"-"}
    trials = read_results(folders[LONG]).trials
    [table] = trials_section(trials, file.space).tables
    at_dev = table.columns.index("dev AUC")
    first = next(row for row in table.rows if row[0].startswith("zosa-r10-search"))
    assert float(first[at_dev]) == pytest.approx(
        trials.query("cell == 'zosa-r10' and stage == 'search'")["dev_auc"].max(), abs=1e-3
    )
    assert "perturbation_radius" in first[3]
    monkeypatch.setattr("zostudy.report.table_sections.MOST_TRIALS", 10)
    cut = trials_section(trials, file.space)
    assert len(cut.tables[0].rows) == 10
    assert f"{len(trials) - 10} more trials are left out" in cut.note


@pytest.mark.slow
def test_trials_that_were_stopped_early_are_counted_and_not_drawn(folders: dict[str, Path]) -> None:
    found = section(told(folders["pruned"]), "What the search found")
    assert found.note == "Of 18 search trials, 3 were stopped early; the figures leave these out."
    [chart] = [figure.chart for figure in found.figures if figure.name == "search-learning_rate"]
    assert len(chart.data) == 15
    assert not section(told(folders[LONG]), "What the search found").note


@pytest.mark.slow
def test_more_than_two_classes_have_no_curve_and_a_word_why(folders: dict[str, Path]) -> None:
    curves = section(told(folders["three"]), "ROC and precision-recall")
    assert not curves.figures
    assert curves.note == "Drawn for tasks with two classes only; this one has 3."


@pytest.mark.parametrize(
    ("title", "table", "note"),
    [
        ("Against queries", "history", "Not drawn: results must be whole, but "),
        ("ROC and precision-recall", "scores", "Not drawn: results must be whole, but "),
        ("The saddle of AUC maximisation", "history", "Not drawn: results must be whole, but "),
        ("Recall by class", "scores", "Not drawn: results must be whole, but "),
        ("Calibration", "scores", "Not drawn: results must be whole, but "),
        ("Loss landscape", "landscape", "Not drawn: results must be whole, but "),
        ("Noise floor", "precision", "The folder noise_floor holds no measurement"),
    ],
)
def test_a_section_that_misses_its_table_says_so(folders: dict[str, Path], title: str, table: str, note: str) -> None:
    whole = section(told(folders[LONG]), title)
    assert whole.figures + whole.tables or title == "Noise floor"
    without = section(told(folders["bare"]), title)
    assert without.note.startswith(note)
    assert not without.figures + without.tables
    assert not list((folders["bare"] / table).glob("*.parquet"))


def test_the_agreement_with_transformers_is_shown_where_it_was_stored(
    altered: Callable[..., Path], tmp_path: Path
) -> None:
    folder = altered(tmp_path / "results")
    assert agreement_section(load_results(folder).agreement).note.startswith("The folder agreement holds no comparison")
    row = {"study": "results", "model": "mini-roberta", "family": "roberta", "dtype": "float32", "evaluator": "packed"}
    figures = {"texts": 5, "prompts": 2, "largest_score": 7.5, "difference": 3e-6, "bound": 1e-4}
    Ledger(folder).record_agreement(row | figures)
    (table,) = agreement_section(load_results(folder).agreement).tables
    assert table.columns[:3] == ("family", "dtype", "evaluator")
    assert table.rows[0][:5] == ("roberta", "float32", "packed", "5", "2")


@pytest.mark.slow
def test_every_section_is_there_and_says_why_it_is_empty(folders: dict[str, Path]) -> None:
    whole = [section.title for section in told(folders[LONG]).sections]
    for folder in (*folders.values(), REFERENCE / "sst2-minilm"):
        study = told(folder)
        assert [section.title for section in study.sections] == whole
        assert all(one.note or one.tables or one.figures for one in study.sections)
    older = told(REFERENCE / "sst2-minilm")
    assert section(older, "What the search found").note.startswith("Nothing was searched: search.space is empty")
    assert "an earlier zostudy ran" in section(older, "Loss landscape").note
    assert section(older, "Against queries").note.startswith(
        "Not drawn: dev balanced accuracy, dev minority recall; an earlier zostudy ran"
    )
    for title in ("Against queries", "ROC and precision-recall", "The saddle of AUC maximisation", "Loss landscape"):
        assert section(told(folders["searching"]), title).note == "No confirm trial is complete so far."


@pytest.mark.slow
def test_trials_whose_test_split_has_one_class_are_left_out_without_a_warning(
    folders: dict[str, Path], recwarn: pytest.WarningsRecorder
) -> None:
    study = told.__wrapped__(folders["one class"])
    curves = section(study, "ROC and precision-recall")
    assert curves.note.startswith("Left out: 3 confirm trials without test scores of both classes.")
    assert "zosa" not in _methods_drawn(curves)
    assert not recwarn.list


def test_intervals_of_shares_never_pass_0_or_1_and_those_of_other_numbers_may(folders: dict[str, Path]) -> None:
    study = told(folders[LONG])
    drawn = {figure.name: figure.chart.data for figure in study.figures if hasattr(figure.chart.data, "high")}
    shares = [frame for name, frame in drawn.items() if name.startswith("test_")]
    assert len(shares) == 3
    assert all(frame["low"].min() >= 0 and frame["high"].max() <= 1 for frame in shares)
    assert max((frame["high"] - frame["low"]).max() for frame in shares) > 0.1
    assert drawn["sharpness-by-ratio"]["low"].min() < 0


def test_figures_name_metrics_properly_and_point_out_four_figures(folders: dict[str, Path]) -> None:
    specs = {figure.name: figure.chart.to_dict() for figure in told(folders[LONG]).figures}
    assert specs["test_auc-by-ratio"]["title"] == "test AUC"
    assert specs["roc-ratio-10"]["title"] == "ROC, ratio 10"
    assert specs["precision-recall-ratio-10"]["title"] == "Precision-recall, ratio 10"
    said = {tip["field"]: tip.get("format") for tip in specs["search-learning_rate"]["encoding"]["tooltip"]}
    assert said == {"method": None, "ratio": ",", "trial": None, "value": ".4~g", "dev_auc": ".4~g"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (573920, "573,920"),
        (np.int64(8046), "8,046"),
        (21680.4, "21,680"),
        (118.94, "118.9"),
        (1.202e-07, "1.202e-07"),
        (float("inf"), "inf"),
        (True, "True"),
        (None, ""),
        ("a word", "a word"),
    ],
)
def test_numbers_in_tables_are_short_and_never_powers_of_ten_above_one(value: Any, text: str) -> None:
    from zostudy.report.parts import short

    assert short(value) == text


@pytest.mark.slow
def test_all_of_them_are_drawn_on_a_telephone_in_the_dark(
    folders: dict[str, Path], tmp_path: Path, look: Callable[..., Any], page_alone: None
) -> None:
    path = tmp_path / "all.html"
    write_report(list(folders.values()), path, watch=True)
    path.write_text(path.read_text(encoding="utf-8").replace('http-equiv="refresh"', ""), encoding="utf-8")
    page = look(path, 400, "dark")
    of_studies = page.locator(".chart:not([id^=All-studies])")
    assert of_studies.count() == sum(len(told(folder).figures) for folder in folders.values())
    assert page.locator("td", has_text=HOSTILE).count() == 27
    assert LONG in page.locator("h1").inner_text()


def test_figures_of_studies_with_one_name_do_not_replace_each_other(
    tmp_path: Path, altered: Callable[..., Path]
) -> None:
    from zostudy.report.parts import Figure, with_safe_names

    sections = (ReportSection("a", figures=(Figure("x y", None, ""), Figure("x/y", None, ""))),)
    named = with_safe_names([StudyReport("s", "", "", sections, {})] * 2)
    assert [figure.name for study in named for figure in study.figures] == ["s-x-y", "s-x-y-2", "s-x-y-3", "s-x-y-4"]


@pytest.mark.parametrize("n_lines", [1, 100, 5000])
def test_long_lines_are_thinned_evenly_from_end_to_end(n_lines: int) -> None:
    from zostudy.report.frames import _thinned

    kept = _thinned(10_000, n_lines)
    assert (kept[0], kept[-1]) == (0, 9_999)
    assert np.ptp(np.diff(kept)) <= 1
    assert len(kept) * n_lines <= max(8_000, 11 * n_lines)
    assert _thinned(5, n_lines).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.slow
def test_a_baseline_may_wait_for_its_first_trial(altered: Callable[..., Path], tmp_path: Path) -> None:
    def of_others(rows: pa.Table) -> pa.Table:
        return rows.filter(pc.not_equal(rows["method"], "spsa"))

    study = told(altered(tmp_path / "begun", trials=of_others), "spsa")
    said = " ".join(str(table) for title in ("Result", "Decisions") for table in section(study, title).tables)
    assert "No tests: spsa has no confirm trial yet." in said
    assert "is unfinished" in study.summary
    assert "is unfinished" not in said


@pytest.mark.slow
def test_confirm_trials_that_a_longer_search_has_bettered_are_drawn_nowhere(
    altered: Callable[..., Path], tmp_path: Path
) -> None:
    def with_a_better_search_trial(rows: pa.Table) -> pa.Table:
        first = rows.filter(pc.and_(pc.equal(rows["method"], "zosa"), pc.equal(rows["stage"], "search"))).slice(0, 1)
        name = first["trial"].to_pylist()[0].replace("search-000", "search-099")
        return pa.concat_tables(
            [rows, replaced(first, trial=[name], number=[99], dev_auc=[1.0], params=['{"learning_rate": 9.0}'])]
        )

    study = told(altered(tmp_path / "extended", trials=with_a_better_search_trial))
    assert {"bpt-fzg", "spsa"} == _methods_drawn(section(study, "ROC and precision-recall"))
    said = " ".join(str(table) for title in ("Result", "Decisions") for table in section(study, title).tables)
    assert "A later search has found better settings (zosa-r10)" in said


def _methods_drawn(drawn: ReportSection) -> set[str]:
    charts = [figure.chart.to_dict() for figure in drawn.figures]
    rows = [row for chart in charts for data in chart["datasets"].values() for row in data]
    return {row["method"] for row in rows if "method" in row}
