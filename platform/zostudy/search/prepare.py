"""Preparing a study: plan, texts, draws, tokens and model are read and checked before the first query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zostudy.config.ratios import ratio_label
from zostudy.config.study import StudySpec
from zostudy.lm.agreement import ProvenModel, read_proven
from zostudy.lm.digest import model_digests
from zostudy.lm.encoding import EncodedTask, encode_task
from zostudy.lm.finding import find_model
from zostudy.lm.limits import check_max_length, max_input_tokens
from zostudy.lm.sources import ModelSource
from zostudy.lm.tokenizer import load_tokenizer
from zostudy.lm.weights import DType
from zostudy.results.classes import StudyClass, StudyClasses, class_table
from zostudy.results.tables import plain
from zostudy.search.cautions import cautions
from zostudy.search.plan import Plan, make_plan
from zostudy.search.setup import StudyData, make_data, set_up
from zostudy.tasks.imbalance import available_rows, unused_rows
from zostudy.tasks.loading import Task, load_task


@dataclass(frozen=True)
class PreparedStudy:
    """A checked study, ready to run.

    Attributes:
        plan: its trials.
        task: texts and labels.
        source: where the model is.
        encoded: the token ids.
        data: labels and draws, which trials share.
        classes: of each class its name, its label word, whether it is rare, and its number of rows.
        proven: the model in the study's dtype, or float32. Its scores agree with those of transformers.
    """

    plan: Plan
    task: Task
    source: ModelSource
    encoded: EncodedTask
    data: StudyData
    classes: StudyClasses
    proven: ProvenModel

    def prove(self, dtype: DType) -> ProvenModel:
        """Returns the model in a dtype; see ``read_proven``."""
        return read_proven(self.plan.spec.model, self.source, self.encoded, dtype)

    @property
    def opening(self) -> list[str]:
        """The first lines of a run: the rows that are used, the classes, rare rows left unused, and cautions."""
        classes = plain(class_table(self.classes)).split("\n")
        return [str(self.task.rows), *self.task.notes, *classes, *self.unused, *cautions(self.plan, self.data)]

    @property
    def unused(self) -> list[str]:
        """A line on the rows of rare classes that ``imbalance.minority_size`` leaves unused, if there are any."""
        largest = max(self.data.draws.values(), key=lambda draw: draw.n_minority)
        names = self.task.table.class_names
        line = unused_rows(largest, [(label, names[label]) for label in self.task.minority])
        return [line] if line else []


def prepare(spec: StudySpec, task: Task | None = None) -> PreparedStudy:
    """Returns the prepared study.

    Args:
        spec: the study.
        task: stands in place of the task that the study names.

    Raises:
        ZostudyError: the data, imbalance, model, label words or budget cannot be used.
    """
    source = find_model(spec.model)
    task = task or load_task(spec.task)
    plan = make_plan(spec, available_rows(task.table).natural_ratio)
    data = make_data(plan, task, model_digests(source))
    for cell in plan.cells:
        if cell.n_confirm and not cell.n_search:
            set_up(spec, plan.assign(cell, "confirm", 0, {}), data).make_method()
    encoded = _encode(spec, source, task, data)
    # A model that does not load or scores wrongly is refused before anything is written or started.
    dtype: DType = "bfloat16" if spec.model.dtype == "bfloat16" else "float32"
    proven = read_proven(spec.model, source, encoded, dtype)
    return PreparedStudy(plan, task, source, encoded, data, _classes(plan, source, task, data), proven)


def _classes(plan: Plan, source: ModelSource, task: Task, data: StudyData) -> StudyClasses:
    draws = [data.draws[ratio, plan.seed(plan.replicates[-1])] for ratio in plan.ratios]
    test = np.bincount(data.labels[draws[0].test_rows], minlength=data.n_classes).tolist()
    asked = task.wording(source.head).label_words
    classes = (
        StudyClass(
            name,
            asked[label],
            label in task.minority,
            tuple(draw.train_counts[label] for draw in draws),
            tuple(draw.dev_counts[label] for draw in draws),
            test[label],
        )
        for label, name in enumerate(task.table.class_names)
    )
    kind = "label text" if source.head == "encoder" else "label word"
    labels = (ratio_label(asked, ratio) for ratio, asked in plan.ratios.items())
    return StudyClasses(kind, tuple(plan.ratios), tuple(classes), tuple(labels))


def _encode(spec: StudySpec, source: ModelSource, task: Task, data: StudyData) -> EncodedTask:
    tokenizer = load_tokenizer(source)
    check_max_length(spec.model, source, tokenizer)
    wording = task.wording(source.head)
    return encode_task(
        tokenizer,
        source,
        task.table.texts,
        task.table.second_texts,
        data.used_rows,
        wording.template.render,
        wording.label_words,
        max_input_tokens(spec.model, source, tokenizer),
        task.truncate,
    )
