"""Compares two studies: the settings in which they differ, and their methods side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zostudy.results.comparison.cell_summary import CellSummary, possible
from zostudy.results.comparison.compare import compare
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.statistics import CONFIDENCE, LEAST_PAIRS, PairedTest, holm_of_tests, paired_test
from zostudy.results.reading import read_trials
from zostudy.results.storage import Storage, Where
from zostudy.results.study_file import read_stored_study
from zostudy.results.table_formats import Table, p_value_text
from zostudy.study_keys import options_by_label
from zostudy.wording import shown

_ABSENT = "-"
_DRAWN_FROM = ("task", "positive_class", "versions")


@dataclass(frozen=True)
class MethodDifference:
    """One method at one imbalance ratio, in both studies.

    Attributes:
        method: its label.
        ratio: the imbalance ratio, as tables show it.
        first: its confirm trials in the first study.
        second: those in the second.
        test: second - first, paired over the seeds that drew the same data, so without pairs where the studies ran on
            other data; the interval is cut as in ``Contrast``.
        p_value_holm: of the test, corrected for the number of rows; None without a p-value.
    """

    method: str
    ratio: str
    first: CellSummary
    second: CellSummary
    test: PairedTest
    p_value_holm: float | None


@dataclass(frozen=True)
class StudyDifference:
    """Two studies side by side.

    Attributes:
        names: of the columns of the first and the second study.
        metric: that is compared.
        settings: values of the first and the second study, by each key in which they differ.
        cells: the methods and ratios that both have.
    """

    names: tuple[str, str]
    metric: str
    settings: Mapping[str, tuple[Any, Any]]
    cells: tuple[MethodDifference, ...]

    def records(self) -> list[dict[str, Any]]:
        """Returns one flat mapping a method and ratio, with unrounded numbers."""
        return [
            {
                "method": cell.method,
                "imbalance_ratio": cell.ratio,
                "metric": self.metric,
                "first": cell.first.intervals[self.metric].mean,
                "second": cell.second.intervals[self.metric].mean,
                **cell.test.record(cell.p_value_holm),
            }
            for cell in self.cells
        ]

    def tables(self) -> list[Table]:
        """Returns the settings, then the methods."""
        first, second = self.names
        rows = tuple((key, _text(one), _text(other)) for key, (one, other) in self.settings.items())
        notes = () if rows else ("No setting differs.",)
        settings = Table(("setting", first, second), rows, notes=notes, text_columns=3)
        return [settings, self._outcome()] if self.cells else [settings]

    def _outcome(self) -> Table:
        first, second = self.names
        rows = tuple(
            (
                cell.method,
                cell.ratio,
                f"{cell.first.intervals[self.metric]:.3f}",
                f"{cell.second.intervals[self.metric]:.3f}",
                f"{cell.test.difference:+.3f}" if cell.test.pairs else _ABSENT,
                _ABSENT if cell.p_value_holm is None else p_value_text(cell.p_value_holm),
            )
            for cell in self.cells
        )
        title = f"{self.metric}: mean ({CONFIDENCE:.0%} interval) over the confirm seeds"
        note = (
            f"difference: {second} minus {first}, paired over the seeds that drew the same data; - where none did. "
            "p: Student's paired t test, corrected by Holm's method for the number of rows; - where fewer than "
            f"{LEAST_PAIRS} seeds are paired, or all differ by the same amount."
        )
        columns = ("method", "imbalance_ratio", first, second, "difference", "p")
        return Table(columns, rows, title, (note,), text_columns=2)


def study_difference(first: Where, second: Where, metric: str = "test_auc") -> StudyDifference:
    """Returns what two studies differ in. They may have the same name.

    Args:
        first: the results folder of a study.
        second: that of the other.
        metric: a metric of ``compare``.

    Raises:
        ResultsError: a study cannot be read, or has no such metric.
    """
    storages = Storage.at(first), Storage.at(second)
    names = storages[0].name, storages[1].name
    of_first, of_second = (_settings(storage) for storage in storages)
    pairs = {key: (of_first.get(key), of_second.get(key)) for key in [*of_first, *of_second]}
    comparisons = compare(storages[0], metric), compare(storages[1], metric)
    return StudyDifference(
        names if names[0] != names[1] else (str(first), str(second)),
        metric,
        {key: (one, other) for key, (one, other) in pairs.items() if one != other},
        tuple(_contrasts(*comparisons, metric, _have_same_data(*storages))),
    )


def _settings(storage: Storage) -> dict[str, Any]:
    return dict(_flat(read_stored_study(storage, "a comparison of settings", "compare two others").data))


def _have_same_data(*storages: Storage) -> bool:
    """Returns whether the trials of some studies drew from one task's data, with one class as the positive one.

    Their seeds do not tell: they depend on a study's seed alone, so that trials of any two tasks may have equal ones.
    """
    tables = [read_trials([storage], _DRAWN_FROM)[0] for storage in storages]
    drawn = {values for of in tables for values in zip(*(of[name].to_pylist() for name in _DRAWN_FROM), strict=True)}
    data = {(task, json.loads(versions).get("data")) for task, _, versions in drawn}
    positive_classes = {positive for _, positive, _ in drawn} - {None}  # an older zostudy did not store it
    return len(data) == 1 and len(positive_classes) <= 1


def _contrasts(one: Comparison, other: Comparison, metric: str, same_data: bool) -> Iterator[MethodDifference]:
    seconds = {(cell.row[-1], cell.column): cell for cell in other.cells}
    pairs = [(cell, seconds[key]) for cell in one.cells if (key := (cell.row[-1], cell.column)) in seconds]
    tests = [
        possible(second.test_against(first, metric) if same_data else paired_test({}, {}), metric)
        for first, second in pairs
    ]
    for (first, second), test, p_value in zip(pairs, tests, holm_of_tests(tests), strict=True):
        yield MethodDifference(str(first.row[-1]), one.heading(first.column), first, second, test, p_value)


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the settings of a study file by their whole keys, those of a method under its label."""
    for key, given in data.items():
        value = _by_label(given) if key == "methods" else given
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _by_label(methods: Any) -> dict[str, Any]:
    return {label: options or "defaults" for label, options in options_by_label(methods).items()}


def _text(value: Any) -> str:
    return _ABSENT if value is None else shown(value)
