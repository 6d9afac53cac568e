"""Which confirm trials do not count any more: the search has gone on since and found something better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # whoever has no data frame does not wait for pandas
    import pandas as pd

JUDGED_BY = ("study", "cell", "stage", "status", "number", "dev_auc", "params")
"""What has to be known of each trial, search trials among them."""


def outdated(trials: Mapping[str, Iterable[Any]]) -> list[bool]:
    """Returns of each trial whether it confirms settings that another search trial of its cell has bettered.

    A run that is resumed does such trials again. Settings that no search trial has count: nothing speaks against them.

    Args:
        trials: the values of ``JUDGED_BY``, None where there is none.
    """
    rows = list(zip(*(trials[name] for name in JUDGED_BY), strict=True))
    searched: dict[tuple[str, str], dict[str, tuple[float, int]]] = {}
    for study, cell, stage, status, number, dev_auc, params in rows:
        if (stage, status) == ("search", "complete"):
            found = searched.setdefault((study, cell), {})
            standing = (dev_auc or 0.0, -number)  # the earliest of equals is the best, as for the run
            found[params] = max(standing, found.get(params, standing))
    best = {cell: max(found, key=found.__getitem__) for cell, found in searched.items()}
    return [
        stage == "confirm" and params in searched.get((study, cell), {}) and params != best[study, cell]
        for study, cell, stage, _, _, _, params in rows
    ]


def confirmed(trials: pd.DataFrame) -> pd.DataFrame:
    """Returns the complete confirm trials that count, out of all trials."""
    marks = outdated({name: trials[name].tolist() for name in JUDGED_BY})
    complete = (trials["stage"] == "confirm") & (trials["status"] == "complete")
    found: pd.DataFrame = trials[[counts and not mark for counts, mark in zip(complete, marks, strict=True)]]
    return found
