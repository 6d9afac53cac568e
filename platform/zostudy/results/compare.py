"""Which method at which imbalance: confirm trials side by side, at equal budgets, with their spread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from zostudy.errors import ResultsError
from zostudy.results.comparison import Cell, Comparison, Seed
from zostudy.results.completeness import JUDGED_BY, outdated
from zostudy.results.intervals import mean_of, t_interval
from zostudy.results.losses import study_notes
from zostudy.results.reading import Results, find_studies, load_trials
from zostudy.results.schema import METRICS
from zostudy.results.storage import Storage, Where
from zostudy.wording import comma_list, quoted, suggestion

DEFAULT_METRICS = ("test_auc", "test_balanced_accuracy", "test_minority_recall")

_COMPARABLE = tuple(f"{split}_{metric}" for split in ("test", "dev") for metric in METRICS)
_COORDINATES = ("model", "task", "imbalance_ratio", "method")
_OF_STUDY = ["study", "model", "task", "imbalance_ratio"]
_COLUMNS = ("imbalance_ratio", "model", "task", "study")

# Two confirm trials are a pair if they drew the same data; seeds of two studies may be equal where their data are not.
_PAIRED_BY = ["seed", "n_minority", "n_majority"]

_NEEDED = [*JUDGED_BY, "budget", "batch_size", "queries", "examples"]
_OUTDATED = "outdated"

Row: TypeAlias = dict[Any, Any]
Given: TypeAlias = pd.DataFrame | Results | Where | Sequence[Where]
"""What can be compared."""


def compare(
    results: Given,
    metrics: str | Sequence[str] = DEFAULT_METRICS,
    by: str = "imbalance_ratio",
    baseline: str | None = None,
    allow_unequal: bool = False,
) -> Comparison:
    """Returns mean and 95% t interval over the confirm seeds of each cell, with what the cell spent.

    Confirm trials of settings that a longer search has bettered are in no mean: the cell waits for new ones.

    Args:
        results: from ``load_results``, its ``trials``, or what ``load_results`` takes. Search trials are left out.
        metrics: a column of ``trials`` such as ``test_auc``, or several.
        by: what stands across: ``imbalance_ratio``, ``model``, ``task`` or ``study``.
        baseline: the label of a method; every other one is tested against it, seed by seed.
        allow_unequal: whether cells of different budgets may stand side by side.

    Raises:
        ResultsError: there is nothing to compare, a column is missing, a metric, ``by`` or ``baseline`` is unknown,
            two studies ran the same cell, or budgets differ. The untuned prompt, which spends nothing, may stand
            beside any budget, and a method that has no trial yet may be the baseline.
    """
    metrics = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    _check_names(metrics, by)
    trials = _trials(results, metrics)
    _check_columns(trials, metrics)
    trials = trials.assign(**{_OUTDATED: outdated({name: _plain(trials[name]) for name in JUDGED_BY})})
    confirm = trials[trials["stage"] == "confirm"]
    if confirm.empty:
        raise ResultsError(
            f"a comparison needs confirm trials, but there are only {len(trials)} search trials so far; "
            "let the study run to its end"
        )
    _check_baseline(trials, results, baseline)
    unequal = _unequal_budgets(confirm)
    if unequal and not allow_unequal:
        raise ResultsError(
            f"compared cells must have equal budgets, but {unequal}; compare studies of one budget, or allow unequal "
            "ones with --allow-unequal (allow_unequal=True)"
        )
    coordinates = [name for name in _COORDINATES if name != by]
    row_names = tuple(name for name in coordinates if name == "method" or confirm[name].nunique() > 1)
    counts = _counts(trials)
    cells = [
        _cell(rows, counts, row_names, metrics, by) for rows in _rows_of_cells(confirm, [*coordinates, by], metrics)
    ]
    ordered = tuple(sorted(cells, key=lambda cell: cell.queries > 0))
    notes = (*_outdated_note(confirm), *study_notes(_storages(results)))
    return Comparison(by, row_names, metrics, ordered, baseline, unequal is not None, notes)


def _storages(results: Given) -> list[Storage]:
    """Returns the places of the studies, as far as they are known."""
    if isinstance(results, pd.DataFrame):
        return []
    return results.storages if isinstance(results, Results) else find_studies(results)


def _trials(results: Given, metrics: Sequence[str]) -> pd.DataFrame:
    if isinstance(results, pd.DataFrame):
        return results
    if isinstance(results, Results):
        return results.trials
    return load_trials(results, [*_COORDINATES, *_NEEDED, *_PAIRED_BY, *metrics])


def _outdated_note(confirm: pd.DataFrame) -> list[str]:
    left_out = confirm[confirm[_OUTDATED]]
    if left_out.empty:
        return []
    cells = ", ".join(left_out["cell"].unique())
    return [
        f"Confirm trials left out: {len(left_out)}. A later search has found better settings ({cells}), "
        "which the study confirms when it is run again."
    ]


def _rows_of_cells(confirm: pd.DataFrame, coordinates: list[str], metrics: Sequence[str]) -> list[list[Row]]:
    """Returns the trials of each cell, as mappings: many times as quick to sum up as data frames of three rows."""
    cells: dict[tuple[Any, ...], list[Row]] = {}
    columns = list(dict.fromkeys([*_COORDINATES, *_NEEDED, *_PAIRED_BY, *metrics, _OUTDATED]))
    for values in zip(*(_plain(confirm[name]) for name in columns), strict=True):
        row = dict(zip(columns, values, strict=True))
        cells.setdefault(tuple(row[name] for name in coordinates), []).append(row)
    return [cells[place] for place in sorted(cells)]


def _plain(column: pd.Series[Any]) -> list[Any]:
    """Returns the values as Python's own, None where there is none."""
    return [None if absent else value for value, absent in zip(column.tolist(), column.isna(), strict=True)]


