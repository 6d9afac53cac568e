"""Parallel coordinates: the position of each searched key's values on its axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zostudy.config.distributions import Choice, Distribution
from zostudy.report.parts import short

AxisKind: TypeAlias = Literal["choice", "log", "linear"]


def axis_kind(space: Mapping[str, Distribution], key: str) -> AxisKind:
    """Returns how the values of a searched key stand on an axis."""
    kinds = [distribution for name, distribution in space.items() if f".{name}".endswith(f".{key}")]
    if all(isinstance(kind, Choice) for kind in kinds):
        return "choice"
    return "log" if any(getattr(kind, "log", False) for kind in kinds) else "linear"


def parallel_frame(values: pd.DataFrame, kinds: Mapping[str, AxisKind]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the lines of parallel coordinates, and the values to name on their axes.

    Lines are ``method, ratio, trial, key, value, dev_auc, order, place``, one row a configuration and axis: the keys,
    then dev AUC. Names are ``key, value, place``. ``place`` is 0 at the least value of an axis and 1 at its greatest.

    Args:
        values: of ``search_frame``, with rows.
        kinds: of the keys.
    """
    scores = values.drop_duplicates("trial")
    scores = scores.assign(key="dev AUC", value=scores["dev_auc"])
    lines, names = [], []
    for order, (key, axis) in enumerate([*values.groupby("key"), ("dev AUC", scores)]):
        placed = axis.assign(order=order, place=_places(axis["value"], kinds.get(str(key), "linear")))
        ends = placed.drop_duplicates("place").sort_values("place")
        names.append(ends if kinds.get(str(key)) == "choice" else ends.iloc[[0, -1]])
        lines.append(placed.assign(value=placed["value"].map(short)))
    named = pd.concat(names)[["key", "value", "place"]]
    return pd.concat(lines), named.assign(value=named["value"].map(short))


def _places(values: pd.Series[Any], kind: AxisKind) -> NDArray[np.float64]:
    if kind == "choice":
        ranks = {value: rank for rank, value in enumerate(sorted(set(values), key=_by_kind))}
        along = np.array([ranks[value] for value in values], dtype=np.float64)
    else:
        along = values.to_numpy(np.float64)
        along = np.log(along) if kind == "log" else along
    spread = np.ptp(along)
    return ((along - along.min()) / spread).round(4) if spread else np.full_like(along, 0.5)


def _by_kind(value: Any) -> tuple[bool, Any]:
    """Returns a key that sorts numbers before words."""
    return isinstance(value, str), value
