"""The critical-difference diagram: its lines and names stand where the numbers are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from zostudy.report.figures import draw_comparison
from zostudy.report.rank_figure import THICK, TICK, rank_chart
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.rank_statistics import MethodRank, RankStatistics

MEANS = {"fzoo": 1.2, "spsa": 1.9, "zosa": 3.1, "untuned": 3.8}
GROUPS = (("fzoo", "spsa"), ("zosa", "untuned"))


def statistics(groups: tuple[tuple[str, ...], ...] = GROUPS) -> RankStatistics:
    return RankStatistics(
        metric="test_auc",
        ranks=tuple(MethodRank(method, mean, mean - 0.2, mean + 0.2) for method, mean in MEANS.items()),
        named_by=("task", "imbalance_ratio"),
        blocks=tuple((f"task {number}", 10.0) for number in range(16)),
        left_out=(),
        lost_blocks=0,
        test="Friedman",
        statistic=40.0,
        p_value=1e-5,
        critical_difference=1.17,
        groups=groups,
    )


def drawn(chart: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the lines and the texts of a chart."""
    lines, *texts = (layer.data for layer in chart.layer)
    return lines, pd.concat(texts)


def hanging_lines(lines: pd.DataFrame) -> pd.DataFrame:
    """Returns the lines from the line of ranks down to the names."""
    return lines.query("x == x2 and y == 0 and y2 > 0")


def test_methods_hang_from_their_mean_ranks_and_bars_join_the_groups() -> None:
    lines, texts = drawn(rank_chart(statistics()))
    hanging = hanging_lines(lines)
    assert hanging["x"].tolist() == [*MEANS.values()]
    bars = lines.query(f"width == {THICK}")
    assert bars[["x", "x2"]].to_numpy().tolist() == [[1.2, 1.9], [3.1, 3.8]]
    assert bars["y"].max() < hanging["y2"].min()
    aligned = dict(zip(texts["text"].tolist(), texts["align"].tolist(), strict=True))
    names = {text: align for text, align in aligned.items() if "(" in text}
    assert names.keys() == {f"{method} ({mean:.2f})" for method, mean in MEANS.items()}
    assert names["fzoo (1.20)"] == names["spsa (1.90)"] == "right"
    assert names["zosa (3.10)"] == names["untuned (3.80)"] == "left"
    ruler = lines.query("abs(x2 - x - 1.17) < 1e-9")
    assert len(ruler) == 1
    assert "critical difference 1.17" in aligned


def test_no_two_lines_to_a_name_cross() -> None:
    lines, _ = drawn(rank_chart(statistics()))
    hanging = hanging_lines(lines)
    for _, level in lines.query(f"y == y2 and y >= {hanging['y2'].min()}").iterrows():
        low, high = sorted((level["x"], level["x2"]))
        between = hanging[(hanging["x"] > low) & (hanging["x"] < high)]
        assert (between["y2"] < level["y"]).all()


def test_a_method_alone_in_its_group_has_no_bar() -> None:
    lines, _ = drawn(rank_chart(statistics((("fzoo",), ("spsa",), ("zosa", "untuned")))))
    assert len(lines.query(f"width == {THICK}")) == 1


def test_two_methods_have_no_critical_difference() -> None:
    of_two = replace(statistics((("fzoo",), ("spsa",))), ranks=statistics().ranks[:2], critical_difference=None)
    lines, texts = drawn(rank_chart(of_two))
    assert not texts["text"].str.contains("critical").any()
    assert (lines["y"] >= -TICK).all()


def test_ranks_over_several_studies_are_drawn_in_place_of_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zostudy.report.figures.shown_ranks", lambda comparison: [statistics(), statistics()])
    path = tmp_path / "ranks.svg"
    draw_comparison(Comparison("task", ("method",), ("test_auc",), ()), path)
    words = [*ElementTree.parse(path).getroot().itertext()]
    assert words.count("test AUC: mean ranks over 16 blocks, Friedman p < 0.001") == 2
    assert words.count("fzoo (1.20)") == 2
