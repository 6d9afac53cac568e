"""Decides which confirm trials count, and which studies are complete.

A confirm trial counts if it ran with the settings of the best configuration of its cell. A longer search may find
better settings: then readers leave the older confirm trials out, and a resumed run repeats them. Both ask here.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from zostudy.errors import ResultsError
from zostudy.results.finished_trials import MERGED
from zostudy.results.parquet import PARQUET
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import read_table

if TYPE_CHECKING:  # pandas is slow to import, and only readers need it
    import pandas as pd

JUDGED_BY = ("study", "cell", "stage", "status", "number", "dev_auc", "algorithm", "params")
"""The columns that decide whether a confirm trial counts, needed of search trials too."""

Params = Mapping[str, Any]
"""The column ``params`` of a trial, as plain data."""

_RankingKey = tuple[float, int]


class BestConfiguration(NamedTuple):
    """The best configuration of a cell's search; of two the greater is the better.

    Attributes:
        seeds: that it ran on.
        rank: its mean dev AUC over them, and what decides between equals.
        params: its settings, as JSON.
    """

    seeds: int
    rank: _RankingKey
    params: str

    @property
    def dev_auc(self) -> float:
        """The mean dev AUC over its seeds."""
        return self.rank[0]


def ranking_key(dev_auc: float, number: int) -> _RankingKey:
    """Returns a key whose maximum is the best of a cell's complete search trials: of equals the earliest."""
    return dev_auc, -number


def has_same_settings(params: Params, best: Params, algorithm: str) -> bool:
    """Returns whether a confirm trial ran with the settings of the best search trial.

    An option that only one of the two has was added to the method or removed from it in between. For the other trial it
    counts with its default; an option that the method no longer has is not compared.

    Args:
        params: of the confirm trial.
        best: of the best search trial of its cell.
        algorithm: the registered method of both.
    """
    if params.keys() != best.keys():
        defaults = _defaults(algorithm)
        params, best = {**defaults, **params}, {**defaults, **best}
    return all(same_value(params[key], best[key]) for key in params.keys() & best.keys())


def same_value(one: Any, other: Any) -> bool:
    """Returns whether two values of an option are the same; NaN is the same as NaN."""
    return bool(one == other or (one != one and other != other))


def best_configurations(trials: Mapping[str, Iterable[Any]]) -> dict[tuple[str, str], BestConfiguration]:
    """Returns the best configuration of each search, by study and cell; none of a cell without one.

    The best is the configuration with the highest mean dev AUC over its seeds, out of those that ran on the most and
    failed on none: one that was dropped early is never the best.

    Args:
        trials: the columns of ``JUDGED_BY``; a missing value is None or NaN.
    """
    rows = _judged(trials)
    failed = {
        (study, cell, number)
        for study, cell, stage, status, number, *_ in rows
        if (stage, status) == ("search", "failed")
    }
    seeds: dict[tuple[str, str, int], list[tuple[float, str]]] = {}
    for study, cell, stage, status, number, dev_auc, _, params in rows:
        is_judged = (stage, status) == ("search", "complete") and (study, cell, number) not in failed
        if is_judged and dev_auc is not None and not math.isnan(dev_auc):
            seeds.setdefault((study, cell, number), []).append((dev_auc, params))
    best: dict[tuple[str, str], BestConfiguration] = {}
    for (study, cell, number), of_seeds in seeds.items():
        mean = fmean(dev_auc for dev_auc, _ in of_seeds)  # the same in whatever order the rows come
        found = BestConfiguration(len(of_seeds), ranking_key(mean, number), of_seeds[0][1])
        best[study, cell] = max(found, best.get((study, cell), found))
    return best


