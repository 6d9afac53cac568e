"""Which confirm trials count: those that ran with the settings of the best search trial of their cell.

A longer search may find something better. Confirm trials of what was best before do not count any more: readers leave
them out, and a run that is resumed does them again. Both ask here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # whoever has no data frame does not wait for pandas
    import pandas as pd

JUDGED_BY = ("study", "cell", "stage", "status", "number", "dev_auc", "algorithm", "params")
"""What has to be known of each trial, search trials among them."""

Params = Mapping[str, Any]
"""The column ``params`` of a trial, as plain data."""

_Rank = tuple[float, int]


def rank_of(dev_auc: float, number: int) -> _Rank:
    """Returns what is greatest for the best of a cell's complete search trials: of equals the earliest is the best."""
    return dev_auc, -number


def confirms(params: Params, best: Params, algorithm: str) -> bool:
    """Returns whether a confirm trial ran with the settings of the best search trial.

    An option that only one of the two knows was gained or lost by the method in between. For the other one it has its
    default, as far as the method has it now; else it is not compared.

    Args:
        params: of the confirm trial.
        best: of the best search trial of its cell.
        algorithm: the registered method of both.
    """
    if params.keys() != best.keys():
        defaults = _defaults(algorithm)
        params, best = {**defaults, **params}, {**defaults, **best}
    return all(equal(params[key], best[key]) for key in params.keys() & best.keys())


def equal(one: Any, other: Any) -> bool:
    """Returns whether two values of an option are the same; NaN is the same as NaN."""
    return bool(one == other or (one != one and other != other))


def outdated(trials: Mapping[str, Iterable[Any]]) -> list[bool]:
    """Returns of each trial whether it is a confirm trial that does not count.

    Where no search trial of a cell has come to its end, all its confirm trials count: nothing speaks against them.

    Args:
        trials: the columns of ``JUDGED_BY``; a missing value is None or NaN.
    """
    rows = list(zip(*(trials[name] for name in JUDGED_BY), strict=True))
    best: dict[tuple[str, str], tuple[_Rank, str]] = {}
    for study, cell, stage, status, number, dev_auc, _, params in rows:
        if (stage, status) == ("search", "complete") and dev_auc is not None and not math.isnan(dev_auc):
            found = rank_of(dev_auc, number), params
            best[study, cell] = max(found, best.get((study, cell), found))
    return [
        stage == "confirm" and (study, cell) in best and not _confirms(params, best[study, cell][1], algorithm)
        for study, cell, stage, _, _, _, algorithm, params in rows
    ]


def confirmed(trials: pd.DataFrame) -> pd.DataFrame:
    """Returns the complete confirm trials that count, out of all trials."""
    marks = outdated({name: trials[name].tolist() for name in JUDGED_BY})
    complete = (trials["stage"] == "confirm") & (trials["status"] == "complete")
    found: pd.DataFrame = trials[[counts and not mark for counts, mark in zip(complete, marks, strict=True)]]
    return found


def _confirms(params: str, best: str, algorithm: str) -> bool:
    return params == best or confirms(_parsed(params), _parsed(best), algorithm)


@lru_cache(maxsize=1024)
def _parsed(params: str) -> Params:
    parsed: Params = json.loads(params)
    return parsed


def _defaults(algorithm: str) -> Params:
    from zostudy.config.settings import default_settings  # imports the methods, which readers rarely need

    return default_settings(algorithm)
