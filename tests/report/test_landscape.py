from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vl_convert
from scipy import stats

from zostudy.report.charts import Charts
from zostudy.report.landscape import landscape_section, plane_frame, sharpness_frame, slice_frame
from zostudy.results.results import load_results

QUICKSTART = Path(__file__).resolve().parents[1] / "data" / "quickstart"
GRID = np.arange(-2, 3) / 2


def loss(number: int, x: float, y: float) -> float:
    return 0.5 + number + x**2 + 2 * y**2 + 0.1 * (number + 1) * x


@pytest.fixture(scope="module")
def confirm() -> pd.DataFrame:
    """The quickstart's confirm trials; their sharpness is their number."""
    trials = load_results(QUICKSTART).trials
    confirm = trials[trials["stage"] == "confirm"].reset_index(drop=True)
    return confirm.assign(sharpness=confirm["number"].astype(float))


@pytest.fixture(scope="module")
def landscape(confirm: pd.DataFrame) -> pd.DataFrame:
    """A paraboloid on a slope around each trial's point, whole for trial 0."""
    rows = [
        {"trial": trial, "x": x, "y": y, "loss": loss(number, x, y)}
        for trial, number in zip(confirm["trial"], confirm["number"], strict=True)
        for x in GRID
        for y in GRID
        if number == 0 or 0 in (x, y)
    ]
    return pd.DataFrame(rows)


def without(landscape: pd.DataFrame, **coordinates: Any) -> pd.DataFrame:
    """Returns the landscape where the loss at a place is absent."""
    there = (landscape[list(coordinates)] == pd.Series(coordinates)).all(axis=1)
    assert there.any()
    return landscape.assign(loss=landscape["loss"].mask(there))


def test_slices_are_the_rise_over_both_directions(confirm: pd.DataFrame, landscape: pd.DataFrame) -> None:
    frame = slice_frame(confirm, landscape).merge(confirm[["trial", "number"]])
    assert len(frame) == len(confirm) * len(GRID)
    for _, row in frame.iterrows():
        number, distance = row["number"], row["distance"]
        ends = loss(number, distance, 0) + loss(number, 0, distance)
        assert row["value"] == pytest.approx(ends / 2 - loss(number, 0, 0))


def test_sharpness_has_students_interval_over_the_seeds_that_have_one(confirm: pd.DataFrame) -> None:
    frame = sharpness_frame(confirm.assign(sharpness=confirm["sharpness"].mask(confirm["number"] == 2)))
    assert len(frame) == confirm["cell"].nunique()
    low, high = stats.t.interval(0.95, 1, loc=0.5, scale=stats.sem([0, 1]))
    assert frame["seeds"].unique() == [2]
    np.testing.assert_allclose(frame[["mean", "low", "high"]], [[0.5, low, high]] * len(frame))
    assert sharpness_frame(confirm.assign(sharpness=np.nan)).empty


def test_no_interval_of_losses_or_distances_passes_zero(confirm: pd.DataFrame, landscape: pd.DataFrame) -> None:
    of_number = dict(zip(confirm["trial"], confirm["number"], strict=True))
    uneven = landscape["trial"].map(of_number).map({0: 0.01, 1: 0.02, 2: 2.0})
    latents = pd.Series([np.full(4, 9.0 if number == 2 else 0.1) for number in confirm["number"]])
    assert stats.t.interval(0.95, 2, loc=0.6767, scale=stats.sem([0.01, 0.02, 2.0]))[0] < 0
    section = landscape_section(confirm.assign(latent=latents), landscape.assign(loss=uneven), Charts(["bpt-fzg"]))
    [table] = section.tables
    for row in table.rows:
        for mean, cell in zip((0.677, 3.07), row[3:5], strict=True):
            found = [float(number) for number in re.findall(r"-?[\d.]+(?:e[+-]\d+)?", cell)]
            assert found[0] == mean
            assert 0 < found[1] < mean < found[2], cell
        assert "(-" in row[2], "sharpness has no lowest value"


def test_planes_are_those_of_the_trials_that_evaluated_one(confirm: pd.DataFrame, landscape: pd.DataFrame) -> None:
    frame = plane_frame(confirm, landscape)
    assert len(frame) == confirm["cell"].nunique() * len(GRID) ** 2
    np.testing.assert_allclose(frame["rise"], frame["x"] ** 2 + 2 * frame["y"] ** 2 + 0.1 * frame["x"], atol=1e-5)


