"""The section on the search: configurations, dev AUC against each hyperparameter, and importances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zostudy.config.distributions import Choice, SearchSpace
from zostudy.config.space import tried_values
from zostudy.report.charts import Charts, bounds_of
from zostudy.report.frames import by_configuration, search_frame, searched
from zostudy.report.parts import Figure, ReportSection, range_text, short
from zostudy.search.space import as_optuna

LEAST_TRIALS = 4  # cells with fewer configurations get no importances

_PARALLEL = (
    "A line for each configuration, at any ratio, through its value of each key to its dev AUC. Axes end at the least "
    "and the greatest value, and are logarithmic if the search was."
)
_TITLE = "What the search found"

AxisKind: TypeAlias = Literal["choice", "log", "linear"]


def search_section(search: pd.DataFrame, space: SearchSpace, charts: Charts) -> ReportSection:
    """Returns the section on the configurations. Pruned and failed trials are only counted."""
    if not space:
        note = (
            "Nothing was searched: search.space is empty or search.trials is 0, so that the methods ran with the "
            "settings of the study file."
        )
        return ReportSection(_TITLE, note=note)
    if search.empty:
        return ReportSection(_TITLE, note="There is no search trial: none has ended so far, or search.trials is 0.")
    judged = by_configuration(search)
    return ReportSection(_TITLE, note=_counts(search, judged), figures=tuple(_figures(judged, space, charts)))


def _counts(search: pd.DataFrame, judged: pd.DataFrame) -> str:
    """Returns the numbers of trials that the figures leave out, and of configurations with fewer seeds than others."""
    ends = {"failed": "failed", "pruned": "were stopped early"}
    counts = ", ".join(f"{n} {how}" for status, how in ends.items() if (n := int((search["status"] == status).sum())))
    left_out = f"Of {len(search)} search trials, {counts}; the figures leave these out." if counts else ""
    most = judged["seeds"].max()
    lost = int((judged["seeds"] < most).sum())
    seeds = f"A configuration counts with its mean over {most} seeds; {lost} of {len(judged)} were dropped earlier."
    return " ".join([*([left_out] if left_out else []), *([seeds] if most > 1 else [])])


def importance_frame(search: pd.DataFrame, space: SearchSpace) -> pd.DataFrame:
    """Returns ``method, ratio, key, importance, trials`` by fANOVA (Hutter et al., ICML 2014), importances sum to 1.

    Cells with fewer than ``LEAST_TRIALS`` configurations, or with equal dev AUCs, are left out.
    """
    rows = [
        {"method": method, "ratio": ratio, "key": key, "importance": importance, "trials": len(cell)}
        for (method, ratio), cell in search.groupby(["method", "imbalance_ratio"])
        if len(cell) >= LEAST_TRIALS and cell["dev_auc"].nunique() > 1
        for key, importance in _importances_of(cell, space).items()
    ]
    return pd.DataFrame(rows, columns=["method", "ratio", "key", "importance", "trials"])


def _importances_of(cell: pd.DataFrame, space: SearchSpace) -> dict[str, float]:
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances
    from optuna.trial import create_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    for _, trial in cell.iterrows():
        found = searched(trial, space)
        params = {key: value for key, (_, value) in found.items()}
        distributions = {key: as_optuna(distribution, is_whole=False) for key, (distribution, _) in found.items()}
        study.add_trial(create_trial(params=params, distributions=distributions, value=trial["dev_auc"]))
    return get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))


def axis_kind(space: SearchSpace, key: str) -> AxisKind:
    """Returns the kind of axis for the values of a searched key: logarithmic if a search was and all are above 0."""
    kinds = [distribution for name, distribution in space.items() if f".{name}".endswith(f".{key}")]
    values = [value for kind in kinds for _, value in tried_values(kind)]
    if all(isinstance(kind, Choice) for kind in kinds) or any(isinstance(value, str) for value in values):
        return "choice"
    return "log" if any(getattr(kind, "log", False) for kind in kinds) and min(values) > 0 else "linear"


def parallel_frame(values: pd.DataFrame, kinds: Mapping[str, AxisKind]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the lines of parallel coordinates, and the values to write on their axes.

    Lines are ``method, ratio, trial, key, value, dev_auc, order, position``, a row for each configuration and axis: the
    keys, then dev AUC. Names are ``key, value, position``. ``position`` is 0 at the least value of an axis and 1 at its
    greatest. ``values`` is a ``search_frame`` with rows, and ``kinds`` holds the kind of each key's axis.
    """
    scores = values.drop_duplicates("trial").assign(key="dev AUC", value=lambda rows: rows["dev_auc"])
    lines, names = [], []
    for order, (key, axis) in enumerate([*values.groupby("key"), ("dev AUC", scores)]):
        located = axis.assign(order=order, position=_positions(axis["value"], kinds.get(str(key), "linear")))
        ends = located.drop_duplicates("position").sort_values("position")
        names.append(ends if kinds.get(str(key)) == "choice" else ends.iloc[[0, -1]])
        lines.append(located.assign(value=located["value"].map(short)))
    named = pd.concat(names)[["key", "value", "position"]]
    return pd.concat(lines), named.assign(value=named["value"].map(short))


def _positions(values: pd.Series[Any], kind: AxisKind) -> NDArray[np.float64]:
    if kind == "choice":
        in_order = sorted(set(values), key=lambda value: (isinstance(value, str), value))  # numbers before words
        ranks = {value: rank for rank, value in enumerate(in_order)}
        along = np.array([ranks[value] for value in values], dtype=np.float64)
    else:
        along = values.to_numpy(np.float64)
        along = np.log(along) if kind == "log" else along
    spread = np.ptp(along)
    return ((along - along.min()) / spread).round(4) if spread else np.full_like(along, 0.5)


def _values(values: pd.DataFrame, space: SearchSpace, caption: str, charts: Charts) -> Iterator[Figure]:
    for key, frame in values.groupby("key"):
        frame = frame.assign(value=frame["value"].infer_objects())
        chart = charts.search(frame, str(key), axis_kind(space, str(key)), bounds_of(values["dev_auc"]))
        yield Figure(f"search-{key}", chart, caption)


def _figures(search: pd.DataFrame, space: SearchSpace, charts: Charts) -> Iterator[Figure]:
    frame, caption = importance_frame(search, space), "Each configuration by its value of a searched key, at any ratio."
    if len(frame):
        caption = (
            f"{caption} Importances: fANOVA by Optuna, a point for each cell, from {range_text(frame['trials'])} "
            "configurations each, which is too few for more than a hint."
        )
    values = search_frame(search, space)
    if len(values):
        axes = parallel_frame(values, {str(key): axis_kind(space, str(key)) for key in values["key"].unique()})
        yield Figure("search-parallel", charts.parallel(*axes), _PARALLEL)
    yield from _values(values, space, caption, charts)
    if len(frame):
        yield Figure("search-importances", charts.importances(frame), caption)
