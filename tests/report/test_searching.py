from __future__ import annotations

from typing import Any

import pandas as pd

from zostudy.config.distributions import Choice, Range
from zostudy.report.searching import AxisKind, axis_kind, parallel_frame


def test_parallel_coordinates_go_from_the_least_to_the_greatest_value_of_each_key() -> None:
    keys: dict[str, list[Any]] = {
        "radius": [0.01, 0.1, 1.0],
        "dim": [200, 10, 50],
        "sampler": ["stratified", "natural", "natural"],
    }
    rows = [
        {"method": "zosa", "ratio": 10.0, "trial": f"t{i}", "key": key, "value": value, "dev_auc": 0.6 + i / 10}
        for key, values in keys.items()
        for i, value in enumerate(values)
    ]
    kinds: dict[str, AxisKind] = {"radius": "log", "dim": "choice", "sampler": "choice"}
    lines, names = parallel_frame(pd.DataFrame(rows), kinds)
    positions = {key: of.sort_values("trial")["position"].tolist() for key, of in lines.groupby("key")}
    assert positions == {"radius": [0, 0.5, 1], "dim": [1, 0, 0.5], "sampler": [1, 0, 0], "dev AUC": [0, 0.5, 1]}
    assert lines.drop_duplicates("order").sort_values("order")["key"].iloc[-1] == "dev AUC"
    named = {key: of["value"].tolist() for key, of in names.groupby("key")}
    assert named["dim"] == ["10", "50", "200"]
    assert named["radius"] == ["0.01", "1"]
    assert named["sampler"] == ["natural", "stratified"]


def test_an_axis_is_logarithmic_where_a_method_searched_so() -> None:
    space = {"spsa.radius": Range(low=0.1, high=1.0), "zosa.radius": Range(low=0.1, high=1.0, log=True)}
    assert axis_kind(space, "radius") == "log"
    assert axis_kind({**space, "fzoo.radius": Choice(choice=(0, 0.1))}, "radius") == "linear"
    assert axis_kind({**space, "mine.radius": Choice(choice=("auto", 0.1))}, "radius") == "choice"
    assert axis_kind({"radius": Range(low=0.1, high=1.0)}, "radius") == "linear"
    assert axis_kind({"zosa.dim": Choice(choice=(10, 50))}, "dim") == "choice"
