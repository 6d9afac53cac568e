from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from zostudy.report.all_studies import all_studies_report
from zostudy.report.charts import Charts
from zostudy.report.parts import ReportSection
from zostudy.results.results import read_results

REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"

Altered = Callable[..., Path]


def section_on(*folders: Path) -> ReportSection:
    results = read_results(folders)
    charts = Charts(sorted(results.trials["method"].unique()))
    [section] = all_studies_report(results.trials, results.storages, charts).sections
    return section


def with_words(**words: str) -> Callable[[pa.Table], pa.Table]:
    """Returns what puts one word into all rows of a column, by its name."""

    def change(rows: pa.Table) -> pa.Table:
        for name, word in words.items():
            index = rows.schema.get_field_index(name)
            rows = rows.set_column(index, rows.schema.field(name), pa.array([word] * rows.num_rows))
        return rows

    return change


def test_studies_stand_side_by_side_on_the_same_axes(altered: Altered, tmp_path: Path) -> None:
    tasks = {"first": "reviews", "second": "topics"}
    section = section_on(
        *(altered(tmp_path / name, trials=with_words(study=name, task=task)) for name, task in tasks.items())
    )
    studies, ranking, _ = section.tables
    assert [row[:3] for row in studies.rows] == [
        ("first", "mini-roberta", "reviews"),
        ("second", "mini-roberta", "topics"),
    ]
    assert ("topics", "zosa") in {row[:2] for row in ranking.rows}
    specs = {figure.name: figure.chart.to_dict() for figure in section.figures}
    assert list(specs)[:2] == ["test_auc-reviews", "test_auc-topics"]
    scales = [str(spec["layer"][0]["encoding"]["y"]["scale"]) for spec in list(specs.values())[:2]]
    assert scales[0] == scales[1]
    assert "domain" in scales[0]


def test_studies_of_several_tasks_end_in_mean_ranks(altered: Altered, tmp_path: Path) -> None:
    section = section_on(
        *(altered(tmp_path / name, trials=with_words(study=name, task=f"task-{name}")) for name in "abc")
    )
    assert [figure.name for figure in section.figures][:2] == ["ranks-test_auc", "ranks-test_balanced_accuracy"]
    assert section.findings[0].startswith("test_auc: Friedman's test over 3 blocks")


def test_studies_that_ran_the_same_cells_are_columns(altered: Altered, tmp_path: Path) -> None:
    section = section_on(*(altered(tmp_path / name, trials=with_words(study=name)) for name in ("first", "second")))
    assert {"first", "second"} <= set(section.tables[1].columns)


def test_studies_whose_numbers_are_not_comparable_are_columns() -> None:
    section = section_on(REFERENCE / "budget-300", REFERENCE / "real-text-sst2")  # float32 and bfloat16
    assert {"budget-300", "real-text-sst2"} <= set(section.tables[1].columns)


def test_studies_that_cannot_be_compared_are_listed_with_the_reason(altered: Altered, tmp_path: Path) -> None:
    def searched(rows: pa.Table) -> pa.Table:
        return rows.filter(pc.equal(rows["stage"], "search"))

    section = section_on(
        *(
            altered(tmp_path / name, trials=lambda rows, name=name: searched(with_words(study=name)(rows)))
            for name in "ab"
        )
    )
    assert section.note.startswith("Not compared: a comparison needs confirm trials")
    assert [table.title for table in section.tables] == ["The studies"]
