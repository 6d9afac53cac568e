"""The search: its configurations, dev AUC against each hyperparameter, and their importances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from zostudy.config.distributions import Distribution
from zostudy.report.charts import Charts, bounds_of
from zostudy.report.frames import by_configuration, search_frame, searched
from zostudy.report.parallel import axis_kind, parallel_frame
from zostudy.report.parts import Figure, ReportSection, span
from zostudy.search.space import as_optuna

LEAST_TRIALS = 4
"""Configurations that a cell needs for importances."""

_PARALLEL = (
    "A line a configuration, at any ratio, through its value of each key to its dev AUC. Axes end at the least and the "
    "greatest value, and are logarithmic where the search was."
)
_TITLE = "What the search found"

Space = Mapping[str, Distribution]


def search_section(search: pd.DataFrame, space: Space, charts: Charts) -> ReportSection:
    """Returns the section on the configurations; those that were stopped early or failed are only counted."""
    if not space:
        note = "Nothing was searched: search.space is empty, and methods run with their settings."
        return ReportSection(_TITLE, note=note)
    if search.empty:
        return ReportSection(_TITLE, note="There is no search trial: none has ended so far, or search.trials is 0.")
    judged = by_configuration(search)
    return ReportSection(
        _TITLE,
        note=_counts(search, judged),
        figures=tuple(_figures(judged, space, charts)),
    )


def _counts(search: pd.DataFrame, judged: pd.DataFrame) -> str:
    """Returns what the figures leave out, and how many configurations were judged on fewer seeds than others."""
    ends = {"failed": "failed", "pruned": "were stopped early"}
    counts = ", ".join(f"{n} {how}" for status, how in ends.items() if (n := int((search["status"] == status).sum())))
    left_out = f"Of {len(search)} search trials, {counts}; the figures leave these out." if counts else ""
    most = judged["seeds"].max()
    lost = int((judged["seeds"] < most).sum())
    seeds = f"A configuration counts with its mean over {most} seeds; {lost} of {len(judged)} were dropped earlier."
    return " ".join([*([left_out] if left_out else []), *([seeds] if most > 1 else [])])


def importance_frame(search: pd.DataFrame, space: Space) -> pd.DataFrame:
    """Returns ``method, ratio, key, importance, trials`` by fANOVA (Hutter et al., ICML 2014), importances sum to 1.

    Cells with fewer than four configurations, or whose dev AUCs are all equal, are left out.

    Args:
        search: of ``by_configuration``.
        space: of the study.
    """
    rows = [
        {"method": method, "ratio": ratio, "key": key, "importance": importance, "trials": len(cell)}
        for (method, ratio), cell in search.groupby(["method", "imbalance_ratio"])
        if len(cell) >= LEAST_TRIALS and cell["dev_auc"].nunique() > 1
        for key, importance in _importances_of(cell, space).items()
    ]
    return pd.DataFrame(rows, columns=["method", "ratio", "key", "importance", "trials"])


def _importances_of(cell: pd.DataFrame, space: Space) -> dict[str, float]:
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


def _values(values: pd.DataFrame, space: Space, caption: str, charts: Charts) -> Iterator[Figure]:
    for key, frame in values.groupby("key"):
        frame = frame.assign(value=frame["value"].infer_objects())
        chart = charts.search(frame, str(key), axis_kind(space, str(key)), bounds_of(values["dev_auc"]))
        yield Figure(f"search-{key}", chart, caption)


def _figures(search: pd.DataFrame, space: Space, charts: Charts) -> Iterator[Figure]:
    frame, caption = importance_frame(search, space), "Each configuration by its value of a searched key, at any ratio."
    if len(frame):
        caption = (
            f"{caption} Importances: fANOVA by Optuna, a point a cell, from {span(frame['trials'])} configurations "
            "each, which is a hint and no measurement."
        )
    values = search_frame(search, space)
    if len(values):
        axes = parallel_frame(values, {str(key): axis_kind(space, str(key)) for key in values["key"].unique()})
        yield Figure("search-parallel", charts.parallel(*axes), _PARALLEL)
    yield from _values(values, space, caption, charts)
    if len(frame):
        yield Figure("search-importances", charts.importances(frame), caption)