def outdated(
    trials: Mapping[str, Iterable[Any]], best: Mapping[tuple[str, str], BestConfiguration] | None = None
) -> list[bool]:
    """Returns for each trial whether it is a confirm trial that does not count.

    All confirm trials of a cell count where no configuration is the best.

    Args:
        trials: the columns of ``JUDGED_BY``; a missing value is None or NaN.
        best: the ``best_configurations`` of the trials, where they are known already.
    """
    best = best_configurations(trials) if best is None else best
    return [
        stage == "confirm" and (study, cell) in best and not _confirms(params, best[study, cell].params, algorithm)
        for study, cell, stage, _, _, _, algorithm, params in _judged(trials)
    ]


def _judged(trials: Mapping[str, Iterable[Any]]) -> list[tuple[Any, ...]]:
    return list(zip(*(trials[name] for name in JUDGED_BY), strict=True))


def confirmed(trials: pd.DataFrame) -> pd.DataFrame:
    """Returns the complete confirm trials that count, out of all trials."""
    marks = outdated({name: trials[name].tolist() for name in JUDGED_BY})
    complete = (trials["stage"] == "confirm") & (trials["status"] == "complete")
    counting = zip(complete, marks, strict=True)
    return trials.iloc[[row for row, (counts, mark) in enumerate(counting) if counts and not mark]]


def unfinished(storages: Sequence[Storage]) -> list[str]:
    """Returns a line for each study that has fewer search or confirm trials than its study file asks for, or lacks it.

    Only the confirm trials that count are counted. A study with other unreadable files has no line: reading those files
    is the error.

    Raises:
        ResultsError: a study that has not ended has a study file that cannot be read.
    """
    open_ones = [storage for storage in storages if _is_open(storage)]
    return [line for storage in open_ones if (line := _unfinished_line(storage))]


def _is_open(storage: Storage) -> bool:
    """Returns whether a study has files of single trials: they are merged when it ends, and few of hundreds have some.

    Every trial has a file of ``history``, which tells of it even where its row of ``trials`` is lost.
    """
    return any((storage / table).files(PARQUET) != [MERGED] for table in ("trials", "history"))


def _confirms(params: str, best: str, algorithm: str) -> bool:
    return params == best or has_same_settings(_parsed(params), _parsed(best), algorithm)


@lru_cache(maxsize=1024)
def _parsed(params: str) -> Params:
    parsed: Params = json.loads(params)
    return parsed


def _defaults(algorithm: str) -> Params:
    from zostudy.config.options import default_settings  # imports the methods, which readers rarely need

    return default_settings(algorithm)


def _unfinished_line(storage: Storage) -> str | None:
    from zostudy.results.studies_table import read_studies  # slower to import than listing hundreds of complete studies
    from zostudy.results.study_file import STUDY_FILE, read_stored_study

    if not storage.exists(STUDY_FILE):
        return f"{storage.name} lacks its {STUDY_FILE}, so nothing tells whether it is finished; put it back"
    read_stored_study(storage, "whether a study has ended", "give the folders of the other studies")
    try:
        [study] = read_studies([storage]).to_pylist()
        trials = read_table(storage, "trials", JUDGED_BY).to_pydict()
    except ResultsError:
        return None
    asked = len(study["methods"]) * len(study["imbalance_ratios"] or ()) * (study["confirm_seeds"] or 0)
    n_confirmed = trials["stage"].count("confirm") - sum(outdated(trials))
    searched = _fewest_searched(trials)
    behind = searched is not None and searched < (study["search_trials"] or 0)
    if n_confirmed >= asked and not behind:
        return None
    search = f", and a cell has {searched} of its {study['search_trials']} search trials" if behind else ""
    return (
        f"{storage.name} is unfinished: {n_confirmed} of its {asked} confirm trials are there{search}; "
        "unless it is running, run it again to resume"
    )


def _fewest_searched(trials: dict[str, list[str]]) -> int | None:
    """Returns the fewest configurations of any cell that has some; a cell without may have nothing to search."""
    rows = zip(trials["cell"], trials["stage"], trials["number"], strict=True)
    configurations = {(cell, number) for cell, stage, number in rows if stage == "search"}
    return min(Counter(cell for cell, _ in configurations).values(), default=None)
