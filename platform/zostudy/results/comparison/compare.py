"""Compares methods: confirm trials side by side, at equal budgets, with their spread."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from statistics import fmean
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, Union, runtime_checkable

from zostudy.errors import ResultsError
from zostudy.results.comparison.cell_summary import CellSummary, SeedKey
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.confirm_trials import (
    TrialColumns,
    TrialValues,
    columns_of_frame,
    columns_of_tables,
    confirm_trials_of,
)
from zostudy.results.comparison.coordinates import (
    ASKED_RATIO,
    BUDGET,
    COLUMNS,
    COORDINATES,
    natural_ratios,
    ratio_notes,
    row_names,
    trials_by_cell,
    unequal_budgets,
)
from zostudy.results.comparison.evidence import EVIDENCE_COLUMNS, evidence_of
from zostudy.results.comparison.search_ranges import StudyRanges, range_notes, read_search_ranges
from zostudy.results.comparison.statistics import bounded_interval
from zostudy.results.completeness import JUDGED_BY
from zostudy.results.lost_rows import study_notes
from zostudy.results.reading import find_studies, read_trials
from zostudy.results.schema import AT_DEV_THRESHOLD, LOSSES, METRICS, TEST_METRICS, bounds
from zostudy.results.storage import Storage, Where
from zostudy.wording import comma_list, quoted, suggestion

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import TypeIs

DEFAULT_METRICS = (
    "test_auc",
    "test_balanced_accuracy",
    f"test_balanced_accuracy{AT_DEV_THRESHOLD}",
    "test_minority_recall",
    f"test_minority_recall{AT_DEV_THRESHOLD}",
)
"""Metrics of the ranking by scores, and of the decisions by argmax and at a threshold."""

_COMPARABLE = (
    *(f"test_{metric}" for metric in TEST_METRICS),
    *(f"dev_{metric}" for metric in METRICS),
    *LOSSES,
    "sharpness",
)

# Two confirm trials are a pair if they drew the same data; seeds of two studies may be equal where their data are not.
_PAIRED_BY = ("seed", "n_minority", "n_majority")

_NEEDED = (*COORDINATES, *JUDGED_BY, "queries", "examples", *_PAIRED_BY)
_LATER = (ASKED_RATIO, "needs", *EVIDENCE_COLUMNS)  # frames of an older zostudy lack some of them


@runtime_checkable
class HasTrials(Protocol):
    """The results that ``load_results`` returns, as far as a comparison reads them."""

    @property
    def trials(self) -> pd.DataFrame:
        """One row a finished trial."""

    @property
    def storages(self) -> list[Storage]:
        """The locations of the studies."""


Given: TypeAlias = Union["pd.DataFrame", HasTrials, Where, Sequence[Where]]
"""Results that can be compared."""


def compare(
    results: Given,
    metrics: str | Sequence[str] | None = None,
    by: str = "imbalance_ratio",
    baseline: str | None = None,
    allow_unequal: bool = False,
) -> Comparison:
    """Returns mean and 95% interval over the confirm seeds of each cell, with the queries and examples spent.

    Confirm trials of settings that a longer search has improved on are in no mean: the cell waits for new ones.

    Args:
        results: from ``load_results``, its ``trials``, or what ``load_results`` takes. Search trials are in no mean.
            ``trials`` alone, and more than 20 studies, get no verdict on the edges of search ranges.
        metrics: a column of ``trials`` such as ``test_auc``, or several; without them, ``DEFAULT_METRICS``, of which
            those at the threshold are left out where no trial has them: with more than two classes, or of an older
            zostudy. ``sharpness`` brings ``train_loss``, beside which it is read.
        by: names the columns: ``imbalance_ratio``, ``model``, ``task``, ``budget`` or ``study``. Whatever else differs
            between the studies names the rows, and only cells that share it are compared.
        baseline: the label of a method. Every other one is tested against it, seed by seed. It may have no trial yet.
        allow_unequal: whether cells of different budgets may be compared as if these were equal. The untuned prompt,
            which spends no queries, may stand beside any budget.

    Raises:
        ResultsError: there is nothing to compare, a column is missing, a metric, ``by`` or ``baseline`` is unknown,
            or two studies ran the same cell.
    """
    asked = checked_metrics(metrics, by)
    trials, storages = _read(results, asked)
    return compare_columns(trials, storages, asked, by, baseline, allow_unequal)


def compare_columns(
    trials: TrialColumns,
    storages: Sequence[Storage],
    asked: Sequence[str],
    by: str,
    baseline: str | None,
    allow_unequal: bool,
) -> Comparison:
    """Returns what ``compare`` does with its arguments, and raises the same errors.

    ``trials`` are the ``needed_columns`` of all trials, ``storages`` those of their studies if known, and ``asked`` the
    metrics, perhaps none.
    """
    metrics = tuple(asked) or _default_metrics(trials)
    _check_columns(trials, metrics)
    confirm = confirm_trials_of(trials)
    if not confirm:
        raise ResultsError(
            "a comparison needs confirm trials",
            got=f"there are only {len(trials['stage'])} search trials so far",
            remedy="let the study run to its end",
        )
    if baseline is not None:
        _check_baseline(baseline, set(trials["method"]), storages)
    unequal = [name for name in unequal_budgets(confirm) if name != by]
    kept_apart = () if allow_unequal else unequal
    coordinates = [name for name in COORDINATES if name != by and (name not in BUDGET or name in kept_apart)]
    names = row_names(confirm, coordinates, by)
    by_cell = trials_by_cell(confirm, [*coordinates, by])
    has_search = any(trial["searched"] for trial in confirm)
    ranges = read_search_ranges(storages) if has_search else {}
    cells = [_summary(of_cell, names, metrics, by, ranges) for of_cell in by_cell]
    in_order = tuple(sorted(cells, key=lambda cell: (cell.is_reference, cell.queries > 0)))
    notes = (*ratio_notes(confirm, by), *_outdated_notes(confirm), *study_notes(storages))
    notes += tuple(range_notes(storages)) if has_search else ()
    natural = natural_ratios(confirm)
    return Comparison(by, names, metrics, in_order, baseline, bool(unequal) and allow_unequal, notes, natural)


def checked_metrics(metrics: str | Sequence[str] | None, by: str) -> tuple[str, ...]:
    """Returns the metrics that are asked for, perhaps none; with a sharpness the loss that it was measured at.

    Raises:
        ResultsError: a metric or ``by`` is unknown.
    """
    asked = (metrics,) if isinstance(metrics, str) else tuple(metrics or ())
    for metric in asked:
        _check_known("a metric must be one of", metric, _COMPARABLE)
    _check_known("methods can be compared by", by, COLUMNS)
    return (*asked, "train_loss") if "sharpness" in asked and "train_loss" not in asked else asked


def needed_columns(metrics: Sequence[str]) -> list[str]:
    """Returns the columns of ``trials`` that a comparison reads; without metrics, those of ``DEFAULT_METRICS``."""
    return list(dict.fromkeys([*_NEEDED, *_LATER, *(metrics or DEFAULT_METRICS)]))


def _read(results: Given, metrics: Sequence[str]) -> tuple[TrialColumns, list[Storage]]:
    """Returns the columns of the trials that a comparison reads, and the storages of the studies; none of a frame."""
    names = needed_columns(metrics)
    if _is_frame(results):
        return columns_of_frame(results, names), []
    if isinstance(results, HasTrials):
        return columns_of_frame(results.trials, names), results.storages
    storages = find_studies(results)
    return columns_of_tables(read_trials(storages, names), names), storages


def _is_frame(results: Given) -> TypeIs[pd.DataFrame]:
    pandas = sys.modules.get("pandas")  # slow to import; a caller that holds a frame has imported it
    return pandas is not None and isinstance(results, pandas.DataFrame)


def _default_metrics(trials: TrialColumns) -> tuple[str, ...]:
    """Returns those of ``DEFAULT_METRICS`` that the trials have."""
    return tuple(
        metric
        for metric in DEFAULT_METRICS
        if not metric.endswith(AT_DEV_THRESHOLD) or any(value is not None for value in trials.get(metric, ()))
    )


def _outdated_notes(confirm: Sequence[TrialValues]) -> list[str]:
    left_out = [trial["cell"] for trial in confirm if trial["outdated"]]
    if not left_out:
        return []
    return [
        f"Confirm trials left out: {len(left_out)}. A later search has found better settings "
        f"({', '.join(dict.fromkeys(left_out))}), which the study confirms when it is run again."
    ]


def _summary(
    trials: list[TrialValues], row_names: tuple[str, ...], metrics: Sequence[str], by: str, ranges: StudyRanges
) -> CellSummary:
    first = trials[0]
    studies = list(dict.fromkeys(trial["study"] for trial in trials))
    if len(studies) > 1:
        got = f"{_described(first)} is in {' and '.join(studies)}"
        raise ResultsError("a cell must be of one study", got=got, remedy="set `by` to study")
    current = [trial for trial in trials if not trial["outdated"]]
    complete = [trial for trial in current if trial["status"] == "complete"]
    spent = complete or trials
    seeds = [tuple(trial[name] for name in _PAIRED_BY) for trial in complete]
    values = {metric: _by_seed(complete, seeds, metric) for metric in metrics}
    return CellSummary(
        row=tuple(first[name] for name in row_names),
        column=first[by],
        intervals={metric: bounded_interval(of.values(), bounds(metric)) for metric, of in values.items()},
        seeds=len(complete),
        failed=len(current) - len(complete),
        budget=int(first["budget"]),
        queries=fmean([trial["queries"] for trial in spent]),
        examples=fmean([trial["examples"] for trial in spent]),
        values=values,
        missing=first["asked"] - len(current),
        search_trials=first["searched"],
        needs=first.get("needs") or "scores",  # an earlier zostudy had no reference that needs more
        evidence=evidence_of(complete, first["best_configuration"], ranges.get((first["study"], first["method"]), {})),
    )


def _by_seed(trials: list[TrialValues], seeds: Sequence[SeedKey], metric: str) -> dict[SeedKey, float]:
    """Returns the values; none where a trial of an older zostudy lacks its own, so that all means are of all seeds."""
    values = {seed: trial[metric] for seed, trial in zip(seeds, trials, strict=True)}
    return {} if None in values.values() else values


def _check_columns(trials: TrialColumns, metrics: Sequence[str]) -> None:
    missing = dict.fromkeys(name for name in (*_NEEDED, *metrics) if name not in trials)
    if missing:
        raise ResultsError(
            "a comparison needs the columns of the table trials",
            got=f"{', '.join(missing)} are missing",
            remedy="give load_results(...) or its trials",
        )


def _check_known(rule: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        remedy = suggestion(name, known, "name one of these")
        raise ResultsError(f"{rule} {comma_list(known)}", got=f"got {quoted(name)}", remedy=remedy)


def _check_baseline(baseline: str, methods: set[str], storages: Sequence[Storage]) -> None:
    if baseline in methods:
        return
    from zostudy.results.studies_table import read_studies  # parsing many study files takes long

    for storage in storages:
        with suppress(ResultsError):
            methods.update(read_studies([storage])["methods"][0].as_py())
    _check_known("the baseline must be one of", baseline, sorted(methods))


def _described(trial: dict[Any, Any]) -> str:
    return f"{trial['method']} at imbalance ratio {trial['imbalance_ratio']:g} of study {trial['study']}"
