"""``zostudy.inspect``: the columns, classes, texts and label words of a data file."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from zostudy.arguments import check_texts, path_of
from zostudy.config.model import ModelSpec
from zostudy.config.task import TaskSpec
from zostudy.errors import DataError
from zostudy.inspection.columns import ColumnFacts, column_facts, guess_columns, guess_splits
from zostudy.inspection.facts import ClassFacts, Inspection, ModelFacts
from zostudy.inspection.texts import Lengths, find_repeats, lengths_of
from zostudy.tasks.columns import find_column, names_of
from zostudy.tasks.files import ANOTHER_FILE, read_rows
from zostudy.tasks.known import Columns
from zostudy.tasks.labels import NAME_COLUMN, has_names
from zostudy.tasks.loading import Task, load_task
from zostudy.tasks.rows import RawRows
from zostudy.tasks.sizes import Available
from zostudy.tasks.wellknown import WELL_KNOWN
from zostudy.wording import file_suggestion, undecoded

LONGEST_NAME = 60
NUMBERED = (
    "the classes are named by numbers, which mean nothing to a model: give task.label_words a word or short text for "
    "each class, in this order"
)


def inspect(
    data: str | os.PathLike[str],
    model: str | None = None,
    text: str | None = None,
    second_text: str | None = None,
    label: str | None = None,
    template: str | None = None,
    trust_remote_code: bool = False,
) -> Inspection:
    """Returns the columns, classes, lengths and repeats of a data file, and a model's tokens and label words for it.

    Args:
        data: a CSV, TSV, JSON (lines or array) or Parquet file.
        model: an embedded model, ``minilm``, a hub id or a folder. Default: no model is loaded.
        text: the text column. Default: guessed.
        second_text: the second text column of pair tasks. Default: two columns with the usual names of a pair.
        label: the label column. Default: guessed.
        template: the words around the text. Default: a template that suits the model.
        trust_remote_code: run Python files that come with the model.

    Raises:
        DataError: the file cannot be read or used, or lacks a column.
        ModelError: the model cannot be loaded, or its tokenizer cannot read a text.
        ZostudyError: an argument is of the wrong type or empty.
    """
    check_texts(model=model, text=text, second_text=second_text, label=label, template=template)
    path, rows, facts, columns = _read(data, text, second_text, label)
    splits = guess_splits(rows.table, str(path))
    spec = TaskSpec(
        file=str(path), text=columns.text, second_text=columns.second_text, label=columns.label, splits=splits
    )
    task = _loaded(spec, path)
    split = columns.split if columns.split in rows.table.column_names else None
    uses = {columns.text: "text", columns.second_text: "second_text", columns.label: "label", split: "split"}
    labels = find_column(rows.table, columns.label, str(path))
    if not has_names(filter(None, names_of(labels, columns.label, str(path)))):
        uses.setdefault(NAME_COLUMN, "label names")
    made, lengths = _lengths(model, trust_remote_code, task, template)
    available = task.table.candidates.available
    name_is_known = task.name in WELL_KNOWN
    return Inspection(
        file=str(path),
        rows=task.rows,
        columns=tuple(replace(each, use=uses.get(each.name, "-")) for each in facts),
        task=spec.model_copy(update={"name": task.name}),
        classes=_classes(task, available),
        available=available,
        lengths=lengths,
        repeats=find_repeats(task.table),
        notes=(*task.notes, *([] if name_is_known or has_names(task.table.class_names) else [NUMBERED])),
        model=made,
    )


def guessed_columns(
    data: str | os.PathLike[str], text: str | None = None, second_text: str | None = None, label: str | None = None
) -> Columns:
    """Returns the text and label columns of a file: the given ones, and guesses for the others.

    Raises:
        DataError: the file cannot be read, or no column can be the text or the label.
    """
    return _read(data, text, second_text, label)[3]


def _read(
    data: str | os.PathLike[str], text: str | None, second_text: str | None, label: str | None
) -> tuple[Path, RawRows, list[ColumnFacts], Columns]:
    path = _data_file(data)
    rows = read_rows(path)
    facts = column_facts(rows.table, str(path))
    return path, rows, facts, guess_columns(facts, rows.table.num_rows, str(path), text, second_text, label)


def _data_file(data: str | os.PathLike[str]) -> Path:
    path = path_of(data, "data")
    if not path.is_file():
        beside = [str(each) for each in path.parent.iterdir() if each.is_file()] if path.parent.is_dir() else []
        got = "it is a folder" if path.is_dir() else "it does not exist"
        remedy = file_suggestion(path.name, beside, ANOTHER_FILE)
        raise DataError("must be a file of texts and labels", got=got, remedy=remedy, about=str(path))
    try:
        str(path).encode()
    except UnicodeEncodeError as error:  # a study file could not name it
        got, remedy = undecoded()
        raise DataError("must be a file with a name that is text", got=got, remedy=remedy, about=str(path)) from error
    return path


def _loaded(spec: TaskSpec, path: Path) -> Task:
    """Returns the task, named as the file. It gets a well-known name only if its classes are those of that task."""
    name = task_name(path.stem)
    if name in WELL_KNOWN:
        with suppress(DataError):
            return load_task(spec.model_copy(update={"name": name}))
        name = f"{name}-data"
    return load_task(spec.model_copy(update={"name": name}))


def _classes(task: Task, available: Available) -> tuple[ClassFacts, ...]:
    table = task.table
    parts = (table.used_rows, table.splits["test"])
    rows, test = (np.bincount(table.labels[part], minlength=table.n_classes) for part in parts)
    return tuple(
        ClassFacts(name, int(rows[label]), available.train[label], int(test[label]), label in task.minority)
        for label, name in enumerate(table.class_names)
    )


def _lengths(
    model: str | None, trust_remote_code: bool, task: Task, template: str | None
) -> tuple[ModelFacts | None, tuple[Lengths, ...]]:
    """Returns the facts about the model, and the lengths of the texts in its tokens, or in characters and words."""
    texts = [task.table.row_texts(row) for row in task.table.used_rows.tolist()]
    if model is None:
        characters = [sum(map(len, each)) for each in texts]
        words = [sum(len(text.split()) for text in each) for each in texts]
        return None, (lengths_of("characters", characters), lengths_of("words", words))
    from zostudy.inspection.draft_wording import find_wording
    from zostudy.lm.architecture import estimated_flops_per_token
    from zostudy.lm.finding import find_model, load_config
    from zostudy.lm.inputs import input_lengths
    from zostudy.lm.limits import max_input_tokens
    from zostudy.lm.tokenizer import load_tokenizer

    spec = ModelSpec(name=model, trust_remote_code=trust_remote_code)
    source = find_model(spec)
    tokenizer = load_tokenizer(source)
    draft = find_wording(task, source, tokenizer, template)
    render = draft.wording.template.render
    lengths = input_lengths(tokenizer, source.head, [render(*each) for each in texts])
    max_tokens = max_input_tokens(spec, source, tokenizer)
    too_long = sum(length > max_tokens for length in lengths)
    flops = estimated_flops_per_token(load_config(source).get_text_config())
    return ModelFacts(spec.name, source.head, draft, max_tokens, too_long, flops), (lengths_of("tokens", lengths),)


def task_name(stem: str) -> str:
    """Returns the name of a study for a file's name without extension: invalid characters become hyphens."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:LONGEST_NAME]
    return plain or "data"
