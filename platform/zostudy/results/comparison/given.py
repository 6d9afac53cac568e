"""The results that a comparison is given, and the metrics and columns that it reads of them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, Union, runtime_checkable

from zostudy.errors import ResultsError
from zostudy.results.comparison.confirm_trials import TrialColumns, columns_of_frame, columns_of_tables
from zostudy.results.comparison.coordinates import ASKED_RATIO, COLUMNS, COORDINATES
from zostudy.results.comparison.evidence import EVIDENCE_COLUMNS
from zostudy.results.completeness import JUDGED_BY
from zostudy.results.reading import find_studies, read_trials
from zostudy.results.schema import AT_DEV_THRESHOLD, LOSSES, METRICS, TEST_METRICS
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
PAIRED_BY = ("seed", "n_minority", "n_majority")

_NEEDED = (*COORDINATES, *JUDGED_BY, "queries", "examples", *PAIRED_BY)
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


def checked_metrics(metrics: str | Sequence[str] | None, by: str) -> tuple[str, ...]:
    """Returns each metric that is asked for, perhaps none; with a sharpness the loss that it was measured at.

    Raises:
        ResultsError: a metric or ``by`` is unknown.
    """
    given: Any = metrics or ()
    asked: tuple[str, ...] = (given,) if isinstance(given, str) or not isinstance(given, Iterable) else tuple(given)
    for metric in asked:
        check_known("a metric must be one of", metric, _COMPARABLE)
    check_known("methods can be compared by", by, COLUMNS)
    return tuple(dict.fromkeys((*asked, "train_loss") if "sharpness" in asked else asked))


def default_metrics(trials: TrialColumns) -> tuple[str, ...]:
    """Returns those of ``DEFAULT_METRICS`` that the trials have."""
    return tuple(
        metric
        for metric in DEFAULT_METRICS
        if not metric.endswith(AT_DEV_THRESHOLD) or any(value is not None for value in trials.get(metric, ()))
    )


def needed_columns(metrics: Sequence[str]) -> list[str]:
    """Returns the columns of ``trials`` that a comparison reads; without metrics, those of ``DEFAULT_METRICS``."""
    return list(dict.fromkeys([*_NEEDED, *_LATER, *(metrics or DEFAULT_METRICS)]))


def read_columns(results: Given, metrics: Sequence[str]) -> tuple[TrialColumns, list[Storage]]:
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


def check_columns(trials: TrialColumns, metrics: Sequence[str]) -> None:
    """Checks that the trials have what a comparison reads.

    Raises:
        ResultsError: a column is missing.
    """
    missing = dict.fromkeys(name for name in (*_NEEDED, *metrics) if name not in trials)
    if missing:
        raise ResultsError(
            "a comparison needs the columns of the table trials",
            got=f"{', '.join(missing)} are missing",
            remedy="give load_results(...) or its trials",
        )


def check_known(rule: str, name: str, known: Collection[str]) -> None:
    """Checks a name against those that are known.

    Raises:
        ResultsError: it is not among them.
    """
    if name not in known:
        remedy = suggestion(name, known, "name one of these")
        raise ResultsError(f"{rule} {comma_list(known)}", got=f"got {quoted(name)}", remedy=remedy)
