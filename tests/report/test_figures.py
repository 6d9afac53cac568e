from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from zostudy.errors import ResultsError
from zostudy.report.figures import draw_comparison
from zostudy.results.comparison.cell_summary import CellSummary
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.statistics import Interval


def comparison() -> Comparison:
    cells = tuple(
        CellSummary((method,), ratio, {"test_auc": Interval(mean, low, high)}, 3, 0, 300, 300.0, 9600.0)
        for method, mean, low, high in (
            ("spsa", 0.7, 0.6, 0.75),
            ("zosa", 0.8, None, None),
            ("failed", None, None, None),
        )
        for ratio in (1.0, 10.0)
    )
    return Comparison("imbalance_ratio", ("method",), ("test_auc",), cells)


def test_an_svg_names_methods_ratios_and_metric(tmp_path: Path) -> None:
    path = tmp_path / "figure.svg"
    draw_comparison(comparison(), path)
    drawn = set(ElementTree.parse(path).getroot().itertext())
    assert {"spsa", "zosa", "failed", "1", "10", "test AUC", "imbalance ratio"} <= drawn


def test_a_picture_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        draw_comparison(comparison(), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize(("ending", "begin"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("PNG", b"\x89PNG")])
def test_a_picture_is_of_the_kind_that_its_name_says(tmp_path: Path, ending: str, begin: bytes) -> None:
    path = tmp_path / f"figure.{ending}"
    draw_comparison(comparison(), path)
    assert path.read_bytes().startswith(begin)


def test_other_things_than_ratios_are_compared_as_words(tmp_path: Path) -> None:
    cells = tuple(
        CellSummary(("reviews", "zosa"), model, {"dev_auc": Interval(0.5, 0.4, 0.6)}, 3, 0, 1, 1, 1) for model in "ab"
    )
    path = tmp_path / "figure.svg"
    draw_comparison(Comparison("model", ("task", "method"), ("dev_auc",), cells), path)
    assert {"reviews zosa", "a", "b", "model"} <= set(ElementTree.parse(path).getroot().itertext())


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError) as refused:
        draw_comparison(comparison(), tmp_path / "figure.doc")
    assert (refused.value.got, refused.value.remedy) == (f"got {tmp_path / 'figure.doc'}", "rename it")


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"\(No such file.*\); .* or name another file"):
        draw_comparison(comparison(), tmp_path / "nowhere" / "figure.svg")


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_the_earlier_figure(tmp_path: Path) -> None:
    (tmp_path / "figure.svg").write_text("the earlier one")
    with pytest.raises(ResultsError, match="No space left"):
        draw_comparison(comparison(), tmp_path / "figure.svg")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"figure.svg": "the earlier one"}
