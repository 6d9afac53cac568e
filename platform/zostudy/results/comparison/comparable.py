"""Groups studies whose numbers are comparable; each group is compared in tables of its own.

The studies of a group must have run in one dtype. Where they have a model, task and ratio in common, they must have the
same data, weights, training examples, positive class, and prompt. And no two may have run the same cell. Where that
takes several groups, the studies of the same methods, such as those of several budgets or models, stay together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import pyarrow as pa

from zostudy.errors import ResultsError
from zostudy.results.comparison.compare import BASELINE_RULE, compare, compare_columns, known_methods
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.confirm_trials import TrialColumns, columns_of_tables
from zostudy.results.comparison.contents import SCOPE
from zostudy.results.comparison.coordinates import BUDGET, COORDINATES
from zostudy.results.comparison.given import check_known, checked_metrics, needed_columns
from zostudy.results.measurements import read_measurements
from zostudy.results.reading import each_study, find_studies, read_trials
from zostudy.results.storage import Storage, Where
from zostudy.results.study_file import read_stored_study
from zostudy.wording import comma_list

UNKNOWN = "a dtype that is not stored"

_DATA = ("model", "task", "imbalance_ratio")
_DRAWN = ("n_minority", "n_majority", "positive_class")
_PROMPT = {
    "model": ("head", "prompt_tokens", "prompt_scale", "start", "start_draws", "subspace", "temperature"),
    "task": ("template", "label_words", "wordings", "wording", "truncate", "test_rows"),
}
"""Keys of a study file that every cell of a study shares."""

_COLUMNS = ["stage", *COORDINATES, *_DRAWN, "versions"]


ColumnValues: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True)
class ComparableStudies:
    """A group of studies whose numbers are comparable.

    Attributes:
        storages: where they are.
        tables: their trials.
        dtype: of all of them.
        cells: the study that ran each cell, by model, task, budget, ratio and method.
        data: the study, and the data and weights that its trials ran on, by model, task and ratio.
        reason: why the first of them does not share the table of an earlier group; empty of the first group.
    """

    storages: list[Storage]
    tables: list[pa.Table]
    dtype: str
    cells: Mapping[ColumnValues, str]
    data: Mapping[ColumnValues, tuple[Storage, ColumnValues]]
    reason: str = ""

    @property
    def methods(self) -> frozenset[str]:
        """The methods that have confirm trials."""
        return frozenset(method for *_, method in self.cells)

    def conflict(self, other: ComparableStudies) -> str | None:
        """Returns why another group cannot share the table; None if it can, as one without confirm trials."""
        if not self.cells or not other.cells:
            return None
        if self.dtype != other.dtype:
            return f"{other.storages[0].name} ran in {other.dtype}, {self.storages[0].name} in {self.dtype}"
        if same := next((cell for cell in other.cells if cell in self.cells), None):
            return f"{other.cells[same]} and {self.cells[same]} ran the same cells, which `by` study sets side by side"
        for key in (key for key in other.data if key in self.data):
            (one, run_on), (storage, other_run_on) = self.data[key], other.data[key]
            if run_on != other_run_on:
                return f"{storage.name} and {one.name} ran {_named(key)} on other data, weights or training examples"
            if setting := _differing_prompt(storage, one):
                return f"{storage.name} and {one.name} ran {_named(key)} with another {setting}"
        return None

    def distance(self, other: ComparableStudies) -> str | None:
        """Returns why another group had better not share the table: a conflict, or no block that both ran."""
        if reason := self.conflict(other):
            return reason
        if (
            not self.cells
            or not other.cells
            or {cell[:-1] for cell in self.cells} & {cell[:-1] for cell in other.cells}
        ):
            return None
        names = f"{other.storages[0].name} and {self.storages[0].name}"
        return f"{names} ran other methods, on other models, tasks, budgets or ratios"

    def joined(self, other: ComparableStudies) -> ComparableStudies:
        """Returns the group with another one, with which there is no conflict."""
        return ComparableStudies(
            [*self.storages, *other.storages],
            [*self.tables, *other.tables],
            self.dtype if self.cells else other.dtype,
            {**self.cells, **other.cells},
            {**self.data, **other.data},
            self.reason,
        )


def compare_in_groups(
    folders: Sequence[Where],
    metrics: Sequence[str] | None = None,
    by: str = "imbalance_ratio",
    baseline: str | None = None,
    allow_unequal: bool = False,
) -> list[Comparison]:
    """Returns a comparison of the studies that can share a table with the first, then those of the others.

    Each names its studies, says why they stand apart, and has a ``scope``. By study, all share one: each has a column
    of its own. The arguments and errors are those of ``compare``, but the results are folders of studies, or of folders
    of them. Where some studies have the baseline, those that lack it are compared without tests.
    """
    asked = checked_metrics(metrics, by)
    storages = find_studies(folders)
    if by == "study" or len(storages) == 1:
        return [compare(storages, asked, by, baseline, allow_unequal)]
    cell = tuple(name for name in COORDINATES if not allow_unequal or name == by or name not in BUDGET)
    needed = needed_columns(asked)
    groups = _groups(_studies(storages, read_trials(storages, [*needed, "positive_class", "versions"]), cell))
    columns = [columns_of_tables(group.tables, needed) for group in groups]
    baselines = _baselines(baseline, groups, columns)
    comparisons = []
    for group, trials, own_baseline in zip(groups, columns, baselines, strict=True):
        found = compare_columns(trials, group.storages, asked, by, own_baseline, allow_unequal)
        scope = {"study": tuple(storage.name for storage in group.storages)}
        scope |= {name: tuple(sorted(set(trials[name]))) for name in SCOPE[1:]}
        comparisons.append(replace(found, notes=(*_group_notes(group, len(groups)), *found.notes), scope=scope))
    return comparisons


def _baselines(
    baseline: str | None, groups: Sequence[ComparableStudies], columns: Sequence[TrialColumns]
) -> list[str | None]:
    """Returns the baseline of each group: None where only others have it.

    Raises:
        ResultsError: no group knows it.
    """
    if baseline is None or any(baseline in trials["method"] for trials in columns):
        return [baseline if baseline in trials["method"] else None for trials in columns]
    known = [known_methods(baseline, trials, of.storages) for of, trials in zip(groups, columns, strict=True)]
    check_known(BASELINE_RULE, baseline, sorted(set().union(*known)))
    return [baseline if baseline in methods else None for methods in known]


def _group_notes(group: ComparableStudies, n_groups: int) -> list[str]:
    if n_groups == 1:
        return []
    studies = comma_list(storage.name for storage in group.storages)
    because = f"; {group.reason}" if group.reason else ""
    return [f"Compared apart from other studies: {studies}{because}."]


def _groups(studies: Sequence[ComparableStudies]) -> list[ComparableStudies]:
    """Returns one group where all can share a table; else those of the same methods first, then what joins these."""
    if len(groups := _joined(studies, ComparableStudies.conflict)) == 1:
        return groups
    same: dict[frozenset[str], list[ComparableStudies]] = {}
    for study in studies:
        same.setdefault(study.methods, []).append(study)
    families = [group for of in same.values() for group in _joined(of, ComparableStudies.conflict)]
    return _joined(families, ComparableStudies.distance)


def _joined(
    groups: Iterable[ComparableStudies], apart: Callable[[ComparableStudies, ComparableStudies], str | None]
) -> list[ComparableStudies]:
    """Returns the groups; each is joined to the first one before it, unless there is a reason against it."""
    joined: list[ComparableStudies] = []
    for group in groups:
        reasons = [apart(earlier, group) for earlier in joined]
        if None in reasons:
            index = reasons.index(None)
            joined[index] = joined[index].joined(group)
        else:
            joined.append(replace(group, reason=next(filter(None, reasons), "")))
    return joined


def _studies(storages: Sequence[Storage], tables: Sequence[pa.Table], cell: Sequence[str]) -> list[ComparableStudies]:
    """Returns a group of each study."""
    return list(map(partial(_study, cell), storages, tables, each_study(storages, _dtype)))


def _study(cell: Sequence[str], storage: Storage, table: pa.Table, dtype: str) -> ComparableStudies:
    """Returns a group of one study, whose cells are told apart by some columns."""
    trials = [trial for trial in table.select(_COLUMNS).to_pylist() if trial["stage"] == "confirm"]
    cells = {tuple(trial[name] for name in cell): storage.name for trial in trials}
    data = {tuple(trial[name] for name in _DATA): (storage, _run_on(trial)) for trial in trials}
    return ComparableStudies([storage], [table], dtype, cells, data)


def _run_on(trial: Mapping[str, Any]) -> ColumnValues:
    versions = json.loads(trial["versions"])
    return (*(trial[name] for name in _DRAWN), versions.get("data"), versions.get("weights"))


def _differing_prompt(one: Storage, other: Storage) -> str | None:
    """Returns a key of ``_PROMPT`` that differs in two study files; None where none does or a file cannot be read."""
    with suppress(ResultsError):
        first, second = (read_stored_study(storage, "a comparison", "do without it").data for storage in (one, other))
        for section, keys in _PROMPT.items():
            pair = [found if isinstance(found := of.get(section), dict) else {} for of in (first, second)]
            for key in keys:
                if all(key in of for of in pair) and pair[0][key] != pair[1][key]:
                    return f"{section}.{key}"
    return None


def _dtype(storage: Storage) -> str:
    """Returns the dtype of a study's trials: the one that its noise floor chose, or the only one of its agreement."""
    with suppress(ResultsError):  # of a damaged table, which the notes tell
        floor = read_measurements(storage, "noise_floor").to_pylist()
        chosen = {str(row["dtype"]) for row in floor if row["chosen"]}
        found = chosen or set(map(str, read_measurements(storage, "agreement")["dtype"].to_pylist()))
        if len(found) == 1:
            return found.pop()
    return UNKNOWN


def _named(key: ColumnValues) -> str:
    model, task, ratio = key
    return f"{task} with {model} at ratio {ratio:g}"
