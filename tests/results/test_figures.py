from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from zostudy.errors import ResultsError
from zostudy.results.comparison import Cell, Comparison
from zostudy.results.figures import draw_comparison
from zostudy.results.intervals import Interval


def comparison() -> Comparison:
    cells = tuple(
        Cell((method,), ratio, {"test_auc": Interval(mean, half_width)}, 3, 0, 300, 300.0, 9600.0)
        for method, mean, half_width in (("spsa", 0.7, 0.1), ("zosa", 0.8, None), ("failed", None, None))
        for ratio in (1.0, 10.0)
    )
    return Comparison("imbalance_ratio", ("method",), ("test_auc",), cells)


def test_an_svg_names_methods_ratios_and_metric(tmp_path: Path) -> None:
    path = tmp_path / "figure.svg"
    draw_comparison(comparison(), path)
    text = path.read_text(encoding="utf-8")
    ElementTree.fromstring(text)
    comments = text.split("<!--")
    drawn = {comment.split("-->")[0].strip() for comment in comments[1:]}
    assert {"spsa", "zosa", "failed", "1", "10", "test auc", "imbalance ratio"} <= drawn


def test_a_picture_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        draw_comparison(comparison(), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_png_is_a_png(tmp_path: Path) -> None:
    draw_comparison(comparison(), tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"must end in \.png, \.svg, \.pdf, but got .*figure\.doc; rename it"):
        draw_comparison(comparison(), tmp_path / "figure.doc")
