from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from zostudy.report.all_studies import all_studies_report
from zostudy.report.charts import Charts
from zostudy.results.results import Results, read_results

REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"


@pytest.fixture(scope="module")
def quickstart() -> Results:
    return read_results(REFERENCE / "quickstart")


def under_other_names(results: Results, tasks: dict[str, str]) -> Results:
    """The trials of a study as those of several, each with its task."""
    parts = [results.trials.assign(study=study, task=task) for study, task in tasks.items()]
    return replace(results, trials=pd.concat(parts, ignore_index=True))


def charts(results: Results) -> Charts:
    return Charts(sorted(results.trials["method"].unique()))


def test_studies_stand_side_by_side_on_the_same_axes() -> None:
    results = read_results([REFERENCE / "quickstart", REFERENCE / "sst2-minilm"])
    [section] = all_studies_report(results.trials, results, charts(results)).sections
    studies, ranking, _ = section.tables
    assert [row[:3] for row in studies.rows] == [
        ("quickstart", "mini-llama", "reviews"),
        ("sst2-minilm", "minilm", "sst2"),
    ]
    assert ("minilm", "sst2", "spsa") in {row[:3] for row in ranking.rows}
    specs = {figure.name: figure.chart.to_dict() for figure in section.figures}
    assert list(specs)[:2] == ["test_auc-mini-llama reviews", "test_auc-minilm sst2"]
    scales = [str(spec["layer"][0]["encoding"]["y"]["scale"]) for spec in list(specs.values())[:2]]
    assert scales[0] == scales[1]
    assert "domain" in scales[0]


def test_studies_of_several_tasks_end_in_mean_ranks(quickstart: Results) -> None:
    several = under_other_names(quickstart, {name: f"task-{name}" for name in "abc"})
    [section] = all_studies_report(several.trials, several, charts(several)).sections
    assert [figure.name for figure in section.figures][:2] == ["ranks-test_auc", "ranks-test_balanced_accuracy"]
    assert section.findings[0].startswith("test_auc: Friedman's test over 9 blocks")


def test_studies_that_ran_the_same_cells_are_columns(quickstart: Results) -> None:
    twice = under_other_names(quickstart, {"first": "reviews", "second": "reviews"})
    [section] = all_studies_report(twice.trials, twice, charts(twice)).sections
    assert {"first", "second"} <= set(section.tables[1].columns)


def test_studies_that_cannot_be_compared_are_listed_with_the_reason(quickstart: Results) -> None:
    searched = replace(quickstart, trials=quickstart.trials.query("stage == 'search'"))
    [section] = all_studies_report(searched.trials, searched, charts(searched)).sections
    assert section.note.startswith("Not compared: a comparison needs confirm trials")
    assert [table.title for table in section.tables] == ["The studies"]