@dataclass(frozen=True)
class _Counts:
    """Finished trials, pruned and failed ones among them.

    Attributes:
        confirm: of the cell of a study that has the most confirm trials, by study and place.
        search: of a cell's search, by study and cell.
    """

    confirm: Counter[tuple[Any, ...]]
    search: Counter[tuple[Any, ...]]


def _counts(trials: pd.DataFrame) -> _Counts:
    counts = _Counts(Counter(), Counter())
    of_cells = Counter(zip(*(trials[name].tolist() for name in ("stage", "cell", *_OF_STUDY)), strict=True))
    for (stage, cell, *place), n_trials in of_cells.items():
        if stage == "confirm":
            counts.confirm[tuple(place)] = max(n_trials, counts.confirm[tuple(place)])
        else:
            counts.search[place[0], cell] += n_trials
    return counts


def _cell(trials: list[Row], counts: _Counts, row_names: tuple[str, ...], metrics: Sequence[str], by: str) -> Cell:
    first = trials[0]
    studies = list(dict.fromkeys(trial["study"] for trial in trials))
    if len(studies) > 1:
        raise ResultsError(
            f"a cell must be of one study, but {_place(first)} is in {' and '.join(studies)}; "
            "compare them with --by study (by='study')"
        )
    current = [trial for trial in trials if not trial[_OUTDATED]]
    complete = [trial for trial in current if trial["status"] == "complete"]
    spent = complete or trials
    seeds = [tuple(trial[name] for name in _PAIRED_BY) for trial in complete]
    values = {metric: _by_seed(complete, seeds, metric) for metric in metrics}
    return Cell(
        row=tuple(first[name] for name in row_names),
        column=first[by],
        intervals={metric: t_interval(by_seed.values()) for metric, by_seed in values.items()},
        seeds=len(complete),
        failed=len(current) - len(complete),
        budget=int(first["budget"]),
        queries=mean_of([trial["queries"] for trial in spent]),
        examples=mean_of([trial["examples"] for trial in spent]),
        values=values,
        missing=counts.confirm[tuple(first[name] for name in _OF_STUDY)] - len(current),
        search_trials=counts.search[first["study"], first["cell"]],
    )


def _by_seed(trials: list[Row], seeds: Sequence[Seed], metric: str) -> dict[Seed, float]:
    return {seed: trial[metric] for seed, trial in zip(seeds, trials, strict=True) if trial[metric] is not None}


def _check_columns(trials: pd.DataFrame, metrics: Sequence[str]) -> None:
    missing = [name for name in (*_COORDINATES, *_NEEDED, *_PAIRED_BY, *metrics) if name not in trials]
    if missing:
        raise ResultsError(
            f"a comparison needs the columns of the table trials, but {', '.join(dict.fromkeys(missing))} are missing; "
            "give load_results(...) or its trials"
        )


def _check_names(metrics: Sequence[str], by: str) -> None:
    unknown = [metric for metric in metrics if metric not in _COMPARABLE]
    if unknown:
        remedy = suggestion(unknown[0], _COMPARABLE, "name one of these")
        raise ResultsError(f"a metric must be one of {', '.join(_COMPARABLE)}, but got {quoted(unknown[0])}; {remedy}")
    if by not in _COLUMNS:
        remedy = suggestion(by, _COLUMNS, "name one of these")
        raise ResultsError(f"methods can be compared by {', '.join(_COLUMNS)}, but got {quoted(by)}; {remedy}")


def _check_baseline(trials: pd.DataFrame, results: Given, baseline: str | None) -> None:
    methods = set(trials["method"])
    if baseline is None or baseline in methods:
        return
    from zostudy.results.studies import read_studies  # parsing many study files takes long

    for storage in _storages(results):
        with suppress(ResultsError):
            methods.update(read_studies([storage])["methods"][0].as_py())
    if baseline not in methods:
        remedy = suggestion(baseline, methods, "name one of these")
        raise ResultsError(
            f"the baseline must be one of {comma_list(sorted(methods))}, but got {quoted(baseline)}; {remedy}"
        )


def _unequal_budgets(confirm: pd.DataFrame) -> str | None:
    """Returns what two cells were allowed, if not all were allowed the same."""
    tuned = confirm[confirm.groupby(["study", "cell"])["queries"].transform("max") > 0]
    budgets = tuned.drop_duplicates(["budget", "batch_size"])
    if len(budgets) < 2:
        return None
    first, second = (
        f"{_place(row)} has {row['budget']} queries of {row['batch_size']} examples"
        for row in budgets.iloc[:2].to_dict("records")
    )
    return f"{first} and {second}"


def _place(trial: Row) -> str:
    return f"{trial['method']} at imbalance ratio {trial['imbalance_ratio']:g} of study {trial['study']}"
