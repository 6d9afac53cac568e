"""What the search found: dev AUC against each hyperparameter, their importances, and the best configurations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from zostudy.report import frames
from zostudy.report.charts import Charts
from zostudy.report.importances import importance_frame
from zostudy.report.parts import Figure, Section, short, span
from zostudy.results.tables import Table

BEST_SHOWN = 3

_TITLE = "What the search found"


def search_section(search: pd.DataFrame, space: Mapping[str, Any], charts: Charts) -> Section:
    """Returns what the complete search trials say; those that were stopped early or failed are counted."""
    if not space:
        return Section(_TITLE, note="Nothing was searched: search.space is empty, and methods run with their settings.")
    if search.empty:
        return Section(_TITLE, note="There is no search trial: none has ended so far, or search.trials is 0.")
    ends = {"failed": "failed", "pruned": "were stopped early"}
    counts = ", ".join(f"{n} {how}" for status, how in ends.items() if (n := int((search["status"] == status).sum())))
    return Section(
        _TITLE,
        note=f"Of {len(search)} search trials, {counts}; the figures leave these out." if counts else "",
        tables=(_best(search, space),),
        figures=(*_values(search, space, charts), *_importances(search, space, charts)),
    )


def _values(search: pd.DataFrame, space: Mapping[str, Any], charts: Charts) -> Iterator[Figure]:
    for key, frame in frames.search_frame(search, space).groupby("key"):
        log = any(found.get("log", False) for name, found in space.items() if f".{name}".endswith(f".{key}"))
        frame = frame.assign(value=frame["value"].infer_objects())
        caption = f"Each of {len(frame)} complete search trials by its value of {key}, all ratios; no band."
        yield Figure(f"search-{key}", charts.search(frame, str(key), log), caption)


def _importances(search: pd.DataFrame, space: Mapping[str, Any], charts: Charts) -> Iterator[Figure]:
    frame = importance_frame(search, space)
    if len(frame):
        caption = (
            f"fANOVA by Optuna, one point a cell, from {span(frame['trials'])} search trials each: "
            "with so few trials a hint, no measurement."
        )
        yield Figure("search-importances", charts.importances(frame), caption)


def _best(search: pd.DataFrame, space: Mapping[str, Any]) -> Table:
    complete = search[search["status"] == "complete"].sort_values("dev_auc", ascending=False, kind="stable")
    best = (
        complete.groupby("cell", sort=True).head(BEST_SHOWN).sort_values(["cell", "dev_auc"], ascending=[True, False])
    )
    rows = tuple(
        (trial["trial"], ", ".join(f"{key} {short(value)}" for key, value in used.items()), f"{trial['dev_auc']:.3f}")
        for _, trial in best.iterrows()
        for used in [frames.searched(trial, space)]
    )
    title = f"Best {BEST_SHOWN} configurations of each cell, by dev AUC"
    return Table(("trial", "configuration", "dev AUC"), rows, title, text_columns=2)