def test_places_without_a_finite_loss_are_left_out(confirm: pd.DataFrame, landscape: pd.DataFrame) -> None:
    torn = without(landscape, x=1.0, y=0.0)
    assert len(plane_frame(confirm, torn)) == confirm["cell"].nunique() * (len(GRID) ** 2 - 1)
    at_one = slice_frame(confirm, torn).query("distance == 1")
    np.testing.assert_allclose(at_one["value"], 2.0)
    gone = without(torn, x=0.0, y=1.0)
    assert len(slice_frame(confirm, gone)) == len(confirm) * (len(GRID) - 1)


def test_a_plane_is_drawn_right_way_up_in_a_tile_of_its_method(confirm: pd.DataFrame, landscape: pd.DataFrame) -> None:
    section = landscape_section(confirm, landscape, Charts(sorted(confirm["method"].unique())))
    [figure, *_] = [figure for figure in section.figures if "planes" in figure.name]
    spec = figure.chart.to_dict()
    cells, names, _ = (pd.DataFrame(spec["datasets"][layer["data"]["name"]]) for layer in spec["layer"])
    for (method, tile), (right, down) in zip(
        cells.groupby("method"), names.sort_values("method")[["right", "down"]].to_numpy(), strict=True
    ):
        assert [tile[edge].min() for edge in ("left_edge", "upper_edge")] == pytest.approx([right - 0.5, down - 0.5])
        assert [tile[edge].max() for edge in ("right_edge", "lower_edge")] == pytest.approx([right + 0.5, down + 0.5])
        area = ((tile["right_edge"] - tile["left_edge"]) * (tile["lower_edge"] - tile["upper_edge"])).sum()
        assert area == pytest.approx(1, abs=1e-3), method
        assert tile.sort_values("upper_edge")["y"].iloc[0] == 1
        assert tile.sort_values("left_edge")["x"].iloc[0] == -1
    shown = vl_convert.vegalite_to_svg(spec | {"width": 400})
    assert all(f">{method}<" in shown for method in confirm["method"].unique())


def test_the_section_has_a_row_and_a_line_for_each_cell_and_figures_for_each_ratio(
    confirm: pd.DataFrame, landscape: pd.DataFrame
) -> None:
    charts = Charts(sorted(confirm["method"].unique()))
    section = landscape_section(confirm, landscape, charts)
    names = [figure.name for figure in section.figures]
    ratios = (1, 10, 50)
    assert names == [
        "sharpness-by-ratio",
        *(f"loss-{kind}-ratio-{ratio}" for kind in ("slices", "planes") for ratio in ratios),
    ]
    [table] = section.tables
    assert [row[:2] for row in table.rows] == [(m, f"{r}") for m in ("bpt-fzg", "spsa", "zosa") for r in ratios]
    half = stats.t.interval(0.95, 2)[1] * stats.sem([0, 1, 2])
    assert {row[2] for row in table.rows} == {f"1 ({1 - half:.3g}, {1 + half:.3g})"}
    ratio = np.exp(half / 1.5)  # Student's interval of the logarithm, as a loss is above 0
    assert {row[3] for row in table.rows} == {f"1.5 ({1.5 / ratio:.3g}, {1.5 * ratio:.3g})"}
    first = confirm[(confirm["method"] == "bpt-fzg") & (confirm["imbalance_ratio"] == 1)]
    lengths = [np.sqrt(np.mean(np.square(latent))) for latent in first["latent"]]
    assert table.rows[0][4].startswith(f"{np.mean(lengths):.3g} (")
    assert {row[5] for row in table.rows} == {"3"}


def test_a_study_without_landscapes_says_so(confirm: pd.DataFrame, landscape: pd.DataFrame) -> None:
    charts = Charts(["zosa"])
    gone = landscape_section(confirm, landscape.iloc[:0], charts)
    assert gone.note.startswith("The folder landscape holds nothing")
    left_out = landscape_section(confirm.assign(sharpness=None), landscape.iloc[:0], charts)
    assert "confirm: {landscape: false}" in left_out.note
    assert landscape_section(confirm.iloc[:0], landscape, charts).note.startswith("No confirm trial is complete")
    assert not gone.tables + left_out.tables
    nowhere = landscape_section(confirm.assign(sharpness=None), landscape.assign(loss=np.nan), charts)
    assert not nowhere.figures
    assert {row[2:4] for row in nowhere.tables[0].rows} == {("not finite", "not finite")}
