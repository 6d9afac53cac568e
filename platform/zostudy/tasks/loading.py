"""Loads a task: from the ``task`` section of a study to texts, labels, templates and label words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from zostudy.config.known import EMBEDDED_TASK, TASKS_WITH_DATA, HeadKind
from zostudy.config.task import OWN_WORDING, SplitNames, TaskSpec
from zostudy.errors import DataError
from zostudy.tasks.files import read_rows
from zostudy.tasks.hub import hub_rows
from zostudy.tasks.imbalance import rank_classes
from zostudy.tasks.known import HubOrigin, WellKnownTask, find_origin, used_columns
from zostudy.tasks.labels import NO_LABEL, has_names
from zostudy.tasks.reviews import reviews
from zostudy.tasks.rows import RowCount, count_rows
from zostudy.tasks.selection import select
from zostudy.tasks.splits import fewer_rows, split_roles
from zostudy.tasks.table import TextTable
from zostudy.tasks.templates import Wording
from zostudy.tasks.wellknown import WELL_KNOWN
from zostudy.tasks.wordings import make_wordings
from zostudy.wording import comma_list, suggestion

Read = tuple[TextTable, RowCount, tuple[str, ...]]


@dataclass(frozen=True)
class Task:
    """A task as a study uses it.

    Attributes:
        name: the task's name in tables and results.
        table: texts and labels; its splits are ``train``, ``test``, and ``dev`` where the study names one.
        wordings: by name, template and label words for each kind of head; a kind without any is missing.
        minority: labels of the classes that are made rare.
        truncate: whether texts too long for the model are cut instead of refused.
        rows: the number of used rows, and of rows left out for each reason.
        notes: decisions made while reading the data, one line each.
    """

    name: str
    table: TextTable
    wordings: Mapping[str, Mapping[HeadKind, Wording]]
    minority: tuple[int, ...]
    truncate: bool
    rows: RowCount
    notes: tuple[str, ...]

    def wording(self, head: HeadKind, name: str = OWN_WORDING) -> Wording:
        """Returns template and label words for a model with this head.

        Args:
            head: of the model.
            name: of the wording.

        Raises:
            DataError: the task has no words for this head, or a template that does not fit it.
        """
        by_head = self.wordings[name]
        if head not in by_head:
            remedy = "give task.template" + ("" if has_names(self.table.class_names) else " and task.label_words")
            raise DataError(f"task {self.name!r} has no template for a {head} model", remedy=remedy)
        by_head[head].template.check(head)
        return by_head[head]


def load_task(spec: TaskSpec) -> Task:
    """Returns the task of a study. The study's keys override those of a well-known task.

    The classes of a well-known task have the same order wherever its data comes from.

    Raises:
        DataError: for data that cannot be read or used, or words or classes that do not fit it.
    """
    known = WELL_KNOWN.get(spec.name)
    table, rows, notes = _read(spec, known)
    if known is not None:
        table, known_notes = _in_known_order(table, known, spec)
        notes += known_notes
    if spec.test_rows is not None:
        table, rows = _with_test_rows(table, rows, spec.test_rows)
    pairs = table.second_texts is not None
    wordings = {name: make_wordings(spec, known, table.class_names, pairs, name) for name in spec.wording_names}
    templates = [wording.template for by_head in wordings.values() for wording in by_head.values()]
    if pairs and templates and not any(template.count("second_text") for template in templates):
        notes += ("no template has {second_text}: the model reads the first text of each pair alone",)
    return Task(
        name=spec.name,
        table=table,
        wordings=wordings,
        minority=_minority(spec, known, table),
        truncate=spec.truncate,
        rows=rows,
        notes=notes,
    )


def _with_test_rows(table: TextTable, rows: RowCount, most: int) -> tuple[TextTable, RowCount]:
    """Returns the task with a limited number of test rows, at least one of each class."""
    test = table.splits["test"]
    kept = fewer_rows(test, table.labels[test], most)
    unused = len(test) - len(kept)
    left_out = dict(rows.left_out) | {"of test (task.test_rows)": unused}
    return replace(table, splits={**table.splits, "test": kept}), count_rows(rows.used - unused, left_out)


def _read(spec: TaskSpec, known: WellKnownTask | None) -> Read:
    if spec.file is not None:
        roles = split_roles(spec.splits or SplitNames(), spec.name)
        rows = read_rows(Path(spec.file))
        table, count, notes = select(rows.table, used_columns(spec, None), roles, spec.file, spec.name)
        return table, count, rows.notes + notes
    if spec.name == EMBEDDED_TASK and spec.hub is None:
        table = reviews()
        return table, count_rows(len(table.texts), {}), ()
    if (origin := find_origin(spec, known)) is None:
        remedy = f"give task.file or task.hub, or a name out of {', '.join(TASKS_WITH_DATA)}"
        raise DataError(f"task {spec.name!r} has no data", remedy=remedy)
    return _read_hub(spec, origin)


def _read_hub(spec: TaskSpec, origin: HubOrigin) -> Read:
    columns, config = used_columns(spec, origin), spec.config or origin.config
    roles = split_roles(spec.splits or origin.splits, spec.name)
    rows, left_out = hub_rows(origin.id, config, spec.revision, columns, tuple(roles.values()))
    table, count, notes = select(rows, columns, roles, origin.id, spec.name)
    return table, count_rows(count.used, left_out), notes


def _in_known_order(table: TextTable, known: WellKnownTask, spec: TaskSpec) -> tuple[TextTable, tuple[str, ...]]:
    """Returns the table with its classes in the well-known order: matched by name, or by rank if they are numbers."""
    if not has_names(table.class_names) and table.n_classes == len(known.class_names):
        pairs = (f"{own} = {name}" for own, name in zip(table.class_names, known.class_names, strict=True))
        note = f"labels that are numbers are taken as the classes of {spec.name} in their order: {', '.join(pairs)}"
        return replace(table, class_names=known.class_names), (note,)
    known_labels = [known.label_of(name) for name in table.class_names]
    if len(known_labels) == len(known.class_names) and set(known_labels) == set(range(len(known_labels))):
        labels = np.array([*known_labels, NO_LABEL], np.int32)[table.labels]  # NO_LABEL is -1, the last entry
        return replace(table, labels=labels, class_names=known.class_names), ()
    if spec.label_words:
        return table, ()
    raise DataError(
        f"task {spec.name!r} has the classes {comma_list(known.class_names)}",
        got=f"the data has {comma_list(table.class_names)}",
        remedy="give task.label_words, one for each of these",
    )


def _minority(spec: TaskSpec, known: WellKnownTask | None, table: TextTable) -> tuple[int, ...]:
    """Returns the minority labels that the study names; without any, the rarer half of the classes in train."""
    if spec.minority is None:
        return tuple(sorted(rank_classes(table)[-(table.n_classes // 2) :]))
    names = (spec.minority,) if isinstance(spec.minority, str) else spec.minority
    labels = set()
    for name in names:
        label = known.label_of(name) if known and table.class_names == known.class_names else None
        if label is None and name not in table.class_names:
            remedy = suggestion(name, table.class_names, "name one of these")
            got = f"got {name!r}"
            rule = f"must be among the classes {comma_list(table.class_names)}"
            raise DataError(rule, got=got, remedy=remedy, about="task.minority")
        labels.add(table.class_names.index(name) if label is None else label)
    if len(labels) == table.n_classes:
        got = f"got {', '.join(names)}"
        raise DataError("must leave another class", got=got, remedy="name fewer", about="task.minority")
    return tuple(sorted(labels))
